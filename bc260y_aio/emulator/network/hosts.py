"""What an emulated module reaches: names, addresses, real servers on the loopback interface, and scripted peers."""

import asyncio
import ipaddress
import itertools
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from ...errors import ErrorCode
from .paths import Owner, Path, TcpPath, UdpPath
from .peers import Peer

# Where the addresses of names are taken from, one after another: reserved for documentation, and for benchmarks.
_NETWORKS: Final = (ipaddress.IPv4Network("198.51.100.0/24"), ipaddress.IPv4Network("198.18.0.0/15"))

LOOPBACK: Final = "127.0.0.1"

# How long a module waits for an answer to a question of its own, in seconds.
SILENCE: Final = 20.0

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


class Network:
    """What emulated modules reach.

    Every name resolves to an address of the network's own, in 198.51.100.0/24, behind which the host's 127.0.0.1
    stands with all its ports: a real server that listens there answers, whatever it is called. Hosts that are added
    lead elsewhere, to scripted peers above all. Names that end in ``.invalid`` resolve to nothing, other addresses lead
    nowhere, and no packet ever leaves the loopback interface. 127.0.0.1, ::1 and localhost are the host's own.

    Args:
        latency: how long data takes, one way, in seconds. Opening a TCP socket takes it twice.
        jitter: up to this much more, at random, in seconds. Order is kept.
        loss: the probability that a datagram, or a ping, is lost; each way.
        names: every name resolves; otherwise only those of hosts that were added.
        seed: where the random sequence of jitter and loss begins.
        now: the time, aware; by default the host's.

    Attributes:
        datagrams_lost: how many datagrams were lost on the way.
        ntp_time: what an NTP server answers, given its name and port; None for silence. By default, ``now``.
    """

    def __init__(
        self,
        *,
        latency: float = 0.0,
        jitter: float = 0.0,
        loss: float = 0.0,
        names: bool = True,
        seed: int = 0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.latency = latency
        self.jitter = jitter
        self.loss = loss
        self.names = names
        self.datagrams_lost = 0
        self.now = now
        self.ntp_time: Callable[[str, int], datetime | None] = lambda server, port: self.now()
        self._random = random.Random(f"{seed}.network")
        self._hosts: dict[str, Host] = {}
        self._by_address: dict[str, Host] = {}
        self._addresses: Iterator[str] = (str(one) for one in itertools.chain(*(net.hosts() for net in _NETWORKS)))
        self._paths: set[Path] = set()
        self._outage = False

    def __repr__(self) -> str:
        state = " outage" if self._outage else ""
        return f"<Network latency={self.latency:g} hosts={len(self._hosts)} paths={len(self._paths)}{state}>"

    # What is there

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
            address = known.address if known else name if _is_address(name) else self._next_address()

        host = Host(address, peer, dict(ports or {}))
        self._hosts[name] = self._by_address[address] = host
        return address

    def _next_address(self) -> str:
        return next(address for address in self._addresses if address not in self._by_address)

    def resolve(self, name: str) -> str | None:
        """Return the address of a name, or None when it has none. An address is its own."""
        if _is_address(name):
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
        if known is None and _is_loopback(address):
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

    # What it does to data

    @property
    def outage(self) -> bool:
        """Whether the network is silent. TCP goes on where it stopped once it is back; datagrams are lost."""
        return self._outage

    @outage.setter
    def outage(self, outage: bool) -> None:
        self._outage = outage
        if not outage:
            for path in tuple(self._paths):
                path.resume()

    def delay(self) -> float:
        """Draw how long something takes, one way, in seconds."""
        return self.latency + self._random.random() * self.jitter if self.jitter else self.latency

    def loses(self) -> bool:
        """Draw whether a datagram is lost."""
        return self._outage or (bool(self.loss) and self._random.random() < self.loss)

    # What a module asks of it

    def path(self, service_type: str, owner: Owner) -> Path:
        """Make a path for a socket, yet to be opened to where :meth:`find` says."""
        path = TcpPath(self, owner) if service_type == "TCP" else UdpPath(self, owner)
        self._paths.add(path)
        path.gone.add_done_callback(lambda _: self._paths.discard(path))
        return path

    async def exchange(self) -> bool:
        """Let a question and its answer take their time; return False if the network stayed silent instead."""
        if self._outage:
            await asyncio.sleep(SILENCE)
            return False

        await asyncio.sleep(self.delay() + self.delay())
        return True

    async def ping(self, address: str, timeout: float) -> float | None:
        """Send a packet to an address and return its round-trip time in seconds, or None if none came back in time."""
        reachable = address in self._by_address or _is_loopback(address)
        round_trip = self.delay() + self.delay()
        lost = self.loses() or self.loses()
        if not reachable or lost or round_trip > timeout:
            await asyncio.sleep(timeout)
            return None

        await asyncio.sleep(round_trip)
        return round_trip


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False

    return True


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address).is_loopback
