"""Commands that only the firmware BC260YCNAAR02A01 has: prompts for data, and a query of the network's features."""

from collections.abc import Sequence
from typing import Final

from ....at.dce import PromptedData
from ....at.responses import Response, Success, Text
from ....at.syntax import Malformed, PayloadFormat
from ....errors import ErrorCode
from ...radio import RadioState
from ..lines import ParameterLine
from ..mobile_error import MobileError
from ..parts import Parts
from .request import Request
from .table import CommandTable, SocketCommandError, UnknownCommandError

COMMANDS = CommandTable()

COMMANDS.answers_test("+QNBIOTRAI: (0-2)", "+QR14FEATURE", "+QRFSTAT")

_LARGEST: Final = PayloadFormat.TEXT.largest_send


# Data after a prompt. It carries no release assistance, and it is the data itself, whatever the data format is.


@COMMANDS.set("+QISEND")
def _prompt(parts: Parts, request: Request) -> None:
    """AT+QISEND=<connectID>[,<length>]: answered by ``>``; data follows, so many bytes, or up to Ctrl-Z."""
    parameters = request.parameters
    parameters.at_most(2)
    connect_id = parameters.integer(0, 0, parts.options.sockets - 1)
    length = parameters.integer(1, 1, _LARGEST) if len(parameters) == 2 else None
    if connect_id not in parts.tcpip.sockets:
        raise SocketCommandError(ErrorCode.SOCKET_CLOSED)

    parts.settings.prompted = connect_id
    parts.writer.prompt(length)


@COMMANDS.handles(PromptedData)
def _send_prompted(parts: Parts, command: PromptedData) -> Sequence[Response] | None:
    if command.data is None:
        return []

    if not 1 <= len(command.data) <= _LARGEST:
        raise Malformed(f"{len(command.data)} bytes of data")

    parts.tcpip.send_bytes(parts.settings.prompted, command.data, 0)
    return None


# The radio


@COMMANDS.set("+QNBIOTRAI")
def _release(parts: Parts, request: Request) -> None:
    """AT+QNBIOTRAI=<rai>: lets the network release the radio connection; only while there is one."""
    request.parameters.at_most(1)
    rai = request.parameters.integer(0, 0, 2)
    if parts.radio.state is not RadioState.CONNECTED:
        raise MobileError(3)

    parts.writer.answer(Success())
    parts.radio.send(0, rai)


@COMMANDS.execute("+CNMPSD")
def _no_more_data(parts: Parts, request: Request) -> None:
    """AT+CNMPSD, which only the BC660K-GL describes: no data is expected, so the network may release the connection."""
    if not parts.options.kind.has_newer_commands:
        raise UnknownCommandError

    parts.writer.answer(Success())
    if parts.radio.state is RadioState.CONNECTED:
        parts.radio.send(0, 1)


@COMMANDS.execute("+QR14FEATURE")
def _features(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+QR14FEATURE: what of Release 14 the module and the network have; the third line only while connected."""
    lines = ["13,0", "0"]
    if parts.radio.state is RadioState.CONNECTED:
        lines.append("0,0,0,0,0")

    return [ParameterLine("+QR14FEATURE", line) for line in lines]


@COMMANDS.execute("+QRFSTAT")
def _calibration(parts: Parts, request: Request) -> Sequence[Response]:
    return [Text("+QRFSTAT: CALIBRATE")]
