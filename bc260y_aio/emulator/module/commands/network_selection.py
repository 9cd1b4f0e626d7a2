"""Which network the module chooses, and where it looks for it (manual 6)."""

from collections.abc import Sequence
from typing import Final

from ....at.responses import Response, Success
from ....at.syntax import Malformed
from ...network.cell import FORBIDDEN, NB_IOT
from ..lines import ParameterLine, ParameterUrc, join_fields
from ..mobile_error import MobileError
from ..nvram import BANDS
from ..parts import Parts
from .network_status import attach
from .request import Request
from .table import CommandTable

COMMANDS = CommandTable()

COMMANDS.answers_test(
    "+QPLMNS",
    "+CCIOTOPT: (0,1,3),(1,3),(0,1,2)",
    "+QBAND: (0-3),(3,5,8)",
    "+QLOCKF: (0-2)",
)

# How AT+COPS numbers its modes, and the only format of an operator: its number.
AUTOMATIC: Final = 0
MANUAL: Final = 1
DEREGISTER: Final = 2
FORMAT_ONLY: Final = 3
MANUAL_AUTOMATIC: Final = 4
NUMERIC: Final = 2

_HIGHEST_EARFCN: Final = 262143
_HIGHEST_PCI: Final = 503


# Operators


@COMMANDS.execute("+QPLMNS")
def _search(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+QPLMNS (6.1): refused in service."""
    if parts.registration.is_registered:
        raise MobileError(3)

    parts.registration.search()
    return []


@COMMANDS.read("+QPLMNS")
def _search_state(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+QPLMNS? (6.1): 0 inactive, 1 searching, 2 selected, 3 out of service."""
    registration = parts.registration
    if registration.is_registered:
        return [ParameterLine("+QPLMNS", "2")]

    if not registration.is_searching:
        return [ParameterLine("+QPLMNS", "0")]

    return [ParameterLine("+QPLMNS", "1" if registration.is_covered else "3,30")]


@COMMANDS.test("+COPS")
def _operators(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+COPS=? (6.2): the operators in a line, the home operator first."""
    found = parts.network.cell.operator
    current = 2 if parts.registration.is_registered else 1
    listed = ((current, found), (3, FORBIDDEN)) if parts.registration.is_covered else ()
    shown = [f'({stat},"{one.long_name}","{one.short_name}","{one.numeric}",{NB_IOT})' for stat, one in listed]
    return [ParameterLine("+COPS", f"{','.join(shown)},,(0-4),({NUMERIC})")]


@COMMANDS.read("+COPS")
def _operator(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+COPS? (6.2)."""
    mode, _ = parts.nvram.operator
    if not parts.registration.is_registered:
        return [ParameterLine("+COPS", str(mode))]

    return [ParameterLine("+COPS", f'{mode},{NUMERIC},"{parts.network.cell.operator.numeric}",{NB_IOT}')]


@COMMANDS.set("+COPS")
def _select(parts: Parts, request: Request) -> Sequence[Response] | None:
    """AT+COPS=<mode>[,<format>[,<oper>[,<AcT>]]] (6.2)."""
    parameters = request.parameters
    parameters.at_most(4)
    mode = parameters.integer(0, AUTOMATIC, MANUAL_AUTOMATIC)
    if parameters.has(1):
        parameters.integer(1, NUMERIC, NUMERIC)

    if parameters.has(3):
        parameters.integer(3, NB_IOT, NB_IOT)

    if mode == FORMAT_ONLY:
        return []

    parts.sim.require()
    if mode == DEREGISTER:
        # Modes 2 and 3 are not saved.
        parts.nvram.operator = (DEREGISTER, "")
        parts.go_off_air()
        return []

    oper = parameters.string(2) if mode != AUTOMATIC else ""
    if mode != AUTOMATIC and not (oper.isdigit() and len(oper) in (5, 6)):
        raise Malformed(f"no operator: {oper!r}")

    parts.answer_later("+COPS", _register(parts, mode, oper))
    return None


async def _register(parts: Parts, mode: int, oper: str) -> None:
    """Register with the operator that was chosen, and answer the command at hand."""
    if mode == MANUAL and oper != parts.network.cell.operator.numeric:
        parts.nvram.store(operator=(mode, oper))
        parts.go_off_air()
        raise MobileError(30)

    parts.nvram.store(operator=(mode, oper))
    if parts.registration.is_registered or parts.nvram.function != 1:
        parts.writer.succeed()
        return

    try:
        await attach(parts)
    except MobileError:
        # Automatic selection goes on in the background.
        if mode == MANUAL:
            raise

        parts.writer.succeed()


# Optimisations


@COMMANDS.read("+CCIOTOPT")
def _optimisations(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CCIOTOPT? (6.3)."""
    mode = parts.nvram.report_mode("+CCIOTOPT")
    return [ParameterLine("+CCIOTOPT", join_fields(mode, *parts.nvram.optimisations))]


@COMMANDS.set("+CCIOTOPT")
def _set_optimisations(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CCIOTOPT=<n>[,<supported>[,<preferred>]] (6.3): 3 switches off and resets."""
    parameters = request.parameters
    parameters.at_most(3)
    mode = parameters.integer(0, 0, 3)
    supported, preferred = (1, 1) if mode == 3 else parts.nvram.optimisations
    supported = parameters.integer(1, 1, 3) if parameters.has(1) else supported
    preferred = parameters.integer(2, 0, 2) if parameters.has(2) else preferred
    if mode == 2 or supported == 2:
        raise Malformed("2 has no meaning here")

    reports = parts.nvram.reports | {"+CCIOTOPT": mode if mode == 1 else 0}
    parts.nvram.store(reports=reports, optimisations=(supported, preferred))
    return []


def optimisations_urc() -> Response:
    """Return the URC about what the network supports: the control plane optimisation."""
    return ParameterUrc("+CCIOTOPTI", "1")


# Bands and carriers


@COMMANDS.read("+QBAND")
def _bands(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+QBAND? (6.4)."""
    return [ParameterLine("+QBAND", ",".join(map(str, parts.nvram.bands)))]


@COMMANDS.set("+QBAND")
def _set_bands(parts: Parts, request: Request) -> None:
    """AT+QBAND=<number>[,<band>...] (6.4): drops the network and registers anew."""
    parameters = request.parameters
    count = parameters.integer(0, 0, len(BANDS))
    bands = tuple(parameters.integer(index) for index in range(1, len(parameters)))
    if len(bands) != count or len(set(bands)) != count or not set(bands) <= set(BANDS):
        raise Malformed(f"no bands: {request.text}")

    parts.nvram.store(bands=bands or BANDS)
    parts.writer.answer(Success())
    if parts.nvram.function == 1:
        parts.go_off_air()
        parts.registration.search()


@COMMANDS.read("+QLOCKF")
def _locks(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+QLOCKF? (6.5): a line for each lock."""
    return [ParameterLine("+QLOCKF", lock) for lock in parts.nvram.locks]


@COMMANDS.set("+QLOCKF")
def _lock(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+QLOCKF=<mode>[,...] (6.5): 0 unlocks, 1 locks to a cell, 2 prefers carriers. In effect with AT+CFUN=1."""
    _require_off(parts)
    parameters = request.parameters
    mode = parameters.integer(0, 0, 2)
    numbers = [parameters.integer(index, 0, _HIGHEST_EARFCN) for index in range(1, len(parameters))]
    others = tuple(lock for lock in parts.nvram.locks if not lock.startswith(f"{mode},"))
    match mode, numbers:
        case 0, []:
            locks: tuple[str, ...] = ()
        case 1, [earfcn, *pci] if len(pci) <= 1 and all(one <= _HIGHEST_PCI for one in pci):
            locks = (*others, join_fields(mode, *numbers)) if earfcn else others
        case 2, _:
            locks = (*others, join_fields(mode, *numbers)) if any(numbers) else others
        case _:
            raise Malformed(f"no lock: {request.text}")

    parts.nvram.store(locks=locks)
    return []


@COMMANDS.execute("+QCSEARFCN")
def _forget_carriers(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+QCSEARFCN (6.6)."""
    _require_off(parts)
    return []


def _require_off(parts: Parts) -> None:
    if parts.options.variants.strict_search and parts.nvram.function != 0:
        raise MobileError(3)
