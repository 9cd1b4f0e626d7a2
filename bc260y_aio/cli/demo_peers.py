"""The demo's servers: they keep what arrives, and say what they have."""

import asyncio
import contextlib
import hashlib
from typing import Any, Final

# All of it is printable, so that it goes through a module that is set to text.
_HEAD_SIZE: Final = 19
_REPORT: Final = "SHARE"
_PIECE: Final = "PIECE"
_MISSING: Final = b"MISSING"
# How many missing datagrams one answer names, so that it fits into one push.
_MOST_NAMED: Final = 80
DIGEST_SIZE: Final = 2 * hashlib.sha256().digest_size


def digest_of(data: bytes) -> bytes:
    """Return the digest of a share, as both ends tell it."""
    return hashlib.sha256(data).hexdigest().encode()


def report_on(number: int, size: int) -> bytes:
    """Return what announces a share of ``size`` bytes, or asks for the verdict on one of ``size`` datagrams."""
    return _head(_REPORT, number, size)


def split_datagrams(number: int, data: bytes, largest: int) -> list[bytes]:
    """Cut a share into numbered datagrams of up to ``largest`` bytes."""
    step = largest - _HEAD_SIZE
    pieces = [data[start : start + step] for start in range(0, len(data), step)]
    return [_head(_PIECE, number, index) + piece for index, piece in enumerate(pieces)]


def read_missing(answer: bytes) -> list[int]:
    """Return the indexes of the datagrams that an answer names as missing."""
    mark, *indexes = answer.split() or [b""]
    return [int(index) for index in indexes] if mark == _MISSING else []


def _head(mark: str, number: int, value: int) -> bytes:
    return f"{mark} {number} {value:010} ".encode()


def _read_head(data: bytes) -> tuple[str, int, int]:
    mark, number, value = data[:_HEAD_SIZE].decode("ascii").split()
    return mark, int(number), int(value)


class Archive:
    """Keeps what comes in by TCP, by share.

    Attributes:
        received: the shares, by number.
    """

    def __init__(self) -> None:
        self.received: dict[int, bytes] = {}
        self._writers: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one share, and answer with its digest."""
        self._writers.add(writer)
        # What goes wrong here goes wrong at the other end, too, and is told there.
        with contextlib.suppress(OSError, ValueError, asyncio.IncompleteReadError):
            _, number, size = _read_head(await reader.readexactly(_HEAD_SIZE))
            self.received[number] = data = await reader.readexactly(size)
            writer.write(digest_of(data))
            await writer.drain()
            await reader.read()

        writer.close()
        self._writers.discard(writer)

    def close(self) -> None:
        """End the connections that are still there."""
        for writer in self._writers:
            writer.transport.abort()


class DatagramArchive(asyncio.DatagramProtocol):
    """Keeps what comes in by UDP, by share and in order.

    Attributes:
        received: the shares that are complete, by number.
    """

    def __init__(self) -> None:
        self.received: dict[int, bytes] = {}
        self._pieces: dict[int, dict[int, bytes]] = {}

    def connection_made(self, transport: Any) -> None:
        """Take the transport."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Keep a piece; or answer with the digest, or with what is missing."""
        try:
            mark, number, value = _read_head(data)
        except ValueError:
            return

        pieces = self._pieces.setdefault(number, {})
        if mark == _PIECE:
            pieces[value] = data[_HEAD_SIZE:]
            return

        missing = [index for index in range(value) if index not in pieces][:_MOST_NAMED]
        if missing:
            self._transport.sendto(b" ".join([_MISSING, *(b"%d" % index for index in missing)]), addr)
            return

        self.received[number] = whole = b"".join(pieces[index] for index in range(value))
        self._transport.sendto(digest_of(whole), addr)
