"""Which lines may be the rest of a damaged push, or of a damaged ``closed``.

Hex cannot hold a line ending, so a damaged push leaves one line, or two that ran together. In hex a line that cannot be
read is therefore suspected of having been a push, unless it is one of the lines below, which are known to be harmless:

1. bytes of noise alone, none of them printable;
2. an echo of a command line, the result codes of V.250, and a result code or completion with one byte changed;
3. a URC of the manual or of 3GPP, in exactly the form that it has there;
4. ``+<name>: ...`` of another command or URC, if nothing of a push shows in its parameters and the name cannot come
   from two names that ran together, nor from ``+QIURC``.

An answer to a command of the user has no known form. It is suspected only for what shows in it (:func:`has_traces`).
"""

import re
from typing import Final

# The rest of the header of a push, a "closed", a restart or a sleep with a wrong byte or two.
_TRACES: Final = re.compile(
    rb"recv|closed|QIURC.*(?:re|cv|clo|sed)|QIURC[^,]*$|DEEPSLEEP|RDY\r*$", re.DOTALL | re.MULTILINE
)
_HEX_REST: Final = re.compile(rb'[0-9A-Fa-f]{32,}"?[\r\0 ]*$')
# A parameter that ends the line and looks like payload between quotes.
_QUOTED_HEX: Final = re.compile(rb'"(?:[0-9A-Fa-f]{2})+"[\r\0 ]*$')
# The same behind something that is no comma.
_LOOSE_HEX: Final = re.compile(rb'[^,(:= -]"(?:[0-9A-Fa-f]{2})+"[\r\0 ]*$')
_NAMED: Final = re.compile(r"(\+[A-Z][A-Z0-9]*): ?(.*)", re.DOTALL)
# The result codes of V.250 that no other class reads.
_RESULT_CODES: Final = frozenset(
    (b"CONNECT", b"RING", b"NO CARRIER", b"NO DIALTONE", b"NO DIAL TONE", b"BUSY", b"NO ANSWER")
)

# A byte that stands in a push, a "closed" or another answer may show that two lines ran together.
_ANSWERS: Final = (b"OK", b"ERROR", b"SEND OK", b"SEND FAIL", b"CLOSE OK")
_VOCABULARY: Final = frozenset(b'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefrvlos+":,. ')

_BITS: Final = r'(?:"[01]{8}")?'
_CELL: Final = r'(?:,"[0-9A-F]{4}","[0-9A-F]{4,8}"|,"[0-9a-f]{4}","[0-9a-f]{4,8}"|,,)'
# A URC has <stat>, and the answer to a query has <n> before it. The access technology is 7 to 9 for LTE and NB-IoT.
_REGISTRATION: Final = rf"\d(?:,\d)?(?:{_CELL}(?:,[7-9]?(?:,\d?,\d{{0,3}}(?:,{_BITS},{_BITS})?)?)?)?"
_UTC: Final = r'"?\d{2,4}/\d\d/\d\d,\d\d:\d\d:\d\d(?:[+-]\d{1,2})?"?'
_ZONE: Final = r'"?[+-]\d{1,2}"?'

# URCs that this package does not use, by name, with the form of their parameters (AT manual, section 13; TS 27.007).
URC_FORMS: Final = {
    name: re.compile(form)
    for name, form in {
        "+CCIOTOPTI": r"\d",
        "+CEDRXP": r'\d(?:,"[01]{4}"){0,3}',
        "+CEREG": _REGISTRATION,
        "+CFUN": r"\d",
        "+CGEV": r'"?[A-Za-z][A-Za-z ]+"?(?: ?\d+)?(?:,[A-Za-z0-9 ."]*)*',
        "+CGREG": _REGISTRATION,
        "+CPIN": r"[A-Z][A-Z0-9 -]*",
        "+CREG": _REGISTRATION,
        "+CSCON": r"[01](?:,\d){0,2}",
        "+CTZE": rf"{_ZONE},\d(?:,{_UTC})?",
        "+CTZEU": rf"{_ZONE},\d(?:,{_UTC})?",
        "+CTZV": rf"{_ZONE}(?:,{_UTC})?",
        "+QIND": r'(?:PB|SMS) DONE|"[A-Za-z ]+"(?:,"?[A-Za-z0-9 ._-]*"?)*',
        "+QNBIOTEVENT": r'"[A-Za-z ]+"',
        "+STATISR": r"(?:PHY [DU]L|[A-Z]{3,4})(?:, [A-Z][A-Za-z0-9]*: ?-?\d+(?:%| bps)?)+",
        # URCs of other modules of the family; this one is known for "recv" and "closed" only (guide 2.3).
        "+QIURC": r'"(?:pdpdeact|dnsgip|incoming|incoming full)"(?:,[^,"]*|,"[^"]*")*',
    }.items()
}

