"""The sockets of a process: those of its loops, blocking ones, and what is refused."""

import errno
import socket
import sys
from collections.abc import Callable
from typing import Any, Final

from .. import bound_address, is_local, literal, route_new_loops
from .router import ThreadRouter, attach
from .thread import ModemThread, is_modem_thread

_INTERNET: Final = (socket.AF_INET, socket.AF_INET6)

# The methods and functions that are replaced.
_socket: Any = socket.socket
_module: Any = socket


def route_process(thread: ModemThread) -> None:
    """Send what this process connects to over a modem, but for this machine's own addresses; refuse what cannot be.

    It lasts as long as the process. Event loops that exist already are not part of it.

    Args:
        thread: what has the modem; it runs already.
    """
    router = ThreadRouter(thread)
    route_new_loops(lambda _: router, on_close=router.forget)
    _socket.connect = _connect(thread, _socket.connect)
    _socket.connect_ex = _connect_ex(_socket.connect, _socket.connect_ex)
    _module.getaddrinfo = _getaddrinfo(thread, _module.getaddrinfo)
    sys.addaudithook(_refuse)


# Blocking calls


def _connect(thread: ModemThread, own: Callable[..., None]) -> Callable[..., None]:
    def connect(self: socket.socket, address: Any, /) -> None:
        timeout = self.gettimeout()
        # The loop's own `sock_connect` does not get here; what else does not block is refused by the audit hook.
        if timeout == 0 or not _leaves(self, address):
            own(self, address)
            return

        host, port = address[:2]
        opening = thread.opening(host, port, self.type, family=self.family, local_addr=bound_address(self))
        attach(self, thread.wait_for(opening, timeout, undo=socket.socket.close))

    return connect


def _connect_ex(connect: Callable[..., None], own: Callable[..., int]) -> Callable[..., int]:
    def connect_ex(self: socket.socket, address: Any, /) -> int:
        if not _leaves(self, address):
            return own(self, address)

        try:
            connect(self, address)
        except socket.gaierror:
            raise
        except OSError as exc:
            return exc.errno or errno.EAGAIN

        return 0

    return connect_ex


def _getaddrinfo(thread: ModemThread, own: Callable[..., Any]) -> Callable[..., Any]:
    def getaddrinfo(host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> Any:
        if is_modem_thread() or not _asks_elsewhere(host) or flags & socket.AI_PASSIVE:
            return own(host, port, family, type, proto, flags)

        return thread.wait_for(lambda modem: modem.getaddrinfo(host, port, family=family, type=type, proto=proto), None)

    return getaddrinfo


# What is not carried


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """Keep everything else off the host's network."""
    if not event.startswith("socket.") or is_modem_thread():
        return

    match event, arguments:
        case ("socket.connect" | "socket.sendto" | "socket.sendmsg", (sock, (host, *_) as address)):
            if _leaves(sock, address):
                what = f"{event.removeprefix('socket.')} of a raw socket does not go over a modem: {host}"
                raise OSError(errno.ENETUNREACH, what)
        case ("socket.getaddrinfo" | "socket.gethostbyname" | "socket.gethostbyaddr", (host, *_)):
            if _asks_elsewhere(host):
                raise socket.gaierror(socket.EAI_FAIL, f"{event.removeprefix('socket.')} does not ask a modem: {host}")


def _leaves(sock: socket.socket, address: Any) -> bool:
    """Tell whether an address is one of another machine, that this thread must not reach by itself."""
    if sock.family not in _INTERNET or is_modem_thread():
        return False

    match address:
        case (str() | bytes() | bytearray() as host, _, *_):
            text = host if isinstance(host, str) else bytes(host).decode("ascii", "backslashreplace")
            return bool(text) and not is_local(text)
        case _:
            return False


def _asks_elsewhere(host: Any) -> bool:
    """Tell whether a resolver has to ask somebody about a host."""
    if not isinstance(host, str | bytes | bytearray) or not host:
        return False

    name = host if isinstance(host, str) else bytes(host).decode("ascii", "backslashreplace")
    return literal(name) is None and not is_local(name) and name != socket.gethostname()
