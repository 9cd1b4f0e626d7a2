"""The unsolicited result codes (URCs) of a DCE, and the events that the DTE itself reports."""

import enum
from dataclasses import dataclass
from typing import ClassVar, Self

from .information import RegistrationStatus, read_area, read_status, write_area
from .responses import Dialect, Line, Response, Unsolicited
from .syntax import Malformed, Parameters, PayloadFormat, encode_payload, read_address


# One is made for every push, and freezing it would double the cost.
@dataclass(slots=True)
class DataReceived(Unsolicited):
    """A peer's data, pushed: ``+QIURC: "recv",<connectID>,<current_recv_length>,<data>`` (guide 2.3.2).

    Attributes:
        connect_id: the socket.
        data: the payload, decoded; at most 1024 bytes.
        form: how it was written on the line.
    """

    connect_id: int
    data: bytes
    form: PayloadFormat = PayloadFormat.HEX

    def encode(self, dialect: Dialect) -> bytes:
        colon = b": " if dialect.space_after_colon else b":"
        quote = b'"' if dialect.quoted_data else b""
        header = b'+QIURC%b"recv",%d,%d,' % (colon, self.connect_id, len(self.data))
        return header + quote + encode_payload(self.data, self.form) + quote


@dataclass(frozen=True, slots=True)
class DamagedPayload(Unsolicited):
    """A peer's data that did not match its announced length, did not parse, or was incomplete.

    Nothing of it is taken for payload, for an answer or for a URC.

    Attributes:
        connect_id: the socket.
        announced: the length in the header, in bytes.
        reason: what was wrong.
    """

    connect_id: int
    announced: int
    reason: str


@dataclass(frozen=True, slots=True)
class DamagedLine(Unsolicited):
    """A line that cannot be read or trusted, and may have held a peer's data or reported its end.

    It is not known which socket it was about: any may have lost something.

    Attributes:
        text: the beginning of the line, one character for each byte (Latin-1).
    """

    text: str


@dataclass(frozen=True, slots=True)
class PeerClosed(Line, Unsolicited):
    """A TCP connection ended: ``+QIURC: "closed",<connectID>`` (guide 2.3.1)."""

    prefix: ClassVar[str] = "+QIURC"

    connect_id: int

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        if parameters.string(0) != "closed":
            raise Malformed(f"unknown kind {parameters.string(0)!r}")

        parameters.at_most(2)
        return cls(parameters.integer(1))

    def fields(self, dialect: Dialect) -> str:
        return f'"closed",{self.connect_id}'


@dataclass(frozen=True, slots=True)
class AddressAssigned(Line, Unsolicited):
    """The network gave the module an address: ``+IP: <address>`` (guide 2.2.7, note 2)."""

    prefix: ClassVar[str] = "+IP"

    address: str

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        for index in range(1, len(parameters)):
            read_address(parameters.string(index))

        return cls(read_address(parameters.string(0)))

    def fields(self, dialect: Dialect) -> str:
        return self.address


@dataclass(frozen=True, slots=True)
class RegistrationChanged(Line, Unsolicited):
    """The registration changed: ``+CEREG: <stat>[,<tac>,<ci>,<AcT>...]``."""

    prefix: ClassVar[str] = "+CEREG"

    status: RegistrationStatus
    area: tuple[str, ...] = ()

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        return cls(read_status(parameters, 0), read_area(parameters, 1))

    def fields(self, dialect: Dialect) -> str:
        return ",".join([f"{self.status:d}", *write_area(self.area)])


class PowerEvent(enum.StrEnum):
    """The events of ``+QNBIOTEVENT``."""

    ENTER_DEEP_SLEEP = "ENTER DEEPSLEEP"
    EXIT_DEEP_SLEEP = "EXIT DEEPSLEEP"
    ENTER_PSM = "ENTER PSM"
    EXIT_PSM = "EXIT PSM"


@dataclass(frozen=True, slots=True)
class PowerChanged(Line, Unsolicited):
    """The module enters or leaves a sleep state: ``+QNBIOTEVENT: "<event>"`` (guide 4.3.9)."""

    prefix: ClassVar[str] = "+QNBIOTEVENT"

    event: PowerEvent

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        parameters.at_most(1)
        try:
            return cls(PowerEvent(parameters.string(0).upper()))
        except ValueError as exc:
            raise Malformed(str(exc)) from exc

    def fields(self, dialect: Dialect) -> str:
        return f'"{self.event}"'


@dataclass(frozen=True, slots=True)
class Restarted(Unsolicited):
    """The module has started: ``RDY``. Every earlier socket is gone; echo and sleep are at their defaults."""

    def write(self, dialect: Dialect) -> str:
        return "RDY"


@dataclass(frozen=True, slots=True)
class Unrecognised(Unsolicited):
    """Any other line: a URC that this package does not know, a damaged line, or an unexpected answer.

    Attributes:
        text: the line, one character for each byte (Latin-1).
    """

    text: str

    def write(self, dialect: Dialect) -> str:
        return self.text


# Events of the DTE itself


@dataclass(frozen=True, slots=True)
class LateAnswer(Unsolicited):
    """An answer to a command that had been given up, or to no command at all.

    Attributes:
        response: the answer.
        is_doubtful: it may belong to either of two such commands, and one of them has its answer still to come.
    """

    response: Response
    is_doubtful: bool = False


@dataclass(frozen=True, slots=True)
class ProbeAnswered(Unsolicited):
    """The module listens, but the line is not yet known to be in step: the next probe is due at once."""


@dataclass(frozen=True, slots=True)
class Resynchronised(Unsolicited):
    """The line is in step again: every answer to an earlier command has been received."""
