"""Pairs of sockets: one end for a program, the other for the relay."""

import contextlib
import errno
import os
import select
import socket
from typing import Any, Final, Self

# The kernel's buffer of each socket of a pair, in bytes; Linux doubles it. It is data that a program has written
# and the module has not received, so it is kept small.
_BUFFER_SIZE: Final = 8 * 1024
# The kernel's buffer for data that the module has received, in bytes: a module cannot be held back, so a program
# that is slow for a moment must not cost the connection.
_DOWNLOAD_BUFFER_SIZE: Final = 1024 * 1024
_LOOPBACK: Final = "127.0.0.1"


class DescriptorOwner:
    """The owner of a program's end of a pair, identified by its descriptor, whatever object holds that."""

    def __init__(self, sock: socket.socket) -> None:
        """Begin with the socket that was made for it."""
        self._identity = _identity(sock.fileno())
        self.pass_to(sock)

    def pass_to(self, sock: socket.socket) -> None:
        """Go by another socket, which has taken the place of that one."""
        self._descriptor = sock.fileno()

    def is_open(self) -> bool:
        """Return whether the program has not closed it."""
        return _identity(self._descriptor) == self._identity

    def end(self) -> None:
        """End what the program sends: what it has written so far goes out, and then the end."""
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(self._descriptor)) as copy:
            # The number may be that of something else by now.
            if _identity(copy.fileno()) == self._identity:
                copy.shutdown(socket.SHUT_WR)


def _identity(descriptor: int) -> tuple[int, int] | None:
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None

    return status.st_dev, status.st_ino


class BridgedSocket(socket.socket):
    """A socket of this machine that reports the addresses of the module's socket behind it.

    It is a real TCP socket on the loopback interface: options, timeouts, ``select``, ``dup``, TLS and other languages'
    libraries have nothing to get used to. Objects made of its descriptor alone, such as TLS, see loopback names.
    """

    _names: tuple[tuple[Any, ...], tuple[Any, ...]] | None = None

    owner: DescriptorOwner | None = None
    """The owner of the descriptor, if it is watched."""

    def name(self, sockname: tuple[Any, ...], peername: tuple[Any, ...]) -> None:
        """Set the addresses to report."""
        self._names = sockname, peername

    def getsockname(self) -> Any:
        """Return the module's local address; its host is always 0.0.0.0, for the module reports none."""
        real = super().getsockname()
        return real if self._names is None else self._names[0]

    def getpeername(self) -> Any:
        """Return the peer's address, as it was given to the module.

        Raises:
            OSError: ENOTCONN, the connection is over.
        """
        real = super().getpeername()
        return real if self._names is None else self._names[1]

    def dup(self) -> Self:
        """Return a second socket object with a descriptor of its own, for the same connection."""
        copy = super().dup()
        copy._names = self._names
        return copy


class PairOptions(socket.socket):
    """The options of a socket whose descriptor is one of an AF_UNIX pair, which has none of the network's."""

    __slots__ = ()

    def setsockopt(self, level: int, optname: int, value: Any, *length: int) -> None:
        """Set an option; those of the network are accepted and change nothing."""
        if level == socket.SOL_SOCKET:
            super().setsockopt(level, optname, value, *length)

    def getsockopt(self, level: int, optname: int, *length: int) -> Any:
        """Return an option; those of the network are 0."""
        if (level, optname) == (socket.SOL_SOCKET, socket.SO_TYPE) and not length:
            return int(self.type)

        if level == socket.SOL_SOCKET:
            return super().getsockopt(level, optname, *length)

        return bytes(*length) if length else 0


