"""Records, and the log of what has arrived, which checks each byte and its position.

A record is ``socket, way, session, sequence, length, checksum`` and that many bytes of payload. All of it follows from
the first four fields, so that a stream that ends inside a record can be checked, too.
"""

import random
import struct
import zlib
from collections.abc import Iterator
from typing import Final

HEADER: Final = struct.Struct(">BBIIHI")

# The directions of a session, and the payload of a keepalive, which is not a record.
UP: Final = 0
DOWN: Final = 1
ALIVE: Final = 2

_POOL: Final = random.Random("records").randbytes(64 * 1024)
_SHORT: Final = 16
_LONG: Final = 400


def record(socket: int, way: int, session: int, sequence: int) -> bytes:
    """Return a record: most have a few bytes of payload, one in 64 has some hundred."""
    noise = zlib.crc32(b"%d.%d" % (session, sequence))
    length = noise >> 8 & 0x3FF
    length = length % _LONG if length < 16 else length % _SHORT
    start = noise >> 16 & 0x7FFF
    payload = _POOL[start : start + length]
    checksum = zlib.crc32(payload, noise)
    return HEADER.pack(socket, way, session, sequence, length, checksum) + payload


def records(socket: int, way: int, session: int, start: int, stop: int) -> bytes:
    """Return the records of a session from one number up to another."""
    return b"".join(record(socket, way, session, sequence) for sequence in range(start, stop))


def datagrams(socket: int, way: int, session: int, count: int, limit: int) -> Iterator[bytes]:
    """Yield so many records in datagrams, of at most ``limit`` bytes each."""
    waiting = b""
    for sequence in range(count):
        one = record(socket, way, session, sequence)
        if len(waiting) + len(one) > limit:
            yield waiting
            waiting = b""

        waiting += one

    yield waiting


class Violation(AssertionError):
    """Raised when bytes were lost, repeated or forged."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind


class Log:
    """The received data of one session, in one direction.

    Attributes:
        count: how many records.
        size: how many bytes of them.
        missing: how many records are missing before the last one; of a stream, none may be.
    """

    def __init__(self, socket: int, way: int, session: int, *, is_stream: bool) -> None:
        self._key = (socket, way, session)
        self._is_stream = is_stream
        self._rest = b""
        self._next = 0
        self.count = 0
        self.size = 0
        self.missing = 0

    def __repr__(self) -> str:
        return f"<Log socket={self._key[0]} way={self._key[1]} session={self._key[2]} next={self._next}>"

    def feed(self, data: bytes) -> int:
        """Check data that has arrived, over UDP one datagram; return how many records it completed.

        Raises:
            Violation: it is not what was sent.
        """
        data, position, before = self._rest + data, 0, self.count
        while len(data) - position >= HEADER.size:
            socket, way, session, sequence, length, checksum = HEADER.unpack_from(data, position)
            end = position + HEADER.size + length
            if end > len(data):
                break

            if (socket, way, session) != self._key and (way != ALIVE or session != self._key[2]):
                raise self._violation("forged", data[position:])

            noise = zlib.crc32(b"%d.%d" % (session, sequence))
            if zlib.crc32(data[position + HEADER.size : end], noise) != checksum:
                raise self._violation("forged", data[position:])

            if way != ALIVE:
                self._count(sequence, end - position, data[position:])

            position = end

        self._rest = data[position:]
        if not self._is_stream and self._rest:
            raise self._violation("forged", self._rest)

        return self.count - before

    def _count(self, sequence: int, size: int, data: bytes) -> None:
        if sequence < self._next:
            raise self._violation("repeated", data)

        if sequence > self._next and self._is_stream:
            raise self._violation("lost", data)

        self.missing += sequence - self._next
        self._next = sequence + 1
        self.count += 1
        self.size += size

    def end(self) -> None:
        """Check, at the end of the stream, that what is left is the beginning of the next record.

        Raises:
            Violation: it is not.
        """
        expected = (record(*self._key, self._next), record(self._key[0], ALIVE, self._key[2], 0))
        if not any(one.startswith(self._rest) for one in expected):
            raise self._violation("forged", self._rest)

    def _violation(self, kind: str, data: bytes) -> Violation:
        expected = record(*self._key, self._next)
        return Violation(kind, f"{self!r} got {data[:48].hex()} instead of {expected[:48].hex()}")
