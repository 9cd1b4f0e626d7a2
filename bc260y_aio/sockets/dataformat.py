"""Hex or text for the next payload, and when a switch is worth an NVRAM write (guide 2.2.1).

Hex takes any bytes and costs two wire bytes for each. Text costs one, and cannot carry every byte. The setting belongs
to the module, for both directions and all its sockets, and every change of it writes the NVRAM:

- ``hex`` and ``text`` are set once, if need be, and stay;
- ``auto`` receives hex, and sends hex until a run of printable payload has cost more than a switch may cost. Each time
  that a binary payload forces it back to hex, the next switch has to be earned by a run four times as long: the number
  of NVRAM writes grows with the logarithm of what is sent, whatever the mixture. Only a datagram of more than 512 bytes
  has no choice, for it fits into a command as text or not at all.
"""

import errno
from typing import Final, Literal, get_args

from ..at.commands import QueryDataFormat, SetDataFormat
from ..at.information import DataFormat
from ..at.syntax import PayloadFormat, is_text
from ..line.turns import Turn
from .outbox import Outbox

Mode = Literal["hex", "text", "auto"]

# A run of printable payload must have cost this many wire bytes more than it would have as text before `auto` switches.
# The switch itself costs about 35 wire bytes, and an NVRAM write, which is the dearer of the two.
_FIRST_THRESHOLD: Final = 256
_THRESHOLD_FACTOR: Final = 4
_LARGEST_SENDS: Final = {form: form.largest_send for form in PayloadFormat}
_LARGEST_CHUNK: Final = PayloadFormat.TEXT.largest_send


