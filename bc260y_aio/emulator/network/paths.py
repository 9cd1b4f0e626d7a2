"""The way between one socket of the module and its peer: what it takes, what it loses, what is still under way."""

import abc
import asyncio
import contextvars
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from ...errors import ErrorCode
from ..lag import Lag
from ..radio import Radio
from .loopback import dial
from .peers import Peer, PeerConnection, SilentPeer

if TYPE_CHECKING:
    from .directory import Destination
    from .hosts import Network

# The headers of a TCP segment and of a UDP datagram, with those of IP, in bytes.
TCP_HEADER: Final = 40
UDP_HEADER: Final = 28

# A question to a name server, and its answer, in bytes.
QUESTION: Final = 60

# How much may be on its way down to one socket, in bytes: a TCP peer is then held back, a datagram is lost.
WINDOW: Final = 16 * 1024


class Owner(Protocol):
    """The module's end of a path."""

    def opened(self) -> None:
        """Hear that data can go both ways."""

    def failed(self, code: ErrorCode) -> None:
        """Hear that it will not come to that."""

    def received(self, data: bytes) -> None:
        """Take what the peer sent; over UDP, a datagram."""

    def acked(self, size: int) -> None:
        """Hear that the peer has so many bytes more."""

    def closed(self) -> None:
        """Hear that the peer has closed, after everything it sent."""


class Endpoint(Protocol):
    """The peer's end of a path."""

    def write(self, data: bytes) -> None:
        """Take what the module sent."""

    def finish(self) -> None:
        """Hear that the module has closed, after everything it sent."""

    def abort(self) -> None:
        """Hear that the module went away."""

    def brake(self, *, on: bool) -> None:
        """Send no more, or go on."""

    def cancel(self) -> None:
        """Stop at once."""


class Path(abc.ABC):
    """The way between one socket of the module and its peer.

    Args:
        network: whose latency, losses and silences apply.
        owner: the module's end.
        radio: the module's radio, through which everything goes.

    Attributes:
        gone: is done once nothing is left of the path: no task, no descriptor, no timer.
    """

    kind: socket.SocketKind
    service_type: str

    def __init__(self, network: "Network", owner: Owner, radio: Radio) -> None:
        self._network = network
        self._radio = radio
        self._owner: Owner | None = owner
        self._up = Lag(network.delay, self._is_silent)
        self._down = Lag(network.delay, self._is_silent)
        self._endpoint: Endpoint | None = None
        self._dialling: asyncio.Task[None] | None = None
        self._queued = 0
        self._is_braked = False
        self._is_over = False
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def _is_silent(self) -> bool:
        return self._network.outage

    # From the module

    @abc.abstractmethod
    def open(self, destination: "Destination | ErrorCode") -> None:
        """Begin: the owner hears ``opened`` or ``failed``."""

    @abc.abstractmethod
    def send(self, data: bytes, rai: int = 0) -> None:
        """Send bytes, or a datagram, to the peer, with a release assistance indication."""

    def consumed(self, size: int) -> None:
        """Hear that the module has passed so many received bytes on."""
        self._queued -= size
        if self._is_braked and self._queued <= WINDOW // 2 and self._endpoint is not None:
            self._is_braked = False
            self._endpoint.brake(on=False)

    @abc.abstractmethod
    def close(self) -> None:
        """Close, once everything that was sent has arrived. The owner hears nothing more."""

    def _finish(self) -> None:
        if self._endpoint is None:
            self.abort()
        else:
            self._endpoint.finish()

    def abort(self) -> None:
        """Go away now: what is under way is lost, and the peer hears of it. The owner hears nothing more."""
        self._is_over = True
        self._owner = None
        self._up.clear()
        self._down.clear()
        if self._endpoint is not None:
            self._endpoint.abort()
        elif self._dialling is not None:
            self._dialling.cancel()

        self._check_gone()

    def cancel(self) -> None:
        """Go away, and take a scripted peer along."""
        self.abort()
        if self._endpoint is not None:
            self._endpoint.cancel()

    def resume(self) -> None:
        """Hear that the network is back."""
        self._up.run()
        self._down.run()

    # Over the radio

    def _go_up(self, size: int, rai: int, callback: Callable[..., object], *args: object) -> None:
        self._up.call_after(self._radio.send(size, rai), callback, *args)

    def _come_down(self, size: int, callback: Callable[..., object], *args: object) -> None:
        self._down.call(self._radio.receive, size, callback, *args)

    # To the peer

    @property
    @abc.abstractmethod
    def _header(self) -> int:
        """How large something without payload is, in bytes."""

    def _reach(self, destination: "Destination | ErrorCode") -> None:
        if isinstance(destination, ErrorCode):
            self._come_down(self._header, self._fail, destination)
        elif isinstance(destination.peer, SilentPeer):
            self._meet_silence(destination.peer, destination)
        elif destination.peer is not None:
            self._start(destination.peer, destination)
        else:
            self._dialling = asyncio.get_running_loop().create_task(
                self._dial(destination),
                name=f"bc260y-emulator.dial[{self.service_type.lower()} {destination.host}:{destination.port}]",
                # A context of its own, in which nobody has routed anything anywhere.
                context=contextvars.Context(),
            )
            self._dialling.add_done_callback(self._dialled)

    def _meet_silence(self, silence: SilentPeer, destination: "Destination") -> None:
        if silence.is_refusal:
            self._come_down(self._header, self._fail, ErrorCode.CONNECTION_FAILED)

    def _start(self, script: Peer, destination: "Destination") -> None:
        connection = PeerConnection(self, self.service_type, destination.host, destination.port)
        self.connected(connection)
        connection.start(script)

    async def _dial(self, destination: "Destination") -> None:
        try:
            await dial(self.kind, destination.loopback, destination.loopback_port, self)
        except OSError:
            self._come_down(self._header, self._fail, ErrorCode.CONNECTION_FAILED)

    def _dialled(self, task: "asyncio.Task[None]") -> None:
        self._dialling = None
        self._check_gone()

    def _fail(self, code: ErrorCode) -> None:
        if self._owner is not None:
            self._owner.failed(code)

    # From the peer

    def connected(self, endpoint: Endpoint) -> None:
        """Hear that the peer is there."""
        self._endpoint = endpoint
        if self._is_over:
            endpoint.abort()
        else:
            self._come_down(self._header, self._tell_opened)

    def _tell_opened(self) -> None:
        if self._owner is not None:
            self._owner.opened()

    @abc.abstractmethod
    def incoming(self, data: bytes) -> None:
        """Take what the peer sent."""

    def _arrive(self, data: bytes) -> None:
        if self._owner is not None:
            self._owner.received(data)
        else:
            self.consumed(len(data))

    def taken(self, size: int) -> None:
        """Hear that the peer's system has so many bytes more."""
        self._come_down(self._header, self._tell_acked, size)

    def _tell_acked(self, size: int) -> None:
        if self._owner is not None:
            self._owner.acked(size)

    def ended(self) -> None:
        """Hear that the peer has closed."""
        if not self._is_over:
            self._come_down(self._header, self._tell_closed)

    def _tell_closed(self) -> None:
        if self._owner is not None:
            self._owner.closed()

    def vanished(self) -> None:
        """Hear that nothing is left of the peer."""
        self._endpoint = None
        self._check_gone()

    def _check_gone(self) -> None:
        if self._owner is None and self._endpoint is None and self._dialling is None:
            self._up.clear()
            self._down.clear()
            if not self.gone.done():
                self.gone.set_result(None)


