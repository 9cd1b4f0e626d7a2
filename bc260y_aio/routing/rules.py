"""Which destinations go over which modem."""

import asyncio
import socket
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any, Final, Protocol, TypeAlias, runtime_checkable

from .destinations import host_text, is_local

Match: TypeAlias = Callable[[str, int], bool]

# Local addresses that leave the choice to the system.
ANY: Final = ("", "0.0.0.0", "::")

# The number of addresses whose names a rule keeps.
_KNOWN_NAMES: Final = 256


class Router(Protocol):
    """An object that connections can be sent over: it has the event loop's methods, as a modem has."""

    async def create_connection(self, *args: Any, **kwds: Any) -> tuple[asyncio.Transport, Any]:
        """Open a TCP connection, as a loop does."""

    async def create_datagram_endpoint(self, *args: Any, **kwds: Any) -> tuple[asyncio.DatagramTransport, Any]:
        """Open a UDP socket, as a loop does."""

    async def getaddrinfo(self, *args: Any, **kwds: Any) -> list[tuple[Any, Any, int, str, tuple[Any, ...]]]:
        """Resolve a name, as a loop does."""

    async def open_connection(self, *args: Any, **kwds: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a TCP connection as a pair of streams."""

    async def open_datagram_endpoint(self, *args: Any, **kwds: Any) -> Any:
        """Open a UDP socket that is awaited."""


@runtime_checkable
class SocketRouter(Protocol):
    """A router that can put a connection behind a client's own socket by itself."""

    async def sock_connect(self, sock: socket.socket, host: Any, port: Any, local_addr: Any) -> None:
        """Connect a client's socket."""


class Rule:
    """One route's answer to the question what goes over its modem.

    Attributes:
        router: the modem.
        is_exclusive: whether the host's network is not allowed while it is in force.
        is_on: whether it is in force.
        loop: the loop on which it is.
    """

    def __init__(self, router: Router, match: Match | None, *, is_exclusive: bool) -> None:
        self.router = router
        self.is_exclusive = is_exclusive
        self.is_on = False
        self.loop: asyncio.AbstractEventLoop | None = None
        self._match = match
        # Programs resolve a name and connect to what they got; a rule about names holds for their addresses, too.
        self._names: OrderedDict[str, str] = OrderedDict()

    def takes(self, host: str, port: int) -> bool:
        """Return whether a destination goes over the modem."""
        if self._match is None:
            return not is_local(host)

        return bool(self._match(self.name_of(host), port))

    def takes_unconnected(self, local_host: str) -> bool:
        """Return whether a datagram endpoint does that has no peer yet, only perhaps an address of its own."""
        if local_host not in ANY and is_local(local_host):
            return False

        return self._match is None or bool(self._match("0.0.0.0", 0))

    def name_of(self, host: str) -> str:
        """Return the name that was resolved to an address; else the host itself."""
        return self._names.get(host, host)

    def remember(self, name: str, addresses: Iterable[str]) -> None:
        """Keep in mind which name some addresses are those of."""
        for address in addresses:
            self._names[address] = name
            self._names.move_to_end(address)
            if len(self._names) > _KNOWN_NAMES:
                self._names.popitem(last=False)


# The rules of the blocks around the code that runs, the innermost first.
_around: Final[ContextVar[tuple[Rule, ...]]] = ContextVar("bc260y_aio.routes", default=())


def push(rule: Rule) -> None:
    """Put a rule into force for this context, and for those that are copied from it."""
    _around.set((rule, *_around.get()))


def remove(rule: Rule) -> None:
    """Take a rule out of this context; in a copy it stays, and is no longer in force."""
    _around.set(tuple(other for other in _around.get() if other is not rule))


def rules_around(loop: asyncio.AbstractEventLoop) -> Iterable[Rule]:
    """Return the rules that are in force for the code that runs, the innermost first."""
    return [rule for rule in _around.get() if rule.is_on and rule.loop is loop]


def names_of(rows: Iterable[tuple[Any, Any, int, str, tuple[Any, ...]]]) -> list[str]:
    """Return the addresses in the rows of a getaddrinfo."""
    return [host_text(sockaddr[0]) for *_, sockaddr in rows if isinstance(sockaddr[0], str | bytes)]
