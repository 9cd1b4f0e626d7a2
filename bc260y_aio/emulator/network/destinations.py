"""Hosts of the network, and the destinations of a module's sockets."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from .peers import Peer

LOOPBACK: Final = "127.0.0.1"
LOOPBACK_6: Final = "::1"


@dataclass(frozen=True, slots=True)
class Host:
    """A host of the network.

    Attributes:
        addresses: its own addresses, IPv4 before IPv6.
        peer: the scripted peer that answers on its ports; None for the real servers on the loopback interface.
        ports: the exceptions by port: a scripted peer, or another port of the loopback interface.
    """

    addresses: tuple[str, ...]
    peer: Peer | None = None
    ports: Mapping[int, Peer | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """The peer that a socket of the module is opened to.

    Attributes:
        host: the name or address that the module was given.
        port: the port that it was given.
        address: the address that the name stands for.
        peer: the scripted peer there; None for a real server.
        loopback: the real server's address.
        loopback_port: the real server's port.
    """

    host: str
    port: int
    address: str
    peer: Peer | None
    loopback: str
    loopback_port: int

    @property
    def is_named(self) -> bool:
        """Whether the module had to ask for the address."""
        return read_address(self.host) is None


def read_address(text: str) -> str | None:
    """Return an address in its usual form, or None if the text is none.

    IPv6 addresses may also be written as 16 decimal numbers with dots, as TS 27.007 (10.1.1) has them.
    """
    octets = text.split(".")
    try:
        return str(ipaddress.ip_address(bytes(map(int, octets)) if len(octets) == 16 else text))
    except ValueError:
        return None


def is_loopback(address: str) -> bool:
    """Return whether an address is on the loopback interface."""
    return ipaddress.ip_address(address).is_loopback


def loopback_of(address: str) -> str:
    """Return the address of the loopback interface that an address leads to by default."""
    if is_loopback(address):
        return address

    return LOOPBACK_6 if ":" in address else LOOPBACK
