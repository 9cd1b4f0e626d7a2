"""The serial line: echo and rate (manual 3)."""

from collections.abc import Sequence
from typing import Final

from ....at.commands import Attention, SetEcho
from ....at.responses import Response, Success
from ....at.syntax import Malformed
from ..lines import ParameterLine
from ..parts import Parts
from .request import Request
from .table import CommandTable

COMMANDS = CommandTable()

# The rates that AT+IPR takes, in baud, and those that the module finds by itself. 0 lets it.
RATES: Final = (2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800)
AUTOMATIC_RATES: Final = RATES[:-1]
AUTOMATIC: Final = 0

# Commands that the manual does not describe, that programs send, and that change nothing.
_ACCEPTED: Final = ("Z", "Z0", "&F", "&F0", "&W", "&W0", "V", "V1", "Q", "Q0")

for _name in _ACCEPTED:
    COMMANDS.answers_execute(_name)


def _listed(rates: Sequence[int]) -> str:
    return f"({','.join(map(str, rates))})"


COMMANDS.answers_test(f"+IPR: {_listed(AUTOMATIC_RATES)},{_listed((AUTOMATIC, *RATES))}")


@COMMANDS.handles(Attention)
def _attention(parts: Parts, command: Attention) -> Sequence[Response]:
    return []


@COMMANDS.handles(SetEcho)
def _set_echo(parts: Parts, command: SetEcho) -> Sequence[Response]:
    """ATE (3.1)."""
    if parts.options.kind.keeps_echo:
        parts.nvram.store(echo=int(command.on))

    parts.writer.set_echo(on=command.on)
    return []


@COMMANDS.read("+IPR")
def _rate(parts: Parts, request: Request) -> Sequence[Response]:
    return [ParameterLine("+IPR", str(parts.nvram.baudrate))]


@COMMANDS.set("+IPR")
def _set_rate(parts: Parts, request: Request) -> None:
    """AT+IPR=<rate> (3.2): the OK leaves at the old rate. With 0 the module keeps the rate that it has."""
    parameters = request.parameters
    parameters.at_most(1)
    rate = parameters.integer(0)
    if rate not in (AUTOMATIC, *RATES):
        raise Malformed(f"no rate: {rate}")

    parts.nvram.store(baudrate=rate)
    parts.writer.answer(Success())
    if rate != AUTOMATIC:
        parts.line.set_baudrate(rate)
