"""Private data in lines: the identity of a module and its owner, its place, its passwords, and its payload."""

import re
from collections.abc import Callable, Iterator
from typing import Final

# IMEI and IMSI have 14 to 16 digits; an IMEI may be written with hyphens (TS 23.003, 6.2). An ICCID has up to 20 and
# begins with 89; those of some operators hold letters. They may touch letters, as in `IMEI867997030012345`.
IDENTITY: Final = re.compile(
    r"(?<!\d)(?:\d{2}-\d{6}-\d{6}-\d{1,2}|\d{6}-\d{2}-\d{6}-\d{1,2}|89[0-9A-Fa-f]{16,18}(?![0-9A-Fa-f])|\d{14,20})(?!\d)"
)

# A telephone number in international form, between quotes; and, in commands and responses about calls, messages and
# the phone book, in any form.
_INTERNATIONAL: Final = re.compile(r'"\+\d{7,15}"')
_NUMBER: Final = re.compile(r'"\+?\d{5,20}"')
_WITH_NUMBERS: Final = re.compile(r"\+(?:CNUM|CSCA|CMG[A-Z]|CMT|CDS|CLIP|CPB[RWF])[=:][^\r\n]*", re.IGNORECASE)

# Parameters that are private, by their place after the name: cell and tracking area, APN, user, password, PIN. The
# first three are from the AT command manual (4.3, 4.6, 4.8, 5.2, 5.4, 7.5), the others are of siblings and TS 27.007.
_PRIVATE: Final[tuple[tuple[re.Pattern[str], tuple[int, ...]], ...]] = tuple(
    (re.compile(rf"\+(?:{name}) ?", re.IGNORECASE), places)
    for name, places in (
        (r"C[EG]?REG:(?= ?\d,\d,)", (2, 3)),
        (r"C[EG]?REG:(?= ?\d,[\"])", (1, 2)),
        (r"QENG:(?= ?0,)", (4, 10)),
        ("CGDCONT[=:]", (2, 3)),
        ("QCGDEFCONT[=:]", (1, 2, 3)),
        ("CGAUTH[=:]", (2, 3)),
        ("QICSGP[=:]", (2, 3, 4)),
        ("QMTCONN=", (2, 3)),
        ("CPIN=", (0, 1)),
        ("CPWD=", (1, 2)),
        ("CLCK=", (2,)),
    )
)
_PARAMETER: Final = re.compile(r'"(?P<quoted>[^"\r\n]*)"?|(?P<bare>[^,;\r\n]*)')

# How many digits of an identity are shown at either end.
_SHOWN_FIRST: Final = 4
_SHOWN_LAST: Final = 3

# The text before a payload, in either direction.
_BEFORE_PAYLOAD: Final = re.compile(
    r'AT\+QISEND ?= ?\d{1,3} ?, ?0*[1-9]\d{0,5} ?,|\+QIURC: ?"recv",\d{1,3},\d{1,6},', re.IGNORECASE
)


def hide(number: str, fill: str = "*") -> str:
    """Return a number with its middle digits hidden; the length, and hyphens, stay.

    Args:
        number: the number.
        fill: the character that replaces a hidden digit.
    """
    places = [place for place, character in enumerate(number) if character != "-"]
    shown = _SHOWN_FIRST + _SHOWN_LAST
    hidden = places[_SHOWN_FIRST:-_SHOWN_LAST] if len(places) >= shown + _SHOWN_FIRST else places
    return "".join(fill if place in hidden else character for place, character in enumerate(number))


def masked(text: str, fill: str = "*", hide_identity: Callable[[str], str] | None = None) -> str:
    """Return a text with every identity, cell, telephone number, APN, user, password and PIN hidden.

    Its length stays.

    Args:
        text: the text.
        fill: the character that replaces a hidden one.
        hide_identity: hides an IMEI, IMSI or ICCID; by default :func:`hide`.
    """
    text = IDENTITY.sub(lambda match: hide_identity(match[0]) if hide_identity else hide(match[0], fill), text)
    for start, end in sorted(_private_spans(text)):
        text = text[:start] + fill * (end - start) + text[end:]

    return text


def _private_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield where private parameters begin and end."""
    for name, places in _PRIVATE:
        for match in name.finditer(text):
            spans = list(_parameters(text, match.end()))
            yield from (spans[place] for place in places if place < len(spans))

    numbers = [match.span() for match in _INTERNATIONAL.finditer(text)]
    for line in _WITH_NUMBERS.finditer(text):
        numbers += [match.span() for match in _NUMBER.finditer(text, *line.span())]

    yield from ((start + 1, end - 1) for start, end in numbers)


def _parameters(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Yield where each parameter begins and ends, without its quotes, up to the end of the command or line."""
    while (match := _PARAMETER.match(text, start)) is not None:
        yield match.span("quoted") if match["quoted"] is not None else match.span("bare")
        if text[match.end() : match.end() + 1] != ",":
            return

        start = match.end() + 1


def printable(text: str) -> str:
    """Return text with all control characters escaped, so that a terminal does not interpret them."""
    return "".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in text)


def presentable(line: str) -> str:
    """Return a line that may be shown to anybody: without payload, and :func:`masked`."""
    header = _BEFORE_PAYLOAD.search(line)
    return masked(line) if header is None else f"{masked(line[: header.end()])}..."
