"""PDP contexts (manual 5)."""

from collections.abc import Sequence
from typing import Final

from ....at.responses import Response, Text
from ....at.syntax import Malformed, Parameters
from ..contexts import HIGHEST_CONTEXT, Context
from ..lines import ParameterLine, join_fields, quoted
from ..mobile_error import MobileError
from ..parts import Parts
from .network_status import attach
from .request import Request
from .table import CommandTable

COMMANDS = CommandTable()

COMMANDS.answers_test("+CGACT: (0,1)", '+QCGDEFCONT: ("IP","IPV6","IPV4V6","Non-IP")')

_LONGEST_APN: Final = 99
_TYPES: Final = ("IP", "IPV6", "IPV4V6", "NON-IP")

# The ranges of the fields behind the address: from header compression to the MTU of Non-IP.
_FIELD_LIMITS: Final = (3, 4, 1, 3, 2, 1, 1, 1, 1, 1, 1)


@COMMANDS.test("+CGDCONT")
def _definable(parts: Parts, request: Request) -> Sequence[Response]:
    return [Text(_test_line(kind)) for kind in ("IP", "IPV6", "IPV4V6", "Non-IP")]


def _test_line(kind: str) -> str:
    ipv4_mtu = "(0)" if kind in ("IPV6", "Non-IP") else "(0,1)"
    non_ip_mtu = "(0,1)" if kind == "Non-IP" else "(0)"
    common = "(0),(0),(0),(0,2),(0),(0),(0,1),(0)"
    return f'+CGDCONT: (1-{HIGHEST_CONTEXT}),"{kind}",,,{common},{ipv4_mtu},(0),{non_ip_mtu},(0)'


@COMMANDS.read("+CGDCONT")
def _definitions(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CGDCONT? (5.2)."""
    defined = sorted(parts.contexts.defined.items())
    address = parts.options.address if parts.options.kind.shows_addresses else ""
    return [ParameterLine("+CGDCONT", f"{number},{context.fields(address)}") for number, context in defined]


@COMMANDS.set("+CGDCONT")
def _define(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CGDCONT=<cid>[,...] (5.2): defines a context and brings it up; with the number alone, undefines it."""
    parameters = request.parameters
    number = parameters.integer(0, 1, HIGHEST_CONTEXT)
    if len(parameters) == 1:
        parts.contexts.defined.pop(number, None)
        return []

    context = _context(parameters)
    context.is_active = parts.registration.is_registered
    parts.contexts.defined[number] = context
    return []


def _context(parameters: Parameters) -> Context:
    parameters.at_most(4 + len(_FIELD_LIMITS))
    if parameters.has(3) and parameters.string(3):
        raise Malformed("the network gives the address")

    numbers = []
    for index, limit in enumerate(_FIELD_LIMITS, 4):
        numbers.append(str(parameters.integer(index, 0, limit)) if parameters.has(index) else "")

    return Context(_pdp_type(parameters, 1), _apn(parameters, 2), tuple(numbers))


def _pdp_type(parameters: Parameters, index: int) -> str:
    kind = parameters.string(index).upper() if parameters.has(index) else "IP"
    if kind not in _TYPES:
        raise Malformed(f"no PDP type: {kind}")

    return kind


def _apn(parameters: Parameters, index: int) -> str:
    apn = parameters.string(index) if parameters.has(index) else ""
    if len(apn) > _LONGEST_APN:
        raise Malformed("the APN is too long")

    return apn


# Activation


@COMMANDS.read("+CGACT")
def _activity(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CGACT? (5.1)."""
    defined = sorted(parts.contexts.defined.items())
    return [ParameterLine("+CGACT", f"{number},{context.is_active:d}") for number, context in defined]


@COMMANDS.set("+CGACT")
def _activate(parts: Parts, request: Request) -> Sequence[Response] | None:
    """AT+CGACT=<state>,<cid> (5.1): state first, and a single context. Activating attaches first if need be."""
    parameters = request.parameters
    parameters.at_most(2)
    is_on, number = parameters.integer(0, 0, 1) == 1, parameters.integer(1, 0, HIGHEST_CONTEXT)
    if not is_on or parts.registration.is_registered:
        parts.contexts.activate(number, on=is_on)
        return []

    if number not in parts.contexts.defined:
        raise MobileError(143)

    parts.answer_later("+CGACT", _attach_and_activate(parts, number))
    return None


async def _attach_and_activate(parts: Parts, number: int) -> None:
    await attach(parts)
    if number in parts.contexts.defined:
        parts.contexts.activate(number, on=True)


# Rates, and the default context


@COMMANDS.test("+CGAPNRC")
def _limited(parts: Parts, request: Request) -> Sequence[Response]:
    return [ParameterLine("+CGAPNRC", f"({','.join(map(str, parts.contexts.active))})")]


@COMMANDS.execute("+CGAPNRC")
def _rate_controls(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+CGAPNRC (5.3): the network restricts no rate."""
    return [_rate_control(number) for number in parts.contexts.active]


@COMMANDS.set("+CGAPNRC")
def _rate_control_of(parts: Parts, request: Request) -> Sequence[Response]:
    parameters = request.parameters
    parameters.at_most(1)
    number = parameters.integer(0, 0, HIGHEST_CONTEXT)
    if number not in parts.contexts.active:
        raise MobileError(143)

    return [_rate_control(number)]


def _rate_control(number: int) -> Response:
    return ParameterLine("+CGAPNRC", f"{number},0,0")


@COMMANDS.read("+QCGDEFCONT")
def _default_context(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+QCGDEFCONT? (5.4)."""
    kind, apn, user, password = parts.nvram.context
    return [ParameterLine("+QCGDEFCONT", join_fields(f'"{kind}"', quoted(apn), quoted(user), quoted(password)))]


@COMMANDS.set("+QCGDEFCONT")
def _set_default_context(parts: Parts, request: Request) -> Sequence[Response]:
    """AT+QCGDEFCONT=<type>[,<APN>[,<user>,<password>]] (5.4): in effect after a restart."""
    parameters = request.parameters
    parameters.at_most(4)
    kind = parameters.string(0)
    _pdp_type(parameters, 0)
    user, password = (parameters.string(index) if parameters.has(index) else "" for index in (2, 3))
    parts.nvram.store(context=(kind, _apn(parameters, 1), user, password))
    return []
