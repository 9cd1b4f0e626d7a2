"""A peer's payload, pushed between the lines: ``+QIURC: "recv",<connectID>,<length>,<data>`` (guide 2.3.2).

Its length alone delimits it. The two formats differ in what else can be relied on:

1. Hex cannot hold the end of its own line. So a hex push is one line, and damage to it ends where that line ends.
2. Text can hold anything: ``OK``, a URC, the header of a push to another socket. The byte after the ``length``-th,
   which no payload reaches, shows whether the payload ended where it was announced. If it did not, nothing in the text
   shows where it ends. Two facts remain that no peer can forge: a push has a greatest length, and the line is quiet
   after it. Until one of them applies, all that comes is discarded. (Where noise changes the length itself, a quote
   inside the payload can stand where the end is announced. Hex has no such holes.)
3. Data that is discarded or cannot be read may have been another connection's. A :class:`DamagedLine` reports that: in
   hex for every line that is not known to be harmless (:mod:`.suspicion`), and for every damaged push, as two pushes
   may have run together; in text where the line looks like a push.
4. While the format is not known, either is accepted. Damage is treated as damage to text, unless it begins like hex.
"""

import binascii
import re
from collections.abc import Callable
from typing import Final

from .buffer import ReceiveBuffer
from .responses import Response
from .suspicion import has_loose_ends, has_traces, may_be_push, may_be_push_as_answer
from .syntax import PayloadFormat, is_text
from .urcs import DamagedLine, DamagedPayload, DataReceived

HEADER: Final = re.compile(rb'[\r\n\0 ]*\+QIURC: ?"recv",(\d{1,3}),(\d{1,6}),')
"""The header of a push, with the blanks before it."""

# A module pushes at most 1024 bytes at a time (guide 2.3, note 4); a header that announces more than this is damaged.
LARGEST_PUSH: Final = 1500
# So many bytes may come between two probes while no push is under way: the answer to one, and little else.
_QUIET: Final = 128

_HEX_START: Final = re.compile(rb'"?[0-9A-Fa-f]{2}')
# The opening quote; with the second comma before it, if the comma came twice.
_BEGINS_QUOTED: Final = re.compile(rb',?"')
_CR, _LF, _QUOTE = b'\r\n"'
# Looking a member up in its class takes as long as a call.
_HEX, _TEXT = PayloadFormat.HEX, PayloadFormat.TEXT
_ENDS: Final = b"\r\n\0"
_USUAL: Final = re.compile(rb'\r\n\+QIURC: ?"recv",(\d{1,3}),(\d{1,4}),"')
# The bytes that may follow hex digits, without quotes and with them.
_BARE_TAILS: Final = (b"\r\n", b"\n", b"\r\r\n", b"\0\r\n")
_TAILS: Final = (_BARE_TAILS, tuple(b'"' + tail for tail in _BARE_TAILS))
# Bytes between payloads that ran together; noise does not make them of a digit, as a rule.
_HEADER_BYTES: Final = frozenset(b'+:",\r')
# More wrong digits than this are not noise, in one push.
_MOST_WRONG_DIGITS: Final = 3


