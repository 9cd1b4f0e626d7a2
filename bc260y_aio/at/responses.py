"""The responses of a DCE: result codes, information responses, completions, URCs.

Each class is of one of four kinds:

- a *result code* ends the first part of a dialogue: ``OK``, ``ERROR``, ``+CME ERROR: <err>``;
- an *information response* comes before the result code and answers the query;
- a *completion* comes after ``OK`` and reports the outcome of a command that completes later (a word of this package);
- a *URC*, an unsolicited result code, comes at any time.

Every class reads itself from the parameters of a line and writes itself in a dialect, so both sides share one text.
"""

import enum
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import ClassVar, Final, Self

from .syntax import Malformed, Parameters, write_octets


class CmeLevel(enum.IntEnum):
    """How a DCE reports an error (``AT+CMEE``)."""

    PLAIN = 0
    NUMBER = 1
    TEXT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """The spellings in which firmware versions differ. A DTE reads all of them at any time.

    Attributes:
        space_after_colon: ``+QIURC: ...`` rather than ``+QIURC:...``.
        quoted_data: received payload stands between quotes.
        quoted_addresses: the addresses of +QIDNSGIP and +QPING stand between quotes.
        ipv6_octets: the IPv6 addresses of +QIDNSGIP, +QPING and +CGPADDR are 16 decimal numbers with dots, as in the AT
            manual (4.5), rather than groups of hex digits with colons.
        quoted_clock: the time of +CCLK stands between quotes; without them in the example of the AT manual (10.1).
        ping_ttl: a ping reply has the TTL (firmware from R01A03 on).
        ntp_prefix: ``+QNTP``, or ``+QNTIP`` as in the guide's example.
        four_digit_year: clocks print ``2026/...`` rather than ``26/...``.
        four_digit_ntp: so does +QNTP.
        ntp_colons: the time has a surplus field, as in the guide's example: ``11:08:20:35+32``.
        stray_nul: a NUL follows the result codes of QISEND, QICLOSE and QRST (firmware before R02A01).
        blank_lines: how many more blank lines stand before each line.
        compact: information responses follow each other with a single CR LF between them.
        cme: how errors are reported.
    """

    space_after_colon: bool = True
    quoted_data: bool = True
    quoted_addresses: bool = False
    ipv6_octets: bool = False
    quoted_clock: bool = True
    ping_ttl: bool = True
    ntp_prefix: str = "+QNTP"
    four_digit_year: bool = False
    four_digit_ntp: bool = False
    ntp_colons: bool = False
    stray_nul: bool = False
    blank_lines: int = 0
    compact: bool = False
    cme: CmeLevel = CmeLevel.PLAIN

    def address(self, address: str) -> str:
        """Return an address as it is written, quoted or not."""
        return f'"{self.digits(address)}"' if self.quoted_addresses else self.digits(address)

    def digits(self, address: str) -> str:
        """Return an address as it is written, without quotes."""
        return write_octets(address) if self.ipv6_octets else address


STANDARD: Final = Dialect()


class Response:
    """The base of all responses of a DCE."""

    __slots__ = ()

    def write(self, dialect: Dialect) -> str:
        """Return the line, without the CR LF around it."""
        raise NotImplementedError

    def encode(self, dialect: Dialect) -> bytes:
        """Return the line as bytes, one a character."""
        return self.write(dialect).encode("latin-1")


# Result codes


@dataclass(frozen=True, slots=True)
class Success(Response):
    """``OK``."""

    def write(self, dialect: Dialect) -> str:
        return "OK"


@dataclass(frozen=True, slots=True)
class Failure(Response):
    """``ERROR``, ``+CME ERROR: <number>`` or ``+CME ERROR: <text>``."""

    code: int | None = None
    text: str = ""

    def write(self, dialect: Dialect) -> str:
        """Return the line, as detailed as the dialect's error level allows."""
        if dialect.cme is CmeLevel.TEXT and self.text:
            return f"+CME ERROR: {self.text}"

        if dialect.cme is not CmeLevel.PLAIN and self.code is not None:
            return f"+CME ERROR: {self.code}"

        return "ERROR"


class Line(Response):
    """A response of the form ``<prefix>: <parameters>``."""

    __slots__ = ()
    prefix: ClassVar[str]

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        """Build the response from its parameters.

        Raises:
            Malformed: they do not have the form that the guide gives.
        """
        raise NotImplementedError

    def fields(self, dialect: Dialect) -> str:
        """Return the text after the colon."""
        raise NotImplementedError

    def write(self, dialect: Dialect) -> str:
        return f"{self.prefix}:{' ' if dialect.space_after_colon else ''}{self.fields(dialect)}"


# The kinds that come before and after a result code


class Information(Response):
    """A response before the final result code: the answer to a query."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Text(Information):
    """An information response that is not parsed: of a test command, or of one that this package does not know."""

    text: str

    def write(self, dialect: Dialect) -> str:
        return self.text


class Completion(Response):
    """A response after ``OK``, of a command that completes later.

    Attributes:
        has_connect_id: it names its socket, so it may be trusted before the ``OK`` too.
    """

    __slots__ = ()
    has_connect_id: ClassVar[bool] = False


class Unsolicited(Response):
    """A URC, which comes at any time (guide 2.3)."""

    __slots__ = ()


# Times


def read_time(text: str) -> datetime:
    """Return the time that ``[yy]yy/MM/dd,hh:mm:ss[±zz]`` says; the surplus field of the guide's example is ignored.

    Raises:
        Malformed: the text is no time.
    """
    day, _, hour = text.partition(",")
    sign = "-" if "-" in hour else "+"
    hour, _, quarters = hour.partition(sign)
    try:
        year, month, date = (int(field) for field in day.split("/"))
        hours, minutes, seconds = (int(field) for field in hour.split(":")[:3])
        offset = timedelta(minutes=15 * int(sign + quarters)) if quarters else timedelta()
        zone = timezone(offset) if offset else UTC
        return datetime(year if year >= 100 else 2000 + year, month, date, hours, minutes, seconds, tzinfo=zone)
    except (ValueError, OverflowError) as exc:
        raise Malformed(f"not a time: {text!r}") from exc


def write_time(time: datetime, dialect: Dialect, *, ntp: bool = False) -> str:
    """Return a time as the module writes it, without quotes; the zone is in quarters of an hour."""
    quarters = round((time.utcoffset() or timedelta()) / timedelta(minutes=15))
    surplus = ":35" if ntp and dialect.ntp_colons else ""
    year = f"{time:%Y}" if (dialect.four_digit_ntp if ntp else dialect.four_digit_year) else f"{time:%y}"
    return f"{year}{time:/%m/%d,%H:%M:%S}{surplus}{quarters:+03d}"


def time_field(parameters: Parameters, start: int) -> str:
    """Return the text of a time, which is the last parameter, or without quotes the last two.

    Raises:
        Malformed: there are more parameters.
    """
    text = parameters.string(start)
    if parameters.is_quoted(start) or len(parameters) <= start + 1:
        parameters.at_most(start + 1)
        return text

    parameters.at_most(start + 2)
    return f"{text},{parameters.string(start + 1)}"
