"""Two ends of a connection: a transport that is looked at, and a peer on the loopback interface that a test plays."""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, TypeAlias

import pytest

from bc260y_aio import Modem
from tests import loops

from .certificates import client_context, server_context

# More than fits between the two ends, in bytes.
MUCH: Final = bytes(range(256)) * 4 * 64

# The peer takes little that it does not read, so that writers soon have to wait.
_PEER_BUFFER: Final = 8 * 1024

# The kernel's transports are those of asyncio's own loop; the modem's are its own on every loop.
_KINDS: Final = [
    ("kernel", "asyncio"),
    ("modem", "asyncio"),
    ("modem", "eager"),
    ("modem", "uvloop"),
]
each_kind: Final = pytest.mark.parametrize(
    ("kind", "loop_factory"), [pair for pair in _KINDS if pair[1] in loops.FACTORIES], indirect=["loop_factory"]
)

Event: TypeAlias = str | bytes | tuple[str, BaseException | None]


class Recorder(asyncio.Protocol):
    """A protocol that records its callbacks; chunks of data are joined to one record."""

    transport: Any

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.keeps_open = False
        self._changed = asyncio.Event()

    def note(self, event: Event) -> None:
        if isinstance(event, bytes) and self.events and isinstance(self.events[-1], bytes):
            self.events[-1] += event
        else:
            self.events.append(event)

        self._changed.set()

    @property
    def received(self) -> bytes:
        """All data so far."""
        return b"".join(event for event in self.events if isinstance(event, bytes))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is true after a callback."""
        async with asyncio.timeout(10):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def has(self, event: Event) -> None:
        """Wait until an event has come, or so much data."""
        await self.until(lambda: event in self.events or event == self.received)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.note("made")

    def data_received(self, data: bytes) -> None:
        assert isinstance(data, bytes)
        self.note(data)

    def eof_received(self) -> bool:
        self.note("eof")
        return self.keeps_open

    def pause_writing(self) -> None:
        self.note("pause")

    def resume_writing(self) -> None:
        self.note("resume")

    def connection_lost(self, exc: BaseException | None) -> None:
        self.note(("lost", exc))
        if not self.lost.done():
            self.lost.set_result(None)


class Ends:
    """Where a test gets both ends of a connection.

    Attributes:
        kind: ``"kernel"`` or ``"modem"``: what the transports are.
        port: where the peer listens.
        modem: the modem, if it is one.
    """

    def __init__(self, kind: str, open_: Callable[..., Awaitable[Any]], modem: Modem | None, tls: bool) -> None:
        self.kind = kind
        self.port = 0
        self.modem = modem
        self._open = open_
        self._tls = tls
        self._accepted: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        self._transports: list[tuple[Any, asyncio.Future[None] | None]] = []
        self._writers: list[asyncio.StreamWriter] = []

    async def connect(self, factory: Callable[[], Any] = Recorder, **kwds: Any) -> tuple[Any, Any]:
        """Connect; the transport is closed at the end of the test."""
        if self._tls:
            kwds = {"ssl": client_context(), "server_hostname": "peer.example", **kwds}

        async with asyncio.timeout(10):
            transport, protocol = await self._open(factory, self.port, **kwds)

        self._transports.append((transport, getattr(protocol, "lost", None)))
        return transport, protocol

    async def accept(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return the peer's end of the oldest connection that was not accepted yet."""
        async with asyncio.timeout(10):
            return await self._accepted.get()

    async def start_tls(self, transport: Any, protocol: Any, context: ssl.SSLContext) -> Any:
        """Start TLS as a program does that knows of no modem."""
        with self.modem.route() if self.modem is not None else contextlib.nullcontext():
            return await asyncio.get_running_loop().start_tls(
                transport, protocol, context, server_hostname="peer.example"
            )

    async def let_pass(self) -> None:
        """Let everything happen that is about to: over another connection, the same way, there and back."""
        _, probe = await self.connect()
        reader, writer = await self.accept()
        probe.transport.write(b"?")
        await read(reader, 1)
        writer.write(b"!")
        await probe.has(b"!")
        probe.transport.abort()
        await probe.lost

    def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self._accepted.put_nowait((reader, writer))

    async def _close(self) -> None:
        for transport, lost in self._transports:
            if lost is None or not lost.done():
                transport.abort()

            if lost is not None:
                async with asyncio.timeout(10):
                    await lost

        if self.modem is not None and self.modem.is_open:
            async with asyncio.timeout(10):
                while await self.modem.sockets():
                    pass

        for writer in self._writers:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@contextlib.asynccontextmanager
async def ends(kind: str, *, tls: bool = False) -> AsyncIterator[Ends]:
    """Make a peer, and transports to it: of the kernel, or of a modem on the emulator."""
    async with contextlib.AsyncExitStack() as stack:
        if kind == "kernel":
            both = Ends(kind, _open_kernel, None, tls)
        else:
            modem = await stack.enter_async_context(Modem("emulator://", close_timeout=2.0, nvram_gap=0.0))

            async def open_(factory: Callable[[], Any], port: int, **kwds: Any) -> Any:
                return await modem.create_connection(factory, "peer.example", port, **kwds)

            both = Ends(kind, open_, modem, tls)

        context = server_context() if tls else None
        server = await asyncio.start_server(both._greet, "127.0.0.1", 0, ssl=context)
        server.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _PEER_BUFFER)
        both.port = server.sockets[0].getsockname()[1]
        try:
            yield both
        finally:
            await both._close()
            server.close()
            await server.wait_closed()


async def _open_kernel(factory: Callable[[], Any], port: int, **kwds: Any) -> Any:
    transport, protocol = await asyncio.get_running_loop().create_connection(factory, "127.0.0.1", port, **kwds)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _PEER_BUFFER)
    return transport, protocol


def twin_of(writer: asyncio.StreamWriter) -> socket.socket:
    """Return another socket object for the peer's connection, to do there what its transport, or TLS, would not."""
    return socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno()))


async def read(reader: asyncio.StreamReader, size: int) -> bytes:
    """Read so many bytes, within a bounded time."""
    async with asyncio.timeout(10):
        return await reader.readexactly(size)
