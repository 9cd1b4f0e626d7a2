"""The module's services besides sockets: ping, time, and queries of its state (guide 2.2.4 to 2.2.9)."""

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime

from ..at.commands import (
    Ping,
    QueryAddress,
    QueryClock,
    QueryContextSockets,
    QueryDataFormat,
    QueryNetworkTime,
    QuerySocket,
    QuerySockets,
    Raw,
    read_verbatim,
)
from ..at.completions import NetworkTime, PingReply
from ..at.information import Clock, PdpAddress, SocketInfo
from ..at.responses import STANDARD
from ..errors import CommandError, ErrorCode, socket_error
from ..line.turns import Answer
from ..sockets.addresses import host_name, readable_address
from .core import ModemCore
from .ping import PingLost, PingResult, ping, ping_replies


class Services(ModemCore):
    """The module's services, as coroutines."""

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
