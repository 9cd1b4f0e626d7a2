"""Radio function, power saving and sleep (manual 8)."""

from collections.abc import Sequence

from ....at.commands import QuerySleep, SetPowerReports, SetSleep
from ....at.information import SleepSetting
from ....at.responses import Response, Success, Text
from ..nvram import read_edrx, read_psm
from ..parts import Parts
from .request import Form, Request
from .table import CommandTable

COMMANDS = CommandTable()

COMMANDS.answers(Form.TEST, "+CFUN", "+CFUN: (0,1),(0,1)")
COMMANDS.answers(Form.TEST, "+CPSMS", "+CPSMS: (0-2),(),(),(00000000-11111111),(00000000-11111111)")
COMMANDS.answers(Form.TEST, "+CEDRXS", "+CEDRXS: (0-3),(5),(0000-1111)")
COMMANDS.answers(Form.TEST, "+QNBIOTEVENT", "+QNBIOTEVENT: (0,1),(1)")
COMMANDS.answers(Form.TEST, "+QSCLK", "+QSCLK: (0-2)")


# On and off the air


@COMMANDS.handles_form(Form.READ, "+CFUN")
def _function(parts: Parts, request: Request) -> Sequence[Response]:
    return [Text(f"+CFUN: {parts.settings.function}")]


@COMMANDS.handles_form(Form.SET, "+CFUN")
def _set_function(parts: Parts, request: Request) -> None:
    parameters = request.parameters
    function = parameters.integer(0, 0, 1)
    is_reset = parameters.has(1) and parameters.integer(1) == 1
    before, parts.settings.function = parts.settings.function, function
    parts.writer.answer(Success())
    if is_reset:
        parts.restart()
    elif function and not before:
        parts.registration.search()
    elif before and not function:
        parts.go_off_air()


# PSM and eDRX


@COMMANDS.handles_form(Form.READ, "+CPSMS")
def _psm(parts: Parts, request: Request) -> Sequence[Response]:
    return [Text(f"+CPSMS: {parts.nvram.psm}")]


@COMMANDS.handles_form(Form.SET, "+CPSMS")
def _set_psm(parts: Parts, request: Request) -> None:
    read_psm(request.text)
    parts.nvram.store(psm=request.text)
    parts.writer.answer(Success())
    parts.radio.update()


@COMMANDS.handles_form(Form.READ, "+CEDRXS")
def _edrx(parts: Parts, request: Request) -> Sequence[Response]:
    return [Text(f"+CEDRXS: {parts.nvram.edrx}")]


@COMMANDS.handles_form(Form.SET, "+CEDRXS")
def _set_edrx(parts: Parts, request: Request) -> None:
    edrx = request.text.partition(",")[2] if request.parameters.integer(0, 0, 3) in (1, 2) else "0"
    read_edrx(edrx)
    parts.nvram.store(edrx=edrx)
    parts.writer.answer(Success())
    parts.radio.update()


# Sleep


@COMMANDS.handles(QuerySleep)
def _sleep(parts: Parts, command: QuerySleep) -> Sequence[Response]:
    return [SleepSetting(parts.sleep.mode)]


@COMMANDS.handles(SetSleep)
def _set_sleep(parts: Parts, command: SetSleep) -> Sequence[Response]:
    parts.sleep.allow(command.mode)
    return []


@COMMANDS.handles_form(Form.READ, "+QNBIOTEVENT")
def _power_reports(parts: Parts, request: Request) -> Sequence[Response]:
    return [Text(f"+QNBIOTEVENT: {parts.power_reports.is_on:d},1")]


@COMMANDS.handles(SetPowerReports)
def _set_power_reports(parts: Parts, command: SetPowerReports) -> Sequence[Response]:
    parts.power_reports.is_on = command.on
    return []
