"""V.250 parameters, quotes and hex; and what a text payload may hold."""

import binascii
import enum
from collections.abc import Iterator
from typing import Final

# What the guide allows for a host or server name, and for the address of a DNS server, in bytes (2.2.2, 2.2.7).
LONGEST_NAME: Final = 150
LONGEST_ADDRESS: Final = 64

_TEXT_BYTES: Final = bytes(range(0x20, 0x7F))


class PayloadFormat(enum.IntEnum):
    """How payload is written on the line (guide 2.2.1)."""

    TEXT = 0
    """As it is: one wire byte a payload byte, printable ASCII only, at most 1024 bytes a command."""
    HEX = 1
    """As hexadecimal digits: two wire bytes a payload byte, any bytes, at most 512 of them a command."""

    @property
    def largest_send(self) -> int:
        """The most payload bytes that one AT+QISEND takes (guide 2.2.5)."""
        return 1024 if self is PayloadFormat.TEXT else 512


class Malformed(ValueError):
    """Raised when a line does not have the form that its name asks for."""


def is_text(payload: bytes) -> bool:
    """Tell whether every byte may go out in the text form of AT+QISEND: 0x20 to 0x7E."""
    return not payload.translate(None, _TEXT_BYTES)


def encode_payload(payload: bytes, form: PayloadFormat) -> bytes:
    """Write a payload as it stands between the quotes of a line; hex is upper case."""
    return binascii.hexlify(payload).upper() if form is PayloadFormat.HEX else bytes(payload)


def decode_payload(digits: bytes, form: PayloadFormat) -> bytes:
    """Read a payload back.

    Raises:
        Malformed: hex digits are due and something else stands there.
    """
    if form is PayloadFormat.TEXT:
        return digits

    try:
        return binascii.unhexlify(digits)
    except binascii.Error as exc:
        raise Malformed(str(exc)) from None


def checked_name(name: str, what: str, longest: int = LONGEST_NAME) -> str:
    """Return a host, server or address as it is, if it can stand between quotes on a command line.

    Args:
        name: the name.
        what: what it is, for the message.
        longest: the most bytes that it may have.

    Raises:
        TypeError: it is not a str.
        ValueError: it is empty, too long, or holds a quote, a control character, or anything that is not ASCII.
    """
    if not isinstance(name, str):
        raise TypeError(f"{what} must be a str, not {type(name).__name__}")

    if not name:
        raise ValueError(f"{what} must not be empty")

    if len(name.encode("utf-8", "surrogatepass")) > longest:
        raise ValueError(f"{what} is longer than {longest} bytes")

    if not (name.isascii() and name.isprintable()) or '"' in name:
        raise ValueError(f"{what} must be printable ASCII without quotes: {name!r}")

    return name


def checked_integer(number: int, what: str, low: int, high: int) -> int:
    """Return a whole number as it is, if it lies between ``low`` and ``high``, both included.

    Raises:
        TypeError: it is not an int.
        ValueError: it is out of range.
    """
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError(f"{what} must be an int, not {type(number).__name__}")

    if not low <= number <= high:
        raise ValueError(f"{what} must be {low} to {high}, not {number}")

    return number


class Parameters:
    """The parameters of one line, split at the commas that stand outside quotes."""

    __slots__ = ("_tokens",)

    def __init__(self, text: str) -> None:
        if '"' in text:
            self._tokens = tuple(_tokens(text))
        else:
            self._tokens = tuple([token.strip(" ") for token in text.split(",")]) if text else ()

    def __len__(self) -> int:
        return len(self._tokens)

    def has(self, index: int) -> bool:
        """Tell whether a parameter is there and not empty."""
        return index < len(self._tokens) and self._tokens[index] != ""

    def is_quoted(self, index: int) -> bool:
        """Tell whether a parameter is there and stands between quotes."""
        return index < len(self._tokens) and self._tokens[index].startswith('"')

    def string(self, index: int) -> str:
        """Return a string, quoted on the line or not.

        Raises:
            Malformed: it is missing, or its quotes do not match.
        """
        if index >= len(self._tokens):
            raise Malformed(f"parameter {index + 1} is missing")

        token = self._tokens[index]
        if not token.startswith('"'):
            return token

        if len(token) < 2 or not token.endswith('"'):
            raise Malformed(f"unbalanced quotes: {token}")

        return token[1:-1]

    def integer(self, index: int, low: int = 0, high: int = 0xFFFF_FFFF) -> int:
        """Return a whole number of decimal digits.

        Raises:
            Malformed: it is missing, not a number, or out of range.
        """
        token = self.string(index)
        if not (token.isascii() and token.isdigit()) or len(token) > 20 or not low <= int(token) <= high:
            raise Malformed(f"parameter {index + 1} must be {low} to {high}: {token!r}")

        return int(token)

    def at_most(self, count: int) -> None:
        """Check that there are no parameters beyond ``count``.

        Raises:
            Malformed: there are.
        """
        if len(self._tokens) > count:
            raise Malformed(f"{len(self._tokens)} parameters where {count} are allowed")


def _tokens(text: str) -> Iterator[str]:
    start, quoted = 0, False
    for position, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif character == "," and not quoted:
            yield text[start:position].strip(" ")
            start = position + 1

    yield text[start:].strip(" ")
