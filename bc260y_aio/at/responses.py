"""What a DCE may say: result codes, information responses, completions, URCs.

Four kinds, and each class is of one of them:

- a *result code* ends the first act of a dialogue: ``OK``, ``ERROR``, ``+CME ERROR: <err>``;
- an *information response* stands before it and tells what was asked for;
- a *completion* comes after ``OK`` and tells the outcome of a command that takes its time (our one coinage);
- a *URC* comes when it likes.

Every class reads itself from the parameters of a line and writes itself in a dialect, so both sides share one text.
"""

import enum
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import ClassVar, Final, Self

from .syntax import Malformed, Parameters


class CmeLevel(enum.IntEnum):
    """How a DCE reports an error (``AT+CMEE``)."""

    PLAIN = 0
    NUMBER = 1
    TEXT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """The spellings in which firmware versions differ. A DTE understands every one of them at any time.

    Attributes:
        space_after_colon: ``+QIURC: ...`` rather than ``+QIURC:...``.
        quoted_data: received payload stands between quotes.
        quoted_addresses: so do the addresses of +QIDNSGIP and +QPING.
        ping_ttl: a ping reply tells the TTL (firmware from R01A03 on).
        ntp_prefix: ``+QNTP``, or ``+QNTIP`` as the guide's example has it.
        four_digit_year: clocks print ``2026/...`` rather than ``26/...``.
        ntp_colons: the guide's example writes a time with a surplus field: ``11:08:20:35+32``.
        stray_nul: a NUL follows the result codes of QISEND and QICLOSE (firmware before R02A01).
        blank_lines: so many more blank lines stand before each line.
        compact: information responses follow each other with a single CR LF between them.
        cme: how errors are reported.
    """

    space_after_colon: bool = True
    quoted_data: bool = True
    quoted_addresses: bool = False
    ping_ttl: bool = True
    ntp_prefix: str = "+QNTP"
    four_digit_year: bool = False
    ntp_colons: bool = False
    stray_nul: bool = False
    blank_lines: int = 0
    compact: bool = False
    cme: CmeLevel = CmeLevel.PLAIN

    def address(self, address: str) -> str:
        """Write an address, quoted or not."""
        return f'"{address}"' if self.quoted_addresses else address


STANDARD: Final = Dialect()


class Response:
    """Anything that a DCE says."""

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
            Malformed: they are not what the guide says.
        """
        raise NotImplementedError

    def fields(self, dialect: Dialect) -> str:
        """Return what stands after the colon."""
        raise NotImplementedError

    def write(self, dialect: Dialect) -> str:
        return f"{self.prefix}:{' ' if dialect.space_after_colon else ''}{self.fields(dialect)}"


# The kinds that come before and after a result code


class Information(Response):
    """What stands before the final result code of a query."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Text(Information):
    """An information response that nobody takes apart: of a test command, or of one that this package does not know."""

    text: str

    def write(self, dialect: Dialect) -> str:
        return self.text


class Completion(Response):
    """What follows ``OK`` when a command takes its time."""

    __slots__ = ()


class Unsolicited(Response):
    """What comes when it likes: a URC (guide 2.3)."""

    __slots__ = ()


# Times


def read_time(text: str) -> datetime:
    """Read ``[yy]yy/MM/dd,hh:mm:ss[±zz]``, with the surplus field of the guide's example if it is there.

    Raises:
        Malformed: it is no time.
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
    """Write a time as the module does; the zone is in quarters of an hour."""
    quarters = round((time.utcoffset() or timedelta()) / timedelta(minutes=15))
    surplus = ":35" if ntp and dialect.ntp_colons else ""
    year = f"{time:%Y}" if dialect.four_digit_year else f"{time:%y}"
    return f"{year}{time:/%m/%d,%H:%M:%S}{surplus}{quarters:+03d}"
