"""A connection of the module behind the descriptor of a client's own socket.

Some clients make a socket, have the loop connect it, and then go on in one of two ways. They hand it to the loop to
make a transport of, or they use it raw: ``sock_sendall``, ``sock_recv``, even a ``recv`` of their own. Which of the two
is not known beforehand. So one end of a socketpair takes the place of the client's descriptor, and a relay moves bytes
between the other end and the module, with backpressure both ways. When the socket is handed over, the relay gives back
what the client has not read; when the client closes it, without a word to the loop, the relay sees the end.
"""

import asyncio
import contextlib
import errno
import logging
import os
import select
import socket
import weakref
from collections import deque
from typing import Any, Final

from ..bridge.descriptor import PairOptions
from ..errors import ConnectionLost

logger = logging.getLogger("bc260y_aio")

# How much is read from a client at a time, in bytes.
_READ_SIZE: Final = 64 * 1024

Key = tuple[int, int]


def _key(sock: socket.socket) -> Key | None:
    """Return what identifies an open socket, whatever object and descriptor number it has."""
    try:
        status = os.fstat(sock.fileno())
    except (AttributeError, OSError, TypeError, ValueError):
        return None

    return status.st_dev, status.st_ino


# The relays behind sockets, also ended ones whose client still has the socket.
_relays: Final[dict[Key, "SocketRelay"]] = {}


class RelayedSocket(PairOptions):
    """The class of a client's socket from then on: it takes the network's options, and reports the module's names.

    A socket of another subclass keeps its own, with those of the socketpair.
    """

    __slots__ = ()

    def getsockname(self) -> Any:
        """Return the module's local address."""
        own, relay = super().getsockname(), _relay_of(self)
        return own if relay is None else relay.transport.get_extra_info("sockname")

    def getpeername(self) -> Any:
        """Return the peer's address, as it was given to the loop.

        Raises:
            OSError: ENOTCONN, the connection is over.
        """
        own, relay = super().getpeername(), _relay_of(self)
        if relay is not None and relay.transport.is_closing():
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))

        return own if relay is None else relay.transport.get_extra_info("peername")

    def shutdown(self, how: int) -> None:
        """Shut down; with ``SHUT_WR`` alone everything written is sent, and the peer is not notified.

        A module cannot close one direction only, and closing both would lose the answer.
        """
        if how != socket.SHUT_WR or _relay_of(self) is None:
            super().shutdown(how)


def _relay_of(sock: socket.socket) -> "SocketRelay | None":
    return _relays.get(key) if (key := _key(sock)) is not None else None


