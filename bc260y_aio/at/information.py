"""The information responses: the answers to queries, which come before ``OK``; one class for each prefix."""

import enum
import re
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final, Self

from .responses import Dialect, Information, Line, read_time, time_field, write_time
from .syntax import Malformed, Parameters, PayloadFormat, read_address


@dataclass(frozen=True, slots=True)
class DataFormat(Line, Information):
    """The payload formats in force: ``+QICFG: "dataformat",<send>,<recv>`` (guide 2.2.1)."""

    prefix: ClassVar[str] = "+QICFG"

    send: PayloadFormat
    receive: PayloadFormat

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        if parameters.string(0).lower() != "dataformat":
            raise Malformed(f"unknown option {parameters.string(0)!r}")

        parameters.at_most(3)
        return cls(PayloadFormat(parameters.integer(1, 0, 1)), PayloadFormat(parameters.integer(2, 0, 1)))

    def fields(self, dialect: Dialect) -> str:
        return f'"dataformat",{self.send:d},{self.receive:d}'


# TS 27.007, +CEREG: tracking area code, cell, access technology (7 to 9 for LTE and NB-IoT), type of cause, cause,
# active time, periodic TAU.
_AREA_FIELDS: Final = tuple(
    re.compile(form)
    for form in (
        r"(?:[0-9A-F]{4}|[0-9a-f]{4})?",
        r"(?:[0-9A-F]{4,8}|[0-9a-f]{4,8})?",
        r"[7-9]?",
        r"\d?",
        r"\d{0,3}",
        r"(?:[01]{8})?",
        r"(?:[01]{8})?",
    )
)
_QUOTED_FIELDS: Final = (0, 1, 5, 6)
# They come together. Some firmware leaves the access technology out.
_AREA_LENGTHS: Final = (0, 2, 3, 5, 7)


class SocketState(enum.IntEnum):
    """The state of a socket of the module (guide 2.2.4)."""

    INITIAL = 0
    CONNECTING = 1
    CONNECTED = 2
    CLOSING = 3
    REMOTE_CLOSING = 4


@dataclass(frozen=True, slots=True)
class SocketInfo(Line, Information):
    """One socket of the module: ``+QISTATE: ...`` (guide 2.2.4).

    Attributes:
        connect_id: the connectID, 0 to 4.
        service_type: ``"TCP"`` or ``"UDP"``.
        host: the remote name or address, as it was given when the socket was opened.
        remote_port: the remote port.
        local_port: the requested local port; 0 when the module chose one.
        state: the socket's state.
        context_id: the PDP context.
        access_mode: 1, direct push, which is the only access mode.
    """

    prefix: ClassVar[str] = "+QISTATE"

    connect_id: int
    service_type: str
    host: str
    remote_port: int
    local_port: int = 0
    state: SocketState = SocketState.CONNECTED
    context_id: int = 0
    access_mode: int = 1

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        parameters.at_most(8)
        return cls(
            parameters.integer(0),
            parameters.string(1),
            parameters.string(2),
            parameters.integer(3, 0, 65535),
            parameters.integer(4, 0, 65535),
            SocketState(parameters.integer(5, 0, 4)),
            parameters.integer(6),
            parameters.integer(7),
        )

    def fields(self, dialect: Dialect) -> str:
        return (
            f'{self.connect_id},"{self.service_type}","{self.host}",{self.remote_port},{self.local_port},'
            f"{self.state:d},{self.context_id},{self.access_mode}"
        )


@dataclass(frozen=True, slots=True)
class AckStatus(Line, Information):
    """How much a socket has sent: ``+QISEND: <sent>,<acked>,<nAcked>`` (guide 2.2.5).

    Attributes:
        sent: how many bytes the module's stack has taken since the socket was opened.
        acked: how many of them the peer has acknowledged; meaningful for TCP only.
        unacked: how many of them it has not; meaningful for TCP only.
    """

    prefix: ClassVar[str] = "+QISEND"

    sent: int
    acked: int
    unacked: int

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        parameters.at_most(3)
        return cls(parameters.integer(0), parameters.integer(1), parameters.integer(2))

    def fields(self, dialect: Dialect) -> str:
        return f"{self.sent},{self.acked},{self.unacked}"


@dataclass(frozen=True, slots=True)
class DnsServers(Line, Information):
    """The DNS servers in use: ``+QIDNSCFG: ...`` (guide 2.2.7). An empty string stands for "none"."""

    prefix: ClassVar[str] = "+QIDNSCFG"

    context_id: int
    primary_ipv4: str = ""
    secondary_ipv4: str = ""
    primary_ipv6: str = ""
    secondary_ipv6: str = ""

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        parameters.at_most(5)
        return cls(parameters.integer(0), *(_optional_address(parameters, index) for index in range(1, 5)))

    def fields(self, dialect: Dialect) -> str:
        addresses = (self.primary_ipv4, self.secondary_ipv4, self.primary_ipv6, self.secondary_ipv6)
        return ",".join([str(self.context_id), *(f'"{address}"' for address in addresses)])


