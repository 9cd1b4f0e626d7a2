"""The clock (manual 10)."""

from collections.abc import Sequence

from ....at.commands import QueryClock
from ....at.information import Clock
from ....at.responses import Response
from ..parts import Parts
from .request import Form, Request
from .table import CommandTable

COMMANDS = CommandTable()


@COMMANDS.handles(QueryClock)
def _clock(parts: Parts, command: QueryClock) -> Sequence[Response]:
    return [Clock(parts.now)]


@COMMANDS.handles_form(Form.SET, "+CCLK")
def _set_clock(parts: Parts, request: Request) -> Sequence[Response]:
    parts.settings.clock_offset = Clock.read(request.parameters).time - parts.network.now()
    return []
