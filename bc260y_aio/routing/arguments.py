"""The arguments of an event loop's methods, and which of them fit."""

import asyncio
import socket
from typing import Any, Final

from ..transports import ModemTransport
from .destinations import host_text, literal

INTERNET: Final = (socket.AF_INET, socket.AF_INET6)

# The arguments of `create_connection`: what means nothing without TLS, and the rest.
_ABOUT_TLS: Final = {"server_hostname", "ssl_handshake_timeout", "ssl_shutdown_timeout"}
_KNOWN: Final = {
    *("sock", "ssl", "family", "proto", "flags", "local_addr"),
    *("happy_eyeballs_delay", "interleave", "all_errors"),
}


def is_modems_transport(transport: Any) -> bool:
    """Return whether a transport is the module's, or a TLS transport above it."""
    is_transport = isinstance(transport, asyncio.BaseTransport)
    return is_transport and isinstance(transport.get_extra_info("modem_transport"), ModemTransport)


def is_name(host: Any) -> bool:
    """Return whether a host is a name rather than an address."""
    return isinstance(host, str | bytes | bytearray) and literal(host_text(host)) is None


def is_pair(address: Any) -> bool:
    """Return whether an address is a pair, as asyncio requires."""
    return isinstance(address, tuple) and len(address) == 2


def suits_a_connected_socket(kwds: dict[str, Any]) -> bool:
    """Return whether asyncio would make a transport with these arguments, or raise something."""
    if not kwds.keys() <= _KNOWN | _ABOUT_TLS:
        return False

    about_tls = {name for name in _ABOUT_TLS if kwds.get(name) is not None}
    return "server_hostname" in about_tls if kwds.get("ssl") else not about_tls


def check_resolvable(host: Any, flags: int) -> None:
    """Raise what a resolver would that must send no query; a modem opens names all the same."""
    if flags & socket.AI_NUMERICHOST and is_name(host):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def unconnected_datagram_address(sock: Any) -> tuple[str, int] | None:
    """Return the local address of an internet datagram socket without a peer; None for any other socket."""
    if not isinstance(sock, socket.socket) or sock.family not in INTERNET or sock.type != socket.SOCK_DGRAM:
        return None

    try:
        sock.getpeername()
    except OSError:
        host, port = sock.getsockname()[:2]
        return host, port

    return None
