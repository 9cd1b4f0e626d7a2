"""The path between one socket of the module and its peer: its delay, its losses, and the data under way on it."""

import abc
import asyncio
import contextvars
import socket
from collections.abc import Callable
from functools import partial
from typing import Final

from ...errors import ErrorCode
from ..delayed_calls import DelayedCalls
from .destinations import Destination
from .loopback import connect_to_loopback
from .path_ends import Endpoint, PathConditions, PathOwner, PathRadio
from .peers import Peer, PeerConnection, SilentPeer

# The headers of a TCP segment and of a UDP datagram, with those of IP, in bytes.
TCP_HEADER: Final = 40
UDP_HEADER: Final = 28

# A question to a name server, and its answer, in bytes.
QUESTION: Final = 60

# How much may be on its way down to one socket, in bytes: beyond it a TCP peer is paused and a datagram is lost.
WINDOW: Final = 16 * 1024


class NetworkPath(abc.ABC):
    """The path between one socket of the module and its peer.

    Args:
        conditions: its delay, losses and outages apply.
        owner: the module's end.
        radio: the module's radio, through which everything goes.

    Attributes:
        gone: is done once nothing is left of the path: no task, no descriptor, no timer.
    """

    kind: socket.SocketKind
    service_type: str

    def __init__(self, conditions: PathConditions, owner: PathOwner, radio: PathRadio) -> None:
        self._conditions = conditions
        self._radio = radio
        self._owner: PathOwner | None = owner
        # What the radio's ledger calls it.
        self._cause = f"{self.service_type.lower()} {owner.host}:{owner.remote_port}"
        # Not a method of the path's: the two would keep each other until the next search for garbage.
        is_held = partial(getattr, conditions, "is_silent")
        self._up = DelayedCalls(conditions.delay, is_held)
        self._down = DelayedCalls(conditions.delay, is_held)
        self._endpoint: Endpoint | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._queued = 0
        self._coming_down = 0
        self._is_paused = False
        self._was_reached = False
        self._has_finished = False
        self._is_over = False
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # Calls from the module

    @abc.abstractmethod
    def open(self, destination: Destination | ErrorCode) -> None:
        """Begin to open; the owner is notified by ``opened`` or ``failed``."""

    @abc.abstractmethod
    def send(self, data: bytes, rai: int = 0) -> None:
        """Send bytes, or a datagram, to the peer, with a release assistance indication."""

    def consumed(self, size: int) -> None:
        """The module has passed so many received bytes on."""
        self._queued -= size
        if self._is_paused and self._queued <= WINDOW // 2 and self._endpoint is not None:
            self._is_paused = False
            self._endpoint.resume_sending()

    @abc.abstractmethod
    def close(self) -> None:
        """Close, once everything that was sent has arrived. The owner is notified of nothing more."""

    def _finish(self) -> None:
        self._has_finished = True
        if self._endpoint is None:
            self.abort()
        else:
            self._endpoint.finish()

    def abort(self) -> None:
        """Close now: data under way is lost, and the peer is notified. The owner is notified of nothing more."""
        self._is_over = True
        self._owner = None
        self._up.clear()
        self._down.clear()
        if self._endpoint is not None:
            self._endpoint.abort()
        elif self._connecting is not None:
            self._connecting.cancel()

        self._check_gone()

    def cancel(self) -> None:
        """Close now, and stop a scripted peer as well."""
        self.abort()
        if self._endpoint is not None:
            self._endpoint.cancel()

    def resume(self) -> None:
        """Deliver what an outage held back."""
        self._up.run()
        self._down.run()

    # Over the radio

    def _send_up(self, size: int, rai: int, callback: Callable[..., object], *args: object) -> None:
        self._radio.send(size, rai, self._off_the_air, callback, *args, cause=self._cause)

    def _off_the_air(self, callback: Callable[..., object], *args: object) -> None:
        if self._is_over:
            return

        if self._radio.is_on:
            self._up.call(callback, *args)
        else:
            self._lose_up()

    @abc.abstractmethod
    def _lose_up(self) -> None:
        """The radio was switched off before it had sent something."""

    def _send_down(self, size: int, callback: Callable[..., object], *args: object) -> None:
        self._coming_down += 1
        self._down.call(partial(self._radio.receive, cause=self._cause), size, self._came_down, callback, *args)

    def _came_down(self, callback: Callable[..., object], *args: object) -> None:
        self._coming_down -= 1
        callback(*args)
        self._check_gone()

    # To the peer

    @property
    @abc.abstractmethod
    def _header(self) -> int:
        """How large something without payload is, in bytes."""

    def _reach(self, destination: Destination | ErrorCode) -> None:
        if isinstance(destination, ErrorCode):
            self._send_down(self._header, self._report_failed, destination)
        elif isinstance(destination.peer, SilentPeer):
            self._reach_silent_peer(destination.peer, destination)
        elif destination.peer is not None:
            self._start_peer(destination.peer, destination)
        else:
            self._connecting = asyncio.get_running_loop().create_task(
                self._connect(destination),
                name=f"bc260y-emulator.connect[{self.service_type.lower()} {destination.host}:{destination.port}]",
                # A context of its own, in which nothing is routed.
                context=contextvars.Context(),
            )
            self._connecting.add_done_callback(self._end_connecting)

    def _reach_silent_peer(self, peer: SilentPeer, destination: Destination) -> None:
        if peer.is_refusal:
            self._send_down(self._header, self._report_failed, ErrorCode.CONNECTION_FAILED)

    def _start_peer(self, peer: Peer, destination: Destination) -> None:
        connection = PeerConnection(self, self.service_type, destination.host, destination.port)
        self.peer_reached(connection)
        connection.start(peer)

    async def _connect(self, destination: Destination) -> None:
        try:
            await connect_to_loopback(self.kind, destination.loopback, destination.loopback_port, self)
        except OSError:
            self._send_down(self._header, self._report_failed, ErrorCode.CONNECTION_FAILED)

    def _end_connecting(self, task: "asyncio.Task[None]") -> None:
        self._connecting = None
        self._check_gone()

    def _report_failed(self, code: ErrorCode) -> None:
        if self._owner is not None:
            self._owner.failed(code)

    # Calls from the peer's end

    def peer_reached(self, endpoint: Endpoint) -> None:
        """The peer has been reached."""
        self._was_reached = True
        self._endpoint = endpoint
        if self._is_over:
            endpoint.abort()
        else:
            self._send_down(self._header, self._report_opened)

    def _report_opened(self) -> None:
        if self._owner is not None:
            self._owner.opened()

    @abc.abstractmethod
    def peer_sent(self, data: bytes) -> None:
        """The peer sent bytes; over UDP, a datagram."""

    def _deliver_down(self, data: bytes) -> None:
        if self._owner is not None:
            self._owner.received(data)
        else:
            self.consumed(len(data))

    def peer_acknowledged(self, size: int) -> None:
        """The peer's system has taken so many bytes more."""
        self._send_down(self._header, self._report_acked, size)

    def _report_acked(self, size: int) -> None:
        if self._owner is not None:
            self._owner.acked(size)

    def peer_closed(self) -> None:
        """The peer has closed."""
        if not self._is_over:
            self._send_down(self._header, self._report_closed)

    def _report_closed(self) -> None:
        if self._owner is not None:
            self._owner.closed()

    def peer_gone(self) -> None:
        """Nothing is left of the peer's end."""
        self._endpoint = None
        self._check_gone()

    @property
    def _is_finished(self) -> bool:
        # What the peer sent before it knew of the close, its acknowledgement and its own end are still on their way.
        return self._is_over or (self._has_finished and not self._coming_down)

    def _check_gone(self) -> None:
        if self._owner is None and self._endpoint is None and self._connecting is None and self._is_finished:
            self._up.clear()
            self._down.clear()
            if not self.gone.done():
                self.gone.set_result(None)