class PushReader:
    """Reads the push under way, and discards what follows a damaged one.

    Attributes:
        busy: the next bytes are not a line, or cannot be trusted.
        form: the payload format; None while it is not known.
    """

    def __init__(
        self,
        buffer: ReceiveBuffer,
        events: list[Response],
        on_distrust: Callable[[], None],
        *,
        quoted: bool | None = None,
    ) -> None:
        """Make a reader.

        Args:
            buffer: the received bytes.
            events: takes the events that are not returned.
            on_distrust: called when the following bytes cannot be trusted any more.
            quoted: whether payload stands between quotes; None when either may come.
        """
        self._buffer = buffer
        self._events = events
        self._on_distrust = on_distrust
        self._connect_id = 0
        self._length: int | None = None
        self._limit = 0
        self._received_at_probe: int | None = None
        # With quotes, without, or either. A module whose habit is known writes nothing else.
        self._quotes = (False, True) if quoted is None else (quoted,)
        self._is_quoting = True in self._quotes
        self._bare_seen = quoted is False
        self.busy = False
        self.form: PayloadFormat | None = None

    @property
    def missing(self) -> int:
        """The least number of bytes of the payload under way that have yet to come."""
        return 0 if self._length is None else self.rest(self._length, len(self._buffer))

    def rest(self, length: int, received: int) -> int:
        """Return the least number of bytes of a payload that have yet to come.

        Args:
            length: the announced length of the payload, in bytes.
            received: how many bytes of it are there, on the line.
        """
        width = 2 if self.form is _HEX else 1
        return max(0, width * length - received) if length <= LARGEST_PUSH else 0

    # Reading

    def read_usual(self) -> DataReceived | None:
        """Return the push that comes next if it is one of hex, complete and as modules write it as a rule."""
        if self.form is not _HEX or not self._is_quoting:
            return None

        data = self._buffer.data
        header = _USUAL.match(data)
        if header is None:
            return None

        start, connect_id, length = header.end(), int(header[1]), int(header[2])
        stop = start + 2 * length
        if length > LARGEST_PUSH or not data.startswith(b'"\r\n', stop):
            return None

        try:
            payload = binascii.unhexlify(data[start:stop])
        except binascii.Error:
            return None

        self._buffer.drop(stop + 3)
        return DataReceived(connect_id, payload, _HEX)

    def begin(self, connect_id: int, length: int) -> Response | None:
        """Read the payload that begins here; return None while it is not complete."""
        self._connect_id = connect_id
        self._length = length
        self.busy = True
        return self.read()

    def read(self) -> Response | None:
        """Continue reading or discarding; return None when more is needed or there is nothing to report."""
        length = self._length
        if length is None:
            return self._discard()

        if not self._buffer.has_line():
            return None

        if self.form is _HEX:
            return self._read_hex(length) or self._damaged()

        if self.form is _TEXT:
            return self._read_text(length)

        return self._read_hex(length) or self._read_text(length)

    def _read_hex(self, length: int) -> Response | None:
        """Read a line of ``length`` bytes as hex; return None when it is not that."""
        data, end = self._buffer.data, self._buffer.line_end
        quoted = data[0] == _QUOTE
        stop = quoted + 2 * length
        if end < 0 or quoted not in self._quotes or not data.startswith(_TAILS[quoted], stop):
            return None

        try:
            payload = binascii.unhexlify(data[quoted:stop])
        except binascii.Error:
            return None

        self._bare_seen = self._bare_seen or not quoted
        return self._done(end + 1, payload, _HEX)

    def _read_text(self, length: int) -> Response | None:
        buffer, data = self._buffer, self._buffer.data
        if length > LARGEST_PUSH:
            return self._damaged()

        if not buffer.require(length + 2):
            return None

        if self._is_quoting and data[0] == data[length + 1] == _QUOTE:
            if not buffer.require(length + 3):
                return None

            if data[length + 2] in _ENDS:
                return self._done(length + 2, bytes(data[1 : length + 1]), _TEXT)

        # A payload that lost two bytes between its quotes looks the same; other pushes show whether a module quotes.
        elif (
            False in self._quotes
            and data[length] == _CR
            and data[length + 1] == _LF
            and (self._bare_seen or not _BEGINS_QUOTED.match(data))
        ):
            self._bare_seen = True
            return self._done(length, bytes(data[:length]), _TEXT)

        return self._damaged()

    def _done(self, size: int, payload: bytes, form: PayloadFormat) -> DataReceived:
        self._buffer.drop(size)
        self._length = None
        self.busy = False
        return DataReceived(self._connect_id, payload, form)

    # Damage

    def suspects(self, line: bytes) -> bool:
        """Return whether a line that cannot be read may have held a peer's data, or reported its end."""
        if self.form is _HEX:
            return may_be_push(line)

        if line.startswith(b"AT"):
            return False

        # The end of a header looks like this, when nothing else of it can be recognised.
        is_torn = has_loose_ends(line) if self.form is None else line.count(b'"') % 2 == 1 or not is_text(line)
        return is_torn or has_traces(line)

    def suspects_answer(self, line: bytes, asked: str) -> bool:
        """Return whether a line may have held a peer's data though an answer to a command may stand there.

        Args:
            line: the line.
            asked: the command line under way.
        """
        if self.form is _HEX:
            return may_be_push_as_answer(line, asked)

        return line.partition(b":")[0].decode("latin-1") not in asked and self.suspects(line)

    def distrust(self) -> None:
        """Discard what may be the rest of a payload; of hex there is none."""
        if self.form is not _HEX:
            self._limit = self._buffer.taken + LARGEST_PUSH + 2
            self.busy = True
            self._on_distrust()

    def give_up(self) -> None:
        """Give up the payload under way. Hex goes on: the next line shows whether more comes."""
        if self._length is not None and self.form is not _HEX:
            self._report(self._damaged("the rest did not come"))

    def note_probe(self) -> None:
        """Note that a probe goes out. If the line was quiet since one without an answer, no push is under way."""
        received = self._buffer.taken + len(self._buffer)
        quiet = self._received_at_probe is not None and received - self._received_at_probe <= _QUIET
        self._received_at_probe = received
        if self.busy and quiet:
            self._abandon()

    def forget_probe(self) -> None:
        """Forget that a probe went out: it was answered, or the line was restarted."""
        self._received_at_probe = None

    def _damaged(self, reason: str = "its end is not where it was announced") -> DamagedPayload:
        """Give up the payload under way, and whatever may belong to it."""
        begins_like_hex = self.form is None and _HEX_START.match(self._buffer.data)
        if begins_like_hex or self.form is _HEX:
            assert self._length is not None
            self.busy = False
            self._buffer.has_line()
            line = self._buffer.take_line()
            if self.form is None:
                self._report(_damaged_line(line))
            elif not self._has_wrong_digits_only(line, self._length):
                self._report(DamagedLine(line[:80].decode("latin-1")))
        else:
            self.distrust()

        return self._given_up(reason)

    def _has_wrong_digits_only(self, line: bytes, length: int) -> bool:
        """Return whether a line of hex is as long as was announced, so that nothing else can have run into it."""
        quoted = line.startswith(b'"')
        digits, tail = line[quoted : quoted + 2 * length], line[quoted + 2 * length :] + b"\n"
        wrong = digits.translate(None, b"0123456789ABCDEFabcdef")
        return (
            len(digits) == 2 * length
            and tail in _TAILS[quoted]
            and quoted in self._quotes
            and len(wrong) <= _MOST_WRONG_DIGITS
            and not _HEADER_BYTES.intersection(wrong)
        )

    def _discard(self) -> Response | None:
        if self._buffer.taken >= self._limit:
            self.busy = False
            return None

        return _damaged_line(self._buffer.take_line()) if self._buffer.has_line() else None

    def _abandon(self) -> None:
        rest = bytes(self._buffer.data)
        self._buffer.drop(len(rest))
        self.busy = False
        if self._length is not None:
            self._report(self._given_up("the rest did not come"))

        self._report(DamagedLine(rest[:80].decode("latin-1")) if self.form is _HEX and rest else _damaged_line(rest))

    def _given_up(self, reason: str) -> DamagedPayload:
        assert self._length is not None
        event = DamagedPayload(self._connect_id, self._length, reason)
        self._length = None
        return event

    def _report(self, event: Response | None) -> None:
        if event is not None:
            self._events.append(event)
            self._buffer.short = False


def _damaged_line(discarded: bytes) -> DamagedLine | None:
    return DamagedLine(discarded[:80].decode("latin-1")) if has_traces(discarded) else None
