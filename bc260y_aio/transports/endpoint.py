"""A UDP socket with coroutines instead of callbacks."""

import asyncio
from collections import deque
from types import TracebackType
from typing import Any, Self

from ..errors import ModemClosed
from ..sockets.rai import RAI
from . import ModemDatagramTransport


class DatagramEndpoint:
    """A UDP socket connected to one peer: ``await send()``, ``await receive()``, ``async for``.

    Also an async context manager, which closes it.
    """

    def __init__(self, protocol: "EndpointProtocol") -> None:
        self._protocol = protocol

    def __repr__(self) -> str:
        return f"<DatagramEndpoint {self.transport!r}>"

    @property
    def transport(self) -> ModemDatagramTransport:
        """The transport underneath."""
        return self._protocol.transport

    async def send(self, data: bytes, *, rai: RAI | None = None) -> None:
        """Send a datagram, waiting while too many of them wait to go out.

        Args:
            data: the bytes: up to 512 with hex, up to 1024 with text.
            rai: its release assistance indication; that of :func:`bc260y_aio.rai` by default.

        Raises:
            OSError: EMSGSIZE, it is too long; or an earlier one could not be sent.
            ModemClosed: the endpoint was closed.
            ConnectionLost: the module restarted.
            PortLost: the serial port went away.
        """
        self._protocol.check()
        self.transport.sendto(data, rai=rai)
        await self._protocol.drain()
        self._protocol.check()

    async def receive(self) -> bytes:
        """Return the next datagram, waiting for it.

        Raises:
            ModemClosed: the endpoint was closed.
            ConnectionLost: the module restarted.
            PortLost: the serial port went away.
        """
        return await self._protocol.receive()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await self._protocol.receive()
        except ModemClosed:
            raise StopAsyncIteration from None

    def close(self) -> None:
        """Close the socket, once the datagrams that wait have been sent. Received ones can still be taken."""
        self._protocol.keep_received()
        self.transport.close()

    async def wait_closed(self) -> None:
        """Wait until the socket is closed and its connectID is free again."""
        await self._protocol.closed.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
        await self.wait_closed()


class EndpointProtocol(asyncio.DatagramProtocol):
    """The protocol between the transport's callbacks and the endpoint's coroutines."""

    transport: ModemDatagramTransport

    def __init__(self) -> None:
        self.closed = asyncio.Event()
        self._datagrams: deque[bytes] = deque()
        self._error: Exception | None = None
        self._receivers: deque[asyncio.Future[None]] = deque()
        self._may_write = asyncio.Event()
        self._may_write.set()

    def connection_made(self, transport: Any) -> None:
        """Take the transport."""
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Keep a datagram until it is asked for, holding the rest back in the transport's bounded queue."""
        self._datagrams.append(data)
        self.transport.pause_reading()
        self._wake()

    def keep_received(self) -> None:
        """Take the datagrams of the transport's queue, before that is closed."""
        self._datagrams.extend(self.transport.take_waiting())
        self._wake()

    def error_received(self, exc: Exception) -> None:
        """Keep an error for the next send or receive."""
        self._error = exc
        self._wake()

    def pause_writing(self) -> None:
        """Make senders wait."""
        self._may_write.clear()

    def resume_writing(self) -> None:
        """Let senders continue."""
        self._may_write.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake all waiters."""
        self._error = exc or self._error
        self.closed.set()
        self._may_write.set()
        self._wake()

    def check(self) -> None:
        """Raise the error that has been kept, if there is one, or ModemClosed after the end."""
        if self._error is not None:
            error = self._error
            if not self.closed.is_set():
                self._error = None

            raise error.with_traceback(None)

        if self.transport.is_closing():
            raise (self.transport.loss or ModemClosed("the endpoint was closed")).with_traceback(None)

    async def drain(self) -> None:
        """Wait while writing is paused."""
        await self._may_write.wait()

    async def receive(self) -> bytes:
        """Return the oldest datagram, waiting for it."""
        while not self._datagrams:
            self.check()
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._receivers.append(waiter)
            self.transport.resume_reading()
            try:
                await waiter
            finally:
                if waiter in self._receivers:
                    self._receivers.remove(waiter)

        return self._datagrams.popleft()

    def _wake(self) -> None:
        for waiter in self._receivers:
            if not waiter.done():
                waiter.set_result(None)
