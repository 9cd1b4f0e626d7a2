"""The commands of the module's identity (manual 2)."""

import hashlib
from collections.abc import Sequence

from ....at.responses import Response, Text
from ..lines import ParameterLine
from ..parts import Parts
from .request import Request
from .table import CommandTable

COMMANDS = CommandTable()

COMMANDS.answers_test("+CGMI", "+CGMM", "+CGMR", "+CGSN: (0-3)")


@COMMANDS.execute("I", "I0")
def _identify(parts: Parts, request: Request) -> Sequence[Response]:
    """ATI (2.1)."""
    options = parts.options
    return [Text("Quectel_Ltd"), Text(f"Quectel_{options.model}"), Text(f"Revision: {options.revision}")]


@COMMANDS.execute("+CGMI", "+GMI")
def _manufacturer(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CGMI (2.2): the third line names the chip, not the firmware."""
    return [Text(line) for line in parts.options.kind.manufacturer]


@COMMANDS.execute("+CGMM", "+GMM")
def _model(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CGMM (2.3)."""
    return [Text(f"Quectel_{parts.options.model}")]


@COMMANDS.execute("+CGMR", "+GMR")
def _revision(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CGMR (2.4)."""
    return [Text(f"Revision: {parts.options.revision}")]


@COMMANDS.execute("+CGSN", "+GSN")
def _serial_number(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CGSN (2.5): the serial number is a UUID of 128 bits, and not the IMEI."""
    return [Text(hashlib.md5(parts.options.imei.encode(), usedforsecurity=False).hexdigest().upper())]


@COMMANDS.set("+CGSN")
def _numbered_serial_number(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CGSN=<snt> (2.5): 1 is the IMEI, 2 the IMEISV, 3 its software version."""
    parameters, imei = request.parameters, parts.options.imei
    parameters.at_most(1)
    match parameters.integer(0, 0, 3):
        case 0:
            return _serial_number(parts, request)
        case 1:
            return [ParameterLine("+CGSN", f'"{imei}"' if parts.options.variants.quoted_imei else imei)]
        case 2:
            return [ParameterLine("+CGSN", f"{imei[:14]}01")]
        case _:
            return [ParameterLine("+CGSN", "01")]
