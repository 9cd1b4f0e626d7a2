"""The setting of the routing tests: a modem on the emulator, and servers on this machine's loopback interface."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Final, Literal, TypeAlias

from bc260y_aio import Modem

# Any name will do: the emulator's names all lead to this machine.
PEER: Final = "peer.example"

Handler: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def routable(*, data_format: Literal["hex", "text"] = "hex", **emulation: object) -> AsyncIterator[Modem]:
    """Open a modem on an emulator with these options."""
    query = "&".join(f"{name}={value}" for name, value in emulation.items())
    async with Modem(f"emulator://?{query}", data_format=data_format, close_timeout=2.0, nvram_gap=0.0) as modem:
        yield modem


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back what comes."""
    while data := await reader.read(4096):
        writer.write(data)


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speak first, then send back what comes."""
    writer.write(b"220 ready\r\n")
    await echo(reader, writer)


@contextlib.asynccontextmanager
async def serving(handler: Handler = echo, *, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve TCP on the loopback interface, and give the port."""
    tasks: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        # A handler that ends cancelled would be reported by asyncio.
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await handler(reader, writer)

        writer.close()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()

        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


class EchoDatagrams(asyncio.DatagramProtocol):
    """A UDP server that sends back what comes."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(data, addr)


@contextlib.asynccontextmanager
async def serving_datagrams() -> AsyncIterator[int]:
    """Serve UDP on the loopback interface, and give the port."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(EchoDatagrams, local_addr=("127.0.0.1", 0))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


async def ask(port: int, host: str = PEER, question: bytes = b"hello?", **kwds: Any) -> Modem | None:
    """Do what any client does; return the modem over which it happened, None for the host's network."""
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection(host, port, **kwds)
        try:
            writer.write(question)
            assert await reader.readexactly(len(question)) == question
            modem: Modem | None = writer.get_extra_info("modem")
            return modem
        finally:
            writer.close()
            await writer.wait_closed()


async def free(modem: Modem) -> None:
    """Wait until the module has no socket left."""
    async with asyncio.timeout(10):
        while await modem.sockets():
            pass


# Sockets of a client's own


@contextlib.contextmanager
def made(kind: socket.SocketKind = socket.SOCK_STREAM) -> Iterator[socket.socket]:
    """Make a socket as clients make them."""
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.setblocking(False)
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        yield sock


@contextlib.asynccontextmanager
async def connected(port: int) -> AsyncIterator[socket.socket]:
    """Have the loop connect a socket."""
    with made() as sock:
        async with asyncio.timeout(10):
            await asyncio.get_running_loop().sock_connect(sock, (PEER, port))

        yield sock


async def receive(sock: socket.socket, size: int) -> bytes:
    """Receive so many bytes, or all until the end."""
    data = b""
    async with asyncio.timeout(20):
        while len(data) < size and (piece := await asyncio.get_running_loop().sock_recv(sock, size - len(data))):
            data += piece

    return data
