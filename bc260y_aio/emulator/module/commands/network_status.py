"""Signal, registration, radio (manual 4)."""

from collections.abc import Sequence
from typing import Final

from ....at import levels
from ....at.responses import Response
from ....at.syntax import Malformed
from ...radio import RadioState
from ..contexts import HIGHEST_CONTEXT
from ..lines import ParameterLine, join_fields
from ..mobile_error import MobileError
from ..parts import Parts
from .request import Request
from .table import CommandTable

COMMANDS = CommandTable()

COMMANDS.answers_test(
    "+CSQ: (0-31,99),(0-7,99)",
    "+CESQ: (99),(99),(255),(255),(0-34,255),(0-97,255)",
    "+CEREG: (0-5)",
    "+CGATT: (0,1)",
    "+CREG: (0-3)",
    "+CSCON: (0,1)",
    "+QENG: (0,3)",
)

# Signals from which on the coverage enhancement level is 0 and 1, in dBm.
_LEVELS: Final = (-105, -115)


# Signal


def _has_signal(parts: Parts) -> bool:
    return parts.nvram.function == 1 and parts.registration.is_covered


def _rssi(parts: Parts) -> int:
    """Return the whole power received, in dBm: NRSRQ is NRSRP over it (TS 36.214, 5.1.27)."""
    return parts.network.rsrp - parts.network.rsrq


