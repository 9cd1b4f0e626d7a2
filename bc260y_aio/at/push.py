"""A peer's payload, pushed between the lines: ``+QIURC: "recv",<connectID>,<length>,<data>`` (guide 2.3.2).

Its length delimits it and nothing else does. What else can be relied on is where the two formats differ:

1. Hex cannot hold the end of its own line. So a hex push is a line, and damage to it ends where that line ends.
2. Text can hold anything: ``OK``, a URC, the header of a push to somebody else. Whether it ended where it was announced
   shows in the byte after the ``length``-th, which no payload reaches. If it did not, then nothing tells where it does
   end, but for two things that no peer can forge: a push has no more than so many bytes, and the line falls quiet after
   it. Until one of them shows, all that comes is discarded. (Where noise changes the length itself, a quote inside the
   payload can stand where the end is announced. Hex has no such holes.)
3. What is discarded, or cannot be read, may have been somebody else's. Where it looks so, a :class:`DamagedLine` tells.
4. While the format is not known, either is accepted; damage is taken for that of text, unless it begins like hex.
"""

import binascii
import re
from collections import deque
from collections.abc import Callable
from typing import Final

from .buffer import ReceiveBuffer
from .responses import Response
from .syntax import PayloadFormat, is_text
from .urcs import DamagedLine, DamagedPayload, DataReceived

HEADER: Final = re.compile(rb'[\r\n\0 ]*\+QIURC: ?"recv",(\d{1,3}),(\d{1,6}),')
"""What stands before a payload, with the blanks before it."""

# A module pushes at most 1024 bytes at a time (guide 2.3, note 4); a header that tells more than this is damaged.
LARGEST_PUSH: Final = 1500
# What may come between two probes, in bytes, while no push is under way: the answer to one, and little else.
_QUIET: Final = 128

_HEX_START: Final = re.compile(rb'"?[0-9A-Fa-f]{2}')
_HEX_REST: Final = re.compile(rb'[0-9A-Fa-f]{32,}"?[\r\0 ]*$')
# What a header, a "closed", a restart or a sleep still shows when a byte or two of it are wrong.
_TRACES: Final = re.compile(
    rb"recv|closed|QIURC.*(?:re|cv|clo|sed)|QIURC[^,]*$|DEEPSLEEP|RDY\r*$", re.DOTALL | re.MULTILINE
)
# The opening quote, or, if the comma before it came twice, the second one with it.
_BEGINS_QUOTED: Final = re.compile(rb',?"')
_CR, _LF, _QUOTE = b'\r\n"'
# To look a member up in its class takes as long as a call.
_HEX, _TEXT = PayloadFormat.HEX, PayloadFormat.TEXT
_ENDS: Final = b"\r\n\0"
# What may stand after hex digits, without quotes and with them.
_BARE_TAILS: Final = (b"\r\n", b"\n", b"\r\r\n", b"\0\r\n")
_TAILS: Final = (_BARE_TAILS, tuple(b'"' + tail for tail in _BARE_TAILS))


