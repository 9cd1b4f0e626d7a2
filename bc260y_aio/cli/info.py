"""``bc260y-aio info``: the identity, network, sockets and settings of a module."""

import argparse
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from ..at.commands import QueryDataFormat, QuerySleep
from ..at.information import DataFormat, SleepSetting
from ..at.levels import rssi_level
from ..at.privacy import hide
from ..at.timers import read_active, read_periodic
from ..errors import CommandError, NotRegistered, ProtocolError
from .common import Subparsers, add_json_option, add_port_options, add_trace_options, print_field, print_json
from .device import opened
from .observer import Observer

_STATES: Final = {
    "not_registered": "not registered, and not searching",
    "searching": "searching for a network",
    "denied": "denied by the network",
    "unknown": "unknown, as out of coverage",
}
# From such an RSRP in dBm and SINR in dB on, coverage is strong; below the others it is weak (AT manual 4.8).
_STRONG: Final = (-100, 3)
_WEAK: Final = (-115, -3)
_CELL_PARTS: Final = (
    ("cell_id", ""),
    ("band", "band"),
    ("earfcn", "EARFCN"),
    ("pci", "PCI"),
    ("tracking_area", "tracking area"),
)
# Access technologies (TS 27.007, 7.3).
_TECHNOLOGIES: Final = {"7": "LTE", "9": "NB-IoT"}
_SLEEPS: Final = ("not allowed", "deep sleep allowed", "light sleep allowed")


def add_to(commands: Subparsers, summary: str) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "info",
        help=summary,
        description="Show the identity, network, sockets and settings of a module, and a hint if it is not registered. "
        "Nothing is changed in it. A dash stands for what its firmware does not report.",
    )
    add_port_options(parser)
    add_trace_options(parser)
    add_json_option(parser)
    parser.add_argument("--unmasked", action="store_true", help="show IMEI, IMSI and ICCID in full")
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace) -> int:
    """Query the module, and show each answer as it comes."""
    found: dict[str, Any] = {"port": options.port}
    async with opened(Observer(options.port, baudrate=options.baudrate), options) as modem:
        found["baudrate"] = modem.baudrate
        if not options.json:
            print_field("port", options.port + (f" at {modem.baudrate} baud" if modem.baudrate else ""))

        for fact in _FACTS:
            value = await _find(fact, modem)
            if fact.is_private and isinstance(value, str) and not options.unmasked:
                value = hide(value)

            found[fact.key] = value
            if not (options.json or (fact.is_optional and value is None)):
                print_field(fact.label, "-" if value is None else fact.format(value))

    if options.json:
        print_json(found)

    return 0


# The facts


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact about a module.

    Attributes:
        label: its name.
        key: its name in JSON.
        ask: returns it; None if the module does not report it.
        format: returns it as text, which may have several lines.
        is_private: it identifies the owner of the module.
        is_optional: it is shown only if there is something to show.
    """

    label: str
    key: str
    ask: Callable[[Observer], Awaitable[Any]]
    format: Callable[[Any], str] = str
    is_private: bool = False
    is_optional: bool = False


async def _find(fact: Fact, modem: Observer) -> Any:
    try:
        return await fact.ask(modem)
    except (CommandError, NotRegistered, ProtocolError, ValueError):
        if modem.is_open:
            return None

        raise


def _matching(pattern: str, *lines: str) -> Callable[[Observer], Awaitable[str | None]]:
    """Return a function that sends commands until an answer matches the pattern, and returns the match."""
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


def _format_registration(value: dict[str, Any]) -> str:
    status = _STATES.get(value["status"]) or value["status"].replace("_", " ")
    area, cell, technology, kind, cause, active, periodic = [*value["area"], *[""] * 7][:7]
    parts = (
        ("tracking area", area),
        ("cell", cell),
        ("", _TECHNOLOGIES.get(technology, technology)),
        ("cause" if kind == "1" else "EMM cause", cause),
        ("active time (T3324)", active and _format_time(_in_seconds(read_active(active)))),
        ("periodic update (T3412)", periodic and _format_time(_in_seconds(read_periodic(periodic)))),
    )
    shown = [f"{name} {text}".strip() for name, text in parts if text]
    return ", ".join([f"registered, {status}" if value["is_registered"] else status, *shown])


async def _hint(modem: Observer) -> str | None:
    if (await modem.registration()).status.is_registered:
        return None

    return await modem.hint() or None


async def _signal(modem: Observer) -> dict[str, float | None]:
    found = await modem.signal()
    return {
        "rssi": rssi_level(found.rssi_dbm),
        "dbm": found.rssi_dbm,
        "rsrp_dbm": found.rsrp_dbm,
        "rsrq_db": found.rsrq_db,
    }


def _format_signal(value: dict[str, float | None]) -> str:
    figures = ((value["dbm"], "RSSI", "dBm"), (value["rsrp_dbm"], "RSRP", "dBm"), (value["rsrq_db"], "RSRQ", "dB"))
    return ", ".join(f"{name} {number:g} {unit}" for number, name, unit in figures if number is not None) or "none"


async def _cell(modem: Observer) -> dict[str, Any]:
    found = await modem.cell()
    return {
        "cell_id": found.cell_id,
        "tracking_area": found.tracking_area,
        "band": found.band,
        "earfcn": found.earfcn,
        "pci": found.pci,
        "rsrp_dbm": found.rsrp_dbm,
        "rsrq_db": found.rsrq_db,
        "sinr_db": found.snr_db,
        "coverage_level": found.coverage_level,
    }


def _format_cell(value: dict[str, Any]) -> str:
    parts = [f"{name} {value[key]}".strip() for key, name in _CELL_PARTS if value[key] not in (None, "")]
    return "\n".join([", ".join(parts), f"SINR {_number(value['sinr_db'], ' dB')}, {_coverage(value)}"])


def _coverage(value: dict[str, Any]) -> str:
    """Return the coverage in words: the limits of RSRP and SINR are the manual's (AT manual 4.8)."""
    power, ratio = value["rsrp_dbm"], value["sinr_db"]
    words = f"coverage level {_number(value['coverage_level'], '')}"
    if power is None or ratio is None:
        return words

    if power < _WEAK[0] or ratio < _WEAK[1]:
        return f"{words}: weak coverage; check the antenna and the place"

    return f"{words}: {'strong' if power >= _STRONG[0] and ratio >= _STRONG[1] else 'middling'} coverage"


