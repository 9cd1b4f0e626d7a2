"""The module's TCP/IP: its connectIDs, what they send, and what is pushed for them."""

# What peers send is pushed as URCs while the line keeps up. What it cannot take yet waits here, and for each socket
# that is a bounded amount: a TCP peer is held back, a datagram is lost.
#
# `SEND OK` and `CLOSE OK` do not say which socket they are about. So while an AT+QISEND waits for room, the next one,
# and an AT+QICLOSE, wait for their turn, and everything behind them (see Module).

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from ...at.commands import CloseSocket, OpenSocket, SendData
from ...at.completions import SendResult, SocketClosed, SocketOpened
from ...at.information import SocketInfo, SocketState
from ...at.responses import Response, Success
from ...at.urcs import DataReceived, PeerClosed
from ...errors import ErrorCode
from ..network import NetworkPath
from .power import Power
from .sockets import ModuleSocket

if TYPE_CHECKING:
    from .bc260y import Module

# A local port stays busy this long after its socket was closed (guide 2.2.2, note 4), in seconds.
LOCAL_PORT_LINGER: Final = 70.0

# How long a scripted peer may take to give up, in seconds.
_PATIENCE: Final = 5.0

# How many payloads are remembered.
LEDGER_SIZE: Final = 4096


class Sent(NamedTuple):
    """An AT+QISEND that was carried out."""

    connect_id: int
    size: int
    rai: int


