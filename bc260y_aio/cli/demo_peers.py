"""The servers of the demo: they keep what arrives, and report its digest."""

import asyncio
import contextlib
import hashlib
from typing import Any, Final

# The protocol is printable, so that a module whose payload format is text can carry it.
_HEAD_SIZE: Final = 19
_REPORT: Final = "SHARE"
_PIECE: Final = "PIECE"
_MISSING: Final = b"MISSING"
# How many missing datagrams one answer names, so that it fits into one push.
_MOST_NAMED: Final = 80
DIGEST_SIZE: Final = 2 * hashlib.sha256().digest_size


def digest_of(data: bytes) -> bytes:
    """Return the digest of a part, as both ends compute it."""
    return hashlib.sha256(data).hexdigest().encode()


def report_on(number: int, size: int) -> bytes:
    """Return the message that announces ``size`` bytes, or asks for the report on ``size`` datagrams."""
    return _head(_REPORT, number, size)


def split_datagrams(number: int, data: bytes, largest: int) -> list[bytes]:
    """Split data into numbered datagrams of up to ``largest`` bytes."""
    step = largest - _HEAD_SIZE
    parts = [data[start : start + step] for start in range(0, len(data), step)]
    return [_head(_PIECE, number, index) + part for index, part in enumerate(parts)]


def read_missing(answer: bytes) -> list[int]:
    """Return the indexes of the datagrams that an answer reports missing."""
    mark, *indexes = answer.split() or [b""]
    return [int(index) for index in indexes] if mark == _MISSING else []


def _head(mark: str, number: int, value: int) -> bytes:
    return f"{mark} {number} {value:010} ".encode()


def _read_head(data: bytes) -> tuple[str, int, int]:
    mark, number, value = data[:_HEAD_SIZE].decode("ascii").split()
    return mark, int(number), int(value)


class Archive:
    """Keeps the data received by TCP.

    Attributes:
        received: the data, by number of the upload.
    """

    def __init__(self) -> None:
        self.received: dict[int, bytes] = {}
        self._writers: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Receive one upload, and answer with its digest."""
        self._writers.add(writer)
        # An error here is also an error at the other end, which reports it.
        with contextlib.suppress(OSError, ValueError, asyncio.IncompleteReadError):
            _, number, size = _read_head(await reader.readexactly(_HEAD_SIZE))
            self.received[number] = data = await reader.readexactly(size)
            writer.write(digest_of(data))
            await writer.drain()
            await reader.read()

        writer.close()
        self._writers.discard(writer)

    def close(self) -> None:
        """Abort the open connections."""
        for writer in self._writers:
            writer.transport.abort()


class DatagramArchive(asyncio.DatagramProtocol):
    """Keeps the data received by UDP, in order.

    Attributes:
        received: the complete data, by number of the upload.
    """

    def __init__(self) -> None:
        self.received: dict[int, bytes] = {}
        self._parts: dict[int, dict[int, bytes]] = {}

    def connection_made(self, transport: Any) -> None:
        """Keep the transport."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Keep a datagram; or answer with the digest, or with the numbers of the missing datagrams."""
        try:
            mark, number, value = _read_head(data)
        except ValueError:
            return

        parts = self._parts.setdefault(number, {})
        if mark == _PIECE:
            parts[value] = data[_HEAD_SIZE:]
            return

        missing = [index for index in range(value) if index not in parts][:_MOST_NAMED]
        if missing:
            self._transport.sendto(b" ".join([_MISSING, *(b"%d" % index for index in missing)]), addr)
            return

        self.received[number] = whole = b"".join(parts[index] for index in range(value))
        self._transport.sendto(digest_of(whole), addr)
