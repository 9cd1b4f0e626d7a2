"""The settings that the guide's examples use as well: registration, addresses, sleep, clock, reports (chapter 4)."""

from dataclasses import dataclass
from typing import ClassVar, Self

from ..information import Clock, PdpAddress, Registration, SleepSetting
from ..responses import CmeLevel, Information
from ..syntax import Parameters, checked_integer
from .base import ReadCommand, SetCommand


@dataclass(frozen=True, slots=True)
class SetErrorLevel(SetCommand):
    """Choose how errors are reported: ``AT+CMEE=<n>``."""

    name: ClassVar[str] = "+CMEE"

    level: CmeLevel

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        parameters.at_most(1)
        return cls(CmeLevel(parameters.integer(0)))

    def fields(self) -> str:
        return f"{self.level:d}"


@dataclass(frozen=True, slots=True)
class QueryRegistration(ReadCommand):
    """Query whether the module is registered: ``AT+CEREG?`` (guide 4.1)."""

    name: ClassVar[str] = "+CEREG"
    information: ClassVar[type[Information] | None] = Registration


@dataclass(frozen=True, slots=True)
class SetRegistrationReports(SetCommand):
    """Enable or disable the ``+CEREG`` URCs: ``AT+CEREG=<n>``."""

    name: ClassVar[str] = "+CEREG"

    mode: int

    def __post_init__(self) -> None:
        checked_integer(self.mode, "a reporting mode", 0, 5)

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        parameters.at_most(1)
        return cls(parameters.integer(0))

    def fields(self) -> str:
        return str(self.mode)


@dataclass(frozen=True, slots=True)
class QueryAddress(ReadCommand):
    """Query the module's addresses: ``AT+CGPADDR?`` (guide 4.1)."""

    name: ClassVar[str] = "+CGPADDR"
    information: ClassVar[type[Information] | None] = PdpAddress


@dataclass(frozen=True, slots=True)
class QuerySleep(ReadCommand):
    """Query which sleep is enabled: ``AT+QSCLK?``."""

    name: ClassVar[str] = "+QSCLK"
    information: ClassVar[type[Information] | None] = SleepSetting


@dataclass(frozen=True, slots=True)
class SetSleep(SetCommand):
    """Enable or disable sleep: ``AT+QSCLK=<n>`` (guide 4.1); 0 disables it, 1 enables deep sleep."""

    name: ClassVar[str] = "+QSCLK"

    mode: int

    def __post_init__(self) -> None:
        checked_integer(self.mode, "a sleep mode", 0, 2)

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        parameters.at_most(1)
        return cls(parameters.integer(0))

    def fields(self) -> str:
        return str(self.mode)


@dataclass(frozen=True, slots=True)
class QueryClock(ReadCommand):
    """Query the module's clock: ``AT+CCLK?`` (guide 2.2.9, note 1)."""

    name: ClassVar[str] = "+CCLK"
    information: ClassVar[type[Information] | None] = Clock


@dataclass(frozen=True, slots=True)
class SetPowerReports(SetCommand):
    """Enable or disable the ``+QNBIOTEVENT`` URCs: ``AT+QNBIOTEVENT=<on>,1`` (guide 4.3.9)."""

    name: ClassVar[str] = "+QNBIOTEVENT"

    on: bool

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        parameters.at_most(2)
        parameters.integer(1, 1, 1)
        return cls(bool(parameters.integer(0, 0, 1)))

    def fields(self) -> str:
        return f"{self.on:d},1"


@dataclass(frozen=True, slots=True)
class SetDeepSleepReports(SetCommand):
    """Enable or disable the URCs of deep sleep among them: ``AT+QCFG="dsevent",<on>``."""

    name: ClassVar[str] = "+QCFG"

    on: bool

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        return cls(bool(parameters.integer(1, 0, 1)))

    def fields(self) -> str:
        return f'"dsevent",{self.on:d}'
