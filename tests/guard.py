"""Nothing that a test does may leave the loopback interface.

An audit hook is shown every address before the kernel is, refuses those of other machines, and remembers what it
refused, so that a test fails even where the code under test swallows the refusal.

What it cannot see: a name given to a socket's own method, as in `sock.connect(("example.com", 80))`, is resolved before
the hook is called; uvloop connects, sends and resolves inside libuv, which raises no audit event; and a child process
has no hook at all.
"""

import functools
import ipaddress
import socket
import sys
from typing import Any, Final

REFUSED: Final[list[str]] = []
"""What was refused since a test was last asked about it, one sentence each."""


class LeftLoopback(AssertionError):
    """A test reached for an address that is not of this machine."""


@functools.cache
def install() -> None:
    """Install the hook, once: an audit hook lasts as long as its interpreter."""
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if not event.startswith("socket."):
        return

    host = _elsewhere(event, arguments)

    if host is not None:
        REFUSED.append(f"{event} was asked to leave the loopback interface for {host!r}")
        raise LeftLoopback(REFUSED[-1])


def _elsewhere(event: str, arguments: tuple[Any, ...]) -> str | bytes | None:
    """The host outside of this machine that an event is about, if it is about one."""
    match event, arguments:
        case "socket.bind", (sock, (host, *_)) if _is_internet(sock):
            allowed = _is_loopback(host) or (_is_any(host) and sock.type == socket.SOCK_DGRAM)
        case ("socket.connect" | "socket.sendto" | "socket.sendmsg", (sock, (host, *_))) if _is_internet(sock):
            allowed = _is_loopback(host)
        case ("socket.getaddrinfo" | "socket.gethostbyname", (host, *_)):
            allowed = _is_loopback(host) or _asks_nobody(host)
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
    """Whether it is the wildcard. A datagram socket may bind that, for each of its datagrams is looked at."""
    address = _literal(host)
    return not _text(host) or (address is not None and address.is_unspecified)


def _asks_nobody(host: str | bytes | None) -> bool:
    """Whether a resolver answers by itself: no name, or an address in digits, be it one of elsewhere."""
    return not _text(host) or _literal(host) is not None


def _literal(host: str | bytes | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(_text(host))
    except ValueError:
        return None


def _text(host: str | bytes | None) -> str:
    return host.decode("ascii", "backslashreplace") if isinstance(host, bytes | bytearray) else host or ""
