"""Refuse every address outside of the loopback interface.

An audit hook sees every address before the kernel does. It refuses those of other machines, and records what it
refused, so that a test fails even if the code under test suppresses the exception.

Limits: a name given to a socket's own method, as in `sock.connect(("example.com", 80))`, is resolved before the hook is
called; uvloop connects, sends and resolves in libuv, which raises no audit event; a child process has no hook.
"""

import functools
import ipaddress
import socket
import sys
from typing import Any, Final

REFUSED: Final[list[str]] = []
"""The refused calls since the last test ended, one sentence each."""


class LeftLoopback(AssertionError):
    """Raised when a test uses an address that is not of this machine."""


@functools.cache
def install() -> None:
    """Install the hook once: an audit hook cannot be removed."""
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if not event.startswith("socket."):
        return

    host = _elsewhere(event, arguments)

    if host is not None:
        REFUSED.append(f"{event} was asked to leave the loopback interface for {host!r}")
        raise LeftLoopback(REFUSED[-1])


def _elsewhere(event: str, arguments: tuple[Any, ...]) -> str | bytes | None:
    """Return the host outside of this machine that an event names, or None."""
    match event, arguments:
        case "socket.bind", (sock, (host, *_)) if _is_internet(sock):
            allowed = _is_loopback(host) or (_is_any(host) and sock.type == socket.SOCK_DGRAM)
        case ("socket.connect" | "socket.sendto" | "socket.sendmsg", (sock, (host, *_))) if _is_internet(sock):
            allowed = _is_loopback(host)
        case ("socket.getaddrinfo" | "socket.gethostbyname", (host, *_)):
            allowed = _is_loopback(host) or _needs_no_server(host)
        case ("socket.gethostbyaddr", (host,)) | ("socket.getnameinfo", ((host, *_),)):
            allowed = _is_loopback(host)
        case _:
            return None

    return None if allowed else host


def _is_internet(sock: socket.socket) -> bool:
    return sock.family in (socket.AF_INET, socket.AF_INET6)


def _is_loopback(host: str | bytes | None) -> bool:
    address = _literal(host)
    mapped = getattr(address, "ipv4_mapped", None) or address
    return _text(host).lower() == "localhost" or (mapped is not None and mapped.is_loopback)


def _is_any(host: str | bytes | None) -> bool:
    """Return whether it is the wildcard. A datagram socket may bind that, since each of its datagrams is checked."""
    address = _literal(host)
    return not _text(host) or (address is not None and address.is_unspecified)


def _needs_no_server(host: str | bytes | None) -> bool:
    """Return whether a resolver answers without a query: an empty name, or any numeric address."""
    return not _text(host) or _literal(host) is not None


def _literal(host: str | bytes | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(_text(host))
    except ValueError:
        return None


def _text(host: str | bytes | None) -> str:
    return host.decode("ascii", "backslashreplace") if isinstance(host, bytes | bytearray) else host or ""
