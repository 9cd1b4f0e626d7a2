"""Scripted peers: the servers of the emulated network, each written as a coroutine."""

import asyncio
import contextlib
import contextvars
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeAlias

# How much a scripted peer leaves unread before it stops acknowledging, in bytes.
_RECEIVE_WINDOW: Final = 64 * 1024


class PeerLink(Protocol):
    """The way from a peer to the module: it is notified of what the peer does."""

    def peer_sent(self, data: bytes) -> None:
        """The peer sent bytes; over UDP, a datagram."""

    def peer_acknowledged(self, size: int) -> None:
        """The peer's system has taken so many bytes more."""

    def peer_closed(self) -> None:
        """The peer has closed."""

    def peer_gone(self) -> None:
        """Nothing is left of the peer."""


class PeerConnection:
    """A connection, or the datagrams, of one socket of the module, as its peer uses them.

    Attributes:
        service_type: ``"TCP"`` or ``"UDP"``.
        host: the peer's own name or address, as the module was given it.
        port: the peer's port.
        received: how many bytes have been received so far.
        sent: how many have been sent.
        window: how many bytes may be unread before nothing more is acknowledged. TCP only.
    """

    def __init__(self, link: PeerLink, service_type: str, host: str, port: int) -> None:
        self._link: PeerLink | None = link
        self._inbox: list[bytes] = []
        self._unread = 0
        self._unacknowledged = 0
        self._is_finished = False
        self._is_reset = False
        self._is_closed = False
        self._is_paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._task: asyncio.Future[None] | None = None
        self.service_type = service_type
        self.host = host
        self.port = port
        self.received = 0
        self.sent = 0
        self.window = _RECEIVE_WINDOW

    def __repr__(self) -> str:
        return f"<PeerConnection {self.service_type} {self.host}:{self.port} in={self.received} out={self.sent}>"

    # Calls from the script

    async def receive(self) -> bytes:
        """Return the next bytes, over UDP the next datagram; ``b""`` once the module has closed.

        Raises:
            ConnectionResetError: the module went away without closing.
        """
        while not self._inbox:
            if self._is_reset:
                raise ConnectionResetError("the module went away")

            if self._is_finished or self._is_closed:
                return b""

            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

        data = self._inbox.pop(0)
        self._unread -= len(data)
        if self._unacknowledged and self._unread <= self.window and self._link is not None:
            size, self._unacknowledged = self._unacknowledged, 0
            self._link.peer_acknowledged(size)

        return data

    async def receive_exactly(self, size: int) -> bytes:
        """Return the next ``size`` bytes of a TCP connection.

        Raises:
            EOFError: the module closed before they were received.
            ConnectionResetError: it went away without closing.
        """
        data = bytearray()
        while len(data) < size:
            piece = await self.receive()
            if not piece:
                raise EOFError(f"{len(data)} bytes were received, not {size}")

            data += piece

        self._put_back(bytes(data[size:]))
        return bytes(data[:size])

    async def receive_until(self, ending: bytes) -> bytes:
        """Return the bytes of a TCP connection up to an ending, and with it.

        Raises:
            EOFError: the module closed before it was received.
            ConnectionResetError: it went away without closing.
        """
        data = bytearray()
        while (found := data.find(ending)) < 0:
            piece = await self.receive()
            if not piece:
                raise EOFError(f"{ending!r} was not received")

            data += piece

        end = found + len(ending)
        self._put_back(bytes(data[end:]))
        return bytes(data[:end])

    def _put_back(self, data: bytes) -> None:
        if data:
            self._inbox.insert(0, data)
            self._unread += len(data)

    async def wait_closed(self) -> None:
        """Wait until the module has closed, or gone away; bytes that it sent may be left unread."""
        while not (self._is_finished or self._is_reset or self._is_closed):
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    def send(self, data: bytes) -> None:
        """Send bytes to the module; over UDP they are one datagram. They are dropped once the connection is over."""
        if self._link is not None and not (self._is_closed or self._is_finished or self._is_reset):
            self.sent += len(data)
            self._link.peer_sent(bytes(data))

    async def drain(self) -> None:
        """Wait until the module keeps up with what was sent. Only TCP has such flow control."""
        while self._is_paused and self._link is not None:
            self._drained = asyncio.get_running_loop().create_future()
            await self._drained

    def close(self) -> None:
        """Close the connection after what was sent; the module reports ``closed``. The end of a script closes too."""
        if self._link is not None and not self._is_closed:
            self._is_closed = True
            self._link.peer_closed()

        self._wake()

    # Calls from the link

    def start(self, script: "Peer") -> None:
        """Run the script."""
        # A context of its own: what the caller has set for its tasks, such as a route, must not apply to a peer.
        self._task = asyncio.get_running_loop().create_task(
            self._run(script),
            name=f"bc260y-emulator.peer[{self.service_type.lower()} {self.host}:{self.port}]",
            context=contextvars.Context(),
        )
        self._task.add_done_callback(self._ended)

    async def _run(self, script: "Peer") -> None:
        # A script need not handle a module that goes away.
        with contextlib.suppress(ConnectionError, EOFError):
            await script(self)

    def _ended(self, task: "asyncio.Future[None]") -> None:
        if not task.cancelled() and (exc := task.exception()) is not None:
            context = {"message": f"The scripted peer of {self!r} failed", "exception": exc, "task": task}
            asyncio.get_running_loop().call_exception_handler(context)

        self.close()
        link, self._link = self._link, None
        if link is not None:
            link.peer_gone()

    def write(self, data: bytes) -> None:
        """Take what the module sent."""
        if self._is_closed:
            return

        self.received += len(data)
        self._inbox.append(data)
        self._unread += len(data)
        if self._unread > self.window:
            self._unacknowledged += len(data)
        elif self._link is not None:
            self._link.peer_acknowledged(len(data))

        self._wake()

    def finish(self) -> None:
        """The module has closed."""
        self._is_finished = True
        if self._link is not None and not self._unacknowledged:
            self._link.peer_acknowledged(0)

        self._wake()

    def abort(self) -> None:
        """The module went away without closing."""
        self._is_reset = True
        self._wake()

    def pause_sending(self) -> None:
        """Let :meth:`drain` wait from now on."""
        self._is_paused = True

    def resume_sending(self) -> None:
        """Let :meth:`drain` return."""
        self._is_paused = False
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    def cancel(self) -> None:
        """Cancel the script."""
        if self._task is not None:
            self._task.cancel()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

        if self._is_reset or self._is_finished:
            self.resume_sending()


