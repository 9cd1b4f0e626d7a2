"""The event loop's methods, on a modem: connections and datagram endpoints."""

import asyncio
import contextlib
import socket
import weakref
from collections.abc import Callable, Iterator
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from ..bridge import open_socket
from ..errors import SocketError
from ..line.inbox import Inbox
from ..routing.destinations import host_text
from ..sockets.addresses import local_port
from ..sockets.dataformat import PayloadFormats
from ..sockets.module_socket import ModuleSocket
from ..transports import Closing, ModemDatagramTransport, ModemTransport, UnconnectedDatagramTransport
from ..transports.endpoint import DatagramEndpoint, EndpointProtocol
from ..transports.tls import Handshake, StreamWriter, check_tls_arguments
from .core import Options
from .opening import SocketOpening

if TYPE_CHECKING:
    import ssl as ssl_module

P = TypeVar("P", bound=asyncio.BaseProtocol)
T = TypeVar("T", ModemTransport, ModemDatagramTransport)

# asyncio's own limit for a stream reader's buffer, in bytes.
_STREAM_LIMIT = 64 * 1024


class Connections(SocketOpening):
    """Opening sockets, as an event loop does."""

    def __init__(self, name: str, options: Options, formats: PayloadFormats) -> None:
        super().__init__(name, options, formats)
        # By number, so that they are closed in the order in which they were opened.
        self._open_transports: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        self._numbers = count()

    def _transports(self) -> list[ModemTransport | ModemDatagramTransport | UnconnectedDatagramTransport]:
        return [transport for _, transport in sorted(self._open_transports.items())]

    # Streams

    async def open_connection(
        self, host: str | bytes | None = None, port: int | str | None = None, *, limit: int = _STREAM_LIMIT, **kwds: Any
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a TCP connection as a pair of streams, as :func:`asyncio.open_connection` does.

        Args:
            host: the remote name or address; names are resolved by the module.
            port: the remote port.
            limit: how many bytes the reader may buffer before reading is paused.
            **kwds: what :meth:`create_connection` takes.

        Raises:
            OSError: what :meth:`create_connection` raises.
        """
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=limit, loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        transport, _ = await self.create_connection(lambda: protocol, host, port, **kwds)
        writer = StreamWriter(transport, protocol, reader, loop)
        return reader, writer

    async def create_connection(
        self,
        protocol_factory: Callable[[], P],
        host: str | bytes | None = None,
        port: int | str | None = None,
        *,
        ssl: "ssl_module.SSLContext | bool | None" = None,
        family: int = 0,
        proto: int = 0,
        flags: int = 0,
        local_addr: tuple[str | None, int] | None = None,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        happy_eyeballs_delay: float | None = None,
        interleave: int | None = None,
        all_errors: bool = False,
    ) -> tuple[asyncio.Transport, P]:
        """Open a TCP connection, as :meth:`asyncio.loop.create_connection` does (guide 2.2.2, 4.2.1).

        Unlike a kernel socket, the module resolves a name and connects to one address of it, in one command. So the
        arguments that choose among several addresses (``flags``, ``happy_eyeballs_delay`` and ``interleave``) are
        accepted and have nothing to choose from.

        Args:
            protocol_factory: returns the protocol.
            host: the remote name or address, at most 150 bytes.
            port: the remote port.
            ssl: True, or a context, for TLS.
            family: ``AF_UNSPEC``, ``AF_INET`` or ``AF_INET6``; a numeric address must be of it, and a name is resolved
                first for ``AF_INET6``.
            proto: 0 or ``IPPROTO_TCP``.
            flags: no effect.
            local_addr: ``("", port)`` or ``("0.0.0.0", port)`` asks for a local port.
            server_hostname: the name that the certificate must bear; the host by default.
            ssl_handshake_timeout: in seconds; 180 by default, for a slow network.
            ssl_shutdown_timeout: in seconds; 30 by default.
            happy_eyeballs_delay: no effect.
            interleave: no effect.
            all_errors: raise errors of connecting inside an ExceptionGroup.

        Returns:
            The transport and the protocol.

        Raises:
            ConnectRefused: the connection could not be made; a ConnectionRefusedError.
            ConnectTimeout: nor in time; a TimeoutError.
            ResolutionError: the name could not be resolved; a socket.gaierror.
            NoFreeConnectID: all sockets stayed in use for too long; a TimeoutError with errno EMFILE.
            LocalPortBusy: the local port is in use, or was lately; errno EADDRINUSE.
            NotRegistered: the module is not registered with a network.
            ModemClosed: the modem is not open.
            ValueError: an argument is out of range.
            TypeError: ``ssl`` is no context.
            ssl.SSLError: it is the context of a server, or the handshake failed.
        """
        named = host_text(host) if ssl and server_hostname is None and host is not None else server_hostname
        check_tls_arguments(ssl, named, ssl_handshake_timeout, ssl_shutdown_timeout)
        if proto not in (0, socket.IPPROTO_TCP) or host is None or port is None:
            raise ValueError(f"a TCP connection needs a host and a port, not {host!r}, {port!r} of protocol {proto}")

        with _grouped(all_errors):
            module_socket = await self._open_socket("TCP", host, port, family, local_addr)

        try:
            protocol = protocol_factory()
            if not ssl:
                return await self._make_transport(ModemTransport, module_socket, protocol), protocol

            context = self.tls_sessions.context(ssl, named)
            handshake = Handshake(protocol, context, named, ssl_handshake_timeout, ssl_shutdown_timeout)
            transport = await self._make_transport(ModemTransport, module_socket, handshake.protocol)
        except BaseException:
            module_socket.close()
            raise

        await handshake.wait(transport)
        return handshake.transport, protocol

    # Datagrams

    async def open_datagram_endpoint(
        self, host: str | bytes, port: int | str, *, local_addr: tuple[str | None, int] | None = None
    ) -> DatagramEndpoint:
        """Open a UDP socket connected to one peer, to be awaited.

        Args:
            host: the remote name or address; names are resolved by the module.
            port: the remote port.
            local_addr: ``("", port)`` asks for a local port.

        Raises:
            OSError: what :meth:`create_connection` raises.
        """
        _, protocol = await self.create_datagram_endpoint(EndpointProtocol, local_addr, (host, port))
        return DatagramEndpoint(protocol)

    async def create_datagram_endpoint(
        self,
        protocol_factory: Callable[[], P],
        local_addr: tuple[str | None, int] | None = None,
        remote_addr: tuple[str | bytes, int | str] | None = None,
        *,
        family: int = 0,
        proto: int = 0,
        flags: int = 0,
        reuse_port: bool | None = None,
        allow_broadcast: bool | None = None,
    ) -> tuple[asyncio.DatagramTransport, P]:
        """Open a UDP socket, as :meth:`asyncio.loop.create_datagram_endpoint` does (guide 4.3.1).

        Args:
            protocol_factory: returns the protocol.
            local_addr: ``("", port)`` or ``("0.0.0.0", port)`` asks for a local port.
            remote_addr: the peer. None for a socket that talks to many, each on a connectID of its own: see
                :class:`bc260y_aio.transports.UnconnectedDatagramTransport`.
            family: ``AF_UNSPEC``, ``AF_INET`` or ``AF_INET6``; a numeric address must be of it, and a name is resolved
                first for ``AF_INET6``.
            proto: 0 or ``IPPROTO_UDP``.
            flags: no effect.
            reuse_port: refused, for a module cannot.
            allow_broadcast: refused, for a module cannot.

        Returns:
            The transport and the protocol.

        Raises:
            ValueError: an argument is out of range, or asks for what a module cannot do.
            OSError: what :meth:`create_connection` raises.
        """
        if reuse_port or allow_broadcast:
            raise ValueError("a module can neither reuse a port nor broadcast")

        if proto not in (0, socket.IPPROTO_UDP):
            raise ValueError(f"a module has no datagram sockets of protocol {proto}")

        if remote_addr is None:
            return await self._make_unconnected(protocol_factory(), family, local_addr)

        module_socket = await self._open_socket("UDP", *remote_addr, family, local_addr)
        try:
            protocol = protocol_factory()
        except BaseException:
            module_socket.close()
            raise

        return await self._make_transport(ModemDatagramTransport, module_socket, protocol), protocol

    async def _make_unconnected(
        self, protocol: P, family: int, local_addr: tuple[str | None, int] | None
    ) -> tuple[UnconnectedDatagramTransport, P]:
        channel = self._channel
        port = local_port(local_addr)
        shared_inbox = Inbox(self._options.receive_limit, keeps_order=False)
        transport = UnconnectedDatagramTransport(
            asyncio.get_running_loop(),
            protocol,
            open_socket=lambda peer: self._open_socket("UDP", *peer, family, local_addr),
            has_free=lambda: self._ids.has_free,
            check=self._formats.check_datagram,
            tasks=self._tasks,
            shared_inbox=shared_inbox,
            on_lost=lambda: channel.inboxes.detach(shared_inbox),
            extra={"sockname": ("0.0.0.0", port), "modem": self, "ledger": self._ledger},
        )
        channel.inboxes.attach(shared_inbox, shared_inbox)
        self._open_transports[next(self._numbers)] = transport
        try:
            # Programs rely on `connection_made` having been called.
            await asyncio.sleep(0)
        except BaseException:
            transport.abort()
            raise

        return transport, protocol

    # Descriptors

    async def open_socket(
        self,
        host: str,
        port: int,
        type: int = socket.SOCK_STREAM,
        *,
        local_addr: tuple[str, int] | None = None,
    ) -> socket.socket:
        """Open a connection, and return a real, blocking socket that leads to it, for libraries that need one.

        It belongs to a thread, for the loop moves its bytes: ``await asyncio.to_thread(client, sock)``. From another
        thread: ``asyncio.run_coroutine_threadsafe(modem.open_socket(host, port), loop).result()``.

        Unlike with a kernel socket, the peer is not notified of ``shutdown(SHUT_WR)``; its data is received until it
        closes. Closing the socket sends what was written, and then closes the connection.

        Args:
            host: the remote name or address; names are resolved by the module.
            port: the remote port.
            type: ``SOCK_STREAM``; or ``SOCK_DGRAM`` for datagrams with one peer.
            local_addr: ``("", port)`` asks for a local port.

        Raises:
            ValueError: there are no such sockets; or an argument is out of range.
            OSError: what :meth:`create_connection` raises.
        """
        return await open_socket(self, host, port, type, local_addr=local_addr, spawn=self._tasks.spawn)

    # Shared by both

    async def _make_transport(
        self,
        kind: type[T],
        module_socket: ModuleSocket,
        protocol: asyncio.BaseProtocol,
    ) -> T:
        """Make a transport for a socket, and return when ``connection_made`` has been called."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        extra = {
            "peername": (module_socket.host, module_socket.port),
            "sockname": ("0.0.0.0", module_socket.local_port),
            "connect_id": module_socket.connect_id,
            "modem": self,
            "tls_sessions": self.tls_sessions,
            "ledger": self._ledger,
        }
        options = self._options
        # A network that can be told after the close is not told before: packets of TCP are still to come.
        follows = options.rai_on_close and module_socket.service_type == "TCP" and self._radio_release.is_available
        closing = Closing(
            options.close_timeout,
            rai=options.rai_on_close and not follows,
            rai_follows=follows,
            on_progress=self._ids.note_progress,
        )
        transport = kind(loop, module_socket, protocol, extra=extra, closing=closing, waiter=waiter)
        self._open_transports[next(self._numbers)] = transport
        try:
            await waiter
        except BaseException:
            transport.abort()
            raise

        return transport


@contextlib.contextmanager
def _grouped(all_errors: bool) -> Iterator[None]:
    """Raise errors of connecting inside a group, as asyncio does, if that was asked for."""
    try:
        yield
    except SocketError as exc:
        if all_errors and not isinstance(exc, socket.gaierror):
            raise ExceptionGroup("create_connection failed", [exc]) from None

        raise
