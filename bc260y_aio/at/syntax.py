"""V.250 parameters, quotes and hex; addresses; and which bytes a text payload may hold."""

import binascii
import enum
import ipaddress
from collections.abc import Iterator
from typing import Final

# The longest host or server name, and the longest address of a DNS server, in bytes (guide 2.2.2, 2.2.7).
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
    """Raised when a line does not have the form that its name requires."""


def is_text(payload: bytes) -> bool:
    """Return whether the text form of AT+QISEND can carry every byte: 0x20 to 0x7E."""
    return not payload.translate(None, _TEXT_BYTES)


def encode_payload(payload: bytes, form: PayloadFormat) -> bytes:
    """Return a payload as it stands between the quotes of a line; hex is upper case."""
    return binascii.hexlify(payload).upper() if form is PayloadFormat.HEX else bytes(payload)


def decode_payload(digits: bytes, form: PayloadFormat) -> bytes:
    """Return the payload that stands between the quotes of a line.

    Raises:
        Malformed: the format is hex and these are no hex digits.
    """
    if form is PayloadFormat.TEXT:
        return digits

    try:
        return binascii.unhexlify(digits)
    except binascii.Error as exc:
        raise Malformed(str(exc)) from None


def read_address(text: str) -> str:
    """Return an IP address in its usual form, after checking it.

    Args:
        text: the address as usual; or an IPv6 address as 16 decimal octets with dots (TS 27.007, section 10.1.23).

    Raises:
        Malformed: it is no address.
    """
    octets = text.split(".")
    try:
        if len(octets) == 16:
            return str(ipaddress.IPv6Address(bytes(map(int, octets))))

        ipaddress.ip_address(text)
    except ValueError:
        raise Malformed(f"not an address: {text!r}") from None

    return text


def write_octets(address: str) -> str:
    """Return an address as decimal numbers with dots: 4 of IPv4, 16 of IPv6 (TS 27.007, 10.1.23)."""
    return ".".join(map(str, ipaddress.ip_address(address).packed))


def checked_name(name: str, what: str, longest: int = LONGEST_NAME) -> str:
    """Return a host, server or address unchanged, if it can stand between quotes on a command line.

    Args:
        name: the name.
        what: what it is, for the message.
        longest: its greatest length, in bytes.

    Raises:
        TypeError: the name is not a str.
        ValueError: the name is empty or too long, or it holds a quote, a control character, or non-ASCII text.
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
    """Return a whole number unchanged, if it lies between ``low`` and ``high``, both included.

    Raises:
        TypeError: the number is not an int.
        ValueError: the number is out of range.
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
        """Return whether a parameter is there and not empty."""
        return index < len(self._tokens) and self._tokens[index] != ""

    def is_quoted(self, index: int) -> bool:
        """Return whether a parameter is there and stands between quotes."""
        return index < len(self._tokens) and self._tokens[index].startswith('"')

    def is_number(self, index: int) -> bool:
        """Return whether a parameter is there and is made of decimal digits alone."""
        return index < len(self._tokens) and self._tokens[index].isascii() and self._tokens[index].isdigit()

    def string(self, index: int) -> str:
        """Return a string, quoted on the line or not.

        Raises:
            Malformed: it is missing, or its quotes do not match, or one stands inside.
        """
        if index >= len(self._tokens):
            raise Malformed(f"parameter {index + 1} is missing")

        token = self._tokens[index]
        if '"' not in token:
            return token

        if len(token) < 2 or not (token.startswith('"') and token.endswith('"')) or token.count('"') > 2:
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
