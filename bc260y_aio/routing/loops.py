"""A running loop whose methods ask first whether a call goes over a modem.

The methods of :class:`RoutedLoop` are installed as attributes of the loop object, where they hide those of its class:
that works on asyncio's loops and on uvloop's, and is undone without a trace. Whatever is not for a modem goes on to the
loop's own method, with its arguments unchanged, so that invalid ones raise the loop's own errors.
"""

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Callable
from typing import Any, Final

from ..transports.tls import start_tls
from .adoption import adopt, adopt_unconnected
from .arguments import (
    INTERNET,
    check_resolvable,
    is_modems_transport,
    is_name,
    is_pair,
    suits_a_connected_socket,
    unconnected_datagram_address,
)
from .destinations import bound_address, host_text, is_local, port_number
from .exclusive import ExclusivePolicy, refusal
from .host_calls import comparable, host_call, on_host
from .local_names import in_digits, is_elsewhere
from .rules import ANY, Router, Rule, SocketRouter, names_of, rules_around
from .sendfile import send_file
from .socket_relay import SocketRelay
from .tls_objects import install, remember_peer, remove

_METHODS: Final = (
    *("create_connection", "create_datagram_endpoint", "create_server", "getaddrinfo", "getnameinfo"),
    *("sock_connect", "sock_sendto", "start_tls", "sendfile"),
)

# Where a loop keeps its RoutedLoop.
_PLACE: Final = "_bc260y_aio_routed"

_ABSENT: Final = object()

# Refuses what code does without the loop, while one of the loops has an exclusive route.
_exclusive: Final = ExclusivePolicy(lambda loop: (routed := RoutedLoop.of(loop)) is not None and routed.is_exclusive)


