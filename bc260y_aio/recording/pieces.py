"""Bytes cut where a person would begin a new line."""

import re
from typing import Final

# What is longer is cut, in bytes; the longest line of a module is a push of 1024 bytes as hex.
LONGEST: Final = 4096

# What begins a push; its payload may hold the end of a line.
_PUSH: Final = re.compile(rb'[\r\n\0 ]*\+QIURC: ?"recv",\d{1,3},(\d{1,4}),("?)')


class Pieces:
    """What one side says, cut into lines. Put together again, they are what was said."""

    def __init__(self, *, by_dte: bool) -> None:
        """Begin.

        Args:
            by_dte: whether it is the DTE that speaks.
        """
        self._by_dte = by_dte
        self._buffer = bytearray()

    def __len__(self) -> int:
        """Return how many bytes of a line are there that is not complete."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Take in bytes as they came, and return the lines that are complete."""
        self._buffer += data
        pieces: list[bytes] = []
        while size := self._commanded() if self._by_dte else self._responded():
            pieces.append(bytes(self._buffer[:size]))
            del self._buffer[:size]

        return pieces

    def flush(self) -> bytes:
        """Return what is there of a line that is not complete."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest

    def _commanded(self) -> int:
        """Return how long the DTE's line is; 0 when it is not complete."""
        end = self._buffer.find(b"\r") + 1
        # Some write CR LF.
        return end + self._buffer.startswith(b"\n", end) if end else self._surplus()

    def _responded(self) -> int:
        """Return how long the DCE's line is, with what frames it; 0 when it is not complete."""
        buffer = self._buffer
        if (stray := len(buffer) - len(buffer.lstrip(b"\0"))) > 0:
            return stray

        # As text or as hex, a push ends with the first line end after as many bytes as text would have.
        push = _PUSH.match(buffer)
        is_framed = buffer.startswith(b"\r\n")
        end = buffer.find(b"\n", push.end() + int(push[1]) + len(push[2]) if push else 2 * is_framed)
        if end < 0:
            return self._surplus()

        # The first of two blank lines; or an echo that ends in CR.
        if (is_framed and end == 3) or (not is_framed and buffer[end - 2 : end] == b"\r\r"):
            return end - 1

        return end + 1

    def _surplus(self) -> int:
        return LONGEST if len(self._buffer) > LONGEST else 0
