"""The commands of names, ping and time (guide 2.2.6 to 2.2.9)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from ...errors import ErrorCode
from ..completions import NetworkTime, PingError, PingFinished, PingReply, Resolution, ResolvedAddress
from ..information import DnsServers
from ..responses import Completion, Information
from ..syntax import LONGEST_ADDRESS, Parameters, checked_integer, checked_name
from .base import RADIO_TIMEOUT, RESULT_TIMEOUT, SetCommand, check_context_id


@dataclass(frozen=True, slots=True)
class Resolve(SetCommand):
    """Resolve a name: ``AT+QIDNSGIP=<contextID>,"<name>"`` (guide 2.2.6)."""

    name: ClassVar[str] = "+QIDNSGIP"
    completions: ClassVar[tuple[type[Completion], ...]] = (Resolution, ResolvedAddress)

    host: str
    context_id: int = 0

    def __post_init__(self) -> None:
        checked_name(self.host, "a host")
        check_context_id(self.context_id)

    @property
    def completion_timeout(self) -> float:
        return 60.0

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        parameters.at_most(2)
        return cls(parameters.string(1), parameters.integer(0, 0, 0))

    def fields(self) -> str:
        return f'{self.context_id},"{self.host}"'

    def is_complete(self, completions: Sequence[Completion]) -> bool:
        match completions:
            case [Resolution(error=0, count=count), *rest]:
                return sum(len(one.addresses) for one in rest if isinstance(one, ResolvedAddress)) >= count
            case [Resolution(), *_]:
                return True
            case _:
                return False


@dataclass(frozen=True, slots=True)
class QueryDnsServers(SetCommand):
    """Query the DNS servers: ``AT+QIDNSCFG=<contextID>`` (guide 2.2.7)."""

    name: ClassVar[str] = "+QIDNSCFG"
    information: ClassVar[type[Information] | None] = DnsServers

    context_id: int = 0

    def __post_init__(self) -> None:
        check_context_id(self.context_id)

    def fields(self) -> str:
        return str(self.context_id)


@dataclass(frozen=True, slots=True)
class SetDnsServers(SetCommand):
    """Set the DNS servers: ``AT+QIDNSCFG=<contextID>,"<primary>"[,"<secondary>"]`` (guide 2.2.7)."""

    name: ClassVar[str] = "+QIDNSCFG"

    primary: str
    secondary: str | None = None
    context_id: int = 0

    def __post_init__(self) -> None:
        check_context_id(self.context_id)
        checked_name(self.primary, "a DNS server", LONGEST_ADDRESS)
        if self.secondary is not None:
            checked_name(self.secondary, "a DNS server", LONGEST_ADDRESS)

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        parameters.at_most(3)
        secondary = parameters.string(2) if parameters.has(2) else None
        return cls(parameters.string(1), secondary, parameters.integer(0, 0, 0))

    def fields(self) -> str:
        secondary = "" if self.secondary is None else f',"{self.secondary}"'
        return f'{self.context_id},"{self.primary}"{secondary}'


@dataclass(frozen=True, slots=True)
class Ping(SetCommand):
    """Ping a host: ``AT+QPING=<contextID>,"<host>",<timeout>,<count>,<size>`` (guide 2.2.8).

    Attributes:
        host: the name or address.
        timeout: how long to wait for each reply: 1 to 255 whole seconds.
        count: how many packets: 1 to 10.
        size: the size of each packet, in bytes: 32 to 1500 (200 before firmware R01A03).
    """

    name: ClassVar[str] = "+QPING"
    completions: ClassVar[tuple[type[Completion], ...]] = (PingFinished, PingReply, PingError)

    host: str
    timeout: int = 4
    count: int = 4
    size: int = 32
    context_id: int = 0

    def __post_init__(self) -> None:
        checked_name(self.host, "a host")
        check_context_id(self.context_id)
        checked_integer(self.timeout, "a ping timeout", 1, 255)
        checked_integer(self.count, "a ping count", 1, 10)
        checked_integer(self.size, "a ping size", 32, 1500)

    @property
    def completion_timeout(self) -> float:
        return RADIO_TIMEOUT + self.count * (self.timeout + 1.0)

    def rest_timeout(self, completions: Sequence[Completion]) -> float:
        return RESULT_TIMEOUT + max(self.count - len(completions), 0) * (self.timeout + 1.0)

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        parameters.at_most(5)
        return cls(
            parameters.string(1),
            parameters.integer(2) if parameters.has(2) else 4,
            parameters.integer(3) if parameters.has(3) else 4,
            parameters.integer(4) if parameters.has(4) else 32,
            parameters.integer(0, 0, 0),
        )

    def fields(self) -> str:
        required = f'{self.context_id},"{self.host}"'
        options = (self.timeout, self.count, self.size)
        return required if options == (4, 4, 32) else ",".join([required, *map(str, options)])

    def is_complete(self, completions: Sequence[Completion]) -> bool:
        match completions[-1]:
            case PingFinished():
                return True
            case PingError(error=ErrorCode.OPERATION_TIMEOUT):
                # A lost packet prints this line alone; so would a ping that timed out as a whole, after the packets.
                return len(completions) > self.count
            case PingError():
                return True
            case _:
                return False


@dataclass(frozen=True, slots=True)
class QueryNetworkTime(SetCommand):
    """Query the time of an NTP server: ``AT+QNTP=<contextID>,"<server>"[,<port>[,<auto_set>]]`` (guide 2.2.9).

    Attributes:
        server: the name or address.
        port: 1 to 65535.
        set_clock: whether the module sets its clock by it; None leaves that to the module.
        context_id: the PDP context; 0 is the only one supported.
    """

    name: ClassVar[str] = "+QNTP"
    completions: ClassVar[tuple[type[Completion], ...]] = (NetworkTime,)

    server: str
    port: int = 123
    set_clock: bool | None = None
    context_id: int = 0

    def __post_init__(self) -> None:
        checked_name(self.server, "a server")
        check_context_id(self.context_id)
        checked_integer(self.port, "a port", 1, 65535)

    @property
    def completion_timeout(self) -> float:
        return 60.0

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        parameters.at_most(4)
        return cls(
            parameters.string(1),
            parameters.integer(2) if parameters.has(2) else 123,
            bool(parameters.integer(3, 0, 1)) if parameters.has(3) else None,
            parameters.integer(0, 0, 0),
        )

    def fields(self) -> str:
        required = f'{self.context_id},"{self.server}"'
        if self.set_clock is not None:
            return f"{required},{self.port},{self.set_clock:d}"

        return required if self.port == 123 else f"{required},{self.port}"
