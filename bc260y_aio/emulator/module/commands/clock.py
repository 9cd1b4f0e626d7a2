"""The clock (manual 10)."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Final

from ....at.information import Clock
from ....at.responses import Response
from ....at.syntax import Malformed
from ..lines import ParameterLine, ParameterUrc
from ..parts import Parts
from .request import Request
from .table import CommandTable

COMMANDS = CommandTable()

COMMANDS.answers_test("+CCLK")

# yyyy/mm/dd,hh:mm:ss±zz; years of two digits would be before 2000, which may break the module.
_TIME: Final = re.compile(r"(\d{4})/(\d\d?)/(\d\d?),(\d\d?):(\d\d?):(\d\d?)([+-]\d\d?)")
_FIRST_YEAR: Final = 2000
_ZONES: Final = range(-47, 49)

_QUARTER: Final = timedelta(minutes=15)


@COMMANDS.read("+CCLK")
def _clock(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CCLK? (10.1): local time, and its zone in quarters of an hour."""
    return [Clock(parts.now)]


@COMMANDS.set("+CCLK")
def _set_clock(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CCLK=<time> (10.1), quoted or not: the zone is kept as it was set."""
    match = _TIME.fullmatch(request.text.strip().strip('"'))
    if match is None or int(match[7]) not in _ZONES or int(match[1]) < _FIRST_YEAR:
        raise Malformed(f"no time: {request.text!r}")

    zone = int(match[7])
    year, month, day, hour, minute, second = (int(field) for field in match.groups()[:6])
    try:
        time = datetime(year, month, day, hour, minute, second, tzinfo=timezone(zone * _QUARTER))
    except ValueError as exc:
        raise Malformed(str(exc)) from exc

    parts.nvram.store(time_zone=(zone,), clock_offset=(time - parts.network.now()).total_seconds())
    return []


@COMMANDS.test("+CTZR")
def _zone_modes(parts: Parts, request: Request) -> Sequence[Response]:
    return [ParameterLine("+CTZR", "(0-3)" if parts.options.kind.reports_local_time else "(0,1,3)")]


@COMMANDS.read("+CTZR")
def _zone_reports(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CTZR? (10.2)."""
    return [ParameterLine("+CTZR", str(parts.nvram.report_mode("+CTZR")))]


@COMMANDS.set("+CTZR")
def _set_zone_reports(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CTZR=<n> (10.2): 2 is not supported yet, but by the sibling."""
    parameters = request.parameters
    parameters.at_most(1)
    mode = parameters.integer(0, 0, 3)
    if mode == 2 and not parts.options.kind.reports_local_time:
        raise Malformed("2 is not supported yet")

    parts.nvram.store_report_mode("+CTZR", mode)
    return []


def zone_urc(parts: Parts) -> Response | None:
    """Return the URC with which a registration reports the time zone; None where that is off."""
    now = parts.network.now()
    offset = now.utcoffset() or timedelta()
    zone = f'"{round(offset / _QUARTER):+03d}"'
    match parts.nvram.report_mode("+CTZR"):
        case 1:
            return ParameterUrc("+CTZV", zone)
        case 2:
            return ParameterUrc("+CTZE", f'{zone},0,"{now:%Y/%m/%d,%H:%M:%S}"')
        case 3:
            return ParameterUrc("+CTZEU", f'{zone},0,"{now - offset:%Y/%m/%d,%H:%M:%S}"')
        case _:
            return None
