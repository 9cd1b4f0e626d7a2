"""Hosts of the network, and the destinations of a module's sockets."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from .peers import Peer

LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Host:
    """A host of the network.

    Attributes:
        address: its own address.
        peer: the scripted peer that answers on its ports; None for the real servers on the loopback interface.
        ports: the exceptions by port: a scripted peer, or another port of the loopback interface.
        loopback: the loopback address of the real servers.
    """

    address: str
    peer: Peer | None = None
    ports: Mapping[int, Peer | int] = field(default_factory=dict)
    loopback: str = LOOPBACK


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
        return self.host != self.address


def is_address(name: str) -> bool:
    """Return whether a name is an address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False

    return True


def is_loopback(address: str) -> bool:
    """Return whether an address is on the loopback interface."""
    return ipaddress.ip_address(address).is_loopback