def _number(value: float | None, unit: str) -> str:
    return "unknown" if value is None else f"{value:g}{unit}"


async def _operator(modem: Observer) -> str | None:
    return (await modem.operator()).number or None


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


def _format_socket(value: dict[str, Any]) -> str:
    local = f" from port {value['local_port']}" if value["local_port"] else ""
    state = value["state"].replace("_", " ")
    return f"{value['connect_id']} {value['service_type']} {value['host']}:{value['remote_port']}{local}, {state}"


def _format_sockets(values: list[dict[str, Any]]) -> str:
    return "\n".join(map(_format_socket, values)) or "none"


async def _data_format(modem: Observer) -> dict[str, str]:
    found = await modem.ask_one(QueryDataFormat(), DataFormat)
    return {"send": found.send.name.lower(), "receive": found.receive.name.lower()}


async def _sleep(modem: Observer) -> int:
    return (await modem.ask_one(QuerySleep(), SleepSetting)).mode


def _format_sleep(mode: int) -> str:
    return _SLEEPS[mode] if mode < len(_SLEEPS) else str(mode)


async def _psm(modem: Observer) -> dict[str, Any]:
    found = await modem.psm()
    return {
        "enabled": found.enabled,
        "periodic_update": _in_seconds(found.periodic_update),
        "active_time": _in_seconds(found.active_time),
    }


def _format_psm(value: dict[str, Any]) -> str:
    if not value["enabled"]:
        return "off"

    periodic, active = _format_time(value["periodic_update"]), _format_time(value["active_time"])
    return f"on, periodic update (T3412) {periodic}, active time (T3324) {active}"


async def _edrx(modem: Observer) -> dict[str, float | None]:
    found = await modem.edrx()
    return {"cycle": _in_seconds(found.cycle), "paging_window": _in_seconds(found.paging_window)}


def _format_edrx(value: dict[str, float | None]) -> str:
    if value["cycle"] is None:
        return "off"

    return f"cycle {_format_time(value['cycle'])}, paging window {_format_time(value['paging_window'])}"


async def _clock(modem: Observer) -> str:
    return (await modem.clock()).isoformat()


def _in_seconds(time: timedelta | None) -> float | None:
    return None if time is None else time.total_seconds()


def _format_time(time: float | None) -> str:
    return "-" if time is None else f"{time:g} s"


_FACTS: Final = (
    Fact("manufacturer", "manufacturer", _matching(r"^(.+)", "AT+CGMI", "ATI")),
    Fact("model", "model", _matching(r"^(.*BC\d.*)", "AT+CGMM", "ATI")),
    Fact("firmware", "firmware", _matching(r"(BC\S+R\d\S*)", "AT+CGMR", "ATI")),
    Fact("IMEI", "imei", _matching(r"\b(\d{15})\b", "AT+CGSN=1", "AT+CGSN"), is_private=True),
    Fact("IMSI", "imsi", _matching(r"\b(\d{14,15})\b", "AT+CIMI"), is_private=True),
    Fact("ICCID", "iccid", _matching(r"\b([0-9A-F]{18,20})\b", "AT+QCCID", "AT+ICCID"), is_private=True),
    Fact("registration", "registration", _registration, _format_registration),
    Fact("hint", "hint", _hint, is_optional=True),
    Fact("operator", "operator", _operator),
    Fact("signal", "signal", _signal, _format_signal),
    Fact("cell", "cell", _cell, _format_cell),
    Fact("addresses", "addresses", Observer.addresses, lambda value: ", ".join(value) or "none"),
    Fact("DNS servers", "dns_servers", _dns_servers, lambda value: ", ".join(value) or "none"),
    Fact("supply", "battery_mv", Observer.battery_mv, "{} mV".format),
    Fact("sockets", "sockets", _sockets, _format_sockets),
    Fact(
        "data format", "data_format", _data_format, lambda value: f"sends {value['send']}, receives {value['receive']}"
    ),
    Fact("sleep", "sleep", _sleep, _format_sleep),
    Fact("PSM", "psm", _psm, _format_psm),
    Fact("eDRX", "edrx", _edrx, _format_edrx),
    Fact("clock", "clock", _clock, lambda value: value.replace("T", " ")),
)