class TcpPath(NetworkPath):
    """The path of a TCP socket: ordered, without loss, and with flow control."""

    kind = socket.SOCK_STREAM
    service_type = "TCP"

    @property
    def _header(self) -> int:
        return TCP_HEADER

    def open(self, destination: Destination | ErrorCode) -> None:
        self._send_up(self._header, 0, self._reach, destination)

    def send(self, data: bytes, rai: int = 0) -> None:
        self._send_up(len(data) + TCP_HEADER, rai, self._deliver_up, data)

    def close(self) -> None:
        self._owner = None
        self._send_up(TCP_HEADER, 0, self._finish)

    def _finish(self) -> None:
        if self._endpoint is None and self._was_reached:
            # It has closed before; its system still acknowledges the end.
            self._has_finished = True
            self.peer_acknowledged(0)
        else:
            super()._finish()

    def _deliver_up(self, data: bytes) -> None:
        if self._endpoint is not None:
            self._endpoint.write(data)

    def _lose_up(self) -> None:
        self.abort()

    def peer_sent(self, data: bytes) -> None:
        self._queued += len(data)
        self._send_down(len(data) + TCP_HEADER, self._deliver_down, data)
        if self._queued > WINDOW and not self._is_paused and self._endpoint is not None:
            self._is_paused = True
            self._endpoint.pause_sending()


