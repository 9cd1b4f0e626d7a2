"""The values of options as text, as a URL and a command line have them."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from ..at.responses import CmeLevel


def read_bool(text: str) -> bool:
    """Read ``1``, ``true``, ``yes``, ``on``, or their opposites.

    Raises:
        ValueError: it is none of them.
    """
    match text.lower():
        case "1" | "true" | "yes" | "on":
            return True
        case "0" | "false" | "no" | "off":
            return False
        case _:
            raise ValueError("not a truth value")


def read_integer(text: str) -> int:
    """Read a whole number, 0 or more.

    Raises:
        ValueError: it is none.
    """
    if not (text.isascii() and text.isdigit()):
        raise ValueError("not a whole number")

    return int(text)


def read_signed(text: str) -> int:
    """Read a whole number with or without a sign.

    Raises:
        ValueError: it is none.
    """
    return -read_integer(text[1:]) if text.startswith("-") else read_integer(text)


def read_float(text: str) -> float:
    """Read a finite number, 0 or more.

    Raises:
        ValueError: it is none.
    """
    number = float(text)
    if not math.isfinite(number) or number < 0:
        raise ValueError("not a finite number, 0 or more")

    return number


def _read_range(text: str) -> tuple[int, int]:
    low, _, high = text.partition("-")
    return read_integer(low), read_integer(high)


def _read_span(text: str) -> tuple[float, float]:
    begin, _, end = text.partition("-")
    return read_float(begin), read_float(end)


def _read_text(text: str) -> str:
    if not text:
        raise ValueError("empty")

    return text


def _or_none(read: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: None if text == "none" else read(text)


# By the type of an option.
CONVERTERS: Final[Mapping[Any, Callable[[str], Any]]] = {
    bool: read_bool,
    int: read_integer,
    int | None: _or_none(read_integer),
    float: read_float,
    float | None: _or_none(read_float),
    str: _read_text,
    str | None: _read_text,
    tuple[int, int] | None: _or_none(_read_range),
    tuple[float, float] | None: _or_none(_read_span),
    CmeLevel: lambda text: CmeLevel(read_integer(text)),
}


def write_value(value: Any) -> str:
    """Write the value of an option as it stands in a URL."""
    match value:
        case bool():
            return "1" if value else "0"
        case (float(begin), float(end)):
            return f"{begin:f}-{end:f}"
        case (low, high):
            return f"{low}-{high}"
        case None:
            return "none"
        case CmeLevel():
            return str(int(value))
        case _:
            return str(value)
