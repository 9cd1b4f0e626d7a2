"""Outboxes: the data that waits to be sent on one connectID."""

from collections import deque
from typing import Final, Protocol

from .rai import RAI

# Looking a member up in its class takes as long as a call.
_NONE: Final = RAI.NONE


class Outbox(Protocol):
    """Data in order, taken in chunks; a chunk stays until it is dropped, so that it can be sent again.

    Attributes:
        size: how many bytes wait.
    """

    size: int

    def __len__(self) -> int:
        """Return how many bytes wait."""

    @property
    def is_due(self) -> bool:
        """Whether a chunk is to go out now."""

    def peek(self, size: int) -> bytes:
        """Return up to ``size`` bytes of the data to send next."""

    def next_chunk(self, limit: int) -> tuple[bytes, RAI]:
        """Return the next chunk, of at most ``limit`` bytes, and the RAI that it is to carry."""

    def drop(self, size: int) -> None:
        """Remove ``size`` bytes that the module has taken, or what is left of them after :meth:`clear`."""

    def mark_end(self, rai: RAI) -> None:
        """Give the last byte a RAI, unless it has one already."""

    def clear(self) -> None:
        """Remove everything."""


class StreamOutbox:
    """A stream: writes run together into full chunks, and a chunk ends where a write with a RAI ends.

    Attributes:
        size: how many bytes wait.
        hold: fewer bytes than this wait for more, unless they have a RAI or are released.
    """

    def __init__(self) -> None:
        self.size = 0
        self.hold = 0
        self._released = 0
        self._data = bytearray()
        self._offset = 0
        # Where a write with a RAI ended, counted from the first byte ever written.
        self._marks: list[tuple[int, RAI]] = []

    def __len__(self) -> int:
        return self.size

    def put(self, data: bytes | bytearray | memoryview, rai: RAI) -> None:
        """Add a write. The bytes are copied."""
        self._data += data
        self.size = len(self._data)
        if rai is not _NONE:
            self._marks.append((self._offset + self.size, rai))

    @property
    def is_due(self) -> bool:
        """Whether a full chunk waits, or data that was released, or data with a release assistance indication."""
        return 0 < self.size >= self.hold or bool(self._marks) or self._released > self._offset

    def release(self) -> None:
        """Release all data for sending, however little it is."""
        self._released = self._offset + self.size

    def mark_end(self, rai: RAI) -> None:
        """Give the last byte a RAI, unless it has one already."""
        if self._data:
            # Of two marks of the same byte the first counts.
            self._marks.append((self._offset + self.size, rai))

    def peek(self, size: int) -> bytes:
        """Return up to ``size`` bytes of the data to send next."""
        with memoryview(self._data) as view:
            return bytes(view[:size])

    def next_chunk(self, limit: int) -> tuple[bytes, RAI]:
        """Return the next chunk and its RAI; only the last chunk of a write carries the write's."""
        if not self._marks and self.size <= limit:
            return bytes(self._data), _NONE

        if self._marks and self._marks[0][0] - self._offset <= limit:
            end, rai = self._marks[0]
            return self.peek(end - self._offset), rai

        return self.peek(limit), _NONE

    def drop(self, size: int) -> None:
        """Remove ``size`` bytes that the module has taken, or what is left of them after :meth:`clear`."""
        if size > self.size:
            size = self.size

        del self._data[:size]
        self.size -= size
        self._offset += size
        while self._marks and self._marks[0][0] <= self._offset:
            self._marks.pop(0)

    def clear(self) -> None:
        """Remove everything."""
        self.drop(self.size)


class DatagramOutbox:
    """Datagrams: a chunk is a datagram.

    Attributes:
        size: how many bytes wait; no datagram is empty.
    """

    def __init__(self) -> None:
        self._datagrams: deque[tuple[bytes, RAI]] = deque()
        self.size = 0

    def __len__(self) -> int:
        return self.size

    def __bool__(self) -> bool:
        return bool(self._datagrams)

    @property
    def is_due(self) -> bool:
        """Whether a datagram waits: none is held back."""
        return bool(self._datagrams)

    def put(self, data: bytes | bytearray | memoryview, rai: RAI) -> None:
        """Add a datagram. The bytes are copied."""
        datagram = bytes(data)
        self._datagrams.append((datagram, rai))
        self.size += len(datagram)

    def mark_end(self, rai: RAI) -> None:
        """Give the last datagram a RAI, unless it has one already."""
        if self._datagrams and self._datagrams[-1][1] is _NONE:
            data, _ = self._datagrams.pop()
            self._datagrams.append((data, rai))

    def peek(self, size: int) -> bytes:
        """Return the next datagram, whatever its size."""
        return self._datagrams[0][0] if self._datagrams else b""

    def next_chunk(self, limit: int) -> tuple[bytes, RAI]:
        """Return the next datagram and its RAI; its size was checked when it was put."""
        return self._datagrams[0]

    def drop(self, size: int) -> None:
        """Remove the next datagram, if the module has taken any of it, and there still is one."""
        if size and self._datagrams:
            self.size -= len(self._datagrams.popleft()[0])

    def clear(self) -> None:
        """Remove everything."""
        self._datagrams.clear()
        self.size = 0
