"""The settings that an inspection may change: read at the beginning, restored at the end."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ..at.commands import (
    Attention,
    Command,
    QueryDataFormat,
    QueryDnsServers,
    QueryRegistration,
    QuerySleep,
    SetDataFormat,
    SetDeepSleepReports,
    SetDnsServers,
    SetEcho,
    SetErrorLevel,
    SetPowerReports,
    SetRegistrationReports,
    SetSleep,
    read_verbatim,
)
from ..at.information import DataFormat, DnsServers, Registration, SleepSetting
from ..at.responses import CmeLevel, Text
from ..at.syntax import Malformed, Parameters
from .line import Exchange, Line


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of the module.

    Attributes:
        name: its name here.
        query: the command that reads it.
        read: returns its value from the answer; None if the answer does not hold it.
        set: returns the commands that set it to a value.
    """

    name: str
    query: Command
    read: Callable[[Exchange], Any]
    set: Callable[[Any], list[Command]]


def has_echo(exchange: Exchange) -> bool:
    """Return whether the command line was echoed."""
    return exchange.received.lstrip(b"\r\n\0 ").startswith(exchange.command.encode())


def reported_number(exchange: Exchange, index: int = 0) -> int | None:
    """Return a number from an information response without a class of its own; None if there is none."""
    for information in exchange.information:
        if isinstance(information, Text):
            with contextlib.suppress(Malformed):
                return Parameters(information.text.partition(":")[2].strip()).integer(index)

    return None


def reported(exchange: Exchange, kind: type[Any], attribute: str = "") -> Any:
    """Return the information response of a class, or one of its attributes; None if it did not come."""
    for information in exchange.information:
        if isinstance(information, kind):
            return getattr(information, attribute) if attribute else information

    return None


def _dns_commands(servers: DnsServers) -> list[Command]:
    pairs = ((servers.primary_ipv4, servers.secondary_ipv4), (servers.primary_ipv6, servers.secondary_ipv6))
    return [SetDnsServers(primary, secondary or None) for primary, secondary in pairs if primary]


# In the order in which they are restored: sleep is allowed last.
SETTINGS: Final = (
    Setting(
        "data_format",
        QueryDataFormat(),
        lambda answer: reported(answer, DataFormat),
        lambda value: [SetDataFormat(value.send, value.receive)],
    ),
    Setting("dns", QueryDnsServers(), lambda answer: reported(answer, DnsServers), _dns_commands),
    Setting(
        "registration_reports",
        QueryRegistration(),
        lambda answer: reported(answer, Registration, "mode"),
        lambda value: [SetRegistrationReports(value)],
    ),
    Setting(
        "power_reports",
        read_verbatim("AT+QNBIOTEVENT?"),
        reported_number,
        lambda value: [SetPowerReports(on=bool(value))],
    ),
    Setting(
        "deep_sleep_reports",
        read_verbatim('AT+QCFG="dsevent"'),
        lambda answer: reported_number(answer, 1),
        lambda value: [SetDeepSleepReports(on=bool(value))],
    ),
    Setting(
        "connection_reports",
        read_verbatim("AT+CSCON?"),
        reported_number,
        lambda value: [read_verbatim(f"AT+CSCON={value}")],
    ),
    Setting("error_level", read_verbatim("AT+CMEE?"), reported_number, lambda value: [SetErrorLevel(CmeLevel(value))]),
    Setting("echo", Attention(), has_echo, lambda value: [SetEcho(on=value)]),
    Setting(
        "sleep", QuerySleep(), lambda answer: reported(answer, SleepSetting, "mode"), lambda value: [SetSleep(value)]
    ),
)


async def read_settings(line: Line) -> dict[str, Any]:
    """Read the settings; those that the module does not report are None."""
    found: dict[str, Any] = {}
    for setting in SETTINGS:
        found[setting.name] = setting.read(await line.ask(setting.query))

    return found


async def restore_settings(line: Line, found: dict[str, Any]) -> None:
    """Restore the settings that differ from what was found."""
    for setting in SETTINGS:
        if (before := found.get(setting.name)) is None:
            continue

        if setting.read(await line.ask(setting.query)) == before:
            continue

        for command in setting.set(before):
            await line.ask(command)
