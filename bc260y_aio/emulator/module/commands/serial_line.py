"""The serial line: echo and rate (manual 3)."""

from collections.abc import Sequence
from typing import Final

from ....at.commands import Attention, SetEcho
from ....at.responses import Response, Success, Text
from ....at.syntax import Malformed
from ..parts import Parts
from .request import Form, Request
from .table import CommandTable

COMMANDS = CommandTable()

# The rates that AT+IPR takes, in baud.
RATES: Final = (4800, 9600, 14400, 19200, 28800, 33600, 38400, 57600, 115200, 230400, 460800)

# Commands that are accepted and change nothing.
_ACCEPTED: Final = ("Z", "Z0", "&F", "&F0", "&W", "&W0", "V1", "Q0")

for _name in _ACCEPTED:
    COMMANDS.answers(Form.EXECUTE, _name)

COMMANDS.answers(Form.TEST, "+IPR", f"+IPR: (),({','.join(map(str, RATES))})")


@COMMANDS.handles(Attention)
def _attention(parts: Parts, command: Attention) -> Sequence[Response]:
    return []


@COMMANDS.handles(SetEcho)
def _set_echo(parts: Parts, command: SetEcho) -> Sequence[Response]:
    parts.writer.set_echo(on=command.on)
    return []


@COMMANDS.handles_form(Form.READ, "+IPR")
def _rate(parts: Parts, request: Request) -> Sequence[Response]:
    return [Text(f"+IPR: {parts.nvram.baudrate}")]


@COMMANDS.handles_form(Form.SET, "+IPR")
def _set_rate(parts: Parts, request: Request) -> None:
    rate = request.parameters.integer(0)
    if rate not in RATES:
        raise Malformed(f"no rate: {rate}")

    parts.nvram.store(baudrate=rate)
    parts.writer.answer(Success())
    parts.line.set_baudrate(rate)
