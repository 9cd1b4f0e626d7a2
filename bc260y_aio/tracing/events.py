"""Events of a modem at work: one frozen dataclass for each.

No event shows an IMEI, IMSI or ICCID in full, and none shows payload, unless that was asked for.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceEvent:
    """Something that happened.

    Attributes:
        time: when, in seconds, by the clock of the modem's loop (``loop.time()``).
    """

    time: float


# The line


@dataclass(frozen=True, slots=True, kw_only=True)
class LineOpened(TraceEvent):
    """The port is open, and the dialogue begins.

    Attributes:
        port: the port.
        baudrate: its rate, in baud; None where there is none.
    """

    port: str
    baudrate: int | None

    def __str__(self) -> str:
        return f"opened {self.port}" + (f" at {self.baudrate} baud" if self.baudrate else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class LineClosed(TraceEvent):
    """The dialogue has ended.

    Attributes:
        reason: why.
    """

    reason: str

    def __str__(self) -> str:
        return f"closed: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryBegan(TraceEvent):
    """The line is out of step, or the module may be asleep: nothing is sent but probes."""

    def __str__(self) -> str:
        return "out of step"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryEnded(TraceEvent):
    """That is over.

    Attributes:
        seconds: how long it took.
        error: why the line could not be brought into step; None when it could.
    """

    seconds: float
    error: str | None = None

    def __str__(self) -> str:
        return f"{self.error or 'in step again'} after {self.seconds:.3f} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnsWaiting(TraceEvent):
    """The queue for the line has another length.

    Attributes:
        waiting: how many wait for a turn.
    """

    waiting: int

    def __str__(self) -> str:
        return f"{self.waiting} waiting for a turn"


@dataclass(frozen=True, slots=True, kw_only=True)
class SleepChanged(TraceEvent):
    """The module may sleep from now on, or may not; or it has fallen asleep, or woken.

    Attributes:
        state: which of these.
    """

    state: Literal["allowed", "not allowed", "asleep", "awake"]

    def __str__(self) -> str:
        return f"sleep: {self.state}"


# Commands


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSent(TraceEvent):
    """A command was written.

    Attributes:
        number: counts the commands of this modem.
        command: the command line, without payload.
        name: what stands between ``AT`` and the form: ``"+QISEND"``.
        connect_id: the connectID that it is about; None for none.
        waited: how long its turn was waited for, in seconds; 0 for a command that continues a turn.
        wire_bytes: how many bytes it has on the line.
        payload: what it sends, where that was asked for.
    """

    number: int
    command: str
    name: str
    connect_id: int | None
    waited: float
    wire_bytes: int
    payload: bytes | None = None

    def __str__(self) -> str:
        return f"> {self.command}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandEnded(TraceEvent):
    """A command was answered, to its completion, or will not be.

    Attributes:
        number: that of its :class:`CommandSent`.
        command: the command line, without payload.
        name: what stands between ``AT`` and the form.
        connect_id: the connectID that it is about; None for none.
        result: ``"OK"``, the last completion, or what went wrong.
        is_ok: whether nothing did.
        seconds: how long it took since it was written.
        information: its information responses.
    """

    number: int
    command: str
    name: str
    connect_id: int | None
    result: str
    is_ok: bool
    seconds: float
    information: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"< {' / '.join([*self.information, self.result])} ({self.command}, {self.seconds:.3f} s)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried(TraceEvent):
    """Something is done again, or the module is asked what it has taken, because an answer was none.

    Attributes:
        connect_id: the connectID.
        reason: what went wrong.
    """

    connect_id: int
    reason: str

    def __str__(self) -> str:
        return f"connectID {self.connect_id}: trying again: {self.reason}"


# URCs and data


@dataclass(frozen=True, slots=True, kw_only=True)
class UrcHeard(TraceEvent):
    """The module wrote a URC, or a line that no caller awaits, or one that is damaged.

    Attributes:
        kind: the name of its class in :mod:`bc260y_aio.at.urcs`.
        text: the line.
        connect_id: the connectID that it is about; None for none.
    """

    kind: str
    text: str
    connect_id: int | None = None

    def __str__(self) -> str:
        return f"< {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataArrived(TraceEvent):
    """A peer's data came.

    Attributes:
        connect_id: the connectID.
        size: how much, in bytes.
        is_stray: no socket has this connectID, and the data is dropped.
        payload: the data, where that was asked for.
    """

    connect_id: int
    size: int
    is_stray: bool = False
    payload: bytes | None = None

    def __str__(self) -> str:
        unused = ", which no socket has" if self.is_stray else ""
        return f"< {self.size} bytes for connectID {self.connect_id}{unused}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataTaken(TraceEvent):
    """The module has taken data: it is certain that it did, and it will send it.

    Attributes:
        connect_id: the connectID.
        size: how much, in bytes.
        total: how much it has taken since the socket was opened, this included, in bytes.
        payload: the data, where that was asked for.
    """

    connect_id: int
    size: int
    total: int
    payload: bytes | None = None

    def __str__(self) -> str:
        return f"connectID {self.connect_id}: the module took {self.size} bytes, {self.total} in all"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataAcknowledged(TraceEvent):
    """The module reported that the peer has acknowledged more; it says so only when it is asked.

    Attributes:
        connect_id: the connectID.
        total: how much the peer has acknowledged since the socket was opened, in bytes.
    """

    connect_id: int
    total: int

    def __str__(self) -> str:
        return f"connectID {self.connect_id}: the peer has acknowledged {self.total} bytes"


# Sockets


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketBegan(TraceEvent):
    """A socket is open.

    Attributes:
        connect_id: its connectID.
        service_type: ``"TCP"`` or ``"UDP"``.
        host: the remote host.
        port: the remote port.
    """

    connect_id: int
    service_type: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"connectID {self.connect_id}: open to {self.service_type.lower()} {self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketEnded(TraceEvent):
    """A socket is closed, or gone.

    Attributes:
        connect_id: its connectID.
        reason: why.
    """

    connect_id: int
    reason: str

    def __str__(self) -> str:
        return f"connectID {self.connect_id}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDepth(TraceEvent):
    """Other amounts wait in a socket's queues; measured when a command is written or ends, and when data comes.

    Attributes:
        connect_id: its connectID.
        sending: the data that waits to be sent, in bytes.
        receiving: the data that waits to be read, in bytes.
    """

    connect_id: int
    sending: int
    receiving: int

    def __str__(self) -> str:
        return f"connectID {self.connect_id}: {self.sending} bytes to send, {self.receiving} to read"