class PayloadFormats:
    """The payload formats of one module, and the mode that chooses among them.

    Attributes:
        mode: hex, text or auto; where the module knows only one of the first two, that one.
        found: the setting that the module had when it was opened.
        writes: how often the setting was written to NVRAM.
    """

    def __init__(self, mode: Mode, only: PayloadFormat | None = None) -> None:
        if mode not in get_args(Mode):
            raise ValueError(f"data_format must be one of {', '.join(get_args(Mode))}, not {mode!r}")

        if only is not None and mode != only.name.lower():
            raise ValueError(f"the module knows data_format={only.name.lower()!r} only, not {mode!r}")

        self.mode: Mode = mode
        self._only = only
        self.found: DataFormat | None = None
        self.writes = 0
        self._current = None if only is None else DataFormat(only, only)
        self._threshold = _FIRST_THRESHOLD
        self._run = 0

    def __repr__(self) -> str:
        current = "unknown" if self._current is None else self._current.send.name.lower()
        return f"<PayloadFormats {self.mode} now={current} writes={self.writes}>"

    async def establish(self, turn: Turn) -> None:
        """Query the setting, and change it only if the mode needs another (guide 4.2.2)."""
        if self._only is not None:
            return

        answer = await turn.execute(QueryDataFormat())
        self._current = next((info for info in answer.information if isinstance(info, DataFormat)), None)
        if self.found is None:
            self.found = self._current

        match self.mode:
            case "hex":
                wanted = DataFormat(PayloadFormat.HEX, PayloadFormat.HEX)
            case "text":
                wanted = DataFormat(PayloadFormat.TEXT, PayloadFormat.TEXT)
            case "auto":
                send = self._current.send if self._current else PayloadFormat.HEX
                wanted = DataFormat(send, PayloadFormat.HEX)

        await self._set(turn, wanted)

    async def restore(self, turn: Turn) -> None:
        """Restore the setting that was found."""
        if self.found is not None:
            await self._set(turn, self.found)

    def forget(self) -> None:
        """Treat the setting as unknown, and query it before the next send, for another program may have changed it."""
        if self._only is None:
            self._current = None

    async def _set(self, turn: Turn, wanted: DataFormat) -> None:
        if wanted != self._current:
            # Not known until the module has answered OK: a cancelled or lost command leaves it open.
            self._current = None
            await turn.execute(SetDataFormat(wanted.send, wanted.receive))
            self._current = wanted
            self.writes += 1

    def check(self, data: bytes | bytearray | memoryview) -> None:
        """Check that data can be sent at all.

        Raises:
            ValueError: the mode is text, and the data holds bytes outside 0x20..0x7E.
        """
        if self.mode == "text" and not is_text(bytes(data)):
            raise ValueError("with data_format='text' only bytes from 0x20 to 0x7E can be sent")

    @property
    def largest_chunk(self) -> int:
        """The largest chunk of a stream, in bytes (guide 2.2.5)."""
        return (PayloadFormat.HEX if self.mode == "hex" else PayloadFormat.TEXT).largest_send

    def largest_datagram(self, data: bytes) -> int:
        """Return how long a datagram like this one may be, in bytes (guide 2.2.5)."""
        text = self.mode == "text" or (self.mode == "auto" and is_text(data))
        return (PayloadFormat.TEXT if text else PayloadFormat.HEX).largest_send

    def check_datagram(self, data: bytes | bytearray | memoryview) -> None:
        """Check that data can be sent as one datagram.

        Raises:
            ValueError: the mode is text, and the data holds bytes outside 0x20..0x7E.
            OSError: EMSGSIZE, it is too long.
        """
        data = bytes(data)
        self.check(data)
        limit = self.largest_datagram(data)
        if len(data) > limit:
            raise OSError(errno.EMSGSIZE, f"a datagram like this one may have {limit} bytes, not {len(data)}")

    async def prepare(self, turn: Turn, waiting: bytes, *, whole: bool) -> tuple[PayloadFormat, int]:
        """Choose the format of the next chunk, set it if necessary, and return it with the largest chunk size.

        Args:
            turn: the turn in which the chunk will be sent.
            waiting: the first bytes of the data to send, up to 1024.
            whole: they must go out as one chunk.
        """
        if self._current is None:
            await self.establish(turn)

        current = self._current
        assert current is not None
        chosen = self._choose(current.send, waiting, whole=whole)
        self._account(current.send, chosen, waiting)
        await self._set(turn, DataFormat(chosen, current.receive))
        return chosen, self._limit(chosen, waiting)

    def ready(self, outbox: Outbox, *, whole: bool) -> tuple[PayloadFormat, int] | None:
        """Choose as :meth:`prepare` does; return None if the setting must be queried or changed first."""
        if (current := self._current) is None:
            return None

        if self.mode != "auto":
            return current.send, _LARGEST_SENDS[current.send]

        waiting = outbox.peek(_LARGEST_CHUNK)
        chosen = self._choose(current.send, waiting, whole=whole)
        if chosen is not current.send:
            return None

        self._account(chosen, chosen, waiting)
        return chosen, self._limit(chosen, waiting)

    def _limit(self, chosen: PayloadFormat, waiting: bytes) -> int:
        mixed = self.mode == "auto" and chosen is PayloadFormat.TEXT and not is_text(waiting)
        return (PayloadFormat.HEX if mixed else chosen).largest_send

    def _choose(self, current: PayloadFormat, waiting: bytes, *, whole: bool) -> PayloadFormat:
        if self.mode != "auto":
            return current

        fits_text = is_text(waiting)
        if current is PayloadFormat.TEXT:
            stays = fits_text or (not whole and is_text(waiting[: PayloadFormat.HEX.largest_send]))
            return current if stays else PayloadFormat.HEX

        # A datagram that only text can carry has no choice.
        is_worth_it = self._run >= self._threshold or (whole and len(waiting) > PayloadFormat.HEX.largest_send)
        return PayloadFormat.TEXT if fits_text and is_worth_it else current

    def _account(self, current: PayloadFormat, chosen: PayloadFormat, waiting: bytes) -> None:
        if chosen is PayloadFormat.TEXT:
            return

        if current is PayloadFormat.TEXT:
            self._threshold *= _THRESHOLD_FACTOR

        if current is PayloadFormat.TEXT or not is_text(waiting):
            self._run = 0
        else:
            self._run += min(len(waiting), PayloadFormat.HEX.largest_send)
