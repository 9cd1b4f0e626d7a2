"""Scripted peers on real sockets of this machine, for a module that is not emulated."""

import asyncio
import contextlib
import ipaddress
import socket
from types import TracebackType
from typing import Any, Final, Self, cast

from ..emulator.network.directory import Directory
from ..emulator.network.peers import Peer, PeerConnection, PeerLink, SilentPeer

# How much may wait for a scripted peer before the far end is held back, in bytes.
_WINDOW: Final = 64 * 1024
_BACKLOG: Final = 16
# No host has this address (RFC 5737), wherever the module is.
_NOWHERE: Final = "192.0.2.1"


class LocalServers(Directory):
    """Hosts that listen on this machine: the network of an emulated module, as far as a real one can reach it.

    A host that is asked for by :meth:`address` begins to listen, for TCP and UDP, on a port that the system chooses. It
    is an async context manager, and listens until its end.

    Args:
        server: the address, or the name, by which the module reaches this machine. The hosts listen on all addresses,
            or on the loopback interface only if this is an address of that.
    """

    def __init__(self, server: str) -> None:
        super().__init__(names=False)
        self._server = server
        self._ports: dict[tuple[str, int], int] = {}
        self._stack = contextlib.AsyncExitStack()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        # A fixture that is no coroutine may ask for an address while the loop does not run.
        self._loop = asyncio.get_running_loop()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def address(self, name: str, port: int) -> tuple[str, int]:
        """Return where the module finds a port of a host; the host listens from now on.

        Raises:
            LookupError: no such host was added.
        """
        if self.resolve(name) is None:
            raise LookupError(f"no host {name!r} was added")

        match self.peer_at(name, port):
            case None:
                return self._server, port
            case int() as other:
                return self._server, other
            case SilentPeer() as silence if not silence.is_refusal:
                return _NOWHERE, port
            case peer:
                return self._server, self._port_of(peer, name, port)

    def _port_of(self, peer: Peer, name: str, port: int) -> int:
        if (name, port) not in self._ports:
            self._ports[name, port] = self._listen(peer, name, port)

        return self._ports[name, port]

    def _listen(self, peer: Peer, name: str, port: int) -> int:
        streams, datagrams = _bound(self._interface)
        bound: int = streams.getsockname()[1]
        if isinstance(peer, SilentPeer):
            # The port is left unused: a connection to it is refused.
            streams.close()
            datagrams.close()
        else:
            assert self._loop is not None
            serving = _Serving(peer, name, port)
            serving.start(self._loop, streams, datagrams)
            self._stack.push_async_callback(serving.close)

        return bound

    @property
    def _interface(self) -> str:
        with contextlib.suppress(ValueError):
            if ipaddress.ip_address(self._server).is_loopback:
                return self._server

        return "0.0.0.0"


def _bound(interface: str) -> tuple[socket.socket, socket.socket]:
    """Return a TCP and a UDP socket that are bound to the same port."""
    while True:
        streams = socket.create_server((interface, 0), backlog=_BACKLOG)
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            datagrams.bind(streams.getsockname())
        except OSError:
            streams.close()
            datagrams.close()
        else:
            return streams, datagrams


class _Serving:
    """One port of one host."""

    _starting: "asyncio.Task[tuple[asyncio.Server, asyncio.BaseTransport]]"

    def __init__(self, peer: Peer, name: str, port: int) -> None:
        self._peer = peer
        self._name = name
        self._port = port
        self._connections: set[PeerConnection] = set()

    def start(self, loop: asyncio.AbstractEventLoop, streams: socket.socket, datagrams: socket.socket) -> None:
        """Begin to listen; a connection that comes before the loop accepts it waits in the backlog."""

        async def start() -> tuple[asyncio.Server, asyncio.BaseTransport]:
            server = await loop.create_server(lambda: _Stream(self), sock=streams)
            transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=datagrams)
            return server, transport

        self._starting = loop.create_task(start())

    def meet(self, link: PeerLink, service_type: str) -> PeerConnection:
        """Let the peer serve somebody."""
        connection = PeerConnection(link, service_type, self._name, self._port)
        self._connections.add(connection)
        connection.start(self._peer)
        return connection

    async def close(self) -> None:
        """Close everything, and end what the peer is doing."""
        server, transport = await self._starting
        server.close()
        transport.close()
        for connection in self._connections:
            connection.abort()
            connection.cancel()

        await server.wait_closed()


class _Stream(asyncio.Protocol):
    """A TCP connection of the module."""

    _transport: asyncio.Transport
    _connection: PeerConnection

    def __init__(self, serving: _Serving) -> None:
        self._serving = serving
        self._unread = 0

    # Callbacks of the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._connection = self._serving.meet(self, "TCP")

    def data_received(self, data: bytes) -> None:
        self._unread += len(data)
        if self._unread > _WINDOW:
            self._transport.pause_reading()

        self._connection.write(data)

    def eof_received(self) -> bool:
        self._connection.finish()
        return True

    def pause_writing(self) -> None:
        self._connection.pause_sending()

    def resume_writing(self) -> None:
        self._connection.resume_sending()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self._connection.abort()
        else:
            self._connection.finish()

    # Callbacks of the peer's side

    def peer_sent(self, data: bytes) -> None:
        """Send data of the peer."""
        self._transport.write(data)

    def peer_acknowledged(self, size: int) -> None:
        """Resume reading once few enough bytes wait for the peer."""
        self._unread -= size
        if self._unread <= _WINDOW and not self._transport.is_closing():
            self._transport.resume_reading()

    def peer_closed(self) -> None:
        """Close, after the data that was written."""
        self._transport.close()

    def peer_gone(self) -> None:
        """Do nothing: the peer is done."""


class _Datagrams(asyncio.DatagramProtocol):
    """The UDP socket of a port: one connection of the peer for each address that sends something."""

    _transport: asyncio.DatagramTransport

    def __init__(self, serving: _Serving) -> None:
        self._serving = serving
        self._connections: dict[tuple[Any, ...], PeerConnection] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        if addr not in self._connections:
            self._connections[addr] = self._serving.meet(_Answers(self._transport, addr), "UDP")

        self._connections[addr].write(data)


class _Answers:
    """The way back to one address."""

    def __init__(self, transport: asyncio.DatagramTransport, address: tuple[Any, ...]) -> None:
        self._transport = transport
        self._address = address

    def peer_sent(self, data: bytes) -> None:
        """Send a datagram of the peer."""
        self._transport.sendto(data, self._address)

    def peer_acknowledged(self, size: int) -> None:
        """Do nothing: datagrams have no flow control."""

    def peer_closed(self) -> None:
        """Do nothing: UDP has no end of data."""

    def peer_gone(self) -> None:
        """Do nothing: the peer is done."""
