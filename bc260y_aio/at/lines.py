"""Which response a line is: the tables by which the DTE reads, in order of priority."""

import re
from typing import Final

from .commands import Command, Raw, Test
from .completions import (
    SEND_OK,
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
from .suspicion import URC_FORMS
from .syntax import Malformed, Parameters
from .urcs import AddressAssigned, PeerClosed, PowerChanged, RegistrationChanged, Restarted, Unrecognised

_WORDS: Final[dict[str, Response]] = {
    "OK": Success(),
    "ERROR": Failure(),
    "SEND OK": SEND_OK,
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

# URCs that have the name of a query: the answer to the query has <n> before the value of the URC.
_URCS_NAMED_AS_QUERIES: Final = frozenset(("+CEREG", "+CGREG", "+CREG", "+CSCON"))
# A strict form keeps text that ran into the line from being read as the reason.
_ERROR: Final = re.compile(r'\+CM[ES] ERROR:?+ *+(?:(\d{1,4})|((?![0-9A-Fa-f]{5,}$)[^"+]*))', re.ASCII)


def read_response(text: str, command: Command | None) -> Response:
    """Return the response that a line is, given the command under way.

    A name may be that of an answer and of a URC (``+CEREG``): the answer is tried first, and only for its own command.
    A line of another name than the command's is never its answer.

    Args:
        text: the line, one character a byte, without blanks around it.
        command: the command whose answers may come, or None.
    """
    if (word := _WORDS.get(text)) is not None:
        return word

    if (error := _ERROR.fullmatch(text)) is not None:
        return Failure(int(error[1]) if error[1] else None, error[2] or "")

    prefix, colon, rest = text.partition(":")
    # Two spaces after the colon are the remains of two lines.
    parameters = rest.strip(" ") if colon and not rest.startswith("  ") else None
    kinds = _COMPLETIONS_AND_URCS.get(prefix)
    other = _first(kinds, parameters) if kinds is not None and parameters is not None else None
    information = _read_information(text, prefix, parameters, command, other) if command is not None else None
    return information or other or Unrecognised(text)


def _read_information(
    text: str, prefix: str, parameters: str | None, command: Command, other: Line | None
) -> Information | None:
    """Return the answer to the command that a line is, if any; ``other`` is the response that it is otherwise."""
    match command:
        case Test(tested=name):
            return Text(text) if prefix == name and other is None else None
        case Raw(parsed=None, line=line):
            return Text(text) if _may_answer(prefix, parameters, line.upper(), other) else None
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


def _may_answer(prefix: str, parameters: str | None, line: str, other: Line | None) -> bool:
    """Return whether a line may be information about a command line that this package does not know."""
    if parameters is None or not prefix.startswith("+"):
        return True

    if "+" not in line:
        # A basic command, such as ATI.
        return other is None and prefix not in URC_FORMS

    if prefix not in line:
        return False

    if prefix not in _URCS_NAMED_AS_QUERIES or "=?" in line:
        return True

    values = Parameters(parameters)
    return "?" in line and len(values) > 1 and values.is_number(1)


def _first(kinds: tuple[type[Line], ...], text: str) -> Line | None:
    parameters = Parameters(text)
    for kind in kinds:
        try:
            return kind.read(parameters)
        except Malformed:
            continue

    return None
