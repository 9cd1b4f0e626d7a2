"""Errors, restart, platform settings (manual 9)."""

from collections.abc import Sequence

from ....at.commands import SetDeepSleepReports, SetErrorLevel
from ....at.responses import Response, Success, Text
from ..parts import Parts
from .request import Form, Request
from .table import NOT_SUPPORTED, CommandError, CommandTable

COMMANDS = CommandTable()

COMMANDS.answers(Form.TEST, "+CMEE", "+CMEE: (0-2)")


@COMMANDS.handles_form(Form.READ, "+CMEE")
def _error_level(parts: Parts, request: Request) -> Sequence[Response]:
    return [Text(f"+CMEE: {parts.writer.error_level:d}")]


@COMMANDS.handles(SetErrorLevel)
def _set_error_level(parts: Parts, command: SetErrorLevel) -> Sequence[Response]:
    parts.writer.error_level = command.level
    return []


@COMMANDS.handles_form(Form.SET, "+QRST")
def _restart(parts: Parts, request: Request) -> None:
    request.parameters.integer(0, 1, 1)
    parts.writer.answer(Success())
    parts.restart()


@COMMANDS.handles_form(Form.SET, "+QCFG")
def _configuration(parts: Parts, request: Request) -> Sequence[Response]:
    if request.parameters.string(0).lower() != "dsevent":
        raise CommandError(*NOT_SUPPORTED)

    return [Text(f'+QCFG: "dsevent",{parts.power_reports.with_deep_sleep:d}')]


@COMMANDS.handles(SetDeepSleepReports)
def _set_deep_sleep_reports(parts: Parts, command: SetDeepSleepReports) -> Sequence[Response]:
    parts.power_reports.with_deep_sleep = command.on
    return []
