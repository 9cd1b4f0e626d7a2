"""The commands of sockets and of their payload (guide 2.2.1 to 2.2.5)."""

import binascii
from dataclasses import dataclass
from typing import ClassVar, Final, Self

from ..completions import SendResult, SocketClosed, SocketOpened
from ..information import AckStatus, DataFormat, SocketInfo
from ..responses import Completion, Information
from ..syntax import (
    Malformed,
    Parameters,
    PayloadFormat,
    checked_integer,
    checked_name,
    decode_payload,
    is_text,
)
from .base import RESULT_TIMEOUT, Command, ReadCommand, SetCommand, check_context_id

# Looking a member up in its class takes as long as a call.
_HEX: Final = PayloadFormat.HEX
_LARGEST_HEX: Final = _HEX.largest_send

# Payload format


@dataclass(frozen=True, slots=True)
class QueryDataFormat(SetCommand):
    """Query the payload formats: ``AT+QICFG="dataformat"`` (guide 2.2.1)."""

    name: ClassVar[str] = "+QICFG"
    information: ClassVar[type[Information] | None] = DataFormat

    def fields(self) -> str:
        return '"dataformat"'


@dataclass(frozen=True, slots=True)
class SetDataFormat(SetCommand):
    """Set the payload formats: ``AT+QICFG="dataformat",<send>,<recv>`` (guide 2.2.1). Each time writes NVRAM."""

    name: ClassVar[str] = "+QICFG"
    changes_format = True

    send: PayloadFormat
    receive: PayloadFormat

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        parameters.at_most(3)
        return cls(PayloadFormat(parameters.integer(1)), PayloadFormat(parameters.integer(2)))

    def fields(self) -> str:
        return f'"dataformat",{self.send:d},{self.receive:d}'


# Sockets


def _check_connect_id(connect_id: int) -> None:
    # A module has five; an emulated one may have more, and the module refuses what it does not have.
    checked_integer(connect_id, "a connectID", 0, 255)


@dataclass(frozen=True, slots=True)
class OpenSocket(SetCommand):
    """Open a socket: ``AT+QIOPEN=...`` (guide 2.2.2).

    Attributes:
        connect_id: the connectID, 0 to 4.
        service_type: ``"TCP"`` or ``"UDP"``.
        host: the remote name or address, at most 150 bytes.
        remote_port: 1 to 65535.
        local_port: 1 to 65535, or 0 to let the module choose.
        context_id: the PDP context; 0 is the only one supported.
        access_mode: 1, direct push; the only one supported.
    """

    name: ClassVar[str] = "+QIOPEN"
    completions: ClassVar[tuple[type[Completion], ...]] = (SocketOpened,)

    connect_id: int
    service_type: str
    host: str
    remote_port: int
    local_port: int = 0
    context_id: int = 0
    access_mode: int = 1

    def __post_init__(self) -> None:
        _check_connect_id(self.connect_id)
        check_context_id(self.context_id)
        checked_integer(self.access_mode, "an access mode", 1, 1)
        checked_name(self.host, "a host")
        checked_integer(self.remote_port, "a remote port", 1, 65535)
        checked_integer(self.local_port, "a local port", 0, 65535)
        if self.service_type not in ("TCP", "UDP"):
            raise ValueError(f"a service type is TCP or UDP, not {self.service_type!r}")

    @property
    def completion_timeout(self) -> float:
        # The module itself gives up after 60 s (guide 2.2.2, note 2), and its report is worth waiting for.
        return 65.0

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        parameters.at_most(7)
        return cls(
            parameters.integer(1),
            parameters.string(2).upper(),
            parameters.string(3),
            parameters.integer(4),
            parameters.integer(5) if parameters.has(5) else 0,
            parameters.integer(0, 0, 0),
            parameters.integer(6) if parameters.has(6) else 1,
        )

    def fields(self) -> str:
        required = f'{self.context_id},{self.connect_id},"{self.service_type}","{self.host}",{self.remote_port}'
        return f"{required},{self.local_port}" if self.local_port else required

    def is_answered_by(self, completion: Completion) -> bool:
        return isinstance(completion, SocketOpened) and completion.connect_id == self.connect_id


@dataclass(frozen=True, slots=True)
class CloseSocket(SetCommand):
    """Close a socket: ``AT+QICLOSE=<connectID>`` (guide 2.2.3)."""

    name: ClassVar[str] = "+QICLOSE"
    completions: ClassVar[tuple[type[Completion], ...]] = (SocketClosed,)

    connect_id: int

    @property
    def completion_timeout(self) -> float:
        # No more than a lost answer may cost the other sockets: AT+QISTATE then reports what became of this one.
        return RESULT_TIMEOUT

    def __post_init__(self) -> None:
        _check_connect_id(self.connect_id)

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        parameters.at_most(1)
        return cls(parameters.integer(0))

    def fields(self) -> str:
        return str(self.connect_id)


@dataclass(frozen=True, slots=True)
class QuerySockets(ReadCommand):
    """Query the state of every socket: ``AT+QISTATE?`` (guide 2.2.4)."""

    name: ClassVar[str] = "+QISTATE"
    information: ClassVar[type[Information] | None] = SocketInfo


