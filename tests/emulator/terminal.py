"""A terminal on the emulator's line: it writes lines, and collects the output of the module."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, NamedTuple, cast

from bc260y_aio.emulator import Emulator, Network


class Piece(NamedTuple):
    time: float
    data: bytes


class Terminal(asyncio.Protocol):
    """The DTE's end of a line, without a driver."""

    def __init__(self) -> None:
        self.unread = bytearray()
        self.pieces: list[Piece] = []
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self.is_writing_paused = False
        self._changed = asyncio.Event()
        self.transport: asyncio.Transport

    # Callbacks of the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.pieces.append(Piece(asyncio.get_running_loop().time(), data))
        self.unread += data
        self._changed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)

    def pause_writing(self) -> None:
        self.is_writing_paused = True

    def resume_writing(self) -> None:
        self.is_writing_paused = False

    # Input and output

    @property
    def received(self) -> bytes:
        """All output so far."""
        return b"".join(piece.data for piece in self.pieces)

    def type(self, *lines: bytes) -> None:
        self.transport.write(b"".join(line + b"\r" for line in lines))

    async def until(self, ending: bytes, timeout: float = 200.0) -> bytes:
        """Return the unread output up to and with an ending."""
        async with asyncio.timeout(timeout):
            while (end := self.unread.find(ending)) < 0:
                self._changed.clear()
                await self._changed.wait()

        end += len(ending)
        found = bytes(self.unread[:end])
        del self.unread[:end]
        return found

    async def ask(self, line: bytes, ending: bytes = b"\r\nOK\r\n") -> bytes:
        """Write a line and return the output up to an ending."""
        self.type(line)
        return await self.until(ending)

    async def read(self, seconds: float = 1.0) -> bytes:
        """Return the unread output after some time."""
        await asyncio.sleep(seconds)
        found = bytes(self.unread)
        self.unread.clear()
        return found

    async def open(self, connect_id: int, host: str, port: int = 7, kind: str = "TCP") -> None:
        """Open a socket."""
        reply = await self.ask(b'AT+QIOPEN=0,%d,"%b","%b",%d' % (connect_id, kind.encode(), host.encode(), port))
        assert reply == b"\r\nOK\r\n"
        assert await self.until(b"\r\n", 100) == b"\r\n"
        assert await self.until(b"\r\n", 100) == b"+QIOPEN: %d,0\r\n" % connect_id


class Bench(NamedTuple):
    emulator: Emulator
    terminal: Terminal


@contextlib.asynccontextmanager
async def on_line(network: Network | None = None, *, echo: bool = False, **settings: Any) -> AsyncIterator[Bench]:
    """Set up an emulator with a terminal on its line."""
    async with Emulator(line="memory", network=network, **settings) as emulator:
        terminal = Terminal()
        transport = await emulator.connect(terminal)
        if not echo:
            await terminal.ask(b"ATE0")

        try:
            yield Bench(emulator, terminal)
        finally:
            transport.abort()
