"""Signal, registration, address (manual 4)."""

from collections.abc import Sequence
from typing import Final

from ....at.commands import QueryAddress, QueryRegistration, SetRegistrationReports
from ....at.information import PdpAddress, Registration
from ....at.responses import Response, Text
from ..parts import Parts
from .request import Form, Request
from .table import CommandTable

COMMANDS = CommandTable()

# The PDP context whose address AT+CGPADDR? shows.
_PDP_CONTEXT: Final = 5

COMMANDS.answers(Form.EXECUTE, "+CSQ", "+CSQ: 23,0")
COMMANDS.answers(Form.EXECUTE, "+CESQ", "+CESQ: 45,0,255,255,22,58")
COMMANDS.answers(Form.TEST, "+CEREG", "+CEREG: (0-5)")


@COMMANDS.handles(QueryRegistration)
def _registration(parts: Parts, command: QueryRegistration) -> Sequence[Response]:
    one = parts.registration
    return [Registration(one.mode, one.status, one.area)]


@COMMANDS.handles(SetRegistrationReports)
def _set_registration_reports(parts: Parts, command: SetRegistrationReports) -> Sequence[Response]:
    parts.registration.mode = command.mode
    return []


@COMMANDS.handles(QueryAddress)
def _address(parts: Parts, command: QueryAddress) -> Sequence[Response]:
    return [PdpAddress(_PDP_CONTEXT, (parts.options.address,))] if parts.registration.is_registered else []


@COMMANDS.handles_form(Form.READ, "+CGATT")
def _attachment(parts: Parts, request: Request) -> Sequence[Response]:
    return [Text(f"+CGATT: {parts.registration.is_registered:d}")]


@COMMANDS.handles_form(Form.READ, "+COPS")
def _operator(parts: Parts, request: Request) -> Sequence[Response]:
    return [Text('+COPS: 0,2,"46000",9' if parts.registration.is_registered else "+COPS: 0")]
