"""The end of a connection for coroutines: the bridge and the anyio streams stand on it."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar

from ..errors import ConnectionLost, ModemClosed

P = TypeVar("P", bound=asyncio.BaseProtocol)

# How many datagrams wait for a receiver, where a transport cannot be paused; the oldest is dropped for one more.
_MOST_DATAGRAMS: Final = 100


class Opener(Protocol):
    """An opener of connections: a modem, or anything else with these two methods of an event loop."""

    async def create_connection(
        self,
        protocol_factory: Callable[[], P],
        host: str,
        port: int,
        *,
        family: int = 0,
        local_addr: tuple[str, int] | None = None,
    ) -> tuple[asyncio.Transport, P]:
        """Open a TCP connection."""

    async def create_datagram_endpoint(
        self,
        protocol_factory: Callable[[], P],
        local_addr: tuple[str, int] | None = None,
        remote_addr: tuple[str, int] | None = None,
        *,
        family: int = 0,
    ) -> tuple[asyncio.DatagramTransport, P]:
        """Open a UDP socket."""


class End(asyncio.BaseProtocol):
    """Code that the ends of streams and of datagrams share. One task at a time may receive, and one may send.

    Attributes:
        transport: the transport.
        lost: is set once the connection is over, and nothing is left of it.
        error: why it is, if neither side closed it, or if not everything was acknowledged.
        is_closing: whether it was closed from this side.
        received: how many bytes have been received.
    """

    transport: Any = None

    def __init__(self, high_water: int) -> None:
        """Make an end that gets its transport later.

        Args:
            high_water: :meth:`send` returns when no more than so many bytes wait for the module to take them. With 0 it
                returns when the module has taken everything.
        """
        self.lost = asyncio.Event()
        self.error: BaseException | None = None
        self.is_closing = False
        self.received = 0
        self._high_water = high_water
        self._has_ended = False
        self._changed = asyncio.Event()
        self._may_write = asyncio.Event()
        self._may_write.set()

    # Callbacks of the transport

    def connection_made(self, transport: Any) -> None:
        """Keep the transport, and pause its reading until a receiver waits."""
        self.transport = transport
        transport.set_write_buffer_limits(self._high_water)
        self._pause()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Wake all waiters."""
        if exc is None and not self._has_ended:
            exc = ModemClosed("the modem was closed")

        self.error = exc
        self.lost.set()
        self._end()
        self._may_write.set()

    def pause_writing(self) -> None:
        """Make the sender wait."""
        self._may_write.clear()

    def resume_writing(self) -> None:
        """Let the sender continue."""
        self._may_write.set()

    def _pause(self) -> None:
        self.transport.pause_reading()

    def _resume(self) -> None:
        self.transport.resume_reading()

    def _end(self) -> None:
        self._has_ended = True
        self._changed.set()

    # Called by coroutines

    async def _wait_for_item(self, queue: "deque[Any]") -> bool:
        """Wait until there is something in a queue; return False if there will not be."""
        while not queue and not self._has_ended:
            self._changed.clear()
            self._resume()
            try:
                await self._changed.wait()
            finally:
                self._pause()

        return bool(queue)

    def check(self) -> None:
        """Check that the connection is open.

        Raises:
            OSError: it does not, and this is why.
        """
        if self.error is not None:
            raise self.error.with_traceback(None)

        if self.lost.is_set() or self.is_closing or self.transport.is_closing():
            # A transport that is closing drops what is written; it was lost, or somebody closes the modem.
            loss = getattr(self.transport, "loss", None) or ConnectionLost("the connection was closed")
            raise loss.with_traceback(None)

    async def _drain(self) -> None:
        """Wait until the module has taken the data written, down to the high water mark."""
        await self._may_write.wait()
        if self.lost.is_set():
            self.check()

    def close(self) -> None:
        """Send the data that waits, and close; a receiver gets the end."""
        self.is_closing = True
        self._end()
        self.transport.close()

    def abort(self) -> None:
        """Close at once, if it was ever open, and discard the data that waits."""
        self.is_closing = True
        self._end()
        if self.transport is not None:
            self.transport.abort()

    async def wait_closed(self) -> None:
        """Wait until the connection is over.

        Raises:
            OSError: neither side closed it, or not everything was acknowledged.
        """
        await self.lost.wait()
        if self.error is not None:
            raise self.error.with_traceback(None)


class StreamEnd(End, asyncio.Protocol):
    """The end of a stream. It holds one chunk of received data; the rest waits in the transport, which has a limit."""

    def __init__(self, high_water: int) -> None:
        super().__init__(high_water)
        self._chunks: deque[bytes] = deque()

    def data_received(self, data: bytes) -> None:
        """Keep a chunk until it is asked for."""
        self.received += len(data)
        self._chunks.append(data)
        self._pause()
        self._changed.set()

    def eof_received(self) -> bool:
        """Remember that nothing more will come; the transport stays until this end closes it."""
        self._end()
        return True

    async def receive(self) -> bytes:
        """Return the next chunk of received data, waiting for it; ``b""`` when the peer, or this side, has closed.

        Raises:
            OSError: the connection was lost; what had come before has been returned.
        """
        if await self._wait_for_item(self._chunks):
            return self._chunks.popleft()

        if self.error is not None:
            raise self.error.with_traceback(None)

        return b""

    async def send(self, data: bytes) -> None:
        """Send bytes, and wait until the module has taken them, down to the high water mark.

        Raises:
            OSError: the connection was lost or closed.
            ValueError: the modem sends text only, and this is not text.
        """
        self.check()
        self.transport.write(data)
        await self._drain()


class DatagramEnd(End, asyncio.DatagramProtocol):
    """The end of a datagram socket, connected or not."""

    def __init__(self, high_water: int = 0) -> None:
        super().__init__(high_water)
        self._datagrams: deque[tuple[bytes, Any]] = deque()
        self._refusal: Exception | None = None

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Keep a datagram until it is asked for."""
        self.received += len(data)
        if len(self._datagrams) >= _MOST_DATAGRAMS:
            self._datagrams.popleft()

        self._datagrams.append((data, addr))
        self._pause()
        self._changed.set()

    def error_received(self, exc: Exception) -> None:
        """Keep the reason why a datagram could not be sent, for its sender."""
        self._refusal = exc

    def _pause(self) -> None:
        if hasattr(self.transport, "pause_reading"):
            self.transport.pause_reading()

    def _resume(self) -> None:
        if hasattr(self.transport, "resume_reading"):
            self.transport.resume_reading()

    async def receive(self) -> tuple[bytes, Any] | None:
        """Return the next datagram and where it is from, waiting for it; None when this side has closed.

        Raises:
            OSError: the socket was lost.
        """
        if await self._wait_for_item(self._datagrams):
            return self._datagrams.popleft()

        if self.error is not None:
            raise self.error.with_traceback(None)

        return None

    async def send(self, data: bytes, addr: Any = None) -> None:
        """Send a datagram, and wait until the module has taken it.

        Raises:
            OSError: it could not be sent, and the next one may be; or the socket was lost or closed.
            ValueError: the modem sends text only, and this is not text; or there is no peer, or another one.
        """
        self.check()
        self._refusal = None
        self.transport.sendto(data, addr)
        await self._drain()
        refusal, self._refusal = self._refusal, None
        if refusal is not None:
            raise refusal.with_traceback(None)
