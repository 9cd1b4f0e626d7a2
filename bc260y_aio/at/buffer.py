"""A line, or a counted payload, or not yet."""

import re
from typing import Final

BLANKS: Final = b"\r\n\0 "
"""What may stand between lines: CR, LF, space, and the NULs of early firmware."""

_CR: Final = ord("\r")
_LEADING_BLANKS: Final = re.compile(rb"[\r\n\0 ]+")


class ReceiveBuffer:
    """Received bytes, and a note of what has to come before it is worth looking again: the end of a line, or so many.

    That note is what keeps parsing linear however finely the bytes are cut: a feed that leaves the buffer short costs
    an append and two comparisons, and a search for the end of a line never goes over the same bytes twice.

    Attributes:
        data: what has been received and not yet taken.
        short: no more can be had until more is fed.
        skipping: what comes next is the rest of a line that was too long.
        taken: how many bytes have been taken, ever.
        line_end: where the line that :meth:`has_line` found ends; -1 for one that is too long.
    """

    __slots__ = ("_needed", "_searched", "_terminator", "_too_long", "data", "line_end", "short", "skipping", "taken")

    def __init__(self, terminator: int, longest: int) -> None:
        """Make an empty buffer.

        Args:
            terminator: the byte that ends a line.
            longest: what a line may have, in bytes.
        """
        self.data = bytearray()
        self.short = True
        self.skipping = False
        self.taken = 0
        self.line_end = -1
        self._terminator = terminator
        self._too_long = longest + 1
        self._needed = self._too_long
        self._searched = 0

    def __len__(self) -> int:
        return len(self.data)

    def feed(self, data: bytes) -> bool:
        """Add received bytes; return whether it is worth looking again."""
        buffered = self.data
        buffered += data
        if self._terminator in data or len(buffered) >= self._needed:
            self.short = False

        return not self.short

    def require(self, size: int) -> bool:
        """Tell whether ``size`` bytes are there; if not, be short until they are."""
        self._needed = size
        self.short = len(self.data) < size
        return not self.short

    def skip_blanks(self) -> None:
        """Drop the blanks before a line."""
        if not (self._searched or self.skipping) and (blanks := _LEADING_BLANKS.match(self.data)):
            self.drop(blanks.end())

    def has_line(self) -> bool:
        """Tell whether a line is there, or so much of one that it is too long; if not, be short until more is fed.

        Of a line that was too long the rest is dropped, and nothing told yet of what comes after it.
        """
        if self.skipping:
            self._skip()
            return False

        self.line_end = self.data.find(self._terminator, self._searched, self._too_long)
        if self.line_end >= 0:
            return True

        self._searched = len(self.data)
        return self.require(self._too_long)

    def take_line(self) -> bytes:
        """Take the line that :meth:`has_line` found, without its terminator.

        Of one that is too long the first ``longest`` + 1 bytes are taken; the rest is dropped when it comes.
        """
        self.skipping = self.line_end < 0
        end = min(len(self.data), self._too_long) if self.skipping else self.line_end
        line = bytes(self.data[:end])
        self.drop(end if self.skipping else end + 1)
        return line

    def take_framed(self) -> bytes:
        """Take a line between two CR LF, the first of which is there; it costs a third of what other lines do.

        What is not just that is left as it is, and nothing taken.
        """
        data = self.data
        end = data.find(self._terminator, 2, self._too_long) - 1
        if end < 0 or data[end] != _CR or data[end - 1] in BLANKS:
            return b""

        line = bytes(data[2:end])
        self.drop(end + 2)
        return line

    def drop(self, size: int) -> None:
        """Take ``size`` bytes away from the front; so many are there."""
        del self.data[:size]
        self.taken += size
        self.short = not self.data
        self._needed = self._too_long
        self._searched = 0

    def _skip(self) -> None:
        end = self.data.find(self._terminator)
        self.skipping = end < 0
        self.drop(len(self.data) if end < 0 else end + 1)
