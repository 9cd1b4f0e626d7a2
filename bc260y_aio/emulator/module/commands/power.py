"""Radio function, power saving and sleep (manual 8)."""

from collections.abc import Sequence
from typing import Final

from ....at.commands import QuerySleep, SetSleep
from ....at.responses import Response, Success
from ....at.syntax import Malformed, Parameters
from ....at.timers import read_active, read_periodic
from ..lines import ParameterLine, ParameterUrc, join_fields, quoted
from ..nvram import Nvram
from ..parts import Parts
from .request import Request
from .table import CommandTable

COMMANDS = CommandTable()

COMMANDS.answers_test(
    '+CPSMS: (0-2),,,( "00000000"-"11111111"), ("00000000"-"11111111")',
    '+CEDRXS: (0-3),(5),("0000"-"1111")',
    "+CEDRXRDP",
    '+QEDRXCFG: (0-3),(5),("0000"-"1111"),("0000"-"1111")',
    "+QNBIOTEVENT",
    "+QSCLK: (0-2)",
)

# How AT+CEDRXS numbers NB-IoT.
_NB_IOT: Final = 5

# The eDRX value before one is set, and the default window of a cell.
_NO_EDRX: Final = "0000"
_USUAL_WINDOW: Final = "0011"

_FUNCTIONS: Final = (0, 1, 4)


# On and off the air


@COMMANDS.test("+CFUN")
def _functions(parts: Parts, request: Request) -> Sequence[Response]:
    return [ParameterLine("+CFUN", f"(0,1,4),{'(0,1)' if parts.options.kind.restarts_with_function else '(0)'}")]