class TcpPath(Path):
    """The path of a TCP socket: ordered, nothing lost, held back where it is full."""

    kind = socket.SOCK_STREAM
    service_type = "TCP"

    @property
    def _header(self) -> int:
        return TCP_HEADER

    def open(self, destination: "Destination | ErrorCode") -> None:
        self._go_up(self._header, 0, self._reach, destination)

    def send(self, data: bytes, rai: int = 0) -> None:
        self._go_up(len(data) + TCP_HEADER, rai, self._deliver, data)

    def close(self) -> None:
        self._owner = None
        self._go_up(TCP_HEADER, 0, self._finish)

    def _deliver(self, data: bytes) -> None:
        if self._endpoint is not None:
            self._endpoint.write(data)

    def incoming(self, data: bytes) -> None:
        self._queued += len(data)
        self._come_down(len(data) + TCP_HEADER, self._arrive, data)
        if self._queued > WINDOW and not self._is_braked and self._endpoint is not None:
            self._is_braked = True
            self._endpoint.brake(on=True)


class UdpPath(Path):
    """The path of a UDP socket: whole datagrams, some of which are lost."""

    kind = socket.SOCK_DGRAM
    service_type = "UDP"
    _asks = False

    @property
    def _header(self) -> int:
        return QUESTION

    def open(self, destination: "Destination | ErrorCode") -> None:
        # It is the question to the name server that takes time; the peer hears nothing of an open.
        self._asks = isinstance(destination, ErrorCode) or destination.is_named
        if self._asks:
            self._go_up(QUESTION, 0, self._reach, destination)
        else:
            self._reach(destination)

    def connected(self, endpoint: Endpoint) -> None:
        if self._asks or self._is_over:
            super().connected(endpoint)
        else:
            self._endpoint = endpoint
            self._tell_opened()

    def send(self, data: bytes, rai: int = 0) -> None:
        # What gets lost on its way has been sent all the same.
        seconds = self._radio.send(len(data) + UDP_HEADER, rai)
        if self._network.loses() or not self._radio.is_on:
            self._network.datagrams_lost += 1
            return

        self._up.call_after(seconds, self._deliver, data)

    def close(self) -> None:
        self._owner = None
        self._up.call(self._finish)

    def _deliver(self, data: bytes) -> None:
        if self._endpoint is not None:
            self._endpoint.write(data)

    def incoming(self, data: bytes) -> None:
        if self._network.loses() or self._queued + len(data) > WINDOW:
            self._network.datagrams_lost += 1
            return

        self._queued += len(data)
        self._come_down(len(data) + UDP_HEADER, self._arrive, data)

    def _arrive(self, data: bytes) -> None:
        if self._radio.is_on:
            super()._arrive(data)
        else:
            self._network.datagrams_lost += 1
            self.consumed(len(data))

    def _meet_silence(self, silence: SilentPeer, destination: "Destination") -> None:
        # Nothing tells a UDP socket that nobody is there.
        self._start(silence, destination)

    def taken(self, size: int) -> None:
        # Nothing acknowledges a datagram.
        pass

    def ended(self) -> None:
        # Nothing tells a UDP socket that its peer is gone.
        pass
