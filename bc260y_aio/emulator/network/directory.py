"""The hosts of the network: their names, their addresses, and their peers."""

import ipaddress
import itertools
from collections.abc import Iterator, Mapping
from typing import Final, TypeVar

from ...errors import ErrorCode
from .destinations import LOOPBACK, Destination, Host, is_loopback, loopback_of, read_address
from .http import HttpPeer, Route
from .peers import EchoPeer, Peer, RefusingPeer, SilentPeer, SinkPeer, StalledPeer
from .scripts import ScriptPeer, Step

# Names get their addresses from these, one after another: reserved for documentation, and for benchmarks.
_NETWORKS: Final = (ipaddress.IPv4Network("198.51.100.0/24"), ipaddress.IPv4Network("198.18.0.0/15"))
_NETWORK_6: Final = ipaddress.IPv6Network("2001:db8::/64")

P = TypeVar("P", bound=Peer)

# Names below this domain never resolve (RFC 2606).
_NEVER_RESOLVES: Final = ".invalid"


class Directory:
    """The hosts of a network.

    Args:
        names: every name resolves, to this machine's 127.0.0.1; otherwise only those of hosts that were added.
        any_address: every address leads to this machine's 127.0.0.1 or ::1 as names do; otherwise one that no host has
            cannot be reached.

    Attributes:
        names: the same.
        any_address: the same.
    """

    def __init__(self, *, names: bool = True, any_address: bool = False) -> None:
        self.names = names
        self.any_address = any_address
        self._hosts: dict[str, Host] = {}
        self._by_address: dict[str, Host] = {}
        self._addresses: Iterator[str] = (str(one) for one in itertools.chain(*(net.hosts() for net in _NETWORKS)))
        self._addresses_6: Iterator[str] = map(str, _NETWORK_6.hosts())

    # Adding hosts

    def add_host(
        self,
        name: str,
        peer: Peer | None = None,
        *,
        ports: Mapping[int, Peer | int] | None = None,
        address: str | None = None,
        ipv6: bool | str = False,
    ) -> str:
        """Add a host to the network; it replaces one of that name.

        Args:
            name: its name, or an address.
            peer: the scripted peer that answers on its ports; None for the real servers on 127.0.0.1.
            ports: the exceptions by port: a scripted peer, or another port of 127.0.0.1.
            address: its own address, IPv4 or IPv6; by default that of the host it replaces, or the next of IPv4 that is
                free.
            ipv6: it has an IPv6 address besides: this one, or for True the next that is free.

        Returns:
            The host's first address.

        Raises:
            ValueError: an address is none.
        """
        name = name.lower()
        if address is not None:
            addresses: tuple[str, ...] = (_checked(address),)
        elif known := self._hosts.get(name):
            addresses = known.addresses
        else:
            addresses = (read_address(name) or self._next(self._addresses),)

        if ipv6:
            addresses = (addresses[0], _checked(ipv6) if isinstance(ipv6, str) else self._next(self._addresses_6))

        host = self._hosts[name] = Host(addresses, peer, dict(ports or {}))
        self._by_address |= dict.fromkeys(addresses, host)
        return addresses[0]

    def add_echo(self, name: str) -> EchoPeer:
        """Add a host that sends back what it receives, on every port."""
        return self._add(name, EchoPeer())

    def add_sink(self, name: str) -> SinkPeer:
        """Add a host that keeps what it receives, on every port, and sends nothing."""
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
        """Add a host that refuses TCP connections and ignores datagrams."""
        return self._add(name, RefusingPeer())

    def add_silent(self, name: str) -> SilentPeer:
        """Add a host that cannot be reached: it never answers, not even a ping."""
        return self._add(name, SilentPeer())

    def _add(self, name: str, peer: P) -> P:
        self.add_host(name, peer)
        return peer

    # Finding hosts

    def reaches(self, address: str) -> bool:
        """Return whether a host at an address answers a ping."""
        host = self._by_address.get(address)
        return self._leads_to_loopback(address) if host is None else type(host.peer) is not SilentPeer

    def _leads_to_loopback(self, address: str) -> bool:
        return self.any_address or is_loopback(address)

    def address(self, name: str, port: int) -> tuple[str, int]:
        """Return the name and port by which a program reaches a port of a host: here, the same.

        A network of real servers returns others. Tests that use this run on both.
        """
        return name, port

    def peer_at(self, name: str, port: int) -> Peer | int | None:
        """Return where a port of an added host leads: a peer, another port of 127.0.0.1, or None for the same."""
        host = self._hosts[name.lower()]
        return host.ports.get(port, host.peer)

    def _next(self, addresses: Iterator[str]) -> str:
        return next(address for address in addresses if address not in self._by_address)

    def resolve(self, name: str) -> str | None:
        """Return the first address of a name, or None when it has none. An address is its own."""
        return next(iter(self.resolve_all(name)), None)

    def resolve_all(self, name: str) -> tuple[str, ...]:
        """Return the addresses of a name, IPv4 before IPv6; none when it does not resolve. An address is its own."""
        if address := read_address(name):
            return (address,)

        name = name.lower().rstrip(".")
        if name == "localhost":
            return (LOOPBACK,)

        if name not in self._hosts:
            if not self.names or not name or f".{name}".endswith(_NEVER_RESOLVES):
                return ()

            self.add_host(name)

        return self._hosts[name].addresses

    def find(self, host: str, port: int) -> Destination | ErrorCode:
        """Return the destination of a host and port, or the error code with which opening a socket to it fails.

        A TCP connection to an address that cannot be reached is refused; a UDP socket is opened, and nothing answers.
        """
        address = self.resolve(host)
        if address is None:
            return ErrorCode.DNS_PARSE_FAILED

        known = self._by_address.get(address)
        if known is None:
            known = Host((address,), None if self._leads_to_loopback(address) else RefusingPeer())

        target = known.ports.get(port, known.peer)
        peer, loopback_port = (None, target) if isinstance(target, int) else (target, port)
        return Destination(
            host=host,
            port=port,
            address=address,
            peer=peer,
            loopback=loopback_of(address),
            loopback_port=loopback_port,
        )


def _checked(address: str) -> str:
    """Return an address in its usual form.

    Raises:
        ValueError: it is none.
    """
    if (checked := read_address(address)) is None:
        raise ValueError(f"not an address: {address!r}")

    return checked
