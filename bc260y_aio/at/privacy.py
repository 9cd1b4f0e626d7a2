"""What is nobody's business: the numbers that tell whose module it is, and what it and its peers say to each other."""

import re
from typing import Final

# IMEI and IMSI have 14 to 16 digits. An ICCID has up to 20, begins with 89, and some operators' hold letters.
IDENTITY: Final = re.compile(r"(?<![0-9A-Za-z])(?:89[0-9A-Fa-f]{16,18}|\d{14,20})(?![0-9A-Za-z])")

# How many digits are shown at either end.
_SHOWN_FIRST: Final = 4
_SHOWN_LAST: Final = 3

# What stands before a payload, in either direction.
_BEFORE_PAYLOAD: Final = re.compile(
    r'AT\+QISEND ?= ?\d{1,3} ?, ?0*[1-9]\d{0,5} ?,|\+QIURC: ?"recv",\d{1,3},\d{1,6},', re.IGNORECASE
)


def hide(number: str, fill: str = "*") -> str:
    """Return a number with its middle digits hidden; as long as it was.

    Args:
        number: the number.
        fill: the character that stands for a hidden one.
    """
    hidden = len(number) - _SHOWN_FIRST - _SHOWN_LAST
    if hidden < _SHOWN_FIRST:
        return fill * len(number)

    return number[:_SHOWN_FIRST] + fill * hidden + number[-_SHOWN_LAST:]


def masked(text: str) -> str:
    """Return a text in which every IMEI, IMSI and ICCID has its middle digits hidden."""
    return IDENTITY.sub(lambda number: hide(number[0]), text)


def presentable(line: str) -> str:
    """Return a line as it may be shown to anybody: payload left out, and the rest :func:`masked`."""
    header = _BEFORE_PAYLOAD.search(line)
    return masked(line) if header is None else f"{masked(line[: header.end()])}..."
