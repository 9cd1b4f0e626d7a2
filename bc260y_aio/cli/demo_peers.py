"""The demo's servers: they keep what arrives, and say what they have."""

import asyncio
import hashlib
import struct
from typing import Any, Final

DIGEST_SIZE: Final = 32
# Share number and length in bytes, at the head of a stream and of the datagram that asks for the verdict.
_REPORT: Final = struct.Struct("!4sBI")
_REPORT_MARK: Final = b"SHRE"
# Share number and index, at the head of every other datagram.
_PIECE: Final = struct.Struct("!4sBI")
_PIECE_MARK: Final = b"PIEC"
# What fits into one AT+QISEND as hex, less the head.
_PIECE_SIZE: Final = 512 - _PIECE.size
# How many missing datagrams one answer can name.
_MOST_MISSING: Final = 100


def report_on(number: int, size: int) -> bytes:
    """Return what announces a share of ``size`` bytes, or asks for the verdict on it."""
    return _REPORT.pack(_REPORT_MARK, number, size)


def split_datagrams(number: int, data: bytes) -> list[bytes]:
    """Cut a share into numbered datagrams."""
    pieces = [data[start : start + _PIECE_SIZE] for start in range(0, len(data), _PIECE_SIZE)]
    return [_PIECE.pack(_PIECE_MARK, number, index) + piece for index, piece in enumerate(pieces)]


class Archive:
    """Keeps what comes in by TCP, by share."""

    def __init__(self) -> None:
        self.received: dict[int, bytes] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one share, and answer with its digest."""
        try:
            _, number, size = _REPORT.unpack(await reader.readexactly(_REPORT.size))
            data = await reader.readexactly(size)
            self.received[number] = data
            writer.write(hashlib.sha256(data).digest())
            await writer.drain()
            await reader.read()
        except (OSError, asyncio.IncompleteReadError):
            # The uploader has the last word on what went wrong.
            pass
        finally:
            writer.close()


class DatagramArchive(asyncio.DatagramProtocol):
    """Keeps what comes in by UDP, by share and in order."""

    def __init__(self) -> None:
        self.received: dict[int, bytes] = {}
        self._pieces: dict[int, dict[int, bytes]] = {}

    def connection_made(self, transport: Any) -> None:
        """Take the transport."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Keep a piece, or answer with a digest, or with the indexes that are missing."""
        if len(data) < _PIECE.size:
            return

        mark, number, value = _PIECE.unpack_from(data)
        pieces = self._pieces.setdefault(number, {})
        if mark == _PIECE_MARK:
            pieces[value] = data[_PIECE.size :]
            return

        missing = [index for index in range(-(-value // _PIECE_SIZE)) if index not in pieces]
        if missing:
            named = missing[:_MOST_MISSING]
            self._transport.sendto(struct.pack(f"!B{len(named)}I", len(named), *named), addr)
            return

        self.received[number] = b"".join(piece for _, piece in sorted(pieces.items()))
        self._transport.sendto(hashlib.sha256(self.received[number]).digest(), addr)

    @staticmethod
    def missing(answer: bytes) -> list[int]:
        """Read the indexes that an answer names."""
        count = answer[0]
        return list(struct.unpack_from(f"!{count}I", answer, 1))
