"""Scripted peers: what stands behind an address of the emulated network, written as a coroutine."""

import asyncio
import contextlib
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeAlias

# How much a scripted peer leaves unread before it stops acknowledging, in bytes.
_RECEIVE_WINDOW: Final = 64 * 1024


class Way(Protocol):
    """What carries a peer's words to the module, and the module's to the peer."""

    def incoming(self, data: bytes) -> None:
        """Take what the peer sent; over UDP, a datagram."""

    def taken(self, size: int) -> None:
        """Hear that the peer's system has so many bytes more."""

    def ended(self) -> None:
        """Hear that the peer has closed."""

    def vanished(self) -> None:
        """Hear that nothing is left of the peer."""


class PeerConnection:
    """A socket of the module, seen from the peer that it was opened to.

    Attributes:
        service_type: ``"TCP"`` or ``"UDP"``.
        host: the peer's own name or address, as the module was given it.
        port: the peer's port.
        received: how many bytes have come so far.
        sent: how many have been sent.
        window: how much may lie unread before nothing more is acknowledged, in bytes. TCP only.
    """

    def __init__(self, path: Way, service_type: str, host: str, port: int) -> None:
        self._path: Way | None = path
        self._inbox: deque[bytes] = deque()
        self._unread = 0
        self._owed = 0
        self._is_finished = False
        self._is_reset = False
        self._is_closed = False
        self._is_braked = False
        self._waiter: asyncio.Future[None] | None = None
        self._drain: asyncio.Future[None] | None = None
        self._task: asyncio.Future[None] | None = None
        self.service_type = service_type
        self.host = host
        self.port = port
        self.received = 0
        self.sent = 0
        self.window = _RECEIVE_WINDOW

    def __repr__(self) -> str:
        return f"<PeerConnection {self.service_type} {self.host}:{self.port} in={self.received} out={self.sent}>"

    # What a script calls

    async def receive(self) -> bytes:
        """Return what came next: over TCP some bytes, over UDP one datagram; ``b""`` once the module has closed.

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

        data = self._inbox.popleft()
        self._unread -= len(data)
        if self._owed and self._unread <= self.window and self._path is not None:
            owed, self._owed = self._owed, 0
            self._path.taken(owed)

        return data

    async def receive_exactly(self, size: int) -> bytes:
        """Return the next ``size`` bytes of a TCP connection.

        Raises:
            EOFError: the module closed before they had come.
            ConnectionResetError: it went away without closing.
        """
        data = bytearray()
        while len(data) < size:
            piece = await self.receive()
            if not piece:
                raise EOFError(f"{len(data)} bytes came, not {size}")

            data += piece

        self._put_back(bytes(data[size:]))
        return bytes(data[:size])

    async def receive_until(self, ending: bytes) -> bytes:
        """Return the bytes of a TCP connection up to an ending, and with it.

        Raises:
            EOFError: the module closed before it had come.
            ConnectionResetError: it went away without closing.
        """
        data = bytearray()
        while (found := data.find(ending)) < 0:
            piece = await self.receive()
            if not piece:
                raise EOFError(f"{ending!r} did not come")

            data += piece

        end = found + len(ending)
        self._put_back(bytes(data[end:]))
        return bytes(data[:end])

    def _put_back(self, data: bytes) -> None:
        if data:
            self._inbox.appendleft(data)
            self._unread += len(data)

    async def wait_closed(self) -> None:
        """Wait until the module has closed, or gone away; what it has sent may lie unread."""
        while not (self._is_finished or self._is_reset or self._is_closed):
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    def send(self, data: bytes) -> None:
        """Send bytes to the module; over UDP they are one datagram. They are dropped once the connection is over."""
        if self._path is not None and not (self._is_closed or self._is_finished or self._is_reset):
            self.sent += len(data)
            self._path.incoming(bytes(data))

    async def drain(self) -> None:
        """Wait until the module keeps up with what was sent. Only TCP has such a brake."""
        while self._is_braked and self._path is not None:
            self._drain = asyncio.get_running_loop().create_future()
            await self._drain

    def close(self) -> None:
        """Close the connection after what was sent; the module says ``closed``. Ending the script does the same."""
        if self._path is not None and not self._is_closed:
            self._is_closed = True
            self._path.ended()

        self._wake()

    # What the path calls

    def start(self, script: "Peer") -> None:
        """Run the script."""
        # A context of its own: nothing that the caller has set for its tasks, such as a route, is for a peer.
        self._task = asyncio.get_running_loop().create_task(
            self._run(script),
            name=f"bc260y-emulator.peer[{self.service_type.lower()} {self.host}:{self.port}]",
            context=contextvars.Context(),
        )
        self._task.add_done_callback(self._ended)

    async def _run(self, script: "Peer") -> None:
        # A module that goes away is nothing that a script has to care for.
        with contextlib.suppress(ConnectionError, EOFError):
            await script(self)

    def _ended(self, task: "asyncio.Future[None]") -> None:
        if not task.cancelled() and (exc := task.exception()) is not None:
            context = {"message": f"The scripted peer of {self!r} failed", "exception": exc, "task": task}
            asyncio.get_running_loop().call_exception_handler(context)

        self.close()
        path, self._path = self._path, None
        if path is not None:
            path.vanished()

    def write(self, data: bytes) -> None:
        """Take what the module sent."""
        if self._is_closed:
            return

        self.received += len(data)
        self._inbox.append(data)
        self._unread += len(data)
        if self._unread > self.window:
            self._owed += len(data)
        elif self._path is not None:
            self._path.taken(len(data))

        self._wake()

    def finish(self) -> None:
        """Hear that the module has closed."""
        self._is_finished = True
        self._wake()

    def abort(self) -> None:
        """Hear that the module went away."""
        self._is_reset = True
        self._wake()

    def brake(self, *, on: bool) -> None:
        """Be asked to send no more, or to go on."""
        self._is_braked = on
        if not on and self._drain is not None and not self._drain.done():
            self._drain.set_result(None)

    def cancel(self) -> None:
        """End the script: the world ends."""
        if self._task is not None:
            self._task.cancel()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

        if self._is_reset or self._is_finished:
            self.brake(on=False)


Peer: TypeAlias = Callable[[PeerConnection], Awaitable[None]]
"""A scripted peer: it is called once for every socket that is opened to it."""


# Peers that everybody needs


class EchoPeer:
    """A peer that sends back what it gets."""

    async def __call__(self, connection: PeerConnection) -> None:
        """Serve one connection."""
        while data := await connection.receive():
            connection.send(data)
            await connection.drain()


class SinkPeer:
    """A peer that keeps what it gets and says nothing.

    Attributes:
        connections: one entry a connection: what has come.
        pieces: what has come, piece by piece: over UDP, the datagrams.
    """

    def __init__(self) -> None:
        self.connections: list[bytearray] = []
        self.pieces: list[bytes] = []
        self._has_more = asyncio.Event()

    async def until(self, size: int) -> bytes:
        """Wait until so many bytes have come in all, and return :attr:`data`. It waits for as long as that takes."""
        while len(self.data) < size:
            self._has_more.clear()
            await self._has_more.wait()

        return self.data

    @property
    def data(self) -> bytes:
        """What has come on all connections, one after another."""
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
    """A host that never answers: opening a TCP socket to it takes until the module gives up, and datagrams vanish.

    Attributes:
        is_refusal: it says at once that there is nobody, over TCP.
    """

    is_refusal = False

    async def __call__(self, connection: PeerConnection) -> None:
        """Take what comes, and say nothing."""
        while await connection.receive():
            pass


class RefusingPeer(SilentPeer):
    """A host that refuses: opening a TCP socket fails as soon as it has heard of it. Over UDP it is a silent one.

    A module does not tell a host that refuses from one that cannot be reached: both are error 566.
    """

    is_refusal = True


class StalledPeer:
    """A peer that stops reading: from then on it acknowledges nothing, and does not close.

    Args:
        after: how much it reads before, in bytes.
    """

    def __init__(self, after: int = 0) -> None:
        self._after = after

    async def __call__(self, connection: PeerConnection) -> None:
        """Serve one connection."""
        connection.window = 0
        await connection.receive_exactly(self._after)
        await connection.wait_closed()


class SourcePeer:
    """A peer that sends its data to whoever connects, and then closes.

    Args:
        data: what it sends.
        chunk: so many bytes at a time; over UDP, in each datagram.
        stays_open: it waits for the module to close instead.
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
