"""The completions: what a DCE reports after ``OK``, for the commands that complete later."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final, Self

from .responses import Completion, Dialect, Line, read_time, time_field, write_time
from .syntax import Parameters, read_address


@dataclass(frozen=True, slots=True)
class SocketOpened(Line, Completion):
    """The outcome of AT+QIOPEN: ``+QIOPEN: <connectID>,<err>`` (guide 2.2.2)."""

    prefix: ClassVar[str] = "+QIOPEN"
    has_connect_id: ClassVar[bool] = True

    connect_id: int
    error: int = 0

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        parameters.at_most(2)
        return cls(parameters.integer(0), parameters.integer(1))

    def fields(self, dialect: Dialect) -> str:
        return f"{self.connect_id},{self.error:d}"


@dataclass(frozen=True, slots=True)
class SocketClosed(Completion):
    """The outcome of AT+QICLOSE: ``CLOSE OK`` (guide 2.2.3)."""

    def write(self, dialect: Dialect) -> str:
        return "CLOSE OK"


@dataclass(frozen=True, slots=True)
class SendResult(Completion):
    """The outcome of AT+QISEND: ``SEND OK`` or ``SEND FAIL`` (guide 2.2.5)."""

    ok: bool

    def write(self, dialect: Dialect) -> str:
        return "SEND OK" if self.ok else "SEND FAIL"


SEND_OK: Final = SendResult(ok=True)


@dataclass(frozen=True, slots=True)
class Resolution(Line, Completion):
    """The first line of the outcome of AT+QIDNSGIP: ``+QIDNSGIP: <err>[,<IP_count>,<DNS_ttl>]`` (guide 2.2.6)."""

    prefix: ClassVar[str] = "+QIDNSGIP"

    error: int
    count: int = 0
    ttl: int = 0

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        parameters.at_most(3)
        return cls(
            parameters.integer(0),
            parameters.integer(1, 0, 255) if parameters.has(1) else 0,
            parameters.integer(2) if parameters.has(2) else 0,
        )

    def fields(self, dialect: Dialect) -> str:
        return f"{self.error:d}" if self.error else f"0,{self.count},{self.ttl}"


@dataclass(frozen=True, slots=True)
class ResolvedAddress(Line, Completion):
    """A further line of it: ``+QIDNSGIP: <hostIPAddr>[,<hostIPAddr>...]`` (guide 2.2.6).

    The guide has one line for each address; some firmware writes several on one.

    Attributes:
        address: the first address.
        more: the other addresses of the line.
    """

    prefix: ClassVar[str] = "+QIDNSGIP"

    address: str
    more: tuple[str, ...] = ()

    @property
    def addresses(self) -> tuple[str, ...]:
        """All addresses of the line."""
        return (self.address, *self.more)

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        first, *more = (read_address(parameters.string(index)) for index in range(max(1, len(parameters))))
        return cls(first, tuple(more))

    def fields(self, dialect: Dialect) -> str:
        return ",".join(map(dialect.address, self.addresses))


@dataclass(frozen=True, slots=True)
class PingReply(Line, Completion):
    """One packet that came back: ``+QPING: 0,<address>,<bytes>,<time>[,<ttl>]`` (guide 2.2.8)."""

    prefix: ClassVar[str] = "+QPING"

    address: str
    size: int
    rtt_ms: int
    ttl: int | None = None

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        parameters.integer(0, 0, 0)
        parameters.at_most(5)
        ttl = parameters.integer(4) if parameters.has(4) else None
        address = read_address(parameters.string(1))
        return cls(address, parameters.integer(2), parameters.integer(3), ttl)

    def fields(self, dialect: Dialect) -> str:
        ttl = f",{self.ttl}" if dialect.ping_ttl and self.ttl is not None else ""
        return f"0,{dialect.address(self.address)},{self.size},{self.rtt_ms}{ttl}"


@dataclass(frozen=True, slots=True)
class PingError(Line, Completion):
    """A packet that was lost (569), or a ping that could not begin: ``+QPING: <err>`` (guide 2.2.8)."""

    prefix: ClassVar[str] = "+QPING"

    error: int

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        parameters.at_most(1)
        return cls(parameters.integer(0, 1))

    def fields(self, dialect: Dialect) -> str:
        return f"{self.error:d}"


@dataclass(frozen=True, slots=True)
class PingFinished(Line, Completion):
    """The last line of a ping: ``+QPING: <err>,<sent>,<rcvd>,<lost>,<min>,<max>,<avg>`` (guide 2.2.8).

    ``sent``, ``received`` and ``lost`` count packets, though the guide speaks of bytes.
    """

    prefix: ClassVar[str] = "+QPING"

    error: int
    sent: int
    received: int
    lost: int
    min_ms: int
    max_ms: int
    avg_ms: int

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        parameters.at_most(7)
        return cls(*(parameters.integer(index) for index in range(7)))

    def fields(self, dialect: Dialect) -> str:
        counts = (self.sent, self.received, self.lost, self.min_ms, self.max_ms, self.avg_ms)
        return ",".join(str(number) for number in (int(self.error), *counts))


@dataclass(frozen=True, slots=True)
class NetworkTime(Line, Completion):
    """The outcome of AT+QNTP: ``+QNTP: <err>[,<time>]`` (guide 2.2.9)."""

    prefix: ClassVar[str] = "+QNTP"

    error: int
    time: datetime | None = None

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        return cls(parameters.integer(0), read_time(time_field(parameters, 1)) if parameters.has(1) else None)

    def fields(self, dialect: Dialect) -> str:
        return (
            f"{self.error:d}" if self.time is None else f'{self.error:d},"{write_time(self.time, dialect, ntp=True)}"'
        )

    def write(self, dialect: Dialect) -> str:
        return Line.write(self, dialect).replace(self.prefix, dialect.ntp_prefix, 1)
