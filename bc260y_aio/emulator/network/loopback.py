"""Real sockets, on the loopback interface and nowhere else."""

import asyncio
import ipaddress
import socket
from typing import Final, Protocol, TypeAlias, cast

from .peers import PeerLink

# How much is read from the system at a time, in bytes.
_READ_SIZE: Final = 4096

# How long a closed connection still reads, in seconds, and how much, in bytes.
_LINGER: Final = 1.0
_DISCARDED: Final = 256 * 1024


class LoopbackLink(PeerLink, Protocol):
    """The way from a real server to the module."""

    def peer_reached(self, endpoint: "LoopbackEndpoint") -> None:
        """The server has been reached."""


async def connect_to_loopback(kind: socket.SocketKind, host: str, port: int, link: "LoopbackLink") -> None:
    """Connect to a port of this machine; the link is notified by ``peer_reached``.

    Raises:
        OSError: no program listens there.
        ValueError: the host is not on the loopback interface.
    """
    if not ipaddress.ip_address(host).is_loopback:
        raise ValueError(f"{host} is not on the loopback interface")

    # The class's own methods, and a socket made here: the loop's connections may be routed through this very module.
    loop = asyncio.get_running_loop()
    methods = type(loop)
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
    try:
        sock.setblocking(False)
        if kind == socket.SOCK_DGRAM:
            sock.connect((host, port))
            await methods.create_datagram_endpoint(loop, lambda: LoopbackDatagrams(link), sock=sock)
        else:
            await methods.sock_connect(loop, sock, (host, port))
            await methods.create_connection(loop, lambda: LoopbackStream(link), sock=sock)
    except BaseException:
        sock.close()
        raise


class LoopbackStream(asyncio.BufferedProtocol):
    """A TCP connection to a real server."""

    _transport: asyncio.Transport

    def __init__(self, link: "LoopbackLink") -> None:
        self._link = link
        self._buffer = memoryview(bytearray(_READ_SIZE))
        self._outstanding = 0
        self._has_ended = False
        self._is_finishing = False
        self._is_paused = False
        self._linger: asyncio.TimerHandle | None = None
        self._discarded = 0

    # Calls from the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        # So that `resume_writing` is called each time that the system has taken everything.
        self._transport.set_write_buffer_limits(0)
        self._link.peer_reached(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if not self._is_finishing:
            self._link.peer_sent(bytes(self._buffer[:nbytes]))
            return

        self._discarded += nbytes
        if self._discarded > _DISCARDED:
            self._transport.close()

    def eof_received(self) -> bool:
        self._has_ended = True
        self._link.peer_closed()
        return not self._is_finishing

    def resume_writing(self) -> None:
        self._account()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._linger is not None:
            self._linger.cancel()

        # A server that was not waited for any more has not closed.
        if not self._has_ended and (exc is not None or not self._is_finishing):
            self._link.peer_closed()

        self._link.peer_gone()

    # Calls from the path

    def write(self, data: bytes) -> None:
        """Send bytes of the module."""
        self._outstanding += len(data)
        self._transport.write(data)
        self._account()

    def _account(self) -> None:
        taken = self._outstanding - self._transport.get_write_buffer_size()
        if taken > 0:
            self._outstanding -= taken
            self._link.peer_acknowledged(taken)

    def finish(self) -> None:
        """Close after everything has been sent."""
        self._is_finishing = True
        if not self._outstanding:
            self._link.peer_acknowledged(0)

        if self._has_ended or not self._transport.can_write_eof():
            self._transport.close()
            return

        # Later data of the server has to be read: closing with unread data would reset the connection and lose ours.
        try:
            self._transport.write_eof()
        except OSError:
            # The server has reset the connection, and the loop has not reported it yet.
            self.abort()
            return

        self.resume_sending()
        self._linger = asyncio.get_running_loop().call_later(_LINGER, self._transport.close)

    def abort(self) -> None:
        """Drop the connection."""
        self._is_finishing = True
        self._transport.abort()

    def cancel(self) -> None:
        """Drop it at once."""
        self.abort()

    def pause_sending(self) -> None:
        """Stop reading, so that the server has to wait."""
        if not self._is_paused and not self._transport.is_closing():
            self._is_paused = True
            self._transport.pause_reading()

    def resume_sending(self) -> None:
        """Go on reading."""
        if self._is_paused and not self._transport.is_closing():
            self._is_paused = False
            self._transport.resume_reading()


class LoopbackDatagrams(asyncio.DatagramProtocol):
    """A UDP socket, connected to a real server."""

    _transport: asyncio.DatagramTransport

    def __init__(self, link: "LoopbackLink") -> None:
        self._link = link

    # Calls from the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)
        self._link.peer_reached(self)

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._link.peer_sent(data)

    def error_received(self, exc: Exception) -> None:
        # No program listens there; on a real network nothing would come back.
        pass

    def connection_lost(self, exc: Exception | None) -> None:
        self._link.peer_gone()

    # Calls from the path

    def write(self, data: bytes) -> None:
        """Send a datagram."""
        self._transport.sendto(data)

    def finish(self) -> None:
        """Close after everything has been sent."""
        self._transport.close()

    def abort(self) -> None:
        """Drop the socket."""
        self._transport.abort()

    def cancel(self) -> None:
        """Drop it at once."""
        self.abort()

    def pause_sending(self) -> None:
        """Do nothing: UDP has no flow control."""

    def resume_sending(self) -> None:
        """Do nothing, likewise."""


LoopbackEndpoint: TypeAlias = LoopbackStream | LoopbackDatagrams
"""The peer's end of a path to a real server."""