class UdpPath(NetworkPath):
    """The path of a UDP socket: whole datagrams, some of which are lost."""

    kind = socket.SOCK_DGRAM
    service_type = "UDP"
    _asks = False
    _unsent = 0
    _is_closing = False

    @property
    def _header(self) -> int:
        return QUESTION

    def open(self, destination: Destination | ErrorCode) -> None:
        # The question to the name server takes time; the peer is not notified of an open.
        self._asks = isinstance(destination, ErrorCode) or destination.is_named
        if self._asks:
            # It is no datagram of the socket's: it is not counted, and the module asks again if it is lost.
            self._radio.send(QUESTION, 0, super()._off_the_air, self._reach, destination, cause=self._cause)
        else:
            self._reach(destination)

    def peer_reached(self, endpoint: Endpoint) -> None:
        if self._asks or self._is_over:
            super().peer_reached(endpoint)
        else:
            self._endpoint = endpoint
            self._report_opened()

    def send(self, data: bytes, rai: int = 0) -> None:
        self._unsent += 1
        self._send_up(len(data) + UDP_HEADER, rai, self._deliver_up, data)

    def close(self) -> None:
        self._owner = None
        self._is_closing = True
        self._finish_if_sent()

    def _finish_if_sent(self) -> None:
        # Closing a UDP socket sends nothing: it ends once all datagrams are off the air.
        if self._is_closing and not self._unsent:
            self._up.call(self._finish)

    def _off_the_air(self, callback: Callable[..., object], *args: object) -> None:
        self._unsent -= 1
        # A datagram that is lost on its way has been sent all the same.
        if self._conditions.loses():
            self._lose_up()
        else:
            super()._off_the_air(callback, *args)

        self._finish_if_sent()

    def _deliver_up(self, data: bytes) -> None:
        if self._endpoint is not None:
            self._endpoint.write(data)

    def _lose_up(self) -> None:
        self._conditions.datagrams_lost += 1

    def peer_sent(self, data: bytes) -> None:
        if self._conditions.loses() or self._queued + len(data) > WINDOW:
            self._conditions.datagrams_lost += 1
            return

        self._queued += len(data)
        self._send_down(len(data) + UDP_HEADER, self._deliver_down, data)

    def _deliver_down(self, data: bytes) -> None:
        if self._radio.is_on:
            super()._deliver_down(data)
        else:
            self._conditions.datagrams_lost += 1
            self.consumed(len(data))

    def _reach_silent_peer(self, peer: SilentPeer, destination: Destination) -> None:
        # A UDP socket cannot detect that no host is there.
        self._start_peer(peer, destination)

    def peer_acknowledged(self, size: int) -> None:
        # UDP has no acknowledgements.
        pass

    def peer_closed(self) -> None:
        # UDP has no end of stream.
        pass
