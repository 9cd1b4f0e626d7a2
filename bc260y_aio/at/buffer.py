"""The receive buffer: returns a line or a counted payload once it is complete."""

import re
from typing import Final

BLANKS: Final = b"\r\n\0 "
"""The bytes that may stand between lines: CR, LF, space, and the NULs of early firmware."""

_CR: Final = ord("\r")
_LEADING_BLANKS: Final = re.compile(rb"[\r\n\0 ]+")


class ReceiveBuffer:
    """Received bytes, and a note of what must come before parsing can continue: a line end, or a number of bytes.

    The note keeps parsing linear however finely the bytes are cut: a feed that leaves the buffer short costs an append
    and two comparisons, and a search for the end of a line never goes over the same bytes twice.

    Attributes:
        data: the bytes that were received and not yet taken.
        short: nothing more can be taken until more is fed.
        skipping: the next bytes are the rest of a line that was too long.
        taken: how many bytes have been taken in all.
        line_end: the end of the line that :meth:`has_line` found; -1 for one that is too long.
    """

    __slots__ = ("_needed", "_searched", "_terminator", "_too_long", "data", "line_end", "short", "skipping", "taken")

    def __init__(self, terminator: int, longest: int) -> None:
        """Make an empty buffer.

        Args:
            terminator: the byte that ends a line.
            longest: the greatest length of a line, in bytes.
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
        """Add received bytes; return whether parsing can continue."""
        buffered = self.data
        buffered += data
        if self._terminator in data or len(buffered) >= self._needed:
            self.short = False

        return not self.short

    def require(self, size: int) -> bool:
        """Return whether ``size`` bytes are there; if not, be short until they are."""
        self._needed = size
        self.short = len(self.data) < size
        return not self.short

    def skip_blanks(self) -> None:
        """Drop the blanks before a line."""
        if not (self._searched or self.skipping) and (blanks := _LEADING_BLANKS.match(self.data)):
            self.drop(blanks.end())

    def has_line(self) -> bool:
        """Return whether a line is there, or so much of one that it is too long; if not, be short until more is fed.

        The rest of a line that was too long is dropped; the line after it is found by the next call.
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

        The first ``longest`` + 1 bytes of a line that is too long are taken; the rest is dropped when it comes.
        """
        self.skipping = self.line_end < 0
        end = min(len(self.data), self._too_long) if self.skipping else self.line_end
        line = bytes(self.data[:end])
        self.drop(end if self.skipping else end + 1)
        return line

    def take_framed(self) -> bytes:
        """Take a line between two CR LF, the first of which is there; this costs a third of :meth:`take_line`.

        Anything else is left in the buffer, and the result is empty.
        """
        data = self.data
        end = data.find(self._terminator, 2, self._too_long) - 1
        if end < 0 or data[end] != _CR or data[end - 1] in BLANKS:
            return b""

        line = bytes(data[2:end])
        self.drop(end + 2)
        return line

    def drop(self, size: int) -> None:
        """Remove ``size`` bytes from the front; that many must be there."""
        del self.data[:size]
        self.taken += size
        self.short = not self.data
        self._needed = self._too_long
        self._searched = 0

    def _skip(self) -> None:
        end = self.data.find(self._terminator)
        self.skipping = end < 0
        self.drop(len(self.data) if end < 0 else end + 1)
