"""What a DCE tells before ``OK``: the answers to queries, one class a prefix."""

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Self

from .responses import Dialect, Information, Line, read_time, write_time
from .syntax import Malformed, Parameters, PayloadFormat


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

        return cls(PayloadFormat(parameters.integer(1, 0, 1)), PayloadFormat(parameters.integer(2, 0, 1)))

    def fields(self, dialect: Dialect) -> str:
        return f'"dataformat",{self.send:d},{self.receive:d}'


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
        local_port: the local port that was asked for; 0 when the module chose one.
        state: the socket's state.
        context_id: the PDP context.
        access_mode: 1, direct push: the only one there is.
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
        sent: bytes that the module's stack has taken since the socket was opened.
        acked: bytes of them that the peer has acknowledged; means something for TCP only.
        unacked: bytes of them that it has not; means something for TCP only.
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
        addresses = [parameters.string(index) if parameters.has(index) else "" for index in range(1, 5)]
        return cls(parameters.integer(0), *addresses)

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
        """Tell whether sockets can be opened."""
        return self in (RegistrationStatus.HOME, RegistrationStatus.ROAMING)


@dataclass(frozen=True, slots=True)
class Registration(Line, Information):
    """The answer to ``AT+CEREG?``: ``+CEREG: <n>,<stat>[,<tac>,<ci>,<AcT>...]``.

    Attributes:
        mode: which ``+CEREG`` URCs are switched on.
        status: whether the module is registered.
        area: tracking area, cell and what else followed, as it stood there.
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

        return cls(parameters.integer(0, 0, 9), read_status(parameters, 1), read_rest(parameters, 2))

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
        return cls(parameters.integer(0), read_rest(parameters, 1))

    def fields(self, dialect: Dialect) -> str:
        return ",".join([str(self.context_id), *(f'"{address}"' for address in self.addresses)])


@dataclass(frozen=True, slots=True)
class SleepSetting(Line, Information):
    """Which sleep is allowed: ``+QSCLK: <n>``; 0 is none, 1 is deep sleep, 2 is light sleep."""

    prefix: ClassVar[str] = "+QSCLK"

    mode: int

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        return cls(parameters.integer(0, 0, 9))

    def fields(self, dialect: Dialect) -> str:
        return str(self.mode)


@dataclass(frozen=True, slots=True)
class Clock(Line, Information):
    """The module's clock: ``+CCLK: "yy/MM/dd,hh:mm:ss±zz"``. The time is aware; quarters of an hour are its zone."""

    prefix: ClassVar[str] = "+CCLK"

    time: datetime

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        return cls(read_time(parameters.string(0)))

    def fields(self, dialect: Dialect) -> str:
        return f'"{write_time(self.time, dialect)}"'


def read_status(parameters: Parameters, index: int) -> RegistrationStatus:
    """Read a registration status; one that is not known is UNKNOWN."""
    number = parameters.integer(index, 0, 255)
    known = number in RegistrationStatus.__members__.values()
    return RegistrationStatus(number) if known else RegistrationStatus.UNKNOWN


def read_rest(parameters: Parameters, start: int) -> tuple[str, ...]:
    """Read all parameters from ``start`` on as strings."""
    return tuple(parameters.string(index) for index in range(start, len(parameters)))


def write_area(area: tuple[str, ...]) -> list[str]:
    """Write what follows a registration status."""
    # The access technology, third, is the one number among quoted strings.
    return [field if index == 2 else f'"{field}"' for index, field in enumerate(area)]
