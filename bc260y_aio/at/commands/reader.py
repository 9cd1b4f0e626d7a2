"""Reading command lines: from the bytes that a DTE wrote to the command of a class."""

import functools
import re
from collections.abc import Mapping
from typing import Final

from ..syntax import Malformed, Parameters, PayloadFormat
from .base import Attention, Command, Raw, ReadCommand, SetCommand, SetEcho, Test
from .foreign_text import check_foreign_text
from .services import Ping, QueryDnsServers, QueryNetworkTime, Resolve, SetDnsServers
from .settings import (
    QueryAddress,
    QueryClock,
    QueryRegistration,
    QuerySleep,
    SetDeepSleepReports,
    SetErrorLevel,
    SetPowerReports,
    SetRegistrationReports,
    SetSleep,
)
from .sockets import (
    CloseSocket,
    OpenSocket,
    QueryAcks,
    QueryContextSockets,
    QueryDataFormat,
    QuerySocket,
    QuerySockets,
    SendData,
    SetDataFormat,
)
from .splitting import SHORT

_LINE: Final = re.compile(rb"AT(\+[A-Z]+)(=\?|\?|=|$)", re.IGNORECASE)

_READ: Final[dict[str, type[ReadCommand]]] = {
    command.name: command for command in (QuerySockets, QueryRegistration, QueryAddress, QuerySleep, QueryClock)
}

_SET: Final[Mapping[str, type[SetCommand]]] = {
    command.name: command
    for command in (
        CloseSocket,
        OpenSocket,
        Ping,
        QueryNetworkTime,
        Resolve,
        SetErrorLevel,
        SetPowerReports,
        SetRegistrationReports,
        SetSleep,
    )
} | {"+QDNSGIP": Resolve}  # misprinted so in the guide's example (4.4)

# The commands whose test form the guide describes (2.2).
TESTABLE: Final = ("+QICFG", "+QIOPEN", "+QICLOSE", "+QISTATE", "+QISEND", "+QIDNSGIP", "+QIDNSCFG", "+QPING", "+QNTP")


def read_command(line: bytes, form: PayloadFormat) -> Command:
    """Return the command that a line is.

    Args:
        line: the line, without its terminator.
        form: how the payload of AT+QISEND is written, as the module is set.

    Returns:
        A command of its own class, or :class:`Raw` for one that this package does not know.

    Raises:
        Malformed: the line does not begin with AT, or its parameters do not have the form that the guide gives.
    """
    return _read_short(line, form) if len(line) <= SHORT else _read(line, form)


def _read(line: bytes, form: PayloadFormat) -> Command:
    match = _LINE.match(line)
    if match is None:
        return _nameless(line)

    name, mark, rest = match[1].decode().upper(), match[2], line[match.end() :]
    try:
        match mark:
            case b"=?" if name in TESTABLE and not rest:
                return Test(name)
            case b"?" if name in _READ and not rest:
                return _READ[name]()
            case b"=" if name == "+QISEND":
                return _send(rest, form)
            case b"=":
                return _set(name, Parameters(rest.decode("latin-1"))) or Raw(line.decode("latin-1"))
            case _:
                return Raw(line.decode("latin-1"))
    except Malformed:
        raise
    except ValueError as exc:
        raise Malformed(str(exc)) from exc


_read_short: Final = functools.lru_cache(256)(_read)


@functools.lru_cache(256)
def read_verbatim(line: str) -> Raw:
    """Return a command that is sent exactly as it is written, and knows what follows its ``OK``.

    Raises:
        ValueError: the line does not begin with AT, holds anything but printable ASCII, or would make the module print
            text of strangers (:mod:`.foreign_text`).
    """
    raw = Raw(line)
    check_foreign_text(line)
    try:
        command = read_command(line.encode("ascii"), PayloadFormat.HEX)
    except Malformed:
        return raw

    return raw if isinstance(command, Raw) else Raw(line, command)


def _nameless(line: bytes) -> Command:
    match line.upper():
        case b"AT":
            return Attention()
        case b"ATE0":
            return SetEcho(on=False)
        case b"ATE" | b"ATE1":
            return SetEcho(on=True)
        case upper if upper.startswith(b"AT"):
            try:
                return Raw(line.decode("latin-1"))
            except ValueError as exc:
                raise Malformed(str(exc)) from exc
        case _:
            raise Malformed("a command line begins with AT")


def _send(rest: bytes, form: PayloadFormat) -> Command:
    connect_id, _, length = rest.partition(b",")
    if length == b"0":
        return QueryAcks(Parameters(connect_id.decode("latin-1")).integer(0))

    return SendData.parse(rest, form)


def _set(name: str, parameters: Parameters) -> Command | None:
    match name:
        case "+QICFG":
            if parameters.string(0).lower() != "dataformat":
                raise Malformed(f"unknown option {parameters.string(0)!r}")

            return QueryDataFormat() if len(parameters) == 1 else SetDataFormat.read(parameters)
        case "+QISTATE":
            parameters.at_most(2)
            if parameters.integer(0, 0, 1) == 0:
                return QueryContextSockets(parameters.integer(1))

            return QuerySocket(parameters.integer(1))
        case "+QIDNSCFG":
            if len(parameters) == 1:
                return QueryDnsServers(parameters.integer(0))

            return SetDnsServers.read(parameters)
        case "+QCFG":
            known = parameters.string(0).lower() == "dsevent" and len(parameters) == 2
            return SetDeepSleepReports.read(parameters) if known else None
        case _:
            return _SET[name].read(parameters) if name in _SET else None
