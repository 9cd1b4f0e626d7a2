"""``bc260y-aio info``: what a module tells about itself."""

import argparse
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from ..at.commands import QueryDataFormat, QuerySleep
from ..at.information import DataFormat, SleepSetting
from ..at.privacy import hide
from ..errors import CommandError, NotRegistered, ProtocolError
from .common import Subparsers, add_json_option, add_port_options, add_trace_options, print_json, print_line
from .device import opened
from .observer import Observer

_LABEL_WIDTH: Final = 14
# What AT+CSQ tells for "not known", and how it counts otherwise (TS 27.007, 8.5).
_NO_SIGNAL: Final = 99
_WEAKEST_DBM: Final = -113
_DBM_PER_STEP: Final = 2

_SLEEPS: Final = ("not allowed", "deep sleep allowed", "light sleep allowed")


def add_to(commands: Subparsers, summary: str) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "info",
        help=summary,
        description="Show what a module tells about itself: who it is, its network, its sockets and its settings. "
        "Nothing is changed in it. What its firmware refuses to tell is shown as a dash.",
    )
    add_port_options(parser)
    add_trace_options(parser)
    add_json_option(parser)
    parser.add_argument("--unmasked", action="store_true", help="show IMEI, IMSI and ICCID in full")
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace) -> int:
    """Ask, and show each answer as it comes."""
    found: dict[str, Any] = {"port": options.port}
    async with opened(Observer(options.port, baudrate=options.baudrate), options) as modem:
        found["baudrate"] = modem.baudrate
        if not options.json:
            _show("port", options.port + (f" at {modem.baudrate} baud" if modem.baudrate else ""))

        for fact in _FACTS:
            value = await _find(fact, modem)
            if fact.is_private and isinstance(value, str) and not options.unmasked:
                value = hide(value)

            found[fact.key] = value
            if not options.json:
                _show(fact.label, "-" if value is None else fact.spell(value))

    if options.json:
        print_json(found)

    return 0


def _show(label: str, text: str) -> None:
    first, *others = text.split("\n")
    print_line(f"{label:{_LABEL_WIDTH}}{first}")
    for other in others:
        print_line(" " * _LABEL_WIDTH + other)