class BridgedDatagramSocket(PairOptions, BridgedSocket):
    """A socket of this machine with the datagrams of a module's socket, connected to its one peer.

    It keeps the bounds of datagrams, holds the sender back, and reports itself as a UDP socket. Its descriptor is one
    of an AF_UNIX pair.
    """

    @property
    def family(self) -> socket.AddressFamily:
        """AF_INET."""
        return socket.AF_INET

    @property
    def type(self) -> socket.SocketKind:
        """SOCK_DGRAM."""
        return socket.SOCK_DGRAM

    @property
    def proto(self) -> int:
        """IPPROTO_UDP."""
        return socket.IPPROTO_UDP

    def dup(self) -> Self:
        """Return a second socket object with a descriptor of its own, for the same socket."""
        copy = type(self)(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, fileno=socket.dup(self.fileno()))
        copy.settimeout(self.gettimeout())
        copy._names = self._names
        return copy

    # Datagrams

    def sendto(self, data: Any, *flags_and_address: Any) -> int:
        """Send a datagram to the peer.

        Raises:
            OSError: EISCONN, the address is another than the peer's.
        """
        *flags, address = flags_and_address
        if tuple(address[:2]) != self.getpeername()[:2]:
            raise OSError(errno.EISCONN, "the socket is connected to another peer")

        return super().send(data, *flags)

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Receive a datagram.

        Raises:
            ConnectionResetError: the module's socket is closed.
        """
        data = super().recv(bufsize, flags)
        self._check(len(data) or not bufsize)
        return data

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """Receive a datagram, as :meth:`recv` does, into a buffer."""
        size = super().recv_into(buffer, nbytes, flags)
        self._check(size or not len(memoryview(buffer)))
        return size

    def recvfrom(self, bufsize: int, flags: int = 0, /) -> tuple[bytes, Any]:
        """Receive a datagram, as :meth:`recv` does, and return its sender too."""
        return self.recv(bufsize, flags), self._peer

    def recvfrom_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> tuple[int, Any]:
        """Receive a datagram, as :meth:`recv_into` does, and return its sender too."""
        return self.recv_into(buffer, nbytes, flags), self._peer

    @property
    def _peer(self) -> Any:
        return None if self._names is None else self._names[1]

    @staticmethod
    def _check(has_come: int | bool) -> None:
        # The relay passes no empty datagram on. A UDP socket has no end of input, and a receiving loop would never
        # end.
        if not has_come:
            raise ConnectionResetError(errno.ECONNRESET, "the module's socket is closed")


def stream_pair() -> tuple[socket.socket, BridgedSocket]:
    """Return our end and a program's end of a TCP connection on the loopback interface.

    Why not ``socketpair()``: programs set TCP options on what they get, and TLS and event loops go by the descriptor
    alone; and only TCP has a reset, which distinguishes a broken connection from an ended one.

    Raises:
        OSError: there are no more descriptors, or there is no loopback interface.
    """
    theirs = BridgedSocket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
            # Data of the program: from its send buffer into the receive buffer of our end, which inherits it.
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_SIZE)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_SIZE)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _DOWNLOAD_BUFFER_SIZE)
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _DOWNLOAD_BUFFER_SIZE)

            listener.bind((_LOOPBACK, 0))
            listener.listen()
            timeout = theirs.gettimeout()
            theirs.settimeout(None)
            theirs.connect(listener.getsockname())
            theirs.settimeout(timeout)
            ours = _accept(listener, theirs.getsockname())
    except BaseException:
        theirs.close()
        raise

    ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return ours, theirs


def _accept(listener: socket.socket, address: Any) -> socket.socket:
    """Accept the connection from an address; connections of other programs of this machine are closed."""
    while True:
        ours, peer = listener.accept()
        if peer == address:
            return ours

        ours.close()


def packet_pair() -> tuple[socket.socket, BridgedDatagramSocket]:
    """Return our end and a program's end of a pair that keeps the bounds of packets, and reports when one end closes.

    Raises:
        OSError: there are no more descriptors; or the system has no such pairs, as macOS has none.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for one in (ours, theirs):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_SIZE)

    return ours, BridgedDatagramSocket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, fileno=theirs.detach())


def has_hung_up(sock: socket.socket) -> bool:
    """Return whether the other end of a pair is closed, rather than silent."""
    poll = select.poll()
    poll.register(sock, 0)
    return bool(poll.poll(0))
