"""Who the module is (manual 2)."""

from collections.abc import Sequence

from ....at.responses import Response, Text
from ..parts import Parts
from .request import Form, Request
from .table import CommandTable

COMMANDS = CommandTable()


@COMMANDS.handles_form(Form.EXECUTE, "I")
def _identify(parts: Parts, request: Request) -> Sequence[Response]:
    return [Text("Quectel_Ltd"), Text("Quectel_BC260Y-CN"), Text(f"Revision: {parts.options.revision}")]


@COMMANDS.handles_form(Form.EXECUTE, "+CGMR", "+GMR")
def _revision(parts: Parts, request: Request) -> Sequence[Response]:
    return [Text(f"Revision: {parts.options.revision}")]


@COMMANDS.handles_form(Form.EXECUTE, "+CGSN", "+GSN")
def _serial_number(parts: Parts, request: Request) -> Sequence[Response]:
    return [Text(parts.options.imei)]


@COMMANDS.handles_form(Form.SET, "+CGSN")
def _numbered_serial_number(parts: Parts, request: Request) -> Sequence[Response]:
    imei = parts.options.imei
    return [Text(f'+CGSN: "{imei}"' if request.parameters.integer(0, 0, 3) == 1 else imei)]


for _name in ("+CGMI", "+GMI"):
    COMMANDS.answers(Form.EXECUTE, _name, "Quectel_Ltd")

for _name in ("+CGMM", "+GMM"):
    COMMANDS.answers(Form.EXECUTE, _name, "Quectel_BC260Y-CN")
