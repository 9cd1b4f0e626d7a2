"""The module's services besides sockets: names, ping, time, and queries of its state (guide 2.2.4 to 2.2.9)."""

import asyncio
import contextlib
import ipaddress
import socket
from collections import OrderedDict
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final, TypeVar

from ..at.commands import (
    Command,
    Ping,
    QueryAddress,
    QueryClock,
    QueryContextSockets,
    QueryDataFormat,
    QueryDnsServers,
    QueryNetworkTime,
    QuerySocket,
    QuerySockets,
    Raw,
    Resolve,
    SetDnsServers,
    read_verbatim,
)
from ..at.completions import NetworkTime, PingReply, Resolution, ResolvedAddress
from ..at.information import Clock, DnsServers, PdpAddress, SocketInfo
from ..at.responses import STANDARD, Information
from ..errors import CommandError, CommandFailed, CommandTimeout, ErrorCode, ResolutionError, socket_error
from ..line.turns import Answer
from ..sockets.addresses import host_name, readable_address
from ..sockets.dataformat import PayloadFormats
from .core import ModemCore, Options
from .ping import PingLost, PingResult, ping, ping_replies

# The module reports a TTL of 0 for every name (guide 2.2.6); asking costs seconds and energy, and clients ask once per
# family and connection. So an address is used for a while, or until a connection to it fails.
_CACHED_FOR: Final = 300.0
_CACHED_NAMES: Final = 64

Told = TypeVar("Told", bound=Information)


