"""The hosts of the network: their names, their addresses, and their peers."""

import ipaddress
import itertools
from collections.abc import Iterator, Mapping
from typing import Final, TypeVar

from ...errors import ErrorCode
from .destinations import LOOPBACK, Destination, Host, is_address, is_loopback
from .http import HttpPeer, Route
from .peers import EchoPeer, Peer, RefusingPeer, SilentPeer, SinkPeer, StalledPeer
from .scripts import ScriptPeer, Step

# Names get their addresses from these, one after another: reserved for documentation, and for benchmarks.
_NETWORKS: Final = (ipaddress.IPv4Network("198.51.100.0/24"), ipaddress.IPv4Network("198.18.0.0/15"))

P = TypeVar("P", bound=Peer)

# Names below this domain never resolve (RFC 2606).
_NEVER_RESOLVES: Final = ".invalid"


class Directory:
    """The hosts of a network.

    Args:
        names: every name resolves, to this machine's 127.0.0.1; otherwise only those of hosts that were added.

    Attributes:
        names: the same.
    """

    def __init__(self, *, names: bool = True) -> None:
        self.names = names
        self._hosts: dict[str, Host] = {}
        self._by_address: dict[str, Host] = {}
        self._addresses: Iterator[str] = (str(one) for one in itertools.chain(*(net.hosts() for net in _NETWORKS)))

    # Adding hosts

    def add_host(
        self,
        name: str,
        peer: Peer | None = None,
        *,
        ports: Mapping[int, Peer | int] | None = None,
        address: str | None = None,
    ) -> str:
        """Add a host to the network; it replaces one of that name.

        Args:
            name: its name, or an IPv4 address.
            peer: the scripted peer that answers on its ports; None for the real servers on 127.0.0.1.
            ports: the exceptions by port: a scripted peer, or another port of 127.0.0.1.
            address: its own address; by default that of the host it replaces, or the next that is free.

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
        is_silent = host is not None and type(host.peer) is SilentPeer
        return (host is not None and not is_silent) or is_loopback(address)

    def address(self, name: str, port: int) -> tuple[str, int]:
        """Return the name and port by which a program reaches a port of a host: here, the same.

        A network of real servers returns others. Tests that use this run on both.
        """
        return name, port

    def peer_at(self, name: str, port: int) -> Peer | int | None:
        """Return where a port of an added host leads: a peer, another port of 127.0.0.1, or None for the same."""
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
            if not self.names or not name or f".{name}".endswith(_NEVER_RESOLVES):
                return None

            self.add_host(name)

        return self._hosts[name].address

    def find(self, host: str, port: int) -> Destination | ErrorCode:
        """Return the destination of a host and port, or the error code with which opening a socket to it fails."""
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
