"""One socket of the module: a connectID."""

import asyncio
from typing import TYPE_CHECKING, Final

from ...at.commands import OpenSocket
from ...at.information import AckStatus, SocketInfo, SocketState
from ...errors import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..network import NetworkPath
    from .bc260y import Module

# The most that a module pushes in one URC, in bytes (guide 2.3, note 4).
LARGEST_PUSH: Final = 1024


class ModuleSocket:
    """A connectID in use, from AT+QIOPEN to AT+QICLOSE.

    Attributes:
        connect_id: the connectID.
        service_type: ``"TCP"`` or ``"UDP"``.
        host: the peer's name or address.
        remote_port: the peer's port.
        local_port: the port that was asked for; 0 when none was.
        state: what AT+QISTATE tells.
        holds_port: the local port that was asked for is this socket's.
        sent: bytes sent since the socket was opened.
        acked_bytes: how many of them the peer has acknowledged.
        on_room: is called whenever there may be room for more, and at the end.
        is_cut: the network has silently forgotten this connection: nothing goes through any more, either way, and the
            module does not know.
    """

    def __init__(self, module: "Module", command: OpenSocket) -> None:
        self._module = module
        self._path: NetworkPath | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.connect_id = command.connect_id
        self.service_type = command.service_type
        self.host = command.host
        self.remote_port = command.remote_port
        self.local_port = command.local_port
        self.state = SocketState.CONNECTING
        self.holds_port = False
        self.sent = 0
        self.acked_bytes = 0
        self.is_cut = False
        self.on_room: Callable[[], None] = lambda: None

    def __repr__(self) -> str:
        where = f"{self.service_type.lower()} {self.host}:{self.remote_port}"
        return f"<ModuleSocket connectID={self.connect_id} {where} {self.state.name} sent={self.sent}>"

    @property
    def info(self) -> SocketInfo:
        """What AT+QISTATE tells."""
        return SocketInfo(self.connect_id, self.service_type, self.host, self.remote_port, self.local_port, self.state)

    @property
    def acks(self) -> AckStatus:
        """What AT+QISEND=<connectID>,0 tells: nothing once the connection is over (guide 4.2.6), acks for TCP only."""
        if self.state is not SocketState.CONNECTED:
            return AckStatus(0, 0, 0)

        if self.service_type == "UDP":
            return AckStatus(self.sent, 0, 0)

        return AckStatus(self.sent, self.acked_bytes, self.sent - self.acked_bytes)

    # What the module does with it

    def open(self, code: ErrorCode = ErrorCode.SUCCESS) -> None:
        """Begin to open; the module is told the outcome.

        Args:
            code: the error that opening is bound to end in, if it is.
        """
        if code:
            self.failed(code)
            return

        self.holds_port = bool(self.local_port)
        network, timeout = self._module.network, self._module.options.open_timeout
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(timeout, self.failed, ErrorCode.OPERATION_TIMEOUT)
        self._path = network.path(self.service_type, self, self._module.radio)
        self._module.tcpip.adopt(self._path)
        self._path.open(network.find(self.host, self.remote_port))

    def has_room(self, size: int) -> bool:
        """Tell whether the module can keep so many bytes more until they are acknowledged."""
        unacked = self.sent - self.acked_bytes
        return self.service_type == "UDP" or not unacked or unacked + size <= self._module.options.send_buffer

    def send(self, data: bytes, rai: int = 0) -> None:
        """Send bytes, or a datagram, with a release assistance indication."""
        self.sent += len(data)
        if self._path is None:
            return

        faults, is_tcp = self._module.faults, self.service_type == "TCP"
        self.is_cut = self.is_cut or (is_tcp and faults.strikes("session_lost"))
        if faults.strikes("outage"):
            self._module.mishaps.fall_silent()

        if is_tcp and not self.is_cut and faults.strikes("broken_sending"):
            self._path.send(faults.cut("broken_sending", data), rai)
            self._break()
        elif not self.is_cut:
            self._path.send(data, rai)

    def consumed(self, size: int) -> None:
        """Hear that so many received bytes have gone out on the line."""
        if self._path is not None:
            self._path.consumed(size)

    def close(self) -> None:
        """Close, after what was sent has arrived."""
        self._end(SocketState.CLOSING)
        path, self._path = self._path, None
        if path is not None:
            path.close()

    def abort(self) -> None:
        """Vanish."""
        self._end(SocketState.CLOSING)
        path, self._path = self._path, None
        if path is not None:
            path.abort()

    def _end(self, state: SocketState) -> None:
        self.state = state
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

        self.on_room()

    # What its path tells

    def opened(self) -> None:
        """Hear that data can go both ways."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

        self.state = SocketState.CONNECTED
        self._module.tcpip.opened(self, ErrorCode.SUCCESS)

    def failed(self, code: ErrorCode) -> None:
        """Hear that it could not be opened."""
        self.abort()
        self.state = SocketState.INITIAL
        self._module.tcpip.opened(self, code)

    def received(self, data: bytes) -> None:
        """Take what the peer sent."""
        if self.is_cut:
            self.consumed(len(data))
            return

        faults, is_tcp = self._module.faults, self.service_type == "TCP"
        whole = data
        if is_broken := is_tcp and faults.strikes("broken_receiving"):
            data = faults.cut("broken_receiving", whole)

        for start in range(0, max(len(data), 1), LARGEST_PUSH):
            if data or not is_tcp:
                self._module.tcpip.push(self, data[start : start + LARGEST_PUSH])

        if is_broken or (is_tcp and faults.strikes("closed")):
            self.consumed(len(whole) - len(data))
            self._break()

    def _break(self) -> None:
        """Be over, for the connection broke; the module says so."""
        self.abort()
        self._module.tcpip.push(self, None)

    def acked(self, size: int) -> None:
        """Hear that the peer has so many bytes more."""
        if not self.is_cut:
            self.acked_bytes += size
            self.on_room()

    def closed(self) -> None:
        """Hear that the peer has closed."""
        if not self.is_cut:
            self._module.tcpip.push(self, None)

    def end_by_peer(self) -> None:
        """Be over: the module has just said that the peer closed."""
        self.close()
        self.state = SocketState.REMOTE_CLOSING