# What is asked


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that a module tells.

    Attributes:
        label: what it is called.
        key: what it is called in JSON.
        ask: finds it; None when the module does not tell.
        spell: puts it in words, of several lines perhaps.
        is_private: it identifies whoever owns the module.
    """

    label: str
    key: str
    ask: Callable[[Observer], Awaitable[Any]]
    spell: Callable[[Any], str] = str
    is_private: bool = False


async def _find(fact: Fact, modem: Observer) -> Any:
    try:
        return await fact.ask(modem)
    except (CommandError, NotRegistered, ProtocolError, ValueError):
        if modem.is_open:
            return None

        raise


def _telling(pattern: str, *lines: str) -> Callable[[Observer], Awaitable[str | None]]:
    """Return what asks with one line after another until an answer holds what is sought."""
    sought = re.compile(pattern, re.MULTILINE)

    async def ask(modem: Observer) -> str | None:
        for line in lines:
            try:
                answer = "\n".join(await modem.execute(line))
            except CommandError:
                continue

            if (match := sought.search(answer)) is not None:
                return match[1].strip()

        return None

    return ask


async def _registration(modem: Observer) -> dict[str, Any]:
    found = await modem.registration()
    return {
        "status": found.status.name.lower(),
        "is_registered": found.status.is_registered,
        "area": list(found.area),
    }


def _spell_registration(value: dict[str, Any]) -> str:
    status = value["status"].replace("_", " ")
    registered = f"registered, {status}" if value["is_registered"] else status
    return ", ".join([registered, *value["area"]])


async def _signal(modem: Observer) -> dict[str, int | None] | None:
    told = await _telling(r"^\+CSQ: ?(\d+,\d+)", "AT+CSQ")(modem)
    if told is None:
        return None

    rssi = int(told.partition(",")[0])
    return {"rssi": rssi, "dbm": None if rssi == _NO_SIGNAL else _WEAKEST_DBM + _DBM_PER_STEP * rssi}


def _spell_signal(value: dict[str, int | None]) -> str:
    return "none" if value["dbm"] is None else f"{value['dbm']} dBm"


async def _dns_servers(modem: Observer) -> list[str]:
    found = await modem.dns_servers()
    servers = (found.primary_ipv4, found.secondary_ipv4, found.primary_ipv6, found.secondary_ipv6)
    return [server for server in servers if server]


async def _sockets(modem: Observer) -> list[dict[str, Any]]:
    return [
        {
            "connect_id": one.connect_id,
            "service_type": one.service_type,
            "host": one.host,
            "remote_port": one.remote_port,
            "local_port": one.local_port,
            "state": one.state.name.lower(),
        }
        for one in await modem.sockets()
    ]


def _spell_socket(value: dict[str, Any]) -> str:
    local = f" from port {value['local_port']}" if value["local_port"] else ""
    state = value["state"].replace("_", " ")
    return f"{value['connect_id']} {value['service_type']} {value['host']}:{value['remote_port']}{local}, {state}"


def _spell_sockets(values: list[dict[str, Any]]) -> str:
    return "\n".join(map(_spell_socket, values)) or "none"


async def _data_format(modem: Observer) -> dict[str, str]:
    found = await modem.ask_one(QueryDataFormat(), DataFormat)
    return {"send": found.send.name.lower(), "receive": found.receive.name.lower()}


async def _sleep(modem: Observer) -> int:
    return (await modem.ask_one(QuerySleep(), SleepSetting)).mode


def _spell_sleep(mode: int) -> str:
    return _SLEEPS[mode] if mode < len(_SLEEPS) else str(mode)


async def _psm(modem: Observer) -> dict[str, Any]:
    found = await modem.psm()
    return {
        "enabled": found.enabled,
        "periodic_update": _in_seconds(found.periodic_update),
        "active_time": _in_seconds(found.active_time),
    }


def _spell_psm(value: dict[str, Any]) -> str:
    if not value["enabled"]:
        return "off"

    periodic, active = _spell_time(value["periodic_update"]), _spell_time(value["active_time"])
    return f"on, periodic update (T3412) {periodic}, active time (T3324) {active}"


async def _edrx(modem: Observer) -> dict[str, float | None]:
    found = await modem.edrx()
    return {"cycle": _in_seconds(found.cycle), "paging_window": _in_seconds(found.paging_window)}


def _spell_edrx(value: dict[str, float | None]) -> str:
    if value["cycle"] is None:
        return "off"

    return f"cycle {_spell_time(value['cycle'])}, paging window {_spell_time(value['paging_window'])}"


async def _clock(modem: Observer) -> str:
    return (await modem.clock()).isoformat(" ")


def _in_seconds(time: timedelta | None) -> float | None:
    return None if time is None else time.total_seconds()


def _spell_time(time: float | None) -> str:
    return "-" if time is None else f"{time:g} s"


_FACTS: Final = (
    Fact("manufacturer", "manufacturer", _telling(r"^(.+)", "AT+CGMI", "ATI")),
    Fact("model", "model", _telling(r"^(.*BC\d.*)", "AT+CGMM", "ATI")),
    Fact("firmware", "firmware", _telling(r"(BC\S+R\d\S*)", "AT+CGMR", "ATI")),
    Fact("IMEI", "imei", _telling(r"\b(\d{15})\b", "AT+CGSN=1", "AT+CGSN"), is_private=True),
    Fact("IMSI", "imsi", _telling(r"\b(\d{14,15})\b", "AT+CIMI"), is_private=True),
    Fact("ICCID", "iccid", _telling(r"\b([0-9A-F]{18,20})\b", "AT+QCCID", "AT+ICCID"), is_private=True),
    Fact("registration", "registration", _registration, _spell_registration),
    Fact("signal", "signal", _signal, _spell_signal),
    Fact("addresses", "addresses", Observer.addresses, lambda value: ", ".join(value) or "none"),
    Fact("DNS servers", "dns_servers", _dns_servers, lambda value: ", ".join(value) or "none"),
    Fact("sockets", "sockets", _sockets, _spell_sockets),
    Fact(
        "data format", "data_format", _data_format, lambda value: f"sends {value['send']}, receives {value['receive']}"
    ),
    Fact("sleep", "sleep", _sleep, _spell_sleep),
    Fact("PSM", "psm", _psm, _spell_psm),
    Fact("eDRX", "edrx", _edrx, _spell_edrx),
    Fact("clock", "clock", _clock),
)
