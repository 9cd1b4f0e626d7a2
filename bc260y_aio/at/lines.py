"""Which response a line is: the tables that the DTE reads by, in order of priority."""

from typing import Final

from .commands import Command, Raw, Test
from .completions import (
    NetworkTime,
    PingError,
    PingFinished,
    PingReply,
    Resolution,
    ResolvedAddress,
    SendResult,
    SocketClosed,
    SocketOpened,
)
from .responses import Failure, Information, Line, Response, Success, Text
from .syntax import Malformed, Parameters
from .urcs import AddressAssigned, PeerClosed, PowerChanged, RegistrationChanged, Restarted, Unrecognised

_WORDS: Final[dict[str, Response]] = {
    "OK": Success(),
    "ERROR": Failure(),
    "SEND OK": SendResult(ok=True),
    "SEND FAIL": SendResult(ok=False),
    "CLOSE OK": SocketClosed(),
    "RDY": Restarted(),
}

_COMPLETIONS_AND_URCS: Final[dict[str, tuple[type[Line], ...]]] = {
    "+QIOPEN": (SocketOpened,),
    "+QIDNSGIP": (Resolution, ResolvedAddress),
    "+QPING": (PingFinished, PingReply, PingError),
    "+QNTP": (NetworkTime,),
    "+QNTIP": (NetworkTime,),  # so misprinted in the guide's example (4.7)
    "+QIURC": (PeerClosed,),
    "+IP": (AddressAssigned,),
    "+CEREG": (RegistrationChanged,),
    "+QNBIOTEVENT": (PowerChanged,),
}

# What a module also says unasked, and this package has no use for. To a command that is not known here any line may be
# an answer, but one of these is so only to a command of its name.
_OFTEN_UNASKED: Final = frozenset(
    ("+CFUN", "+CGEV", "+CMTI", "+CPIN", "+CRTDCP", "+CSCON", "+CTZE", "+CTZEU", "+CTZV", "+QIND")
)


def read_response(text: str, command: Command | None) -> Response:
    """Return what a line says, in the light of the command under way.

    A name may be that of an answer and of a URC (``+CEREG``): the answer is tried first, and only for its own command.

    Args:
        text: the line, one character a byte, without blanks around it.
        command: the command whose answers are due, or None.
    """
    if (word := _WORDS.get(text)) is not None:
        return word

    if text.startswith(("+CME ERROR", "+CMS ERROR")):
        reason = text[10:].lstrip(": ")
        is_number = reason.isascii() and reason.isdigit() and len(reason) < 10
        return Failure(int(reason)) if is_number else Failure(text=reason)

    prefix, colon, rest = text.partition(":")
    parameters = rest.strip() if colon else None
    kinds = _COMPLETIONS_AND_URCS.get(prefix)
    other = _first(kinds, parameters) if kinds is not None and parameters is not None else None
    information = _read_information(text, prefix, parameters, command, other) if command is not None else None
    return information or other or Unrecognised(text)


def _read_information(
    text: str, prefix: str, parameters: str | None, command: Command, other: Line | None
) -> Information | None:
    """Return what a line says as an answer to the command; ``other`` is what it says if it is none."""
    match command:
        case Test(tested=name):
            return Text(text) if prefix == name and other is None else None
        case Raw(parsed=None):
            may_be_unasked = other is not None or (parameters is not None and prefix in _OFTEN_UNASKED)
            return Text(text) if not may_be_unasked or prefix in command.line.upper() else None
        case Raw(parsed=parsed):
            assert parsed is not None
            return Text(text) if _read_information(text, prefix, parameters, parsed, other) is not None else None
        case _ if parameters is not None and command.information is not None:
            kind = command.information
            known = issubclass(kind, Line) and kind.prefix == prefix
            answer = _first((kind,), parameters) if known else None  # type: ignore[arg-type]
            return answer if isinstance(answer, Information) else None
        case _:
            return None


def _first(kinds: tuple[type[Line], ...], text: str) -> Line | None:
    parameters = Parameters(text)
    for kind in kinds:
        try:
            return kind.read(parameters)
        except Malformed:
            continue

    return None
