"""Split the bytes of a line into command lines and responses."""

import re
from collections.abc import Callable
from typing import Final, TypeAlias

# What may look on at a line: it is called with the bytes of either side, and whether they are the program's.
Watch: TypeAlias = Callable[[bytes, bool], None]

# Longer lines are split, in bytes. The longest line of a module is a push of 1024 bytes in hex.
MAX_LINE: Final = 4096

# The header of a push; its payload may contain a line end.
_PUSH: Final = re.compile(rb'[\r\n\0 ]*\+QIURC: ?"recv",\d{1,3},(\d{1,4}),("?)')


class LineSplitter:
    """Splits the bytes of one side into lines. Joined, the lines are the bytes that were fed."""

    def __init__(self, *, by_dte: bool) -> None:
        """Begin.

        Args:
            by_dte: whether the bytes come from the DTE.
        """
        self._by_dte = by_dte
        self._buffer = bytearray()

    def __len__(self) -> int:
        """Return the size of the incomplete line, in bytes."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Take received bytes, and return the complete lines."""
        self._buffer += data
        lines: list[bytes] = []
        while size := self._command_size() if self._by_dte else self._response_size():
            lines.append(bytes(self._buffer[:size]))
            del self._buffer[:size]

        return lines

    def flush(self) -> bytes:
        """Return the incomplete line, and forget it."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest

    def _command_size(self) -> int:
        """Return the size of the DTE's next line; 0 if it is incomplete."""
        end = self._buffer.find(b"\r") + 1
        # Some programs write CR LF.
        return end + self._buffer.startswith(b"\n", end) if end else self._excess_size()

    def _response_size(self) -> int:
        """Return the size of the DCE's next line with its CR LFs; 0 if it is incomplete."""
        buffer = self._buffer
        if (stray := len(buffer) - len(buffer.lstrip(b"\0"))) > 0:
            return stray

        # In text or in hex, a push ends with the first line end after its length in bytes.
        push = _PUSH.match(buffer)
        is_framed = buffer.startswith(b"\r\n")
        end = buffer.find(b"\n", push.end() + int(push[1]) + len(push[2]) if push else 2 * is_framed)
        if end < 0:
            return self._excess_size()

        # The first of two blank lines, or an echo that ends in CR.
        if (is_framed and end == 3) or (not is_framed and buffer[end - 2 : end] == b"\r\r"):
            return end - 1

        return end + 1

    def _excess_size(self) -> int:
        return MAX_LINE if len(self._buffer) > MAX_LINE else 0
