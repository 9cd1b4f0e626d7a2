"""Names that this machine answers itself, without asking a resolver: localhost, its own name, and the hosts file."""

import functools
import os
import socket
from pathlib import Path
from typing import Any, Final

from .destinations import Literal, host_text, is_local, literal

HOSTS_FILE: Final = "/etc/hosts"

# The addresses of localhost if the hosts file has none (RFC 6761, section 6.3).
_LOOPBACK: Final = ("127.0.0.1", "::1")

Row = tuple[Any, Any, int, str, tuple[Any, ...]]


def is_own_name(host: str) -> bool:
    """Return whether a name is this machine's: localhost, a name under it, or its host name."""
    name = host.rstrip(".").lower()
    return (is_local(name) and literal(name) is None) or name == socket.gethostname().lower()


def is_elsewhere(host: Any) -> bool:
    """Return whether a host, a name or an address, is another machine."""
    if not isinstance(host, str | bytes | bytearray) or not host:
        return False

    name = host_text(host)
    return not is_local(name) and not is_own_name(name)


def in_digits(host: Any, family: int = 0) -> Any:
    """Return an address for one of this machine's names that is not in its hosts file; anything else as it is.

    The C library, and so an event loop in C, asks a resolver for such a name.
    """
    if not isinstance(host, str | bytes | bytearray) or not is_own_name(name := host_text(host)) or _addresses(name):
        return host

    return _LOOPBACK[family == socket.AF_INET6]


def own_addresses(name: str) -> list[str]:
    """Return the addresses of one of this machine's own names."""
    return _addresses(name) or list(_LOOPBACK)


def name_of(address: Literal) -> str | None:
    """Return the name that the hosts file has for an address of this machine; None if it has none."""
    for text, names in _hosts():
        if literal(text) == address and names:
            return names[0]

    return "localhost" if is_local(str(address)) and not address.is_unspecified else None


def own_rows(own: Any, host: str, port: Any, family: int, type: int, proto: int, flags: int) -> list[Row]:
    """Return what ``getaddrinfo`` returns for one of this machine's own names.

    Args:
        own: the C library's getaddrinfo; it is given addresses only.
        host: the name.
        port: the port.
        family: the address family.
        type: the socket type.
        proto: the protocol.
        flags: the flags.

    Raises:
        socket.gaierror: the name has no address of the family; or another argument makes no sense.
    """
    rows: list[Row] = []
    for address in own_addresses(host):
        if family in (socket.AF_UNSPEC, socket.AF_INET6 if ":" in address else socket.AF_INET):
            rows += own(address, port, family, type, proto, flags)

    if not rows:
        raise socket.gaierror(socket.EAI_ADDRFAMILY, "Address family for hostname not supported")

    return rows


def _addresses(name: str) -> list[str]:
    return [address for address, names in _hosts() if name.rstrip(".").lower() in names]


def _hosts() -> tuple[tuple[str, tuple[str, ...]], ...]:
    try:
        status = os.stat(HOSTS_FILE)
    except OSError:
        return ()

    return _read_hosts(HOSTS_FILE, status.st_mtime_ns)


@functools.lru_cache(maxsize=1)
def _read_hosts(path: str, _: int) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the addresses of the hosts file and their names, in lower case, in its order."""
    entries = []
    for line in Path(path).read_text(errors="replace").splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if literal(address) is not None:
            entries.append((address, tuple(name.lower() for name in names)))

    return tuple(entries)
