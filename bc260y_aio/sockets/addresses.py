"""Hosts, ports and addresses as asyncio programs pass them, checked and converted for the module."""

import errno
import ipaddress
import os
import socket
from typing import Final

from ..at.syntax import checked_integer, checked_name

Address = tuple[str, int]

# The hosts that mean "any local address".
_ANY: Final = ("", "0.0.0.0", None)


def host_name(host: str | bytes | bytearray) -> str:
    """Return a host as it is sent to the module: a name or an address in ASCII, a name in IDNA.

    Raises:
        TypeError: it is neither str nor bytes.
        ValueError: it is empty, too long, or holds a quote or a control character.
    """
    if isinstance(host, bytes | bytearray):
        host = bytes(host).decode("ascii")

    if isinstance(host, str) and not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError as exc:
            raise ValueError(f"a host must be a valid name: {host!r}") from exc

    return checked_name(host, "a host")


def readable_address(address: str) -> str:
    """Return an address as programs write it: the module writes IPv6 as 16 decimal octets with dots (TS 27.007)."""
    try:
        return str(ipaddress.IPv6Address(bytes(map(int, address.split(".")))))
    except ValueError:
        return address


def port_number(port: int | str | bytes, service_type: str) -> int:
    """Return a port as a number: service names are looked up in the host's table, without the network.

    Raises:
        ValueError: it is out of range.
        socket.gaierror: no such service is known.
    """
    if isinstance(port, bytes):
        port = port.decode("ascii")

    if isinstance(port, str):
        try:
            port = int(port) if port.isdecimal() else socket.getservbyname(port, service_type.lower())
        except OSError:
            raise socket.gaierror(socket.EAI_SERVICE, f"unknown service {port!r}") from None

    return checked_integer(port, "a remote port", 1, 65535)


def check_family(host: str, family: int) -> None:
    """Check that a host can be reached in an address family.

    Raises:
        ValueError: the family is neither IPv4 nor IPv6.
        socket.gaierror: a numeric address is of the other family.
    """
    if family not in (socket.AF_UNSPEC, socket.AF_INET, socket.AF_INET6):
        raise ValueError(f"a module has no sockets of family {family}")

    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        return

    if family == (socket.AF_INET6 if version == 4 else socket.AF_INET):
        raise socket.gaierror(socket.EAI_ADDRFAMILY, "Address family for hostname not supported")


def local_port(local_addr: tuple[str | None, int] | None) -> int:
    """Return the local port that an address asks for, 0 for any.

    Raises:
        OSError: EADDRNOTAVAIL, the address is a particular one, and not the module's to choose.
        ValueError: the port is out of range.
    """
    if local_addr is None:
        return 0

    host, port = local_addr[:2]
    if host not in _ANY:
        raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL), str(host))

    return checked_integer(port, "a local port", 0, 65535)
