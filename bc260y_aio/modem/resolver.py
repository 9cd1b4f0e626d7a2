"""Names and their addresses, by the module's resolver (guide 2.2.6, 2.2.7)."""

import asyncio
import ipaddress
import socket
from collections import OrderedDict
from typing import Any, Final

from ..at.commands import QueryDnsServers, Resolve, SetDnsServers
from ..at.completions import Resolution, ResolvedAddress
from ..at.information import DnsServers
from ..errors import CommandError, ErrorCode, ResolutionError, socket_error_code
from ..sockets.addresses import host_name, readable_address
from ..sockets.dataformat import PayloadFormats
from .core import ModemCore, Options

# The module reports a TTL of 0 for every name (guide 2.2.6); asking costs seconds and energy, and clients ask once per
# family and connection. So an address is used for a while, or until a connection to it fails.
_CACHED_FOR: Final = 300.0
_CACHED_NAMES: Final = 64


class Resolver(ModemCore):
    """The module's resolver, as coroutines."""

    def __init__(self, name: str, options: Options, formats: PayloadFormats) -> None:
        super().__init__(name, options, formats)
        self._resolved: OrderedDict[str, tuple[float, list[str]]] = OrderedDict()

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
        except CommandError as exc:
            raise ResolutionError(socket_error_code(exc), f"resolving {name}") from exc

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