# Every other name that a module writes: the commands of the manual, of the guide and of the release notes.
_COMMAND_NAMES: Final = frozenset(
    """
    +CBC +CCHC +CCHO +CCID +CCIOTOPT +CCLK +CEDRXRDP +CEDRXS +CEER +CESQ +CGACT +CGAPNRC +CGATT +CGAUTH +CGCONTRDP
    +CGDCONT +CGEREP +CGLA +CGMI +CGMM +CGMR +CGPADDR +CGSN +CIMI +CME +CMEE +CMS +CMTI +CNUM +COPS +CPINR +CPSMS +CRSM
    +CRTDCP +CSIM +CSQ +CTZR +GSN +ICCID +IP +IPR +QADC +QBAND +QCCID +QCFG +QCGDEFCONT +QCSEARFCN +QEDRXCFG +QENG
    +QICFG +QICLOSE +QIDNSCFG +QIDNSGIP +QIOPEN +QISEND +QISTATE +QLOCKF +QNBIOTRAI +QNTIP +QNTP +QPING +QPLMNS
    +QR14FEATURE +QRFSTAT +QRST +QSCLK
    """.split()  # noqa: SIM905
)
# The form of the answers that programs ask for most often.
_ANSWER_FORMS: Final = {
    "+CSQ": re.compile(r"\d{1,2},\d{1,2}"),
    "+CESQ": re.compile(r"\d{1,3}(?:,\d{1,3}){5}"),
    "+CGATT": re.compile(r"[01]"),
}
USUAL_ANSWERS: Final = {
    line: re.compile(rf"\r\n({re.escape(name)}: ?{_ANSWER_FORMS[name].pattern})\r\n".encode())
    for line, name in (("AT+CSQ", "+CSQ"), ("AT+CESQ", "+CESQ"), ("AT+CGATT?", "+CGATT"))
}
"""The same answers as they stand on the line, by the command line that asks for them."""
_NAMES: Final = _COMMAND_NAMES | URC_FORMS.keys()
# Commands whose answers end in a string of hex digits, or of bits.
_ENDS_IN_HEX: Final = frozenset(
    """
    +CCID +CEDRXRDP +CEDRXS +CEREG +CGLA +CGREG +CGSN +COPS +CPSMS +CREG +CRSM +CSIM +ICCID +QCCID +QEDRXCFG +QENG
    """.split()  # noqa: SIM905
)
# Commands whose answers have no name before them.
_UNNAMED_ANSWERS: Final = frozenset(("+CCHO", "+CCID", "+CGMI", "+CGMM", "+CGMR", "+CGSN", "+CIMI", "+GSN", "+ICCID"))
_BARE_HEX: Final = re.compile(rb"[0-9A-Fa-f]+")
_NAME: Final = re.compile(r"\+[A-Z][A-Z0-9]*")
_PUSH_NAME: Final = "+QIURC"
# A name with up to so many damaged bytes is taken for a damaged one, not for another name.
_DAMAGED_BYTES: Final = 3


def has_traces(line: bytes) -> bool:
    """Return whether a line shows what the header of a push, a ``closed``, a restart or a long payload shows."""
    return (_TRACES.search(line) or _HEX_REST.match(line)) is not None


