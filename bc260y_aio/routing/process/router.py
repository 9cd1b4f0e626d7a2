"""A modem in another thread, as what the routes of this thread's loops send their connections over."""

import asyncio
import errno
import os
import socket
import weakref
from collections.abc import Callable
from typing import Any, TypeVar, cast

from ...bridge import BridgedSocket
from ...transports.endpoint import DatagramEndpoint, EndpointProtocol
from .datagrams import RelayedDatagramProtocol, RelayedDatagrams
from .names import SocketNames
from .thread import ModemThread, ProcessModem
from .transport import Introduction

P = TypeVar("P", bound=asyncio.BaseProtocol)

_ABOUT_TLS = ("server_hostname", "ssl_handshake_timeout", "ssl_shutdown_timeout")


class ThreadRouter:
    """The event loop's methods, over a modem in another thread."""

    def __init__(self, thread: ModemThread) -> None:
        """Take what has the modem."""
        self._thread = thread
        #: The TLS sessions of the modem.
        self.tls_sessions = thread.tls_sessions
        self._endpoints: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, set[RelayedDatagrams]]
        self._endpoints = weakref.WeakKeyDictionary()

    def __repr__(self) -> str:
        return f"<ThreadRouter of {self._thread!r}>"

    # Streams

    async def create_connection(
        self, protocol_factory: Callable[[], P], host: Any, port: Any, *, ssl: Any = None, **kwds: Any
    ) -> tuple[asyncio.Transport, P]:
        """Open a TCP connection, as :meth:`Modem.create_connection` does, and make a transport of the loop's of it."""
        about_tls = {name: kwds.pop(name) for name in _ABOUT_TLS if kwds.get(name) is not None}
        if not ssl and about_tls:
            raise ValueError(f"{next(iter(about_tls))} is only meaningful with ssl")

        if ssl:
            name = host if isinstance(host, str) else bytes(host).decode("ascii")
            about_tls.setdefault("server_hostname", name)

        opening = self._thread.opening(host, port, socket.SOCK_STREAM, **kwds)
        sock = await self._thread.done(opening, undo=socket.socket.close)
        try:
            return await _make_transport(protocol_factory, sock, ssl=ssl, **about_tls)
        except BaseException:
            sock.close()
            raise

    async def open_connection(
        self, host: Any = None, port: Any = None, **kwds: Any
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a TCP connection as a pair of streams."""
        return await asyncio.open_connection(host, port, **kwds)

    async def sock_connect(self, sock: socket.socket, host: Any, port: Any, local_addr: Any) -> None:
        """Put a connection behind a socket of a client's own."""
        opening = self._thread.opening(host, port, sock.type, family=sock.family, local_addr=local_addr)
        attach(sock, await self._thread.done(opening, undo=socket.socket.close))

    # Datagrams

    async def create_datagram_endpoint(
        self, protocol_factory: Callable[[], P], local_addr: Any = None, remote_addr: Any = None, **kwds: Any
    ) -> tuple[asyncio.DatagramTransport, P]:
        """Open a UDP socket, as :meth:`Modem.create_datagram_endpoint` does."""
        loop = asyncio.get_running_loop()

        async def work(modem: ProcessModem) -> RelayedDatagramProtocol:
            _, protocol = await modem.create_datagram_endpoint(RelayedDatagramProtocol, local_addr, remote_addr, **kwds)
            return cast("RelayedDatagramProtocol", protocol)

        remote = await self._thread.done(work, undo=RelayedDatagramProtocol.abort)
        try:
            protocol = protocol_factory()
        except BaseException:
            remote.abort()
            raise

        endpoints = self._endpoints.setdefault(loop, set())
        local = RelayedDatagrams(loop, protocol, remote, endpoints.discard)
        endpoints.add(local)
        try:
            # Programs rely on `connection_made` having been called.
            await asyncio.sleep(0)
        except BaseException:
            local.abort()
            raise

        return local, protocol

    async def open_datagram_endpoint(self, host: Any, port: Any, **kwds: Any) -> DatagramEndpoint:
        """Open a UDP socket that is awaited."""
        _, protocol = await self.create_datagram_endpoint(EndpointProtocol, remote_addr=(host, port), **kwds)
        return DatagramEndpoint(protocol)

    def forget(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close the UDP sockets of a loop that is about to be closed."""
        for local in tuple(self._endpoints.pop(loop, ())):
            local.abort()

    # Names

    async def getaddrinfo(self, host: Any, port: Any, **kwds: Any) -> list[Any]:
        """Resolve a name, as :meth:`Modem.getaddrinfo` does."""
        return await self._thread.done(lambda modem: modem.getaddrinfo(host, port, **kwds))


async def _make_transport(protocol_factory: Callable[[], P], sock: Any, **kwds: Any) -> tuple[Any, P]:
    """Have the loop make a transport of a bridged socket, and let it report the module's addresses."""
    loop = asyncio.get_running_loop()
    names = SocketNames.of(sock)
    if isinstance(loop, asyncio.BaseEventLoop) or names is None:
        return await loop.create_connection(protocol_factory, sock=sock, **kwds)

    _, introduction = await loop.create_connection(lambda: Introduction(protocol_factory(), names), sock=sock, **kwds)
    return introduction.transport, introduction.protocol


def attach(sock: socket.socket, theirs: BridgedSocket) -> None:
    """Put an open connection behind the descriptor of a socket that is not connected.

    Raises:
        OSError: EBADF, the socket has been closed meanwhile.
    """
    with theirs:
        if sock.fileno() < 0:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))

        theirs.settimeout(sock.gettimeout())
        os.dup2(theirs.fileno(), sock.fileno(), inheritable=os.get_inheritable(sock.fileno()))
        if theirs.owner is not None:
            theirs.owner.pass_to(sock)