@dataclass(frozen=True, slots=True)
class QueryContextSockets(SetCommand):
    """Query the state of every socket of a context: ``AT+QISTATE=0,<contextID>`` (guide 2.2.4)."""

    name: ClassVar[str] = "+QISTATE"
    information: ClassVar[type[Information] | None] = SocketInfo

    context_id: int = 0

    def __post_init__(self) -> None:
        check_context_id(self.context_id)

    def fields(self) -> str:
        return f"0,{self.context_id}"


@dataclass(frozen=True, slots=True)
class QuerySocket(SetCommand):
    """Query the state of one socket: ``AT+QISTATE=1,<connectID>`` (guide 2.2.4)."""

    name: ClassVar[str] = "+QISTATE"
    information: ClassVar[type[Information] | None] = SocketInfo

    connect_id: int

    def __post_init__(self) -> None:
        _check_connect_id(self.connect_id)

    def fields(self) -> str:
        return f"1,{self.connect_id}"


@dataclass(frozen=True, slots=True)
class SendData(Command):
    """Send a payload: ``AT+QISEND=<connectID>,<length>,"<data>"[,<rai>]`` (guide 2.2.5).

    Attributes:
        connect_id: the connectID, 0 to 4.
        data: the payload: 1 to 512 bytes as hex, 1 to 1024 as text.
        rai: the release assistance indication, 0 to 2.
        form: how the payload is written. It must be the one that the module is set to.
    """

    name: ClassVar[str] = "+QISEND"
    completions: ClassVar[tuple[type[Completion], ...]] = (SendResult,)

    connect_id: int
    data: bytes
    rai: int = 0
    form: PayloadFormat = PayloadFormat.HEX

    @property
    def completion_timeout(self) -> float:
        # The guide's limit (2.2.5). SEND OK only reports that the stack took the data, which needs no round trip.
        return RESULT_TIMEOUT

    def __post_init__(self) -> None:
        # Nearly every command passes these tests, which cost less than the calls.
        if type(self.connect_id) is not int or not 0 <= self.connect_id <= 255:
            _check_connect_id(self.connect_id)

        if self.rai != 0 or type(self.rai) is bool:
            checked_integer(self.rai, "a RAI", 0, 2)

        size = len(self.data)
        if self.form is not _HEX or not 1 <= size <= _LARGEST_HEX:
            self._check_data(size)

    def _check_data(self, size: int) -> None:
        if not 1 <= size <= self.form.largest_send:
            raise ValueError(f"a payload has 1 to {self.form.largest_send} bytes, not {size}")

        if self.form is PayloadFormat.TEXT and not is_text(self.data):
            raise ValueError("a text payload holds bytes from 0x20 to 0x7E only")

    @classmethod
    def parse(cls, text: bytes, form: PayloadFormat) -> Self:
        """Build the command from the text after the equals sign; the length alone delimits the payload.

        Raises:
            Malformed: the text does not have the form that the guide gives.
        """
        connect_id, _, rest = text.partition(b",")
        length, _, rest = rest.partition(b",")
        if not (connect_id.isdigit() and length.isdigit() and len(length) < 6):
            raise Malformed("a connectID, a length and data are due")

        width = int(length) * (2 if form is PayloadFormat.HEX else 1)
        start = 1 if rest.startswith(b'"') else 0
        end = start + width
        data, closing = rest[start:end], rest[end : end + start]
        tail = Parameters(rest[end + start :].decode("latin-1"))
        if len(data) != width or closing != rest[:start] or (tail and tail.string(0)):
            raise Malformed("the data does not have the length that was announced")

        tail.at_most(2)
        rai = tail.integer(1) if tail.has(1) else 0
        try:
            return cls(int(connect_id), decode_payload(data, form), rai, form)
        except ValueError as exc:
            raise Malformed(str(exc)) from exc

    @property
    def wire_size(self) -> int:
        """The size of the command line with its terminator, in bytes."""
        width = 2 if self.form is PayloadFormat.HEX else 1
        fixed = len(f'AT+QISEND={self.connect_id},{len(self.data)},""') + (2 if self.rai else 0) + 1
        return fixed + width * len(self.data)

    def encode(self) -> bytes:
        data = self.data
        payload = binascii.hexlify(data).upper() if self.form is _HEX else data
        line = b'AT+QISEND=%d,%d,"%b"' % (self.connect_id, len(data), payload)
        return line + b",%d" % self.rai if self.rai else line

    def write(self) -> str:
        return self.encode().decode("ascii")

    def __str__(self) -> str:
        return f"AT+QISEND={self.connect_id},{len(self.data)},..."


@dataclass(frozen=True, slots=True)
class QueryAcks(SetCommand):
    """Query how much was sent and acknowledged: ``AT+QISEND=<connectID>,0`` (guide 2.2.5)."""

    name: ClassVar[str] = "+QISEND"
    information: ClassVar[type[Information] | None] = AckStatus

    connect_id: int

    def __post_init__(self) -> None:
        _check_connect_id(self.connect_id)

    def fields(self) -> str:
        return f"{self.connect_id},0"

    def is_ended_by(self, completion: Completion) -> bool:
        # As in a preliminary version of the guide.
        return completion == SendResult(ok=True)
