"""Who is in the network: names, addresses, and what stands behind them."""

import ipaddress
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from ...errors import ErrorCode
from .http import HttpPeer, Route
from .peers import EchoPeer, Peer, RefusingPeer, SilentPeer, SinkPeer, StalledPeer
from .scripts import ScriptPeer, Step

# Where the addresses of names are taken from, one after another: reserved for documentation, and for benchmarks.
_NETWORKS: Final = (ipaddress.IPv4Network("198.51.100.0/24"), ipaddress.IPv4Network("198.18.0.0/15"))

LOOPBACK: Final = "127.0.0.1"

P = TypeVar("P", bound=Peer)

# A name below this never resolves (RFC 2606).
_NOWHERE: Final = ".invalid"


@dataclass(frozen=True, slots=True)
class Host:
    """A host of the network.

    Attributes:
        address: its own address.
        peer: what answers on its ports; None for the real servers on the loopback interface.
        ports: where a port leads instead: to a scripted peer, or to another port of the loopback interface.
        loopback: the loopback address that the real servers are on.
    """

    address: str
    peer: Peer | None = None
    ports: Mapping[int, Peer | int] = field(default_factory=dict)
    loopback: str = LOOPBACK


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a socket of the module leads.

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
        """Tell whether the module had to ask for the address."""
        return self.host != self.address


class Directory:
    """The hosts of a network.

    Args:
        names: every name resolves, to the host's own 127.0.0.1; otherwise only those of hosts that were added.

    Attributes:
        names: the same.
    """

    def __init__(self, *, names: bool = True) -> None:
        self.names = names
        self._hosts: dict[str, Host] = {}
        self._by_address: dict[str, Host] = {}
        self._addresses: Iterator[str] = (str(one) for one in itertools.chain(*(net.hosts() for net in _NETWORKS)))

    # Who is added

    def add_host(
        self,
        name: str,
        peer: Peer | None = None,
        *,
        ports: Mapping[int, Peer | int] | None = None,
        address: str | None = None,
    ) -> str:
        """Put a host into the network, in place of one of that name.

        Args:
            name: its name, or an IPv4 address.
            peer: the scripted peer that answers on its ports; None for the real servers on 127.0.0.1.
            ports: where single ports lead instead: to a scripted peer, or to another port of 127.0.0.1.
            address: its own address; by default that of the host in whose place it comes, or the next that is free.

        Returns:
            The host's address.
        """
        name = name.lower()
        if address is None:
            known = self._hosts.get(name)
            address = known.address if known else name if is_address(name) else self._next_address()

        host = Host(address, peer, dict(ports or {}))
        self._hosts[name] = self._by_address[address] = host
        return address

    def add_echo(self, name: str) -> EchoPeer:
        """Add a host that sends back what it gets, on every port."""
        return self._add(name, EchoPeer())

    def add_sink(self, name: str) -> SinkPeer:
        """Add a host that keeps what it gets, on every port, and says nothing."""
        return self._add(name, SinkPeer())

    def add_http(self, name: str, routes: Mapping[str, Route]) -> HttpPeer:
        """Add an HTTP server that answers by path, on every port: ``add_http("api.example", {"/": "hello"})``."""
        return self._add(name, HttpPeer(routes))

    def add_script(self, name: str, *steps: Step) -> ScriptPeer:
        """Add a host that follows a script: ``add_script("a.example", Expect(b"hello"), Send(b"welcome"))``."""
        return self._add(name, ScriptPeer(*steps))

    def add_stalled(self, name: str, after: int = 0) -> StalledPeer:
        """Add a host that stops reading after so many bytes, and acknowledges nothing more."""
        return self._add(name, StalledPeer(after))

    def add_refusing(self, name: str) -> RefusingPeer:
        """Add a host that refuses TCP connections, and does not hear datagrams."""
        return self._add(name, RefusingPeer())

    def add_silent(self, name: str) -> SilentPeer:
        """Add a host that cannot be reached: nothing ever comes back, not even to a ping."""
        return self._add(name, SilentPeer())

    def _add(self, name: str, peer: P) -> P:
        self.add_host(name, peer)
        return peer

    # Who is found

    def reaches(self, address: str) -> bool:
        """Tell whether there is somebody at an address who answers a ping."""
        host = self._by_address.get(address)
        is_silent = host is not None and type(host.peer) is SilentPeer
        return (host is not None and not is_silent) or is_loopback(address)

    def address(self, name: str, port: int) -> tuple[str, int]:
        """Return what a program is to be told in order to reach a port of a host: here, just that.

        A network on real servers tells something else. Tests that ask run on both.
        """
        return name, port

    def peer_at(self, name: str, port: int) -> Peer | int | None:
        """Return what a port of a host that was added leads to: a peer, another port of 127.0.0.1, or the same."""
        host = self._hosts[name.lower()]
        return host.ports.get(port, host.peer)

    def _next_address(self) -> str:
        return next(address for address in self._addresses if address not in self._by_address)

    def resolve(self, name: str) -> str | None:
        """Return the address of a name, or None when it has none. An address is its own."""
        if is_address(name):
            return name

        name = name.lower().rstrip(".")
        if name == "localhost":
            return LOOPBACK

        if name not in self._hosts:
            if not self.names or not name or f".{name}".endswith(_NOWHERE):
                return None

            self.add_host(name)

        return self._hosts[name].address

    def find(self, host: str, port: int) -> Destination | ErrorCode:
        """Return where a host's port leads, or the code of the error that opening a socket to it ends in."""
        address = self.resolve(host)
        if address is None:
            return ErrorCode.DNS_PARSE_FAILED

        known = self._by_address.get(address)
        if known is None and is_loopback(address):
            known = Host(address, loopback=address)

        if known is None:
            return ErrorCode.CONNECTION_FAILED

        target = known.ports.get(port, known.peer)
        peer, loopback_port = (None, target) if isinstance(target, int) else (target, port)
        return Destination(
            host=host,
            port=port,
            address=address,
            peer=peer,
            loopback=known.loopback,
            loopback_port=loopback_port,
        )


def is_address(name: str) -> bool:
    """Tell whether a name is an address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False

    return True


def is_loopback(address: str) -> bool:
    """Tell whether an address is on the loopback interface."""
    return ipaddress.ip_address(address).is_loopback
