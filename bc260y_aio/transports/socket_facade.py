"""The socket facade of a transport: ``get_extra_info("socket")``.

Programs ask it for names and options, set TCP_NODELAY on it, and poll its descriptor, to see whether a connection that
lies idle was closed by its peer. There is no kernel socket behind it, so it remembers the options, and its descriptor
is an eventfd that is readable exactly while something that came is not yet delivered, or the end has come.
"""

import errno
import os
import socket
import sys
from typing import Any, Final, NoReturn

from ..line.inbox import Inbox

# An option is an int of C, unless it was set as bytes.
_INT_SIZE: Final = 4

# None, which no number equals, where the system has no such option.
_TCP_INFO: Final = getattr(socket, "TCP_INFO", None)
# The states of struct tcp_info that a connection of the module can be in (linux/tcp.h).
_TCP_ESTABLISHED: Final = 1
_TCP_CLOSE: Final = 7
_TCP_CLOSE_WAIT: Final = 8


class SocketFacade:
    """The socket of a transport, as ``asyncio.trsock.TransportSocket`` is for a kernel socket.

    Unlike a kernel socket, it is cut off from the network: options are accepted and remembered, and change nothing.

    Attributes:
        family: ``AF_INET``, or ``AF_INET6`` for a peer that was given as an IPv6 address.
        type: ``SOCK_STREAM`` or ``SOCK_DGRAM``.
        proto: ``IPPROTO_TCP`` or ``IPPROTO_UDP``.
    """

    def __init__(
        self,
        inbox: Inbox,
        *,
        service_type: str,
        sockname: tuple[Any, ...],
        peername: tuple[Any, ...] | None,
    ) -> None:
        """Make one without a descriptor; that comes with the first call of :meth:`fileno`.

        Args:
            inbox: the data that was received and is not delivered.
            service_type: ``"TCP"`` or ``"UDP"``.
            sockname: the local address.
            peername: the peer's address, where there is one.
        """
        is_stream = service_type == "TCP"
        self.family = socket.AF_INET6 if peername is not None and ":" in peername[0] else socket.AF_INET
        self.type = socket.SOCK_STREAM if is_stream else socket.SOCK_DGRAM
        self.proto: int = socket.IPPROTO_TCP if is_stream else socket.IPPROTO_UDP
        self._inbox = inbox
        self._sockname = sockname
        self._peername = peername
        self._options: dict[tuple[int, int], int | bytes] = {
            (socket.SOL_SOCKET, socket.SO_TYPE): self.type.value,
            (socket.SOL_SOCKET, socket.SO_ERROR): 0,
            # asyncio sets it on each of its own connections.
            (socket.IPPROTO_TCP, socket.TCP_NODELAY): int(is_stream),
        }
        self._level: _Level | None = None
        self._adopted: socket.socket | None = None
        self._is_closed = False

    def __repr__(self) -> str:
        fd = -1 if self._is_closed or self._level is None else self._level.fileno()
        names = f"laddr={self._sockname}, raddr={self._peername}"
        return f"<SocketFacade fd={fd}, family={self.family!s}, type={self.type!s}, proto={self.proto}, {names}>"

    def __del__(self) -> None:
        if not self._is_closed:
            self.close()

    def __getstate__(self) -> NoReturn:
        raise TypeError(f"Cannot serialize {type(self).__name__} object")

    @property
    def _sock(self) -> "SocketFacade":
        """The socket itself: asyncio's TransportSocket has the kernel's here, and some programs reach for it."""
        return self

    # Names

    def getsockname(self) -> tuple[Any, ...]:
        """Return the local address; its host is always 0.0.0.0, for the module reports none."""
        return self._sockname

    def getpeername(self) -> tuple[Any, ...]:
        """Return the peer's address, as it was given to the module.

        Raises:
            OSError: ENOTCONN, there is no peer.
        """
        if self._peername is None:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))

        return self._peername

    # Options

    def getsockopt(self, level: int, optname: int, buflen: int = 0, /) -> int | bytes:
        """Return an option: the value that was set, or else 0; as ``buflen`` bytes, if that is not 0.

        ``TCP_INFO`` has the state of the connection, established, closed by the peer or closed, and zeros for the rest.

        Raises:
            OSError: EINVAL, so many bytes cannot be had; or ENOPROTOOPT, TCP_INFO of a datagram socket.
        """
        if not 0 <= buflen <= 1024:
            raise OSError(errno.EINVAL, "getsockopt buflen out of range")

        if (level, optname) == (socket.IPPROTO_TCP, _TCP_INFO):
            value: int | bytes = self._tcp_info().ljust(buflen, b"\0")
        else:
            value = self._options.get((level, optname), 0)

        data = value if isinstance(value, bytes) else value.to_bytes(_INT_SIZE, sys.byteorder, signed=True)
        return data[:buflen] if buflen else int.from_bytes(data[:_INT_SIZE], sys.byteorder, signed=True)

    def _tcp_info(self) -> bytes:
        """Return what is known of struct tcp_info: the state, its first byte."""
        if self.type is not socket.SOCK_STREAM:
            raise OSError(errno.ENOPROTOOPT, os.strerror(errno.ENOPROTOOPT))

        if self._is_closed or self._inbox.error is not None:
            return bytes([_TCP_CLOSE, 0, 0, 0])

        return bytes([_TCP_CLOSE_WAIT if self._inbox.is_ended else _TCP_ESTABLISHED, 0, 0, 0])

    def setsockopt(self, level: int, optname: int, value: Any, optlen: int | None = None, /) -> None:
        """Remember an option: an int, bytes, or None with a length for so many zeros.

        Raises:
            TypeError: it is nothing of these.
            OverflowError: the int does not go into an int of C.
        """
        match value:
            case int():
                value.to_bytes(_INT_SIZE, sys.byteorder, signed=True)
                self._options[level, optname] = int(value)
            case None if optlen is not None:
                self._options[level, optname] = bytes(optlen)
            case None:
                raise TypeError("setsockopt() with None needs a length")
            case _:
                self._options[level, optname] = bytes(memoryview(value))

    # Blocking, and other operations that a transport's socket refuses

    def settimeout(self, value: float | None) -> None:
        """Accept 0, as a transport's socket does.

        Raises:
            ValueError: it is anything else.
        """
        if value != 0:
            raise ValueError("settimeout(): only 0 timeout is allowed on transport sockets")

    def gettimeout(self) -> float | None:
        """Return 0."""
        return 0

    def setblocking(self, flag: bool) -> None:
        """Accept False, as a transport's socket does.

        Raises:
            ValueError: it is True.
        """
        if flag:
            raise ValueError("setblocking(): transport sockets cannot be blocking")

    def get_inheritable(self) -> bool:
        """Return False."""
        return False

    def dup(self) -> NoReturn:
        """Refuse.

        Raises:
            OSError: EOPNOTSUPP, always: there is no socket to have twice.
        """
        raise OSError(errno.EOPNOTSUPP, "a socket of a module cannot be duplicated")

    def shutdown(self, how: int) -> NoReturn:
        """Refuse.

        Raises:
            OSError: EOPNOTSUPP, always: the module cannot close one direction, and the transport closes both.
        """
        raise OSError(errno.EOPNOTSUPP, "a socket of a module cannot be shut down")

    # The descriptor

    def fileno(self) -> int:
        """Return a descriptor to poll: readable while data or the end waits to be delivered; -1 once closed."""
        if self._is_closed:
            return -1

        if self._level is None:
            self._level = _Level()
            self._inbox.on_size_change = self._follow
            self._follow()

        return self._level.fileno()

    def _follow(self) -> None:
        if self._level is not None:
            self._level.set(high=self._inbox.is_readable)

    def adopt(self, sock: socket.socket) -> None:
        """Close a socket together with this: the one for which a transport was made."""
        self._adopted = sock

    def close(self) -> None:
        """Close the descriptor, and a socket that was adopted."""
        self._is_closed = True
        level, self._level = self._level, None
        adopted, self._adopted = self._adopted, None
        if level is not None:
            self._inbox.on_size_change = None
            level.close()

        if adopted is not None:
            adopted.close()


class _Level:
    """A descriptor that is readable or not."""

    def __init__(self) -> None:
        self._is_high = False
        self._pair: tuple[socket.socket, socket.socket] | None = None
        if hasattr(os, "eventfd"):
            self._fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        else:
            self._pair = socket.socketpair()
            # What a client sends by the descriptor itself is an error, as with an eventfd; it would be lost.
            self._pair[0].shutdown(socket.SHUT_WR)
            self._fd = self._pair[0].fileno()

    def fileno(self) -> int:
        return self._fd

    def set(self, *, high: bool) -> None:
        if high is self._is_high:
            return

        self._is_high = high
        match self._pair:
            case None if high:
                os.eventfd_write(self._fd, 1)
            case None:
                os.eventfd_read(self._fd)
            case (_, far) if high:
                far.send(b"\0")
            case (near, _):
                near.recv(1)

    def close(self) -> None:
        if self._pair is None:
            os.close(self._fd)
        else:
            for end in self._pair:
                end.close()
