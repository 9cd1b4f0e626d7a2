"""Destinations as programs pass them, and which of them are on this machine."""

import ipaddress
import socket
from typing import Any

Literal = ipaddress.IPv4Address | ipaddress.IPv6Address


def host_text(host: str | bytes | bytearray) -> str:
    """Return a host as text: as a name to compare, not to be asked for."""
    return host if isinstance(host, str) else bytes(host).decode("ascii", "backslashreplace")


def port_number(port: Any) -> int:
    """Return a port as a number; 0 for None and for an unknown service."""
    if isinstance(port, bytes):
        port = port.decode("ascii", "backslashreplace")

    match port:
        case int():
            return port
        case str() if port.isdecimal():
            return int(port)
        case str():
            try:
                return socket.getservbyname(port)
            except OSError:
                return 0
        case _:
            return 0


def literal(host: str) -> Literal | None:
    """Return the address that a host is written as, in any form that the C library takes; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass

    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def is_local(host: str) -> bool:
    """Return whether a host is this machine: 127.0.0.0/8, ::1, localhost, and the wildcard addresses."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True

    address = literal(name)
    mapped = getattr(address, "ipv4_mapped", None) or address
    return mapped is not None and (mapped.is_loopback or mapped.is_unspecified)


def bound_address(sock: socket.socket) -> tuple[str, int] | None:
    """Return the local address that a client has bound its socket to, if it has."""
    match sock.getsockname():
        case (host, int(port), *_) if port:
            return "" if host == "::" else host, port
        case _:
            return None
