"""The module's TCP/IP: its connectIDs, the data they send, and the data pushed for them."""

# Received data is pushed as URCs while the line keeps up. Data that it cannot take yet waits here, a bounded amount for
# each socket: a TCP peer is held back, a datagram is lost.
#
# `SEND OK` and `CLOSE OK` do not name their socket. So while an AT+QISEND waits for space, the next one, and an
# AT+QICLOSE, wait for their turn, and everything behind them (see CommandInterpreter).

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from ...at.commands import CloseSocket, OpenSocket, SendData
from ...at.completions import SEND_OK, SendResult, SocketClosed, SocketOpened
from ...at.information import SocketInfo, SocketState
from ...at.responses import Response, Success
from ...at.urcs import DataReceived, PeerClosed
from ...errors import ErrorCode
from ..faults import Faults
from ..line import Line
from ..network import NetworkPath
from ..options import Options
from .power import Power, Sleep
from .radio_link import RadioLink
from .random_faults import RandomFaults
from .registration import Registration
from .response_writer import ResponseWriter
from .sockets import ModuleSocket, nothing_waits

# A local port stays busy this long after its socket was closed (guide 2.2.2, note 4), in seconds.
LOCAL_PORT_LINGER: Final = 70.0

# How long a scripted peer may take to end, in seconds.
_PEER_TIMEOUT: Final = 5.0

_OK: Final = Success()

# How many payloads are remembered.
LEDGER_SIZE: Final = 4096


class Sent(NamedTuple):
    """An AT+QISEND that was carried out."""

    connect_id: int
    size: int
    rai: int