@COMMANDS.read("+CFUN")
def _function(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CFUN? (8.1)."""
    return [ParameterLine("+CFUN", str(parts.nvram.function))]


@COMMANDS.set("+CFUN")
def _set_function(parts: Parts, request: Request) -> None:
    """AT+CFUN=<fun>[,<rst>] (8.1). The manual has no <rst> but 0; 1 restarts a sibling of the module."""
    parameters = request.parameters
    parameters.at_most(2)
    function = parameters.integer(0)
    if function not in _FUNCTIONS:
        raise Malformed(f"no function: {function}")

    highest = int(parts.options.kind.restarts_with_function)
    is_reset = parameters.has(1) and parameters.integer(1, 0, highest) == 1
    before = parts.nvram.function
    parts.nvram.store(function=function)
    parts.writer.answer(Success())
    if is_reset:
        parts.restart()
    elif function == 1 and before != 1:
        parts.registration.search()
    elif before == 1 and function != 1:
        parts.go_off_air()


# PSM


def _bits(parameters: Parameters, index: int, count: int) -> str:
    bits = parameters.string(index)
    if len(bits) != count or set(bits) - {"0", "1"}:
        raise Malformed(f"not {count} bits: {bits!r}")

    return bits


@COMMANDS.read("+CPSMS")
def _psm(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CPSMS? (8.2): the empty fields at the end are left out."""
    nvram = parts.nvram
    times = quoted(nvram.periodic_update), quoted(nvram.active_time)
    return [ParameterLine("+CPSMS", join_fields(f"{nvram.psm:d}", "", "", *times))]


@COMMANDS.set("+CPSMS")
def _set_psm(parts: Parts, request: Request) -> None:
    """AT+CPSMS=<mode>[,,,<TAU>[,<active>]] (8.2): omitted times stay as they were; 2 forgets them."""
    parameters, nvram = request.parameters, parts.nvram
    parameters.at_most(5)
    mode = parameters.integer(0, 0, 2)
    if parameters.has(1) or parameters.has(2):
        raise Malformed("the second and the third parameter stay empty")

    periodic, active = _times_kept(parts, mode)
    if parameters.has(3):
        read_periodic(periodic := _bits(parameters, 3, 8))

    if parameters.has(4):
        read_active(active := _bits(parameters, 4, 8))

    nvram.store(psm=mode == 1, periodic_update=periodic, active_time=active)
    parts.writer.answer(Success())
    parts.radio.update()


def _times_kept(parts: Parts, mode: int) -> tuple[str, str]:
    """Return the times that a set command keeps where it names none."""
    if not parts.options.variants.keeps_omitted:
        return "", ""

    nvram = Nvram() if mode == 2 else parts.nvram
    return nvram.periodic_update, nvram.active_time


# eDRX


@COMMANDS.read("+CEDRXS")
def _edrx(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CEDRXS? (8.3): type and value, also while it is off."""
    if not (parts.nvram.edrx or parts.options.variants.edrx_value_when_off):
        return [ParameterLine("+CEDRXS", "0")]

    return [ParameterLine("+CEDRXS", f'{_NB_IOT},"{parts.nvram.edrx_value or _NO_EDRX}"')]


@COMMANDS.read("+QEDRXCFG")
def _edrx_with_window(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+QEDRXCFG? (8.5)."""
    nvram = parts.nvram
    value = quoted(nvram.edrx_value or _NO_EDRX)
    return [ParameterLine("+QEDRXCFG", join_fields(_NB_IOT, value, quoted(nvram.paging_window)))]


@COMMANDS.set("+CEDRXS")
def _set_edrx(parts: Parts, request: Request) -> None:
    """AT+CEDRXS=<mode>[,<AcT>[,<value>]] (8.3)."""
    request.parameters.at_most(3)
    _store_edrx(parts, request.parameters)


@COMMANDS.set("+QEDRXCFG")
def _set_edrx_with_window(parts: Parts, request: Request) -> None:
    """AT+QEDRXCFG=<mode>[,<AcT>[,<value>[,<window>]]] (8.5)."""
    request.parameters.at_most(4)
    _store_edrx(parts, request.parameters)


def _store_edrx(parts: Parts, parameters: Parameters) -> None:
    nvram, mode = parts.nvram, parameters.integer(0, 0, 3)
    if parameters.has(1):
        parameters.integer(1, _NB_IOT, _NB_IOT)

    value, window = ("", "") if mode == 3 else (nvram.edrx_value, nvram.paging_window)
    value = _bits(parameters, 2, 4) if parameters.has(2) else value
    window = _bits(parameters, 3, 4) if parameters.has(3) else window
    reports = nvram.reports | {"+CEDRXS": int(mode == 2)}
    nvram.store(edrx=mode in (1, 2), edrx_value=value, paging_window=window, reports=reports)
    parts.writer.answer(Success())
    parts.radio.update()
    if mode == 2 and parts.registration.is_registered:
        parts.writer.notify(ParameterUrc("+CEDRXP", _granted(parts)))


def _granted(parts: Parts) -> str:
    """Return what the network grants: the cycle that is asked for, with the usual window."""
    nvram = parts.nvram
    value = quoted(nvram.edrx_value)
    return join_fields(_NB_IOT, value, value, quoted(nvram.paging_window or _USUAL_WINDOW) if value else "")


@COMMANDS.execute("+CEDRXRDP")
def _edrx_in_use(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CEDRXRDP (8.4): 0 where there is no eDRX in the cell."""
    is_used = parts.nvram.edrx_cycle is not None and parts.registration.is_registered
    return [ParameterLine("+CEDRXRDP", _granted(parts) if is_used else "0")]


# Sleep


@COMMANDS.handles(QuerySleep)
def _sleep(parts: Parts, command: QuerySleep) -> Sequence[Response]:
    """AT+QSCLK? (8.7)."""
    return [ParameterLine("+QSCLK", str(parts.sleep.mode))]


@COMMANDS.handles(SetSleep)
def _set_sleep(parts: Parts, command: SetSleep) -> Sequence[Response]:
    """AT+QSCLK=<n> (8.7): 0 no sleep, 1 deep sleep, 2 light sleep."""
    parts.sleep.allow(command.mode)
    return []


@COMMANDS.read("+QNBIOTEVENT")
def _power_reports(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+QNBIOTEVENT? (8.6)."""
    return [ParameterLine("+QNBIOTEVENT", f"{parts.nvram.report_mode('+QNBIOTEVENT')},1")]


@COMMANDS.set("+QNBIOTEVENT")
def _set_power_reports(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+QNBIOTEVENT=<enable>,<event> (8.6): the URCs of PSM."""
    parameters = request.parameters
    parameters.at_most(2)
    parameters.integer(1, 1, 1)
    parts.nvram.store_report_mode("+QNBIOTEVENT", parameters.integer(0, 0, 1))
    return []
