"""What the module answers by itself: settings, states, who it is."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from ...at.commands import (
    Attention,
    Command,
    QueryAcks,
    QueryAddress,
    QueryClock,
    QueryContextSockets,
    QueryDataFormat,
    QueryDnsServers,
    QueryRegistration,
    QuerySleep,
    QuerySocket,
    QuerySockets,
    Raw,
    SetDataFormat,
    SetDeepSleepReports,
    SetDnsServers,
    SetEcho,
    SetErrorLevel,
    SetPowerReports,
    SetRegistrationReports,
    SetSleep,
    Test,
)
from ...at.information import Clock, DataFormat, DnsServers, PdpAddress, Registration, SleepSetting
from ...at.responses import Response, Success, Text
from ...errors import ErrorCode
from . import raw

if TYPE_CHECKING:
    from .bc260y import Module

# What a module asks until it is told otherwise (guide 4.5).
DNS_SERVERS: Final = DnsServers(0, "218.2.2.2", "8.8.8.8", "240E:5A::6666", "240E:5B::6666")

# The PDP context whose address AT+CGPADDR? tells.
_PDP_CONTEXT: Final = 5

_NAME: Final = re.compile(r"AT(\+?[A-Z&]+)?", re.IGNORECASE)

# The answers to the test commands (guide 2.2), but for their name. {last} is the highest connectID.
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


def name_of(line: str) -> str:
    """Return the name of a command line: ``"+CSQ"``, ``"AT"``, ``"ATE"``."""
    match = _NAME.match(line)
    name = (match[1] or "") if match else ""
    return name.upper() if name.startswith("+") else f"AT{name.upper()}"


def carry_out(module: "Module", command: Command) -> None:
    """Carry out a command that the module answers by itself."""
    match command:
        case Raw(line=line):
            raw.carry_out(module, line)
        case QueryAcks(connect_id=connect_id) if connect_id not in module.sockets:
            module.refuse(ErrorCode.SOCKET_CLOSED)
        case SetDnsServers():
            _set_dns_servers(module, command)
        case _ if (information := _query(module, command)) is not None:
            module.answer(*information, Success())
        case _:
            _set(module, command)
            module.answer(Success())


def _query(module: "Module", command: Command) -> list[Response] | None:
    """Return the information that answers a query; None for a command that is none."""
    match command:
        case Attention():
            return []
        case Test(tested=name):
            last, largest = module.options.sockets - 1, module.firmware.largest_ping
            return [Text(f"{name}: {_TESTS[name].format(last=last, largest_ping=largest)}")]
        case QueryDataFormat():
            return [DataFormat(module.nvram.send_format, module.nvram.receive_format)]
        case QuerySockets() | QueryContextSockets(context_id=0):
            return [*module.tcpip.states()]
        case QuerySocket(connect_id=connect_id):
            return [one for one in module.tcpip.states() if one.connect_id == connect_id]
        case QueryAcks(connect_id=connect_id):
            return [module.sockets[connect_id].acks]
        case QueryDnsServers(context_id=0):
            return [module.dns]
        case QueryContextSockets() | QueryDnsServers():
            return []
        case QueryRegistration():
            return [Registration(module.registration_mode, module.registration, module.area)]
        case QueryAddress():
            is_registered = module.registration.is_registered
            return [PdpAddress(_PDP_CONTEXT, (module.options.address,))] if is_registered else []
        case QuerySleep():
            return [SleepSetting(module.sleep.mode)]
        case QueryClock():
            return [Clock(module.now)]
        case _:
            return None


def _set(module: "Module", command: Command) -> None:
    match command:
        case SetEcho(on=on):
            module.set_echo(on=on)
        case SetDataFormat(send=send, receive=receive):
            module.nvram.store(send_format=send, receive_format=receive)
            module.use_formats()
        case SetErrorLevel(level=level):
            module.error_level = level
        case SetRegistrationReports(mode=mode):
            module.registration_mode = mode
        case SetSleep(mode=mode):
            module.sleep.allow(mode)
        case SetPowerReports(on=on):
            module.reports_power = on
        case SetDeepSleepReports(on=on):
            module.reports_deep_sleep = on


def _set_dns_servers(module: "Module", command: SetDnsServers) -> None:
    servers = module.dns
    for rank, address in (("primary", command.primary), ("secondary", command.secondary)):
        if address is None:
            continue

        try:
            version = ipaddress.ip_address(address).version
        except ValueError:
            module.refuse(ErrorCode.INVALID_PARAMETERS)
            return

        changed: Any = {f"{rank}_ipv{version}": address}
        servers = replace(servers, **changed)

    module.dns = servers
    module.answer(Success())
