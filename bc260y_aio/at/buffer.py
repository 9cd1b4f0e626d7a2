"""A line, or a counted payload, or not yet."""

import re
from typing import Final

_BLANKS: Final = b"\r\n\0 "
_LEADING_BLANKS: Final = re.compile(rb"[\r\n\0 ]+")


class ReceiveBuffer:
    """Received bytes, and a note of how many are needed before it is worth looking again.

    That note is what keeps parsing linear however finely the bytes are cut: a feed that leaves the buffer short costs
    an append and a comparison, and a search for the end of a line never goes over the same bytes twice.

    Attributes:
        data: what has been received and not yet taken.
        short: no more can be had until more is fed.
    """

    __slots__ = ("_needed", "_searched", "data", "short")

    def __init__(self) -> None:
        self.data = bytearray()
        self.short = True
        self._needed = 1
        self._searched = 0

    def __len__(self) -> int:
        return len(self.data)

    def feed(self, data: bytes) -> None:
        """Add received bytes."""
        self.data += data
        self.short = len(self.data) < self._needed

    def require(self, size: int) -> bool:
        """Tell whether ``size`` bytes are there; if not, be short until they are."""
        self._needed = size
        self.short = len(self.data) < size
        return not self.short

    def skip_blanks(self) -> None:
        """Drop what may stand between lines: CR, LF, space, and the NULs of early firmware."""
        if self._searched == 0 and (blanks := _LEADING_BLANKS.match(self.data)):
            self.drop(blanks.end())

    def take_line(self, terminator: bytes = b"\n") -> bytes | None:
        """Take the next line, without its terminator and the blanks around it, or None when it is not complete."""
        end = self.data.find(terminator, self._searched)
        if end < 0:
            self._searched = len(self.data)
            self.require(len(self.data) + 1)
            return None

        line = bytes(self.data[:end]).strip(_BLANKS)
        self.drop(end + 1)
        return line

    def drop(self, size: int) -> None:
        """Take ``size`` bytes away from the front, or all there are."""
        del self.data[:size]
        self._searched = 0
        self.require(1)