class TcpIp:
    """The sockets of a module.

    Attributes:
        sockets: the connectIDs in use.
        ledger: what was sent, and with which release assistance; the latest few thousand.
        qisends: how many payloads were sent in all.
        datagrams_missed: how many datagrams came while the module slept.
    """

    def __init__(self, module: "Module") -> None:
        self._module = module
        self._paths: dict[NetworkPath, None] = {}
        self._outbox: deque[tuple[ModuleSocket, bytes | None]] = deque()
        self._is_pumping = False
        self._closed_ports: dict[tuple[str, int], float] = {}
        self._outcome: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.sockets: dict[int, ModuleSocket] = {}
        self.ledger: deque[Sent] = deque(maxlen=LEDGER_SIZE)
        self.qisends = 0
        self.datagrams_missed = 0

    # Opening and closing

    def open(self, command: OpenSocket) -> None:
        """Carry out AT+QIOPEN (guide 2.2.2)."""
        module = self._module
        if command.connect_id >= module.options.sockets:
            module.refuse(ErrorCode.INVALID_PARAMETERS)
            return

        if command.connect_id in self.sockets:
            module.refuse(ErrorCode.IDENTITY_IN_USE)
            return

        code = self._obstacle(command)
        socket = self.sockets[command.connect_id] = ModuleSocket(module, command)
        module.answer(Success())
        socket.open(code)

    def _obstacle(self, command: OpenSocket) -> ErrorCode:
        """Return the error that opening is bound to end in, or SUCCESS."""
        if not self._module.registration.is_registered:
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
        """Hear of the outcome of an open."""
        if code and not self._module.options.close_after_failure:
            self._remove(socket)

        if not self._module.faults.strikes("open_lost"):
            self._module.tell(SocketOpened(socket.connect_id, code))

    def adopt(self, path: NetworkPath) -> None:
        """Keep an eye on a path until nothing is left of it."""
        self._paths[path] = None
        path.gone.add_done_callback(lambda _: self._paths.pop(path, None))

    def close_socket(self, command: CloseSocket) -> None:
        """Carry out AT+QICLOSE (guide 2.2.3)."""
        socket = self.sockets.get(command.connect_id)
        if socket is None:
            self._module.refuse(ErrorCode.SOCKET_CLOSED)
            return

        socket.close()
        self._remove(socket)
        if delay := self._module.options.completion_delay:
            self._module.answer(Success())
            self._tell_later(delay, self._tell_closed)
        elif self._module.faults.strikes("close_ok_lost"):
            self._module.answer(Success())
        else:
            self._module.answer(Success(), SocketClosed())

    def _tell_closed(self) -> None:
        if not self._module.faults.strikes("close_ok_lost"):
            self._module.complete(SocketClosed())

    def _remove(self, socket: ModuleSocket) -> None:
        del self.sockets[socket.connect_id]
        if socket.holds_port:
            port = (socket.service_type, socket.local_port)
            self._closed_ports[port] = asyncio.get_running_loop().time()

    def forget_connections(self) -> None:
        """Lose the TCP sockets without a word, as deep sleep does (guide 2.2.2, note 6)."""
        for socket in [one for one in self.sockets.values() if one.service_type == "TCP"]:
            socket.abort()
            del self.sockets[socket.connect_id]

    def break_connections(self) -> None:
        """Lose the TCP sockets, and say so."""
        for socket in [one for one in self.sockets.values() if one.state is SocketState.CONNECTED]:
            if socket.service_type == "TCP":
                socket.abort()
                self.push(socket, None)

    def states(self) -> list[SocketInfo]:
        """Return what AT+QISTATE tells (guide 2.2.4)."""
        return [self.sockets[connect_id].info for connect_id in sorted(self.sockets)]

    # Sending

    @property
    def is_waiting(self) -> bool:
        """Whether an AT+QISEND or AT+QICLOSE has been answered, and its outcome is still to be told."""
        return self._outcome is not None

    def send(self, command: SendData) -> None:
        """Carry out AT+QISEND (guide 2.2.5)."""
        module, size = self._module, len(command.data)
        socket = self.sockets.get(command.connect_id)
        if socket is None:
            module.refuse(ErrorCode.SOCKET_CLOSED)
            return

        self.qisends += 1
        self.ledger.append(Sent(command.connect_id, size, command.rai))
        if socket.state is not SocketState.CONNECTED or module.faults.strikes("send_fail_dropped"):
            module.answer(Success(), SendResult(ok=False))
        elif not socket.has_room(size):
            module.answer(Success())
            socket.on_room = partial(self._try_again, socket, size)
            self._tell_later(module.options.send_timeout, partial(self._end_send, socket, command))
        elif module.options.completion_delay:
            module.answer(Success())
            self._tell_later(module.options.completion_delay, partial(self._end_send, socket, command))
        else:
            module.answer(Success(), *self._results())
            socket.send(command.data, command.rai)

    def _try_again(self, socket: ModuleSocket, size: int) -> None:
        if socket.state is not SocketState.CONNECTED or socket.has_room(size):
            self._tell()

    def _end_send(self, socket: ModuleSocket, command: SendData) -> None:
        socket.on_room = lambda: None
        if socket.state is SocketState.CONNECTED and socket.has_room(len(command.data)):
            self._module.complete(*self._results())
            socket.send(command.data, command.rai)
        else:
            self._module.complete(SendResult(ok=False))

    def _results(self) -> list[Response]:
        faults = self._module.faults
        if faults.strikes("send_fail_taken"):
            return [SendResult(ok=False)]

        return [] if faults.strikes("send_ok_lost") else [SendResult(ok=True)]

    # Outcomes that come later

    def _tell_later(self, seconds: float, outcome: Callable[[], None]) -> None:
        self._outcome = outcome
        self._timer = asyncio.get_running_loop().call_later(seconds, self._tell)

    def _tell(self) -> None:
        outcome = self._outcome
        self._forget_outcome()
        if outcome is not None:
            outcome()
            self._module.go_on()

    def _forget_outcome(self) -> None:
        self._outcome = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Receiving

    def push(self, socket: ModuleSocket, data: bytes | None) -> None:
        """Say that data has come, or (None) that the peer has closed, as soon as the line has room."""
        if data is not None and self._module.sleep.state is Power.DEEP_SLEEP:
            self.datagrams_missed += 1
            socket.consumed(len(data))
            return

        self._outbox.append((socket, data))
        self.pump()

    def pump(self) -> None:
        """Say what waits, as far as the line has room."""
        module = self._module
        if self._is_pumping or module.sleep.state not in (Power.AWAKE, Power.LIGHT_SLEEP):
            return

        self._is_pumping = True
        try:
            while self._outbox and module.line.backlog < module.options.push_window:
                socket, data = self._outbox.popleft()
                if data is not None:
                    socket.consumed(len(data))

                if self.sockets.get(socket.connect_id) is not socket:
                    continue

                if data is not None:
                    module.tell(DataReceived(socket.connect_id, data), about=socket)
                else:
                    socket.end_by_peer()
                    module.tell(PeerClosed(socket.connect_id), about=socket)
        finally:
            self._is_pumping = False

    # Power

    def stop(self) -> None:
        """Lose power: every socket vanishes, and what was under way is forgotten."""
        self._forget_outcome()
        for socket in self.sockets.values():
            socket.abort()

        self.sockets.clear()
        self._outbox.clear()
        self._closed_ports.clear()

    async def close(self) -> None:
        """Leave nothing behind: no task, no descriptor."""
        self.stop()
        paths = tuple(self._paths)
        for path in paths:
            path.cancel()

        if paths:
            await asyncio.wait([path.gone for path in paths], timeout=_PATIENCE)
