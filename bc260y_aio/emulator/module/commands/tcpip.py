"""Sockets and the services of the network (guide 2.2)."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from ....at.commands import (
    CloseSocket,
    OpenSocket,
    Ping,
    QueryAcks,
    QueryContextSockets,
    QueryDataFormat,
    QueryDnsServers,
    QueryNetworkTime,
    QuerySocket,
    QuerySockets,
    Resolve,
    SendData,
    SetDataFormat,
    SetDnsServers,
    Test,
)
from ....at.information import DataFormat
from ....at.responses import Response, Success, Text
from ....errors import ErrorCode
from ..parts import Parts
from . import services
from .table import CommandTable, SocketCommandError

COMMANDS = CommandTable()

# The answers to the test commands (guide 2.2), without their name. {last} is the highest connectID.
_TESTS: Final[Mapping[str, str]] = {
    "+QICFG": '"dataformat",(0,1),(0,1)',
    "+QIOPEN": '(0-11),(0-{last}),"TCP/UDP",<host>,<remote_port>,<local_port>,(1)',
    "+QICLOSE": "(0-{last})",
    "+QISTATE": "(0,1),(0-{last})",
    "+QISEND": "(0-{last}),(0-1024),<data>,<rai_mode>",
    "+QIDNSGIP": "(0-11),<hostname>",
    "+QIDNSCFG": "(0-11),<pridnsaddr>,<secdnsaddr>",
    "+QPING": "(0-11),<host>,(1-255),(1-10),(32-{largest_ping})",
    "+QNTP": "(0-11),<server>,<port>,(0,1)",
}


@COMMANDS.handles(Test)
def _ranges(parts: Parts, command: Test) -> Sequence[Response]:
    last, largest = parts.options.sockets - 1, parts.options.largest_ping
    return [Text(f"{command.tested}: {_TESTS[command.tested].format(last=last, largest_ping=largest)}")]


# Sockets


@COMMANDS.handles(OpenSocket)
def _open(parts: Parts, command: OpenSocket) -> None:
    parts.tcpip.open(command)


@COMMANDS.handles(CloseSocket)
def _close(parts: Parts, command: CloseSocket) -> None:
    parts.tcpip.close_socket(command)


@COMMANDS.handles(SendData)
def _send(parts: Parts, command: SendData) -> None:
    parts.tcpip.send(command)


@COMMANDS.handles(QuerySockets)
def _sockets(parts: Parts, command: QuerySockets) -> Sequence[Response]:
    return parts.tcpip.states()


@COMMANDS.handles(QueryContextSockets)
def _sockets_of_context(parts: Parts, command: QueryContextSockets) -> Sequence[Response]:
    return parts.tcpip.states() if command.context_id == 0 else []


@COMMANDS.handles(QuerySocket)
def _socket(parts: Parts, command: QuerySocket) -> Sequence[Response]:
    return [one for one in parts.tcpip.states() if one.connect_id == command.connect_id]


@COMMANDS.handles(QueryAcks)
def _acks(parts: Parts, command: QueryAcks) -> Sequence[Response]:
    """AT+QISEND=<connectID>,0."""
    socket = parts.tcpip.sockets.get(command.connect_id)
    if socket is None:
        raise SocketCommandError(ErrorCode.SOCKET_CLOSED)

    return [socket.acks]


@COMMANDS.handles(QueryDataFormat)
def _data_format(parts: Parts, command: QueryDataFormat) -> Sequence[Response]:
    return [DataFormat(parts.nvram.send_format, parts.nvram.receive_format)]


@COMMANDS.handles(SetDataFormat)
def _set_data_format(parts: Parts, command: SetDataFormat) -> Sequence[Response]:
    parts.nvram.store(send_format=command.send, receive_format=command.receive)
    parts.writer.use_settings()
    return []


# Services


@COMMANDS.handles(Resolve)
def _resolve(parts: Parts, command: Resolve) -> None:
    parts.writer.answer(Success())
    parts.run(command.name, services.resolve(parts, command))


@COMMANDS.handles(Ping)
def _ping(parts: Parts, command: Ping) -> None:
    if command.size > parts.options.largest_ping:
        raise SocketCommandError(ErrorCode.INVALID_PARAMETERS)

    parts.writer.answer(Success())
    parts.run(command.name, services.ping(parts, command))


@COMMANDS.handles(QueryNetworkTime)
def _network_time(parts: Parts, command: QueryNetworkTime) -> None:
    parts.writer.answer(Success())
    parts.run(command.name, services.network_time(parts, command))


@COMMANDS.handles(QueryDnsServers)
def _dns_servers(parts: Parts, command: QueryDnsServers) -> Sequence[Response]:
    return [parts.settings.dns] if command.context_id == 0 else []


@COMMANDS.handles(SetDnsServers)
def _set_dns_servers(parts: Parts, command: SetDnsServers) -> Sequence[Response]:
    servers = parts.settings.dns
    for rank, address in (("primary", command.primary), ("secondary", command.secondary)):
        if address is None:
            continue

        try:
            version = ipaddress.ip_address(address).version
        except ValueError:
            raise SocketCommandError(ErrorCode.INVALID_PARAMETERS) from None

        changed: Any = {f"{rank}_ipv{version}": address}
        servers = replace(servers, **changed)

    parts.settings.dns = servers
    return []