Peer: TypeAlias = Callable[[PeerConnection], Awaitable[None]]
"""A scripted peer: it is called once for every socket that is opened to it."""


# Ready-made peers


class EchoPeer:
    """A peer that sends back what it receives."""

    async def __call__(self, connection: PeerConnection) -> None:
        """Serve one connection."""
        while data := await connection.receive():
            connection.send(data)
            await connection.drain()


class SinkPeer:
    """A peer that keeps what it receives and sends nothing.

    Attributes:
        connections: the bytes received, an entry for each connection.
        pieces: the same piece by piece; over UDP, the datagrams.
    """

    def __init__(self) -> None:
        self.connections: list[bytearray] = []
        self.pieces: list[bytes] = []
        self._has_more = asyncio.Event()

    async def until(self, size: int) -> bytes:
        """Wait until so many bytes have been received in all, without a limit, and return :attr:`data`."""
        while len(self.data) < size:
            self._has_more.clear()
            await self._has_more.wait()

        return self.data

    @property
    def data(self) -> bytes:
        """The bytes received on all connections, one connection after another."""
        return b"".join(bytes(data) for data in self.connections)

    async def __call__(self, connection: PeerConnection) -> None:
        """Serve one connection."""
        received = bytearray()
        self.connections.append(received)
        while data := await connection.receive():
            received += data
            self.pieces.append(data)
            self._has_more.set()


class SilentPeer:
    """A host that never answers: opening a TCP socket to it takes until the module gives up, and datagrams are lost.

    Attributes:
        is_refusal: it refuses TCP connections at once.
    """

    is_refusal = False

    async def __call__(self, connection: PeerConnection) -> None:
        """Read everything, and send nothing."""
        while await connection.receive():
            pass


class RefusingPeer(SilentPeer):
    """A host that refuses: opening a TCP socket fails after one round trip. Over UDP it is a silent one.

    A module reports a host that refuses and one that cannot be reached alike: both are error 566.
    """

    is_refusal = True


class StalledPeer:
    """A peer that stops reading: from then on it acknowledges nothing and does not close.

    Args:
        after: how many bytes it reads before that.
    """

    def __init__(self, after: int = 0) -> None:
        self._after = after

    async def __call__(self, connection: PeerConnection) -> None:
        """Serve one connection."""
        connection.window = 0
        await connection.receive_exactly(self._after)
        await connection.wait_closed()


class SourcePeer:
    """A peer that sends its data to each connection, and then closes.

    Args:
        data: what it sends.
        chunk: so many bytes at a time; over UDP, in each datagram.
        stays_open: it waits for the module to close first.
    """

    def __init__(self, data: bytes, *, chunk: int = 1024, stays_open: bool = False) -> None:
        self._data = data
        self._chunk = chunk
        self._stays_open = stays_open

    async def __call__(self, connection: PeerConnection) -> None:
        """Serve one connection."""
        for start in range(0, len(self._data), self._chunk):
            connection.send(self._data[start : start + self._chunk])
            await connection.drain()

        while self._stays_open and await connection.receive():
            pass
