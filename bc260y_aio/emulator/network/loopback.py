"""Real sockets, on the loopback interface and nowhere else."""

import asyncio
import ipaddress
import socket
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from .paths import Path

# How much is read from the system at a time, in bytes.
_READ_SIZE: Final = 4096

# How long a closed connection may still tell what it has to tell before it is gone, in seconds; and how much, in bytes.
_LINGER: Final = 1.0
_DISCARDED: Final = 256 * 1024


async def dial(kind: socket.SocketKind, host: str, port: int, path: "Path") -> None:
    """Connect to a port of this machine; the path hears ``connected``.

    Raises:
        OSError: nobody listens there.
        ValueError: the host is not on the loopback interface.
    """
    if not ipaddress.ip_address(host).is_loopback:
        raise ValueError(f"{host} is not on the loopback interface")

    # The class's own methods, and a socket of our own: the loop at hand may have been told to send its connections
    # through the very module that this is.
    loop = asyncio.get_running_loop()
    methods = type(loop)
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
    try:
        sock.setblocking(False)
        if kind == socket.SOCK_DGRAM:
            sock.connect((host, port))
            await methods.create_datagram_endpoint(loop, lambda: Datagrams(path), sock=sock)
        else:
            await methods.sock_connect(loop, sock, (host, port))
            await methods.create_connection(loop, lambda: Stream(path), sock=sock)
    except BaseException:
        sock.close()
        raise


class Stream(asyncio.BufferedProtocol):
    """A TCP connection to a real server."""

    _transport: asyncio.Transport

    def __init__(self, path: "Path") -> None:
        self._path = path
        self._buffer = memoryview(bytearray(_READ_SIZE))
        self._outstanding = 0
        self._has_ended = False
        self._is_finishing = False
        self._is_braked = False
        self._linger: asyncio.TimerHandle | None = None
        self._discarded = 0

    # What the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        # So that `resume_writing` tells of every time the system has taken everything.
        self._transport.set_write_buffer_limits(0)
        self._path.connected(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if not self._is_finishing:
            self._path.incoming(bytes(self._buffer[:nbytes]))
            return

        self._discarded += nbytes
        if self._discarded > _DISCARDED:
            self._transport.close()

    def eof_received(self) -> bool:
        self._has_ended = True
        self._path.ended()
        return not self._is_finishing

    def resume_writing(self) -> None:
        self._account()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._linger is not None:
            self._linger.cancel()

        if not self._has_ended:
            self._path.ended()

        self._path.vanished()

    # What the path calls

    def write(self, data: bytes) -> None:
        """Send what came from the module."""
        self._outstanding += len(data)
        self._transport.write(data)
        self._account()

    def _account(self) -> None:
        taken = self._outstanding - self._transport.get_write_buffer_size()
        if taken > 0:
            self._outstanding -= taken
            self._path.taken(taken)

    def finish(self) -> None:
        """Close after everything has been sent."""
        self._is_finishing = True
        if self._has_ended or not self._transport.can_write_eof():
            self._transport.close()
            return

        # What the server still sends has to be read: closing over unread data would be a reset, and destroy ours.
        try:
            self._transport.write_eof()
        except OSError:
            # The server has reset the connection, and the loop has yet to say so.
            self.abort()
            return

        self.brake(on=False)
        self._linger = asyncio.get_running_loop().call_later(_LINGER, self._transport.close)

    def abort(self) -> None:
        """Drop the connection."""
        self._is_finishing = True
        self._transport.abort()

    def cancel(self) -> None:
        """Drop it: the world ends."""
        self.abort()

    def brake(self, *, on: bool) -> None:
        """Stop reading, or go on."""
        if on == self._is_braked or self._transport.is_closing():
            return

        self._is_braked = on
        if on:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()


class Datagrams(asyncio.DatagramProtocol):
    """A UDP socket, connected to a real server."""

    _transport: asyncio.DatagramTransport

    def __init__(self, path: "Path") -> None:
        self._path = path

    # What the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)
        self._path.connected(self)

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._path.incoming(data)

    def error_received(self, exc: Exception) -> None:
        # Nobody listens there; on a real network, that is silence.
        pass

    def connection_lost(self, exc: Exception | None) -> None:
        self._path.vanished()

    # What the path calls

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
        """Drop it: the world ends."""
        self.abort()

    def brake(self, *, on: bool) -> None:
        """Do nothing: datagrams have no brake."""