class RegistrationStatus(enum.IntEnum):
    """Whether the module is registered with a network (TS 27.007, +CEREG)."""

    NOT_REGISTERED = 0
    HOME = 1
    SEARCHING = 2
    DENIED = 3
    UNKNOWN = 4
    ROAMING = 5

    @property
    def is_registered(self) -> bool:
        """Return whether sockets can be opened."""
        return self in (RegistrationStatus.HOME, RegistrationStatus.ROAMING)


@dataclass(frozen=True, slots=True)
class Registration(Line, Information):
    """The answer to ``AT+CEREG?``: ``+CEREG: <n>,<stat>[,<tac>,<ci>,<AcT>...]``.

    Attributes:
        mode: which ``+CEREG`` URCs are enabled.
        status: whether the module is registered.
        area: tracking area, cell and the fields that follow them, as they were written.
    """

    prefix: ClassVar[str] = "+CEREG"

    mode: int
    status: RegistrationStatus
    area: tuple[str, ...] = ()

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        # A URC has no <n> before <stat>: its second parameter, if any, is the quoted tracking area.
        if parameters.is_quoted(1):
            raise Malformed("this is the URC")

        return cls(parameters.integer(0, 0, 9), read_status(parameters, 1), read_area(parameters, 2))

    def fields(self, dialect: Dialect) -> str:
        return ",".join([str(self.mode), f"{self.status:d}", *(write_area(self.area))])


@dataclass(frozen=True, slots=True)
class PdpAddress(Line, Information):
    """The module's addresses in a PDP context: ``+CGPADDR: <cid>[,<address>[,<address>]]``."""

    prefix: ClassVar[str] = "+CGPADDR"

    context_id: int
    addresses: tuple[str, ...] = ()

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        addresses = (_optional_address(parameters, index) for index in range(1, len(parameters)))
        return cls(parameters.integer(0), tuple(filter(None, addresses)))

    def fields(self, dialect: Dialect) -> str:
        addresses = (f'"{dialect.digits(address)}"' for address in self.addresses)
        return ",".join([str(self.context_id), *addresses])


@dataclass(frozen=True, slots=True)
class SleepSetting(Line, Information):
    """Which sleep is enabled: ``+QSCLK: <n>``; 0 is none, 1 is deep sleep, 2 is light sleep."""

    prefix: ClassVar[str] = "+QSCLK"

    mode: int

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        parameters.at_most(1)
        return cls(parameters.integer(0, 0, 9))

    def fields(self, dialect: Dialect) -> str:
        return str(self.mode)


@dataclass(frozen=True, slots=True)
class Clock(Line, Information):
    """The module's clock: ``+CCLK: [yy]yy/MM/dd,hh:mm:ss±zz``, quoted or not (AT manual 10.1).

    The time is aware; its zone is written in quarters of an hour.
    """

    prefix: ClassVar[str] = "+CCLK"

    time: datetime

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        return cls(read_time(time_field(parameters, 0)))

    def fields(self, dialect: Dialect) -> str:
        time = write_time(self.time, dialect)
        return f'"{time}"' if dialect.quoted_clock else time


def read_status(parameters: Parameters, index: int) -> RegistrationStatus:
    """Return a registration status; an unknown digit is UNKNOWN.

    Raises:
        Malformed: it is no single digit. Two are what is left of two lines: NB-IoT has no status above 9.
    """
    number = parameters.integer(index, 0, 9)
    known = number in RegistrationStatus.__members__.values()
    return RegistrationStatus(number) if known else RegistrationStatus.UNKNOWN


def read_area(parameters: Parameters, start: int) -> tuple[str, ...]:
    """Return the fields that follow a registration status, from ``start`` on.

    Raises:
        Malformed: they are not ``<tac>,<ci>,<AcT>[,<cause_type>,<reject_cause>[,<active time>,<periodic TAU>]]``.
    """
    area = tuple(parameters.string(index) for index in range(start, len(parameters)))
    if len(area) not in _AREA_LENGTHS or (area and bool(area[0]) != bool(area[1])):
        raise Malformed(f"{len(area)} fields after the registration status")

    for field, form in zip(area, _AREA_FIELDS, strict=False):
        if not form.fullmatch(field):
            raise Malformed(f"not a field of a registration: {field!r}")

    return area


def write_area(area: tuple[str, ...]) -> list[str]:
    """Return the fields that follow a registration status, as they are written."""
    return [f'"{field}"' if index in _QUOTED_FIELDS and field else field for index, field in enumerate(area)]


def _optional_address(parameters: Parameters, index: int) -> str:
    return read_address(parameters.string(index)) if parameters.has(index) and parameters.string(index) else ""