class PushReader:
    """The push under way, and what is discarded after a damaged one.

    Attributes:
        busy: what comes next is not a line, or is not to be believed.
        form: how payload is written; None while that is not known.
    """

    def __init__(
        self,
        buffer: ReceiveBuffer,
        events: deque[Response],
        on_distrust: Callable[[], None],
        *,
        quoted: bool | None = None,
    ) -> None:
        """Make a reader.

        Args:
            buffer: what was received.
            events: where an event goes that is not returned.
            on_distrust: is called when what comes cannot be believed any more.
            quoted: whether payload stands between quotes; None when either may come.
        """
        self._buffer = buffer
        self._events = events
        self._on_distrust = on_distrust
        self._connect_id = 0
        self._length: int | None = None
        self._limit = 0
        self._heard: int | None = None
        # With quotes or without, or either. The module whose habit is known writes nothing else.
        self._quotes = (False, True) if quoted is None else (quoted,)
        self._bare_seen = quoted is False
        self.busy = False
        self.form: PayloadFormat | None = None

    @property
    def missing(self) -> int:
        """How many bytes of the payload under way have yet to come, at the least."""
        return 0 if self._length is None else self.rest(self._length, len(self._buffer))

    def rest(self, length: int, come: int) -> int:
        """Return how many bytes of a payload have yet to come, at the least, when so many have."""
        width = 2 if self.form is _HEX else 1
        return max(0, width * length - come) if length <= LARGEST_PUSH else 0

    # Reading

    def begin(self, connect_id: int, length: int) -> Response | None:
        """Read the payload that begins here; return None while it is not complete."""
        self._connect_id = connect_id
        self._length = length
        self.busy = True
        return self.read()

    def read(self) -> Response | None:
        """Go on reading, or discarding; return None when more is needed or there is nothing to tell."""
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
        """Read a line of so much hex; return None when it is not that."""
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

        if True in self._quotes and data[0] == data[length + 1] == _QUOTE:
            if not buffer.require(length + 3):
                return None

            if data[length + 2] in _ENDS:
                return self._done(length + 2, bytes(data[1 : length + 1]), _TEXT)

        # So may a payload look that lost two bytes between its quotes. A module that writes none shows in other pushes.
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
        """Tell whether a line that cannot be read may have held a peer's data, or told of its end. An echo has not."""
        if line.startswith(b"AT"):
            return False

        # So ends the header of a text, when nothing else of it can be made out.
        is_torn = self.form is _TEXT and (line.count(b'"') % 2 == 1 or not is_text(line))
        return is_torn or (_TRACES.search(line) or _HEX_REST.match(line)) is not None

    def distrust(self) -> None:
        """Discard what may be the rest of a payload; of hex there is none."""
        if self.form is not _HEX:
            self._limit = self._buffer.taken + LARGEST_PUSH + 2
            self.busy = True
            self._on_distrust()

    def give_up(self) -> None:
        """Give up the payload under way. Hex goes on: the line after it shows when there is no more to come."""
        if self._length is not None and self.form is not _HEX:
            self._tell(self._damaged("the rest did not come"))

    def settle(self) -> None:
        """Note that a probe goes out. If the line was quiet since one that had no answer, no push is under way now."""
        heard = self._buffer.taken + len(self._buffer)
        quiet = self._heard is not None and heard - self._heard <= _QUIET
        self._heard = heard
        if self.busy and quiet:
            self._abandon()

    def unsettle(self) -> None:
        """Forget that a probe went out: it was answered, or the line was restarted."""
        self._heard = None

    def _damaged(self, reason: str = "its end is not where it was announced") -> DamagedPayload:
        """Give up the payload under way, and whatever may belong to it."""
        begins_like_hex = self.form is None and _HEX_START.match(self._buffer.data)
        if begins_like_hex or self.form is _HEX:
            self.busy = False
            self._buffer.has_line()
            self._tell(_trace(self._buffer.take_line()))
        else:
            self.distrust()

        return self._given_up(reason)

    def _discard(self) -> Response | None:
        if self._buffer.taken >= self._limit:
            self.busy = False
            return None

        return _trace(self._buffer.take_line()) if self._buffer.has_line() else None

    def _abandon(self) -> None:
        rest = bytes(self._buffer.data)
        self._buffer.drop(len(rest))
        self.busy = False
        if self._length is not None:
            self._tell(self._given_up("the rest did not come"))

        self._tell(_trace(rest))

    def _given_up(self, reason: str) -> DamagedPayload:
        assert self._length is not None
        event = DamagedPayload(self._connect_id, self._length, reason)
        self._length = None
        return event

    def _tell(self, event: Response | None) -> None:
        if event is not None:
            self._events.append(event)
            self._buffer.short = False


def _trace(discarded: bytes) -> DamagedLine | None:
    return DamagedLine(discarded[:80].decode("latin-1")) if _TRACES.search(discarded) else None