def has_loose_ends(line: bytes) -> bool:
    """Return whether the end of a push of hex shows in a line: a quote without its other one, or inside a word."""
    return line.count(b'"') % 2 == 1 or _LOOSE_HEX.search(line) is not None or _ends_like_push(line)


def may_be_push(line: bytes) -> bool:
    """Return whether a line that could not be read may be what is left of a push or ``closed``, with hex payload."""
    if not any(0x20 <= byte < 0x7F for byte in line) or line in _RESULT_CODES or _is_changed_answer(line):
        return False

    if line.startswith(b"AT"):
        return line.count(b'"') % 2 == 1

    named = _NAMED.fullmatch(line.decode("latin-1"))
    if named is None:
        return True

    name, parameters = named[1], named[2]
    form = URC_FORMS.get(name)
    if form is not None and form.fullmatch(parameters):
        return False

    if has_traces(line) or has_loose_ends(line):
        return True

    if parameters.startswith("(") and name in _NAMES and name != _PUSH_NAME:
        # The answer to a test command.
        return False

    if name in _COMMAND_NAMES:
        return name not in _ENDS_IN_HEX and _QUOTED_HEX.search(line) is not None

    return form is not None or _QUOTED_HEX.search(line) is not None or _may_be_spliced(name) or _is_near_push(name)


def may_be_push_as_answer(line: bytes, asked: str) -> bool:
    """Return whether a line that stands where an answer may stand is rather what is left of a push of hex.

    Args:
        line: the line.
        asked: the command line under way.
    """
    head, colon, rest = line.partition(b":")
    name = head.decode("latin-1")
    is_named = name in asked
    form = _ANSWER_FORMS.get(name)
    parameters = rest.strip(b" ").decode("latin-1")
    if form is not None and is_named and form.fullmatch(parameters):
        # The commonest answers, in exactly their form.
        return False

    names = _NAME.findall(asked.upper())
    if _BARE_HEX.fullmatch(line) and not _UNNAMED_ANSWERS.isdisjoint(names):
        return False

    if has_loose_ends(line) or (has_traces(line) and not is_named):
        return True

    if is_named and colon:
        if not parameters or (form is not None and not parameters.startswith("(")):
            return True

        ends_in_hex = name not in _COMMAND_NAMES or name in _ENDS_IN_HEX
        return not ends_in_hex and _QUOTED_HEX.search(line) is not None

    if names and all(name in _NAMES and name not in _UNNAMED_ANSWERS for name in names):
        return may_be_push(line)

    return re.match(rb'[",+](?![A-Z])', line) is not None


def _is_changed_answer(line: bytes) -> bool:
    """Return whether a line is a result code or a completion of which one byte was changed."""
    for answer in _ANSWERS:
        changed = [one for one, other in zip(line, answer, strict=False) if one != other]
        if len(line) == len(answer) and len(changed) == 1:
            return changed[0] not in _VOCABULARY

    return False


def _ends_like_push(line: bytes) -> bool:
    """Return whether a line ends in a length and so much hex."""
    found = re.search(rb'(\d{1,4}),"?((?:[0-9A-Fa-f]{2})+)"?$', line)
    return found is not None and found[1].endswith(b"%d" % (len(found[2]) // 2)) and b'"' in found[0]


def _may_be_spliced(name: str) -> bool:
    """Return whether a name may have come from two that ran together, or from one that lost its beginning or end."""
    return any(
        any(one.startswith(name[:cut]) for one in _NAMES) and any(one.endswith(name[cut:]) for one in _NAMES)
        for cut in range(1, len(name) + 1)
    )


def _is_near_push(name: str) -> bool:
    """Return whether a name may be ``+QIURC`` with a few bytes lost, added or changed."""
    row = list(range(len(_PUSH_NAME) + 1))
    for index, one in enumerate(name, 1):
        previous, row = row, [index]
        for column, other in enumerate(_PUSH_NAME, 1):
            row.append(min(previous[column] + 1, row[-1] + 1, previous[column - 1] + (one != other)))

    return row[-1] <= _DAMAGED_BYTES
