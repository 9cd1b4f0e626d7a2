"""One socket of the module: a connectID."""

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

from ...at.commands import OpenSocket
from ...at.information import AckStatus, SocketInfo, SocketState
from ...errors import ErrorCode
from ..faults import Faults
from ..network import NetworkPath
from ..options import Options
from .radio_link import RadioLink

if TYPE_CHECKING:
    from collections.abc import Callable

# The most that a module pushes in one URC, in bytes (guide 2.3, note 4).
LARGEST_PUSH: Final = 1024


def nothing_waits() -> None:
    """Do nothing when there is space; a function for each socket would take memory."""


class SocketOwner(Protocol):
    """The receiver of a socket's reports."""

    def adopt(self, path: NetworkPath) -> None:
        """Keep a path until nothing is left of it."""

    def opened(self, socket: "ModuleSocket", code: ErrorCode) -> None:
        """Take the outcome of an open."""

    def push(self, socket: "ModuleSocket", data: bytes | None) -> None:
        """Push data that has come, or (None) report that the peer has closed."""


class ModuleSocket:
    """A connectID in use, from AT+QIOPEN to AT+QICLOSE.

    Args:
        command: how it was opened.
        owner: the module's TCP/IP.
        link: the radio and the network.
        options: the time limit of an open, and the size of the send buffer.
        faults: how connections break.

    Attributes:
        connect_id: the connectID.
        service_type: ``"TCP"`` or ``"UDP"``.
        host: the peer's name or address.
        remote_port: the peer's port.
        local_port: the port that was asked for; 0 when none was.
        state: the state in AT+QISTATE.
        holds_port: the local port that was asked for is this socket's.
        sent: bytes sent since the socket was opened.
        acked_bytes: how many of them the peer has acknowledged.
        on_room: called whenever there may be space for more, and at the end.
        is_cut: the network has silently dropped this connection: nothing goes through any more, either way, and the
            module does not know.
    """

    def __init__(
        self, command: OpenSocket, owner: SocketOwner, link: RadioLink, options: Options, faults: Faults
    ) -> None:
        self._owner = owner
        self._link = link
        self._options = options
        self._faults = faults
        self._path: NetworkPath | None = None
        # Where each payload that is not acknowledged yet ends, counted in bytes since the socket was opened.
        self._segments: list[int] = []
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
        self.on_room: Callable[[], None] = nothing_waits

    def __repr__(self) -> str:
        where = f"{self.service_type.lower()} {self.host}:{self.remote_port}"
        return f"<ModuleSocket connectID={self.connect_id} {where} {self.state.name} sent={self.sent}>"

    @property
    def info(self) -> SocketInfo:
        """Its line of AT+QISTATE."""
        return SocketInfo(self.connect_id, self.service_type, self.host, self.remote_port, self.local_port, self.state)

    @property
    def acks(self) -> AckStatus:
        """Its line of AT+QISEND=<connectID>,0: zeros once the connection is over (guide 4.2.6), acks for TCP only."""
        if self.state is not SocketState.CONNECTED:
            return AckStatus(0, 0, 0)

        if self.service_type == "UDP":
            return AckStatus(self.sent, 0, 0)

        return AckStatus(self.sent, self.acked_bytes, self.sent - self.acked_bytes)

    # Called by the module

    def open_after(self, delay: float, code: ErrorCode) -> None:
        """Begin to open after some seconds: no outcome comes so soon behind the OK."""
        if delay:
            self._timer = asyncio.get_running_loop().call_later(delay, self.open, code)
        else:
            self.open(code)

    def open(self, code: ErrorCode = ErrorCode.SUCCESS) -> None:
        """Begin to open; the owner gets the outcome.

        Args:
            code: the error that opening is bound to end in, if it is.
        """
        if code:
            self.failed(code)
            return

        self.holds_port = bool(self.local_port)
        network, timeout = self._link.network, self._options.open_timeout
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(timeout, self.failed, ErrorCode.OPERATION_TIMEOUT)
        self._path = network.path(self.service_type, self, self._link.radio)
        self._owner.adopt(self._path)
        self._path.open(network.find(self.host, self.remote_port))

    def has_room(self, size: int) -> bool:
        """Return whether the module can keep so many bytes more, in a segment more, until they are acknowledged."""
        unacked = self.sent - self.acked_bytes
        if self.service_type == "UDP" or not unacked:
            return True

        return unacked + size <= self._options.send_buffer and len(self._segments) < self._options.send_segments

    def send(self, data: bytes, rai: int = 0) -> None:
        """Send bytes, or a datagram, with a release assistance indication."""
        self.sent += len(data)
        self._segments.append(self.sent)
        if self._path is None:
            return

        faults, is_tcp = self._faults, self.service_type == "TCP"
        self.is_cut = self.is_cut or (is_tcp and faults.occurs("session_lost"))
        if is_tcp and not self.is_cut and faults.occurs("broken_sending"):
            self._path.send(faults.cut("broken_sending", data), rai)
            self._break()
        elif not self.is_cut:
            self._path.send(data, rai)

    def consumed(self, size: int) -> None:
        """Take note that so many received bytes have gone out on the line."""
        if self._path is not None:
            self._path.consumed(size)

    def close(self) -> None:
        """Close, once all data that was sent has arrived."""
        self._end(SocketState.CLOSING)
        path, self._path = self._path, None
        if path is not None:
            path.close()

    def abort(self) -> None:
        """Close at once; data under way is lost."""
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

    # Called by its path

    def opened(self) -> None:
        """Be open: data can go both ways."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

        self.state = SocketState.CONNECTED
        self._owner.opened(self, ErrorCode.SUCCESS)

    def failed(self, code: ErrorCode) -> None:
        """Be closed: it could not be opened."""
        self.abort()
        self.state = SocketState.INITIAL
        self._owner.opened(self, code)

    def received(self, data: bytes) -> None:
        """Take the data that the peer sent."""
        if self.is_cut:
            self.consumed(len(data))
            return

        faults, is_tcp = self._faults, self.service_type == "TCP"
        if is_broken := is_tcp and faults.occurs("broken_receiving"):
            data = faults.cut("broken_receiving", data)

        for start in range(0, max(len(data), 1), LARGEST_PUSH):
            if data or not is_tcp:
                self._owner.push(self, data[start : start + LARGEST_PUSH])

        if is_broken or (is_tcp and faults.occurs("closed")):
            self._break()

    def _break(self) -> None:
        """End, because the connection broke; the module reports it."""
        self.abort()
        self._owner.push(self, None)

    def acked(self, size: int) -> None:
        """Take note that the peer has so many bytes more."""
        if not self.is_cut:
            self.acked_bytes += size
            while self._segments and self._segments[0] <= self.acked_bytes:
                self._segments.pop(0)

            self.on_room()

    def closed(self) -> None:
        """Take note that the peer has closed."""
        if not self.is_cut:
            self._owner.push(self, None)

    def end_by_peer(self) -> None:
        """End: the module has just reported that the peer closed."""
        self.close()
        self.state = SocketState.REMOTE_CLOSING
