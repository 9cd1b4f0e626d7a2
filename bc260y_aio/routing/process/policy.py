"""The sockets of a process: those of its loops, blocking ones, datagrams of its own, and what is refused."""

import errno
import ipaddress
import socket
from collections.abc import Callable
from typing import Any, Final

from .. import bound_address, route_new_loops, socket_calls
from ..arguments import is_name
from ..destinations import host_text, literal
from ..exclusive import is_modem_thread
from .names import SocketNames, identity
from .router import ThreadRouter, attach
from .thread import ModemThread
from .tls_sockets import install as install_tls_sockets
from .udp import ProgramDatagrams

_BROADCAST: Final = ipaddress.IPv4Address("255.255.255.255")

# The class whose methods are replaced.
_socket: Any = socket.socket


def route_process(thread: ModemThread) -> None:
    """Send what this process connects to over a modem, but for this machine's own addresses; refuse what cannot be.

    It lasts as long as the process. Event loops that exist already are not part of it.

    Args:
        thread: what has the modem; it runs already.
    """
    router = ThreadRouter(thread)
    policy = ProcessPolicy(thread)
    socket_calls.install(policy)
    for name, replacement in _REPLACEMENTS.items():
        setattr(_socket, name, replacement(policy, getattr(_socket, name)))

    if thread.tls_sessions is not None:
        install_tls_sockets(thread.tls_sessions)

    # After the policy, which is asked first: it carries what an exclusive route refuses.
    route_new_loops(lambda _: router, exclusive=True, on_close=router.forget)


class ProcessPolicy:
    """Carries what the sockets of a process send to other machines over a modem in another thread."""

    def __init__(self, thread: ModemThread) -> None:
        """Take what has the modem."""
        self.thread = thread
        self.datagrams = ProgramDatagrams(thread)

    def applies(self) -> bool:
        """Return whether the code that runs is not in a modem's thread."""
        return not is_modem_thread()

    def refusal(self, what: str) -> OSError:
        """Return the error for something that a modem does not carry."""
        return OSError(errno.ENETUNREACH, f"{what} does not go over a modem")

    def resolve(self, host: Any, port: Any, family: int, type: int, proto: int) -> list[Any]:
        """Resolve a name over the modem.

        Raises:
            socket.gaierror: it has no address.
            OSError: the modem cannot be asked.
        """
        return self.thread.wait_for(
            lambda modem: modem.getaddrinfo(host, port, family=family, type=type, proto=proto), None
        )

    def connect(self, sock: socket.socket, address: Any) -> None:
        """Connect a socket: a blocking stream socket, or any datagram socket.

        Raises:
            OSError: it cannot be connected; ENETUNREACH, it is of another kind.
        """
        host, port = address[:2]
        match sock.type:
            case socket.SOCK_STREAM if sock.gettimeout() != 0:
                opening = self.thread.opening(host, port, sock.type, family=sock.family, local_addr=bound_address(sock))
                attach(sock, self.thread.wait_for(opening, sock.gettimeout(), undo=socket.socket.close))
            case socket.SOCK_STREAM:
                raise self.refusal(f"a non-blocking connect outside of an event loop, to {host_text(host)},")
            case socket.SOCK_DGRAM:
                self.datagrams.connect(sock, self._resolved(sock, address))
            case _:
                raise self.refusal(f"a raw socket's connect to {host_text(host)}")

    def destination(self, sock: socket.socket, data: Any, address: Any) -> Any:
        """Return the local address that leads to a peer.

        Raises:
            OSError: EMSGSIZE, the datagram is too long for a module; ENETUNREACH, the socket is of another kind.
            socket.gaierror: the peer's name has no address.
        """
        if sock.type != socket.SOCK_DGRAM:
            raise self.refusal(f"{sock.type.name} to {host_text(address[0])}")

        to = literal(host_text(address[0]))
        if to is not None and (to.is_multicast or to == _BROADCAST):
            raise self.refusal(f"a datagram for many, to {to},")

        self.datagrams.check(data)
        return self.datagrams.local_address(sock, self._resolved(sock, address))

    def _resolved(self, sock: socket.socket, address: Any) -> tuple[str, int]:
        host, port = host_text(address[0]), address[1]
        if not isinstance(port, int) or not 1 <= port <= 65535:
            raise OSError(errno.EINVAL, f"no port for a datagram: {port!r}")

        if is_name(host):
            host = self.resolve(host, port, sock.family, socket.SOCK_DGRAM, 0)[0][4][0]

        return host, port


# The replaced methods that report addresses


def _getpeername(policy: ProcessPolicy, own: Callable[..., Any]) -> Callable[..., Any]:
    def getpeername(self: socket.socket) -> Any:
        real = own(self)
        if self.family not in socket_calls.INTERNET or is_modem_thread():
            return real

        names = SocketNames.of(self)
        return names.peername if names is not None else policy.datagrams.translated(self, real)

    return getpeername


def _getsockname(policy: ProcessPolicy, own: Callable[..., Any]) -> Callable[..., Any]:
    def getsockname(self: socket.socket) -> Any:
        if self.family not in socket_calls.INTERNET or is_modem_thread() or (names := SocketNames.of(self)) is None:
            return own(self)

        return names.sockname

    return getsockname


def _receiving(place: int) -> Callable[[ProcessPolicy, Callable[..., Any]], Callable[..., Any]]:
    """Return what replaces a method that returns the sender's address at a place of its result."""

    def replace(policy: ProcessPolicy, own: Callable[..., Any]) -> Callable[..., Any]:
        def receive(self: socket.socket, *args: Any, **kwds: Any) -> Any:
            received = own(self, *args, **kwds)
            if self.type != socket.SOCK_DGRAM or self.family not in socket_calls.INTERNET or is_modem_thread():
                return received

            return *received[:place], policy.datagrams.translated(self, received[place])

        return receive

    return replace


def _bind(policy: ProcessPolicy, own: Callable[..., Any]) -> Callable[..., Any]:
    def bind(self: socket.socket, address: Any, /) -> None:
        own(self, address)
        if self.type == socket.SOCK_DGRAM and self.family in socket_calls.INTERNET and not is_modem_thread():
            policy.datagrams.bound(self, address)

    return bind


def _close(policy: ProcessPolicy, own: Callable[..., Any]) -> Callable[..., Any]:
    def close(self: socket.socket) -> None:
        key = identity(self) if self.type == socket.SOCK_DGRAM and not is_modem_thread() else None
        own(self)
        if key is not None:
            policy.datagrams.closed(key)

    return close


_REPLACEMENTS: Final = {
    "getpeername": _getpeername,
    "getsockname": _getsockname,
    "recvfrom": _receiving(1),
    "recvfrom_into": _receiving(1),
    "recvmsg": _receiving(3),
    "recvmsg_into": _receiving(3),
    "bind": _bind,
    "close": _close,
}
