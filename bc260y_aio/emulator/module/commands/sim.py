"""The SIM (manual 7)."""

import re
from collections.abc import Sequence
from typing import Final

from ....at.responses import Response, Success, Text
from ....at.syntax import Malformed, Parameters
from ..card import DONE, LOCKED, NO_RECORDS, NOT_FOUND
from ..lines import ParameterLine, quoted
from ..mobile_error import MobileError
from ..parts import Parts
from ..sim import PIN_TRIES, PUK_TRIES, SimState
from .request import Request
from .table import CommandTable

COMMANDS = CommandTable()

COMMANDS.answers_test("+CCHO", "+CCHC", "+CGLA", "+CIMI", "+CPIN", "+CPINR", "+CRSM")

# How many logical channels a card has besides the basic one.
_SESSIONS: Final = 3

_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})*")

# The commands of AT+CRSM, and the files that they read.
_READ_BINARY: Final = 176
_READ_RECORD: Final = 178
_GET_RESPONSE: Final = 192
_UPDATE_BINARY: Final = 214
_UPDATE_RECORD: Final = 220
_STATUS: Final = 242


def _hex(parameters: Parameters, index: int, longest: int = 522) -> str:
    text = parameters.string(index)
    if not _HEX.fullmatch(text) or len(text) > longest:
        raise Malformed(f"not hex: {text!r}")

    return text


# The subscriber


@COMMANDS.execute("+CIMI")
def _imsi(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CIMI (7.4)."""
    _require_sim(parts)
    return [Text(parts.options.imsi)]


@COMMANDS.execute("+QCCID")
def _iccid(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+QCCID (7.9)."""
    _require_sim(parts, unlocked=False)
    return [ParameterLine("+QCCID", parts.options.iccid)]


def _require_sim(parts: Parts, *, unlocked: bool = True) -> None:
    """Check that the SIM can be asked; with AT+CFUN=0 it is off.

    Raises:
        MobileError: it cannot.
    """
    parts.sim.require(unlocked=unlocked)
    if parts.nvram.function == 0:
        raise MobileError(13)


# Codes


@COMMANDS.read("+CPIN")
def _code_asked(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CPIN? (7.5)."""
    _require_sim(parts, unlocked=False)
    return [ParameterLine("+CPIN", parts.sim.state)]


@COMMANDS.set("+CPIN")
def _enter_code(parts: Parts, request: Request) -> None:
    """AT+CPIN=<pin>[,<new>] (7.5); after SIM PUK, the PUK and the new PIN."""
    parameters = request.parameters
    parameters.at_most(2)
    code = parameters.string(0)
    if not (code.isdigit() and 4 <= len(code) <= 8):
        raise Malformed("a code has four to eight digits")

    parts.sim.enter(code, parameters.string(1) if parameters.has(1) else None)
    parts.writer.answer(Success())
    parts.writer.notify(ParameterLine("+CPIN", parts.sim.state))
    parts.registration.search()


@COMMANDS.execute("+CPINR")
def _tries_left(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CPINR (7.6)."""
    parts.sim.require(unlocked=False)
    return [_tries(parts, SimState.PIN), _tries(parts, SimState.PUK)]


@COMMANDS.set("+CPINR")
def _tries_left_of(parts: Parts, request: Request) -> Sequence[Response]:
    parts.sim.require(unlocked=False)
    match request.parameters.string(0):
        case SimState.PIN.value:
            return [_tries(parts, SimState.PIN)]
        case SimState.PUK.value:
            return [_tries(parts, SimState.PUK)]
        case name:
            raise Malformed(f"no code: {name!r}")


def _tries(parts: Parts, code: SimState) -> Response:
    default = PIN_TRIES if code is SimState.PIN else PUK_TRIES
    return ParameterLine("+CPINR", f'"{code}",{parts.sim.tries[code]},{default}')


# The card


@COMMANDS.set("+CCHO")
def _open_channel(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CCHO="<DF name>" (7.1): the session stands alone on its line."""
    parameters = request.parameters
    parameters.at_most(1)
    if not 2 <= len(_hex(parameters, 0)) <= 32:
        raise Malformed("a DF name has 1 to 16 bytes")

    _require_sim(parts)
    free = [session for session in range(1, _SESSIONS + 1) if session not in parts.sim.sessions]
    if not free:
        raise MobileError(22)

    parts.sim.sessions.add(free[0])
    return [Text(str(free[0]))]


@COMMANDS.set("+CCHC")
def _close_channel(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CCHC=<session> (7.2)."""
    parameters = request.parameters
    parameters.at_most(1)
    parts.sim.sessions.discard(_session(parts, parameters))
    return []


def _session(parts: Parts, parameters: Parameters) -> int:
    session = parameters.integer(0, 0, 255)
    _require_sim(parts)
    if session not in parts.sim.sessions:
        raise MobileError(22)

    return session


@COMMANDS.set("+CGLA")
def _command_on_channel(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CGLA=<session>,<length>,<command> (7.3): lengths count hex digits."""
    parameters = request.parameters
    parameters.at_most(3)
    command = _apdu(parameters, 1)
    _session(parts, parameters)
    return [_response("+CGLA", parts.sim.command(command))]


@COMMANDS.set("+CSIM")
def _command(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CSIM=<length>,<command> (7.7)."""
    parameters = request.parameters
    parameters.at_most(2)
    command = _apdu(parameters, 0)
    _require_sim(parts, unlocked=False)
    return [_response("+CSIM", parts.sim.command(command))]


def _apdu(parameters: Parameters, index: int) -> str:
    command = _hex(parameters, index + 1)
    if parameters.integer(index, 8, 522) != len(command):
        raise Malformed("the command does not have the length that was announced")

    return command


def _response(name: str, response: str) -> Response:
    return ParameterLine(name, f'{len(response)},"{response}"')


@COMMANDS.set("+CRSM")
def _restricted(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CRSM=<command>[,<fileid>[,<P1>,<P2>,<P3>[,<data>][,<pathid>]]] (7.8): a refusal of the card is OK, too."""
    parameters = request.parameters
    parameters.at_most(7)
    number = parameters.integer(0)
    if number not in (_READ_BINARY, _READ_RECORD, _GET_RESPONSE, _UPDATE_BINARY, _UPDATE_RECORD, _STATUS):
        raise Malformed(f"no command: {number}")

    needed = {_STATUS: 1, _GET_RESPONSE: 2}.get(number, 5)
    values = [parameters.integer(index, 0, 65535) for index in range(1, needed)]
    _require_sim(parts, unlocked=False)
    status, data = _access(parts, number, values) if values else (DONE, "")
    shown = f"{int(status[:2], 16)},{int(status[2:], 16)}"
    return [ParameterLine("+CRSM", f"{shown},{quoted(data)}" if data else shown)]


def _access(parts: Parts, number: int, values: Sequence[int]) -> tuple[str, str]:
    """Return the status word of a command of AT+CRSM, and the data; both in hex."""
    card = parts.sim.card
    template, file = card.control_parameters(values[0]), card.file(values[0])
    if template is None:
        return NOT_FOUND, ""

    if number == _GET_RESPONSE:
        return DONE, template

    if file is None or number in (_READ_RECORD, _UPDATE_RECORD):
        return NO_RECORDS, ""

    if number != _READ_BINARY:
        return LOCKED, ""

    status, rest = file.read(values[1] << 8 | values[2], unlocked=parts.sim.is_ready)
    return status, rest[: 2 * values[3] or None]