class RoutedLoop:
    """The methods that replace those of one loop while a route is on."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._rules: list[Rule] = []
        self._rules_everywhere: list[Rule] = []
        self._own: dict[str, Callable[..., Any]] = {name: getattr(loop, name) for name in _METHODS}
        self._hidden = {name: vars(loop).get(name, _ABSENT) for name in _METHODS}

    @staticmethod
    def of(loop: asyncio.AbstractEventLoop) -> "RoutedLoop | None":
        """Return the RoutedLoop of a loop; None if no route is on there."""
        routed: RoutedLoop | None = vars(loop).get(_PLACE)
        return routed

    # Installing

    @classmethod
    def add(cls, rule: Rule, loop: asyncio.AbstractEventLoop, *, everywhere: bool) -> None:
        """Put a rule into force on a loop, for the code of its block or for all code."""
        routed = cls.of(loop)
        if routed is None:
            routed = cls(loop)
            vars(loop)[_PLACE] = routed
            install()
            for name in _METHODS:
                setattr(loop, name, getattr(routed, name))

        rule.loop, rule.is_on = loop, True
        if rule.is_exclusive:
            _exclusive.begin()

        routed._rules.append(rule)
        if everywhere:
            routed._rules_everywhere.insert(0, rule)

    def discard(self, rule: Rule) -> None:
        """Take a rule out of force; with the last one, the loop gets its own methods back."""
        rule.is_on = False
        if rule.is_exclusive:
            _exclusive.end()

        self._rules.remove(rule)
        if rule in self._rules_everywhere:
            self._rules_everywhere.remove(rule)

        if self._rules:
            return

        del vars(self._loop)[_PLACE]
        remove()
        for name in _METHODS:
            # A wrapper that other code has put over ours stays; ours then calls the original.
            if vars(self._loop).get(name) != getattr(self, name):
                continue

            if (hidden := self._hidden[name]) is _ABSENT:
                delattr(self._loop, name)
            else:
                setattr(self._loop, name, hidden)

    # Deciding

    def rules(self) -> list[Rule]:
        """Return the rules that are in force for the code that runs, in the order in which they are asked."""
        return [*rules_around(self._loop), *self._rules_everywhere]

    def _router(self, host: Any, port: Any) -> Router | None:
        """Return what a destination is to be reached over; None for the host's own network."""
        if not host or not isinstance(host, str | bytes | bytearray):
            return None

        destination = host_text(host), port_number(port)
        return next((rule.router for rule in self.rules() if rule.takes(*destination)), None)

    @property
    def is_exclusive(self) -> bool:
        """Whether the host's network is not allowed on this loop."""
        return any(rule.is_exclusive for rule in self._rules)

    def _check_allowed(self, host: Any, port: Any) -> None:
        """Check that a destination may be reached over the host's network.

        Raises:
            OSError: ENETUNREACH, an exclusive route is on.
        """
        if self.is_exclusive and is_elsewhere(host):
            raise refusal(f"{host_text(host)}:{port_number(port)}")

    def _here(self, address: Any, family: int = 0) -> Any:
        """Return an address with a host of this machine in digits, where no resolver may be asked.

        Raises:
            socket.gaierror: its host is a name of another machine.
        """
        match address:
            case (host, *rest) if self.is_exclusive and is_name(host):
                if is_elsewhere(host):
                    raise socket.gaierror(socket.EAI_NONAME, f"{host_text(host)!r} is no name of this machine")

                return (in_digits(host, family), *rest)
            case _:
                return address

    # The loop's methods

    async def create_connection(
        self, protocol_factory: Callable[[], Any], host: Any = None, port: Any = None, **kwds: Any
    ) -> tuple[asyncio.Transport, Any]:
        """Open a connection as :meth:`asyncio.loop.create_connection` does."""
        own = self._own["create_connection"]
        sock: Any = kwds.get("sock")
        if sock is not None:
            relay = SocketRelay.behind(sock, self._loop) if host is None and port is None else None
            if relay is None or relay.kind != socket.SOCK_STREAM or not suits_a_connected_socket(kwds):
                return await own(protocol_factory, host, port, **kwds)  # type: ignore[no-any-return]

            return await adopt(relay, protocol_factory, **kwds)

        router = self._router(host, port)
        if router is None:
            self._check_allowed(host, port)
            if (local_addr := kwds.get("local_addr")) is not None:
                kwds["local_addr"] = self._here(local_addr, kwds.get("family", 0))

            host, port = self._here((host, port), kwds.get("family", 0))
            with on_host((host, port), kwds.get("local_addr")):
                return await own(protocol_factory, host, port, **kwds)  # type: ignore[no-any-return]

        kwds.pop("sock", None)
        check_resolvable(host, kwds.get("flags", 0))
        self._remember_peer(router, host, port)
        return await router.create_connection(protocol_factory, host, port, **kwds)

    def _remember_peer(self, router: Router, host: Any, port: Any) -> None:
        name = host_text(host)
        names = [name, *(rule.name_of(name) for rule in self.rules())]
        remember_peer(self._loop, names, router, port_number(port))

    async def create_datagram_endpoint(
        self, protocol_factory: Callable[[], Any], local_addr: Any = None, remote_addr: Any = None, **kwds: Any
    ) -> tuple[asyncio.DatagramTransport, Any]:
        """Open a datagram endpoint as :meth:`asyncio.loop.create_datagram_endpoint` does."""
        own = self._own["create_datagram_endpoint"]
        sock: Any = kwds.get("sock")
        relay = SocketRelay.behind(sock, self._loop) if sock is not None else None
        if relay is not None and relay.kind == socket.SOCK_DGRAM and local_addr is None and remote_addr is None:
            return await adopt(relay, protocol_factory, sock=sock)

        family = kwds.get("family", 0)
        if sock is None:
            router = self._datagram_router(local_addr, remote_addr, family)
        elif (bound := unconnected_datagram_address(sock)) is not None and local_addr is None and remote_addr is None:
            if (router := self._unconnected_router(bound[0])) is not None:
                return await adopt_unconnected(router, protocol_factory, sock, bound)
        else:
            router = None

        if router is None:
            local_addr, remote_addr = self._here(local_addr, family), self._here(remote_addr, family)
            with on_host(remote_addr, local_addr):
                return await own(protocol_factory, local_addr, remote_addr, **kwds)  # type: ignore[no-any-return]

        kwds.pop("sock", None)
        if remote_addr is not None:
            check_resolvable(remote_addr[0], kwds.get("flags", 0))

        return await router.create_datagram_endpoint(protocol_factory, local_addr, remote_addr, **kwds)

    def _datagram_router(self, local_addr: Any, remote_addr: Any, family: int) -> Router | None:
        if not all(is_pair(address) for address in (remote_addr, local_addr) if address is not None):
            return None

        match remote_addr, local_addr:
            case (host, port), _:
                router = self._router(host, port)
                if router is None:
                    self._check_allowed(host, port)
            case (None, (str() | None as local_host, _)) if family in (socket.AF_UNSPEC, *INTERNET):
                router = self._unconnected_router(local_host or "")
            case (None, None) if family in INTERNET:
                router = self._unconnected_router("")
            case _:
                router = None

        return router

    def _unconnected_router(self, local_host: str) -> Router | None:
        router = next((rule.router for rule in self.rules() if rule.takes_unconnected(local_host)), None)
        if router is None and (local_host in ANY or not is_local(local_host)):
            self._check_allowed("any peer", 0)

        return router

    async def create_server(
        self, protocol_factory: Callable[[], Any], host: Any = None, port: Any = None, **kwds: Any
    ) -> Any:
        """Listen on this machine as :meth:`asyncio.loop.create_server` does.

        Raises:
            socket.gaierror: a host is a name of another machine, and an exclusive route is on.
        """
        family = kwds.get("family", 0)
        if isinstance(host, list | tuple | set | frozenset):
            host = [self._here((one, port), family)[0] for one in host]
        else:
            host = self._here((host, port), family)[0]

        return await self._own["create_server"](protocol_factory, host, port, **kwds)

    async def getaddrinfo(self, host: Any, port: Any, **kwds: Any) -> list[Any]:
        """Resolve a name as :meth:`asyncio.loop.getaddrinfo` does, but to one address at most where a modem does it."""
        own = self._own["getaddrinfo"]
        if (call := host_call((host, port))) is not None:
            rows: list[Any] = await own(host, port, **kwds)
            call.extend(names_of(rows), port)
            return rows

        # Listening sockets are on the host.
        router = None if kwds.get("flags", 0) & socket.AI_PASSIVE else self._router(host, port)
        if router is not None:
            rows = await router.getaddrinfo(host, port, **kwds)
            # Programs race the addresses of a name, and each would take one of five sockets for as long as it waits.
            rows = [row for row in rows if row[4][0] == rows[0][4][0]]
        else:
            if is_name(host):
                self._check_query_allowed(host, port)
                host = self._here((host,), kwds.get("family", 0))[0]

            rows = await own(host, port, **kwds)

        if is_name(host):
            for rule in self.rules():
                rule.remember(host_text(host), names_of(rows))

        return rows

    def _check_query_allowed(self, host: Any, port: Any) -> None:
        try:
            self._check_allowed(host, port)
        except OSError as exc:
            raise socket.gaierror(socket.EAI_FAIL, exc.strerror) from None

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> tuple[str, str]:
        """Return the names of an address and a port as :meth:`asyncio.loop.getnameinfo` does.

        A module cannot ask for the name of an address; so it is as if there were none.

        Raises:
            socket.gaierror: the address is for the modem, and ``flags`` demand a name; or it is not an address.
        """
        own = self._own["getnameinfo"]
        if not isinstance(sockaddr, tuple) or len(sockaddr) < 2 or flags & socket.NI_NUMERICHOST:
            return await own(sockaddr, flags)  # type: ignore[no-any-return]

        host, port = sockaddr[:2]
        if self._router(host, port) is None:
            self._check_query_allowed(host, port)
            return await own(sockaddr, flags)  # type: ignore[no-any-return]

        if is_name(host) or flags & socket.NI_NAMEREQD:
            raise socket.gaierror(socket.EAI_NONAME, "a module cannot ask for the name of an address")

        _, service = await own(("127.0.0.1", port), flags | socket.NI_NUMERICHOST)
        return host_text(host), service

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        """Connect a socket as :meth:`asyncio.loop.sock_connect` does."""
        own = self._own["sock_connect"]
        router = None
        if sock.family in INTERNET and host_call(address) is None and isinstance(address, tuple) and len(address) > 1:
            router = self._router(*address[:2])
            if router is None:
                self._check_allowed(*address[:2])

        if router is None:
            address = self._here(address, sock.family)
            with on_host(address):
                await own(sock, address)

            return

        if isinstance(sock, ssl.SSLSocket):
            raise TypeError("Socket cannot be of type SSLSocket")

        if self._loop.get_debug() and sock.gettimeout() != 0:
            raise ValueError("the socket must be non-blocking")

        if address[1] == 0 and sock.type is socket.SOCK_STREAM:
            # No peer listens there; a kernel says the same.
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))

        if address[1] == 0 and sock.type is socket.SOCK_DGRAM:
            raise OSError(errno.EINVAL, "a module sends no datagrams to port 0: use 1 to 65535")

        await self._connect(router, sock, *address[:2])

    async def _connect(self, router: Router, sock: socket.socket, host: Any, port: Any) -> None:
        self._remember_peer(router, host, port)
        local_addr = bound_address(sock)
        if isinstance(router, SocketRouter):
            await router.sock_connect(sock, host, port, local_addr)
            return

        relay = SocketRelay(self._loop, sock.type)
        match sock.type:
            case socket.SOCK_STREAM:
                await router.create_connection(lambda: relay, host, port, family=sock.family, local_addr=local_addr)
            case socket.SOCK_DGRAM:
                await router.create_datagram_endpoint(lambda: relay, local_addr, (host, port), family=sock.family)
            case _:
                raise OSError(errno.EPROTONOSUPPORT, f"a module has no sockets of type {sock.type}")

        try:
            relay.join(sock)
        except BaseException:
            relay.transport.abort()
            raise

    async def sock_sendto(self, sock: socket.socket, data: Any, address: Any) -> int:
        """Send a datagram as :meth:`asyncio.loop.sock_sendto` does, from a socket that was connected over the modem.

        Raises:
            OSError: EOPNOTSUPP, the socket is not connected and its datagram is for the modem; EISCONN, it is connected
                to another peer.
        """
        peer = address[:2] if isinstance(address, tuple) and len(address) > 1 else None
        if (relay := SocketRelay.behind(sock, self._loop)) is not None:
            if comparable(peer) != comparable(relay.transport.get_extra_info("peername")):
                raise OSError(errno.EISCONN, os.strerror(errno.EISCONN))

            await self._loop.sock_sendall(sock, data)
            return len(memoryview(data).cast("B"))

        if sock.family in INTERNET and peer is not None and self._router(*peer) is not None:
            raise OSError(
                errno.EOPNOTSUPP,
                "over a modem a datagram needs a socket that is connected (sock_connect), or an endpoint of the "
                "loop's (create_datagram_endpoint)",
            )

        # An exclusive route refuses it behind the loop's own method.
        return await self._own["sock_sendto"](sock, data, address)  # type: ignore[no-any-return]

    async def start_tls(self, transport: Any, protocol: Any, sslcontext: Any, **kwds: Any) -> Any:
        """Put TLS on a connection as :meth:`asyncio.loop.start_tls` does."""
        transport = getattr(transport, "wrapped", transport)
        if is_modems_transport(transport):
            return await start_tls(transport, protocol, sslcontext, **kwds)

        return await self._own["start_tls"](transport, protocol, sslcontext, **kwds)

    async def sendfile(
        self, transport: Any, file: Any, offset: int = 0, count: int | None = None, *, fallback: bool = True
    ) -> int:
        """Send a file over a connection as :meth:`asyncio.loop.sendfile` does.

        Raises:
            RuntimeError: it is a connection of a modem's, and ``fallback`` is False.
        """
        if not is_modems_transport(transport):
            return await self._own["sendfile"](transport, file, offset, count, fallback=fallback)  # type: ignore[no-any-return]

        if not fallback:
            raise RuntimeError(f"fallback is disabled, and the kernel sends no files over a modem: {transport!r}")

        return await send_file(transport, file, offset, count)