class SocketRelay(asyncio.BaseProtocol):
    """The protocol of a connection that ends in a client's own socket.

    Attributes:
        transport: the module's transport; known once it is connected.
        kind: ``SOCK_STREAM`` or ``SOCK_DGRAM``.
    """

    transport: Any

    def __init__(self, loop: asyncio.AbstractEventLoop, kind: int) -> None:
        self.kind = kind
        self._loop = loop
        self._key: Key | None = None
        self._client: Any = None
        self._ours: socket.socket | None = None
        self._pending: deque[bytes] = deque()
        self._is_watching = False
        self._is_full = False
        self._has_ended = False
        self._client_closed = False
        self._error: BaseException | None = None

    @staticmethod
    def behind(sock: socket.socket, loop: asyncio.AbstractEventLoop) -> "SocketRelay | None":
        """Return the relay behind a client's socket, if there is one on this loop."""
        relay = _relay_of(sock)
        return relay if relay is not None and relay._loop is loop else None

    # From a client's socket to its owner's and back

    def join(self, sock: socket.socket) -> None:
        """Connect a client's socket to this relay.

        Raises:
            ConnectionResetError: the connection is lost already.
            OSError: the client has closed its socket; or there are no more descriptors.
        """
        if sock.fileno() < 0:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))

        if self.transport.is_closing():
            raise ConnectionLost("the connection was lost at once") from self._error

        ours, theirs = _pair(self.kind)
        with theirs:
            ours.setblocking(False)
            theirs.settimeout(sock.gettimeout())
            os.dup2(theirs.fileno(), sock.fileno(), inheritable=sock.get_inheritable())

        if type(sock) is socket.socket:
            sock.__class__ = RelayedSocket

        self._ours = ours
        self._client = weakref.ref(sock, self._client_gone)
        self._key = _key(sock)
        if self._key is not None:
            _relays[self._key] = self

        self._watch(on=True)
        self.transport.resume_reading()

    def release(self, sock: socket.socket) -> list[bytes]:
        """Stop, and return received data that the client has not read; data that it wrote is sent before.

        Raises:
            ConnectionResetError: the connection is lost.
        """
        if self._ours is None or self.transport.is_closing():
            raise ConnectionLost("the connection was lost before it was used") from self._error

        self._watch(on=False)
        self.transport.pause_reading()
        while not self.transport.is_closing() and (data := _receive(self._ours)):
            self._send(data)

        sock.setblocking(False)
        unread = []
        while data := _receive(sock):
            unread.append(data)

        unread += self._pending
        self._stop()
        self._forget()
        return unread

    def _client_gone(self, _: Any) -> None:
        # The client may have put its descriptor into another object.
        if self._ours is None:
            self._forget()

    def _forget(self) -> None:
        if self._key is not None:
            _relays.pop(self._key, None)

    def _stop(self) -> None:
        ours, self._ours = self._ours, None
        if ours is not None:
            self._loop.remove_reader(ours)
            self._loop.remove_writer(ours)
            ours.close()

        self._pending.clear()

    # From the client to the module

    def _watch(self, *, on: bool) -> None:
        if self._ours is None or on is self._is_watching:
            return

        self._is_watching = on
        if on:
            self._loop.add_reader(self._ours, self._from_client)
        else:
            self._loop.remove_reader(self._ours)

    def _from_client(self) -> None:
        assert self._ours is not None
        data = _receive(self._ours)
        if data is None:
            return

        if data:
            self._send(data)
        else:
            self._client_closed = True
            self._watch(on=False)
            self.transport.close()

    def _send(self, data: bytes) -> None:
        try:
            if self.kind == socket.SOCK_STREAM:
                self.transport.write(data)
            else:
                self.transport.sendto(data)
        except (OSError, ValueError) as exc:
            logger.warning("%r: %d bytes from a socket's owner cannot be sent: %s", self.transport, len(data), exc)
            if self.kind == socket.SOCK_STREAM:
                self.transport.abort()

    def pause_writing(self) -> None:
        """Leave what the client writes in its socket."""
        self._watch(on=False)

    def resume_writing(self) -> None:
        """Go on."""
        self._watch(on=not self._client_closed)

    # From the module to the client

    def connection_made(self, transport: Any) -> None:
        """Take the transport, and wait for the socket."""
        self.transport = transport
        transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        """Pass data on."""
        self._pending.append(data)
        self._to_client()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Pass a datagram on."""
        self.data_received(data)

    def error_received(self, exc: Exception) -> None:
        """Log an error; a raw socket cannot report it."""
        logger.debug("%r: %s", self.transport, exc)

    def _to_client(self) -> None:
        ours = self._ours
        try:
            while ours is not None and self._pending:
                data = self._pending[0]
                sent = ours.send(data)
                self._pending.popleft()
                if sent < len(data):
                    self._pending.appendleft(data[sent:])
        except (BlockingIOError, InterruptedError):
            self._fill(full=True)
            return
        except OSError:
            # The client has closed it; that shows in `_from_client` as well, after what it wrote before.
            self._pending.clear()

        self._fill(full=False)
        if self._has_ended and ours is not None:
            with contextlib.suppress(OSError):
                ours.shutdown(socket.SHUT_WR)

    def _fill(self, *, full: bool) -> None:
        if self._ours is None or full is self._is_full:
            return

        self._is_full = full
        if full:
            self.transport.pause_reading()
            self._loop.add_writer(self._ours, self._to_client)
        else:
            self._loop.remove_writer(self._ours)
            self.transport.resume_reading()

    def eof_received(self) -> bool:
        """Pass the end on; the client closes its socket by itself."""
        self._has_ended = True
        self._to_client()
        return True

    def connection_lost(self, exc: BaseException | None) -> None:
        """Close this end: the client gets the end of input, or a reset."""
        self._error = exc
        if exc is not None or self._pending or not (self._has_ended or self._client_closed):
            self._reset()

        self._stop()
        if self._client is None or self._client() is None:
            self._forget()

    def _reset(self) -> None:
        # A socketpair gives a reset if unread data is in it when this end closes. The client's
        # own end can put it there.
        sock = self._client() if self._client is not None else None
        if sock is None or self._ours is None or _key(sock) != self._key:
            return

        with contextlib.suppress(OSError):
            if not select.select([self._ours], [], [], 0)[0]:
                os.write(sock.fileno(), b"\0")


def _pair(kind: int) -> tuple[socket.socket, socket.socket]:
    if kind == socket.SOCK_STREAM:
        return socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)

    try:
        # A pair that keeps the bounds of datagrams and reports when one end closes; not on every system.
        return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    except OSError:
        return socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)


def _receive(sock: socket.socket) -> bytes | None:
    """Return what can be read now, ``b""`` at the end or after a reset, None when there is nothing now."""
    try:
        return sock.recv(_READ_SIZE)
    except (BlockingIOError, InterruptedError):
        return None
    except OSError:
        return b""