class TcpIp:
    """The sockets of a module.

    Args:
        options: how many sockets there are, and how they behave.
        line: the module's UART.
        faults: what goes wrong.
        link: the radio and the network.
        sleep: whether the module can push.
        registration: whether sockets can be opened.
        writer: writes answers, completions and URCs.
        random_faults: draws the outages of the network.

    Attributes:
        sockets: the connectIDs in use.
        ledger: the payloads sent, and with which release assistance; the latest few thousand.
        qisends: how many payloads were sent in all.
        datagrams_missed: how many datagrams came while the module slept.
        completed: called when the outcome of an AT+QISEND or AT+QICLOSE has been written; to be set.
    """

    def __init__(
        self,
        options: Options,
        line: Line,
        faults: Faults,
        *,
        link: RadioLink,
        sleep: Sleep,
        registration: Registration,
        writer: ResponseWriter,
        random_faults: RandomFaults,
    ) -> None:
        self._options = options
        self._line = line
        self._faults = faults
        self._link = link
        self._sleep = sleep
        self._registration = registration
        self._writer = writer
        self._random_faults = random_faults
        self._paths: dict[NetworkPath, None] = {}
        self._outbox: list[tuple[ModuleSocket, bytes | None]] = []
        self._is_pumping = False
        self._closed_ports: dict[tuple[str, int], float] = {}
        self._outcome: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.sockets: dict[int, ModuleSocket] = {}
        self.ledger: deque[Sent] = deque(maxlen=LEDGER_SIZE)
        self.qisends = 0
        self.datagrams_missed = 0
        self.completed: Callable[[], None]

    # Opening and closing

    def open(self, command: OpenSocket) -> None:
        """Carry out AT+QIOPEN (guide 2.2.2)."""
        if command.connect_id >= self._options.sockets:
            self._writer.refuse_socket(ErrorCode.INVALID_PARAMETERS)
            return

        if command.connect_id in self.sockets:
            self._writer.refuse_socket(ErrorCode.IDENTITY_IN_USE)
            return

        code = self._obstacle(command)
        socket = ModuleSocket(command, self, self._link, self._options, self._faults)
        self.sockets[command.connect_id] = socket
        self._writer.answer(_OK)
        socket.open_after(self._options.completion_delay, code)

    def _obstacle(self, command: OpenSocket) -> ErrorCode:
        """Return the error in which opening ends, or SUCCESS."""
        if not self._registration.is_registered:
            return ErrorCode.OPEN_CONTEXT_FAILED

        if not command.local_port:
            return ErrorCode.SUCCESS

        port = (command.service_type, command.local_port)
        if any(one.holds_port and port == (one.service_type, one.local_port) for one in self.sockets.values()):
            return ErrorCode.PORT_BUSY

        closed = self._closed_ports.get(port)
        is_busy = closed is not None and asyncio.get_running_loop().time() - closed < LOCAL_PORT_LINGER
        return ErrorCode.BIND_FAILED if is_busy else ErrorCode.SUCCESS

    def opened(self, socket: ModuleSocket, code: ErrorCode) -> None:
        """Report the outcome of an open."""
        if code and not self._options.close_after_failure:
            self._remove(socket)

        if not self._faults.occurs("open_lost"):
            self._writer.notify(SocketOpened(socket.connect_id, code))

    def adopt(self, path: NetworkPath) -> None:
        """Keep a path until nothing is left of it."""
        self._paths[path] = None
        path.gone.add_done_callback(lambda _: self._paths.pop(path, None))

    def close_socket(self, command: CloseSocket) -> None:
        """Carry out AT+QICLOSE (guide 2.2.3)."""
        socket = self.sockets.get(command.connect_id)
        if socket is None:
            self._writer.refuse_socket(ErrorCode.SOCKET_CLOSED)
            return

        socket.close()
        self._remove(socket)
        if delay := self._options.completion_delay:
            self._writer.answer(_OK)
            self._complete_later(delay, self._complete_close)
        elif self._faults.occurs("close_ok_lost"):
            self._writer.answer(_OK)
        else:
            self._writer.answer(_OK, SocketClosed())

    def _complete_close(self) -> None:
        if not self._faults.occurs("close_ok_lost"):
            self._writer.complete(SocketClosed())

    def _remove(self, socket: ModuleSocket) -> None:
        del self.sockets[socket.connect_id]
        if socket.holds_port:
            port = (socket.service_type, socket.local_port)
            self._closed_ports[port] = asyncio.get_running_loop().time()

    def forget_connections(self) -> None:
        """Lose the TCP sockets without a report, as deep sleep does (guide 2.2.2, note 6)."""
        for socket in [one for one in self.sockets.values() if one.service_type == "TCP"]:
            socket.abort()
            del self.sockets[socket.connect_id]

    def break_connections(self) -> None:
        """Lose the TCP sockets, and report it."""
        for socket in [one for one in self.sockets.values() if one.service_type == "TCP"]:
            if socket.state is SocketState.CONNECTED:
                socket.abort()
                self.push(socket, None)
            elif socket.state is SocketState.CONNECTING:
                socket.failed(ErrorCode.CONTEXT_BROKEN_DOWN)

    def states(self) -> list[SocketInfo]:
        """Return the lines of AT+QISTATE (guide 2.2.4)."""
        return [self.sockets[connect_id].info for connect_id in sorted(self.sockets)]

    # Sending

    @property
    def is_waiting(self) -> bool:
        """Whether an AT+QISEND or AT+QICLOSE has been answered, and its outcome is still to come."""
        return self._outcome is not None

    def send(self, command: SendData) -> None:
        """Carry out AT+QISEND (guide 2.2.5)."""
        self.send_bytes(command.connect_id, command.data, command.rai)

    def send_bytes(self, connect_id: int, data: bytes, rai: int) -> None:
        """Send bytes on a socket, and answer the command that brought them."""
        writer, size = self._writer, len(data)
        socket = self.sockets.get(connect_id)
        if socket is None:
            writer.refuse_socket(ErrorCode.SOCKET_CLOSED)
            return

        self.qisends += 1
        self.ledger.append(Sent(connect_id, size, rai))
        if socket.state is not SocketState.CONNECTED or self._faults.occurs("send_fail_dropped"):
            writer.answer(_OK, SendResult(ok=False))
        elif not socket.has_room(size):
            writer.answer(_OK)
            socket.on_room = partial(self._try_again, socket, size)
            self._complete_later(self._options.send_timeout, partial(self._end_send, socket, data, rai))
        elif self._options.completion_delay:
            writer.answer(_OK)
            self._complete_later(self._options.completion_delay, partial(self._end_send, socket, data, rai))
        else:
            writer.answer(_OK, *self._results())
            self._transmit(socket, data, rai)

    def _try_again(self, socket: ModuleSocket, size: int) -> None:
        if socket.state is not SocketState.CONNECTED or socket.has_room(size):
            self._complete()

    def _end_send(self, socket: ModuleSocket, data: bytes, rai: int) -> None:
        socket.on_room = nothing_waits
        if socket.state is SocketState.CONNECTED and socket.has_room(len(data)):
            self._writer.complete(*self._results())
            self._transmit(socket, data, rai)
        else:
            self._writer.complete(SendResult(ok=False))

    def _transmit(self, socket: ModuleSocket, data: bytes, rai: int) -> None:
        self._random_faults.draw_outage()
        socket.send(data, rai)

    def _results(self) -> list[Response]:
        faults = self._faults
        if faults.occurs("send_fail_taken"):
            return [SendResult(ok=False)]

        return [] if faults.occurs("send_ok_lost") else [SEND_OK]

    # Outcomes that come later

    def _complete_later(self, seconds: float, outcome: Callable[[], None]) -> None:
        self._outcome = outcome
        self._timer = asyncio.get_running_loop().call_later(seconds, self._complete)

    def _complete(self) -> None:
        outcome = self._outcome
        self._forget_outcome()
        if outcome is not None:
            outcome()
            self.completed()

    def _forget_outcome(self) -> None:
        self._outcome = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Receiving

    def push(self, socket: ModuleSocket, data: bytes | None) -> None:
        """Push data that has come, or (None) report that the peer has closed, as soon as the line has space."""
        if data is not None and self._sleep.state is Power.DEEP_SLEEP:
            self.datagrams_missed += 1
            socket.consumed(len(data))
            return

        self._outbox.append((socket, data))
        self.pump()

    def pump(self) -> None:
        """Write the URCs that wait, as far as the line has space."""
        if not self._outbox or self._is_pumping or not self._sleep.can_write:
            return

        self._is_pumping = True
        try:
            while self._outbox and self._line.backlog < self._options.push_window:
                socket, data = self._outbox.pop(0)
                if data is not None:
                    socket.consumed(len(data))

                is_open = partial(self._is_open, socket)
                if not is_open():
                    continue

                if data is not None:
                    self._writer.notify(DataReceived(socket.connect_id, data), is_open)
                else:
                    socket.end_by_peer()
                    self._writer.notify(PeerClosed(socket.connect_id), is_open)
        finally:
            self._is_pumping = False

    def _is_open(self, socket: ModuleSocket) -> bool:
        return self.sockets.get(socket.connect_id) is socket

    # Power

    def stop(self) -> None:
        """Lose power: every socket is gone, and outcomes under way are forgotten."""
        self._forget_outcome()
        for socket in self.sockets.values():
            socket.abort()

        self.sockets.clear()
        self._outbox.clear()
        self._closed_ports.clear()

    async def close(self) -> None:
        """Leave nothing behind, once power is lost: no task, no descriptor."""
        paths = tuple(self._paths)
        for path in paths:
            path.cancel()

        if paths:
            await asyncio.wait([path.gone for path in paths], timeout=_PEER_TIMEOUT)