class Services(ModemCore):
    """The module's services, as coroutines."""

    def __init__(self, name: str, options: Options, formats: PayloadFormats) -> None:
        super().__init__(name, options, formats)
        self._resolved: OrderedDict[str, tuple[float, list[str]]] = OrderedDict()

    # Names

    async def resolve(self, host: str | bytes) -> list[str]:
        """Resolve a name, and return its addresses (guide 2.2.6, 4.4). At present the module reports one.

        Numeric addresses are returned as they are. Results are cached for five minutes, or until a
        connection to the address fails.

        Args:
            host: the name, at most 150 bytes.

        Raises:
            ResolutionError: it cannot be resolved; a socket.gaierror.
            NotRegistered: the module is not registered with a network.
            ValueError: it is not a name that can be asked for.
            ModemClosed: the modem is not open.
        """
        name = host_name(host)
        if _is_address(name):
            return [name]

        now = asyncio.get_running_loop().time()
        expires, addresses = self._resolved.get(name.lower(), (0.0, []))
        if now >= expires:
            addresses = await self._query_addresses(name)
            self._resolved[name.lower()] = now + _CACHED_FOR, addresses
            self._ledger.note_name(name, addresses)
            if len(self._resolved) > _CACHED_NAMES:
                self._resolved.popitem(last=False)

        return list(addresses)

    def _note_failure(self, host: str) -> None:
        # The name may have another address by now.
        self._resolved = OrderedDict((name, entry) for name, entry in self._resolved.items() if host not in entry[1])

    async def _query_addresses(self, name: str) -> list[str]:
        await self._ensure_registered()
        command = Resolve(name)
        self._profile.require(command)
        try:
            answer = await self._channel.execute(command)
            if answer.is_doubtful:
                # It may be the late answer to another name. Now every answer that is still due is to this one.
                answer = await self._channel.execute(command)
        except CommandTimeout as exc:
            raise ResolutionError(ErrorCode.OPERATION_TIMEOUT, f"resolving {name}") from exc

        match answer.completions:
            case [Resolution(error=ErrorCode.SUCCESS), *rest]:
                found = [item for item in rest if isinstance(item, ResolvedAddress)]
                addresses = [readable_address(address) for item in found for address in item.addresses]
                if not addresses:
                    raise ResolutionError(ErrorCode.DNS_PARSE_FAILED, f"resolving {name}")

                return addresses
            case [Resolution(error=code), *_]:
                raise ResolutionError(code, f"resolving {name}")
            case _:
                raise ResolutionError(ErrorCode.UNKNOWN, f"resolving {name}")

    async def getaddrinfo(
        self,
        host: str | bytes | None,
        port: int | str | bytes | None,
        *,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[tuple[Any, Any, int, str, tuple[Any, ...]]]:
        """Resolve a name as :meth:`asyncio.loop.getaddrinfo` does, but by the module.

        Unlike the host's resolver, the module chooses the family: it is asked for a name, and rows of the family asked
        for are returned. Numeric addresses, and no host at all, need no query. The rows have the shape that the host's
        C library gives them.

        Args:
            host: the name or address; None or ``""`` for the host's own, as for a server.
            port: a number, a service name, or None.
            family: ``AF_UNSPEC``, ``AF_INET`` or ``AF_INET6``.
            type: 0 for a row per socket type.
            proto: 0 for any.
            flags: those of libc.

        Raises:
            socket.gaierror: the name cannot be resolved; or not in that family.
            ValueError: it is not a name that can be asked for.
            ModemClosed: the modem is not open.
        """
        if not host:
            return socket.getaddrinfo(host, port, family, type, proto, flags | socket.AI_NUMERICHOST)

        name = host_name(host)
        is_numeric = _is_address(name)
        if not is_numeric and flags & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        rows: list[tuple[Any, Any, int, str, tuple[Any, ...]]] = []
        addresses = await self.resolve(name)
        for address in addresses if is_numeric else _of_family(addresses, family):
            # libc shapes the rows; with a numeric host it sends no query. AI_ADDRCONFIG depends on the host's network.
            shape = (flags | socket.AI_NUMERICHOST) & ~(socket.AI_ADDRCONFIG | socket.AI_CANONNAME)
            rows += socket.getaddrinfo(address, port, family, type, proto, shape)

        if flags & socket.AI_CANONNAME and rows:
            kind, socktype, protocol, _, sockaddr = rows[0]
            rows[0] = (kind, socktype, protocol, name, sockaddr)

        return rows

    async def dns_servers(self) -> DnsServers:
        """Return the DNS servers that the module asks (guide 2.2.7, 4.5).

        Raises:
            CommandFailed: the module did not report it.
        """
        return await self._query_one(QueryDnsServers(), DnsServers)

    async def set_dns_servers(self, primary: str, secondary: str | None = None) -> None:
        """Set the DNS servers that the module asks (guide 2.2.7, 4.5). The network must be of their family.

        Args:
            primary: an IPv4 or IPv6 address.
            secondary: another.

        Raises:
            ValueError: one is not an address.
            NotRegistered: the module is not registered with a network.
            CommandFailed: the module refused.
        """
        for server in (primary, secondary):
            if server is not None:
                ipaddress.ip_address(server)

        command = SetDnsServers(primary, secondary)
        self._profile.require(command)
        await self._ensure_registered()
        await self._channel.execute(command)
        self._resolved.clear()

    # Ping and time

    async def ping(self, host: str | bytes, *, timeout: int = 20, count: int = 4, size: int = 32) -> PingResult:
        """Ping a host, and return the result (guide 2.2.8, 4.6). A lost packet raises nothing.

        The module is busy with nothing else while it waits for a reply, so other sockets send in between only. When the
        packets might take longer than 20 s in all, each goes out by a command of its own, and others have their turn
        after each; otherwise after all.

        Args:
            host: the name or address.
            timeout: how long to wait for each reply: 1 to 255 whole seconds. By default 20, for round trips of five
                seconds are usual at the edge of a cell, and 4, the module's own default, lost every packet there.
            count: how many packets: 1 to 10.
            size: of each, in bytes: 32 to 1500 (200 before firmware R01A03), or what the modem's profile allows.

        Raises:
            SocketError: the ping could not begin; a ResolutionError, for instance.
            ValueError: an argument is out of range.
        """
        self._check_ping(size)
        return await ping(self._channel, host_name(host), timeout, count, size)

    def ping_replies(
        self, host: str | bytes, *, timeout: int = 20, count: int = 4, size: int = 32
    ) -> AsyncIterator[PingReply | PingLost]:
        """Ping a host, and yield each reply, or its loss, as it comes. The arguments are those of :meth:`ping`."""
        self._check_ping(size)
        return ping_replies(self._channel, host_name(host), timeout, count, size)

    def _check_ping(self, size: int) -> None:
        self._profile.require(Ping(".", size=size))
        if size > self._profile.largest_ping:
            raise ValueError(f"the module pings with {self._profile.largest_ping} bytes at the most, not {size}")

    async def ntp_time(self, server: str | bytes, port: int = 123, *, set_clock: bool | None = False) -> datetime:
        """Ask an NTP server for the time, and return it, aware (guide 2.2.9, 4.7).

        Args:
            server: its name or address.
            port: its port.
            set_clock: whether the module sets its clock by it; None leaves that to the module.

        Raises:
            SocketError: there was no answer; a ConnectTimeout, for instance.
            NotRegistered: the module is not registered with a network.
            ValueError: an argument is out of range.
        """
        name = host_name(server)
        command = QueryNetworkTime(name, port, set_clock)
        self._profile.require(command)
        await self._ensure_registered()
        answer = await self._channel.execute(command)
        match answer.completions:
            case [NetworkTime(error=ErrorCode.SUCCESS, time=datetime() as time), *_]:
                return time
            case [NetworkTime(error=code), *_]:
                raise socket_error(code or ErrorCode.UNKNOWN, f"asking {name} for the time")
            case _:
                raise socket_error(ErrorCode.UNKNOWN, f"asking {name} for the time")

    async def clock(self) -> datetime:
        """Return the module's clock, aware; the network sets it at registration (guide 2.2.9, note 2).

        Raises:
            CommandFailed: the module did not report it.
        """
        return (await self._query_one(QueryClock(), Clock)).time

    # The module's state

    async def sockets(self, *, connect_id: int | None = None, context_id: int | None = None) -> list[SocketInfo]:
        """Return the sockets that are open in the module, also those that another program opened (guide 2.2.4).

        Args:
            connect_id: only that one.
            context_id: only those of that PDP context.

        Raises:
            CommandFailed: the module did not report it.
        """
        if connect_id is not None:
            answer = await self._channel.execute(QuerySocket(connect_id))
        elif context_id is not None:
            answer = await self._channel.execute(QueryContextSockets(context_id))
        else:
            answer = await self._channel.execute(QuerySockets())

        return [info for info in answer.information if isinstance(info, SocketInfo)]

    async def addresses(self) -> list[str]:
        """Return the module's own addresses (guide 4.1); none while it is not registered.

        Raises:
            CommandFailed: the module did not report it.
        """
        self._profile.require(QueryAddress())
        answer = await self._channel.execute(QueryAddress())
        found = [info for info in answer.information if isinstance(info, PdpAddress)]
        return [readable_address(address) for info in found for address in info.addresses if address]

    async def execute(self, line: str, *, timeout: float | None = None) -> list[str]:
        """Send any AT command, and return its information responses and what followed ``OK``, line by line.

        Args:
            line: the command line, without a terminator: ``"AT+CSQ"``.
            timeout: for the result and again for what follows it, in seconds; what the command is given by default.

        Raises:
            ValueError: the line does not begin with AT, or holds anything but printable ASCII.
            CommandFailed: the module answered ERROR.
            CommandTimeout: it did not answer in time, or wrote more lines than any answer has.
        """
        command = read_verbatim(line)
        execute = self._change_format if command.changes_format else self._channel.execute
        answer = await execute(command, timeout)
        return [response.write(STANDARD) for response in (*answer.information, *answer.completions)]

    async def _change_format(self, command: Raw, timeout: float | None) -> Answer:
        """Execute a command that may change how received payload is written, and ask for that where it does not tell.

        Damage to received data shows only where that is known.
        """
        try:
            answer = await self._channel.execute(command, timeout)
        except CommandError:
            await self._ask_format()
            raise
        finally:
            self._formats.forget()

        if command.parsed is None:
            await self._ask_format()

        return answer

    async def _ask_format(self) -> None:
        with contextlib.suppress(CommandError):
            await self._channel.execute(QueryDataFormat())

    async def _query_one(self, command: Command, kind: type[Told]) -> Told:
        self._profile.require(command)
        answer = await self._channel.execute(command)
        for information in answer.information:
            if isinstance(information, kind):
                return information

        raise CommandFailed(str(command), text="OK, but nothing reported")


def _of_family(addresses: list[str], family: int) -> list[str]:
    """Return the addresses of a family.

    Raises:
        socket.gaierror: there are none.
    """
    versions = (4,) if family == socket.AF_INET else (6,) if family == socket.AF_INET6 else (4, 6)
    found = [address for address in addresses if ipaddress.ip_address(address).version in versions]
    if not found:
        raise socket.gaierror(socket.EAI_ADDRFAMILY, "Address family for hostname not supported")

    return found


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False

    return True