@COMMANDS.execute("+CSQ")
def _signal(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CSQ (4.1)."""
    has_signal = _has_signal(parts)
    level = levels.rssi_level(_rssi(parts) if has_signal else None)
    return [ParameterLine("+CSQ", f"{level},{0 if has_signal else levels.UNKNOWN}")]


@COMMANDS.execute("+CESQ")
def _extended_signal(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CESQ (4.2): the first four are unknown on NB-IoT."""
    network, has_signal = parts.network, _has_signal(parts)
    quality = levels.rsrq_level(network.rsrq if has_signal else None)
    power = levels.rsrp_level(network.rsrp if has_signal else None)
    return [ParameterLine("+CESQ", f"99,99,255,255,{quality},{power}")]


# Registration


@COMMANDS.read("+CEREG")
def _registration(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CEREG? (4.3)."""
    mode = parts.nvram.report_mode("+CEREG")
    return [ParameterLine("+CEREG", f"{mode},{parts.registration.fields(mode)}")]


@COMMANDS.read("+CREG")
def _older_registration(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CREG? (4.6)."""
    mode = parts.nvram.report_mode("+CREG")
    return [ParameterLine("+CREG", f"{mode},{parts.registration.older_fields(mode)}")]


_MODES: Final = {"+CEREG": 5, "+CREG": 3, "+CSCON": 1}


@COMMANDS.set(*_MODES)
def _set_reports(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CEREG=<n>, AT+CREG=<n>, AT+CSCON=<n> (4.3, 4.6, 4.7)."""
    parameters = request.parameters
    parameters.at_most(1)
    parts.nvram.store_report_mode(request.name, parameters.integer(0, 0, _MODES[request.name]))
    return []


@COMMANDS.read("+CGATT")
def _attachment(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CGATT? (4.4)."""
    return [ParameterLine("+CGATT", f"{parts.registration.is_registered:d}")]


@COMMANDS.set("+CGATT")
def _attach(parts: Parts, request: Request) -> Sequence[Response] | None:
    """AT+CGATT=<state> (4.4): a state that holds already is OK at once; detaching deactivates every context."""
    parameters = request.parameters
    parameters.at_most(1)
    if not parameters.integer(0, 0, 1):
        parts.registration.is_detached = True
        parts.go_off_air()
        return []

    if parts.registration.is_registered:
        return []

    parts.answer_later("+CGATT", attach(parts))
    return None


async def attach(parts: Parts) -> None:
    """Register, and answer the command at hand with OK.

    Raises:
        MobileError: the module may not, or was rejected, or there is no network.
    """
    registration = parts.registration
    registration.is_detached = False
    parts.sim.require()
    if parts.nvram.function != 1:
        raise MobileError(53)

    registration.search()
    if not registration.is_covered:
        raise MobileError(30)

    await registration.settled()
    if not registration.is_registered:
        raise MobileError(30) if registration.cause is None else MobileError.of_cause(registration.cause)

    parts.writer.succeed()


# Addresses


@COMMANDS.test("+CGPADDR")
def _addressed(parts: Parts, request: Request) -> Sequence[Response]:
    numbers = ",".join(map(str, sorted(parts.contexts.defined)))
    return [ParameterLine("+CGPADDR", f"({numbers})")]


@COMMANDS.read("+CGPADDR")
@COMMANDS.execute("+CGPADDR")
def _addresses(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CGPADDR (4.5): a line for each context; from R02A01 on, none out of service."""
    if not parts.registration.is_registered and parts.options.firmware == "R02A01":
        return []

    return [_address(parts, number) for number in sorted(parts.contexts.defined)]


@COMMANDS.set("+CGPADDR")
def _addresses_of(parts: Parts, request: Request) -> Sequence[Response]:
    parameters = request.parameters
    asked = [parameters.integer(index, 0, HIGHEST_CONTEXT) for index in range(len(parameters))]
    if not asked:
        raise Malformed("no context")

    defined, all_answer = parts.contexts.defined, parts.options.kind.answers_undefined
    return [_address(parts, number) for number in asked if number in defined or all_answer]


def _address(parts: Parts, number: int) -> Response:
    variants, context = parts.options.variants, parts.contexts.defined.get(number)
    shown = number or variants.address_context
    is_active = context is not None and context.is_active
    address = parts.options.dialect.digits(parts.options.address) if is_active else ""
    quote = '"' if variants.quoted_pdp_address and address else ""
    return ParameterLine("+CGPADDR", join_fields(shown, f"{quote}{address}{quote}"))


# The radio


@COMMANDS.read("+CSCON")
def _connection(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CSCON? (4.7)."""
    is_connected = parts.radio.state is RadioState.CONNECTED
    return [ParameterLine("+CSCON", f"{parts.nvram.report_mode('+CSCON')},{is_connected:d}")]


@COMMANDS.set("+QENG")
def _engineering(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+QENG=<mode> (4.8): 0 the cells, 3 the mobility management."""
    parameters = request.parameters
    parameters.at_most(1)
    match parameters.integer(0, 0, 3):
        case 0:
            return _cells(parts)
        case 3:
            return [ParameterLine("+QENG", _mobility(parts))]
        case mode:
            raise Malformed(f"no mode: {mode}")


def _cells(parts: Parts) -> Sequence[Response]:
    network, cell = parts.network, parts.network.cell
    if not parts.registration.is_registered or parts.radio.state is RadioState.PSM:
        raise MobileError(30)

    options, is_connected = parts.options, parts.radio.state is RadioState.CONNECTED
    level = sum(network.rsrp < limit for limit in _LEVELS) if is_connected or options.kind.measures_always else ""
    rssi = _rssi(parts) if options.has_newer_commands else levels.UNKNOWN
    area = int(cell.tracking_area, 16) if options.variants.decimal_area else f'"{cell.tracking_area}"'
    serving = join_fields(
        *(0, cell.earfcn, cell.offset, cell.pci, f'"{cell.cell_id}"'),
        *(network.rsrp, network.rsrq, rssi, network.snr, cell.band),
        *(area, level, 23 if is_connected else -128, cell.operation_mode),
    )
    if not cell.has_neighbour:
        return [ParameterLine("+QENG", serving)]

    neighbour = join_fields(1, cell.earfcn, (cell.pci + 1) % 504, network.rsrp - 12, network.rsrq - 4)
    return [ParameterLine("+QENG", serving), ParameterLine("+QENG", neighbour)]


_EMM_MODES: Final = {RadioState.CONNECTED: "CONNECTED", RadioState.IDLE: "IDLE", RadioState.PSM: "PSM"}


def _mobility(parts: Parts) -> str:
    """Return the answer of mode 3; the line begins with 4."""
    if not parts.registration.is_registered:
        state = "SEARCHING" if parts.registration.is_searching else "NO PLMN"
        return f'4,"{"NULL" if parts.nvram.function != 1 else "DEREG"}","UNKNOWN","{state}","UNKNOWN",""'

    mode = _EMM_MODES.get(parts.radio.state, "UNKNOWN")
    numeric = parts.network.cell.operator.numeric
    kind = "VPLMN" if parts.registration.is_roaming else "HPLMN"
    return f'4,"REG","{mode}","SELECTED","{kind}","{numeric}"'
