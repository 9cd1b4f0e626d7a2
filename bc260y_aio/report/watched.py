"""The state of a modem at work, kept from the events of its trace."""

import re
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from ..at.information import RegistrationStatus
from ..at.levels import rssi_dbm
from ..tracing import (
    CommandEnded,
    CommandSent,
    DataAcknowledged,
    DataArrived,
    DataTaken,
    LineClosed,
    LineOpened,
    QueueDepth,
    RecoveryBegan,
    RecoveryEnded,
    Retried,
    SleepChanged,
    SocketBegan,
    SocketEnded,
    TraceEvent,
    UrcHeard,
)

# Rates are over this time, in seconds.
WINDOW: Final = 2.0
# A socket that is closed is shown for so long, in seconds.
_SHOWN_CLOSED: Final = 5.0
_MOST_ERRORS: Final = 4

_OPENING: Final = re.compile(r'AT\+QIOPEN=\d+,\d+,"(\w+)","([^"]*)",(\d+)')
_REGISTRATION: Final = re.compile(r"\+C(?:E|G)?REG: ?(?:\d+,)?(\d+)")
_SIGNAL: Final = re.compile(r"\+CSQ: ?(\d+)")


@dataclass(slots=True)
class WatchedSocket:
    """A socket, as it is shown.

    Attributes:
        connect_id: its connectID.
        peer: such as ``"tcp api.example:443"``.
        state: ``"opening"``, ``"open"``, ``"closing"``, or why it is closed.
        to_send: the data that waits to be sent, in bytes.
        to_read: the data that waits to be read, in bytes.
        sent: what the module has taken, in bytes.
        acknowledged: what the peer is known to have acknowledged, in bytes; None as long as nobody has asked.
        received: what came, in bytes.
        ended: when it was closed, on the loop's clock.
    """

    connect_id: int
    peer: str
    state: str = "opening"
    to_send: int = 0
    to_read: int = 0
    sent: int = 0
    acknowledged: int | None = None
    received: int = 0
    ended: float | None = None
    moved: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=200))

    def rate(self, now: float) -> float:
        """Return how many bytes a second went through it lately, both ways."""
        return sum(size for when, size in tuple(self.moved) if now - when <= WINDOW) / WINDOW


class Watched:
    """The state of a modem at work: a callback for :meth:`bc260y_aio.Modem.trace`.

    Attributes:
        line: the port and its rate, or why it is closed.
        baudrate: its rate, in baud; None where there is none.
        registration: such as ``"registered, home"``; empty as long as nobody has asked.
        signal: such as ``"-67 dBm"``; empty as long as nobody has asked.
        sleep: whether the module may sleep, or does.
        errors: the last ones, each with its time.
        commands: how many commands were sent.
    """

    def __init__(self) -> None:
        self.line = "not open"
        self.baudrate: int | None = None
        self.registration = ""
        self.signal = ""
        self.sleep = ""
        self.errors: deque[tuple[float, str]] = deque(maxlen=_MOST_ERRORS)
        self.commands = 0
        self._sockets: dict[int, WatchedSocket] = {}

    def sockets(self, now: float) -> list[WatchedSocket]:
        """Return the sockets to show, by connectID: those that are open, and those that were until lately."""
        kept = [one for one in tuple(self._sockets.values()) if one.ended is None or now - one.ended < _SHOWN_CLOSED]
        return sorted(kept, key=lambda one: one.connect_id)

    def __call__(self, event: TraceEvent) -> None:
        """Take note of an event."""
        match event:
            case CommandSent():
                self._command_sent(event)
            case CommandEnded():
                self._command_ended(event)
            case LineOpened():
                self.line, self.baudrate = event.port, event.baudrate
            case LineClosed():
                self.line, self.baudrate = f"closed: {event.reason}", None
            case Retried():
                self.errors.append((event.time, str(event)))
            case RecoveryBegan() if self.commands:
                # The one of an opening is none.
                self.errors.append((event.time, str(event)))
            case RecoveryEnded() if event.error is not None:
                self.errors.append((event.time, str(event)))
            case SleepChanged():
                self.sleep = event.state
            case UrcHeard():
                self._urc_heard(event)
            case _:
                self._socket_event(event)

    def _command_sent(self, event: CommandSent) -> None:
        self.commands += 1
        if event.connect_id is None:
            return

        if event.name == "+QIOPEN" and (found := _OPENING.match(event.command)) is not None:
            kind, host, port = found.groups()
            self._sockets[event.connect_id] = WatchedSocket(event.connect_id, f"{kind.lower()} {host}:{port}")
        elif event.name == "+QICLOSE" and (socket := self._sockets.get(event.connect_id)) is not None:
            # Where an open failed, its connectID is closed too.
            socket.state = "closing" if socket.ended is None else socket.state

    def _command_ended(self, event: CommandEnded) -> None:
        if not event.is_ok:
            self.errors.append((event.time, f"{event.command}: {event.result}"))
            if event.name == "+QIOPEN" and (socket := self._sockets.get(event.connect_id or 0)) is not None:
                socket.state, socket.ended = event.result, event.time

        for text in event.information:
            self._read(text)

    def _urc_heard(self, event: UrcHeard) -> None:
        self._read(event.text)
        if event.kind.startswith("Damaged"):
            self.errors.append((event.time, event.text))

    def _read(self, text: str) -> None:
        """Read a line that the module wrote, whether it was asked for it or not."""
        if (found := _REGISTRATION.match(text)) is not None:
            number = int(found[1])
            known = {status.value: status for status in RegistrationStatus}
            status = known.get(number)
            self.registration = f"status {number}" if status is None else status.name.lower().replace("_", " ")
        elif (found := _SIGNAL.match(text)) is not None:
            power = rssi_dbm(int(found[1]))
            self.signal = "unknown" if power is None else f"{power} dBm"

    def _socket_event(self, event: TraceEvent) -> None:
        socket = self._sockets.get(getattr(event, "connect_id", -1))
        match event:
            case SocketBegan() if socket is None or socket.ended is not None:
                socket = WatchedSocket(event.connect_id, f"{event.service_type.lower()} {event.host}:{event.port}")
                self._sockets[event.connect_id] = socket
                socket.state = "open"
            case _ if socket is None:
                return
            case SocketBegan():
                socket.state = "open"
            case SocketEnded():
                socket.state, socket.ended = event.reason, event.time
                if event.reason != "closed":
                    self.errors.append((event.time, str(event)))
            case QueueDepth():
                socket.to_send, socket.to_read = event.sending, event.receiving
            case DataTaken():
                socket.sent = event.total
                socket.moved.append((event.time, event.size))
            case DataAcknowledged():
                socket.acknowledged = event.total
            case DataArrived():
                socket.received += event.size
                socket.moved.append((event.time, event.size))
