"""The protocol of a port's transport: buffer, flow control, pauses and the loss of the port."""

import asyncio
from collections.abc import Callable
from typing import Final, cast

from ..errors import LocalProtocolError, PortLost
from .translation import GREETING_LIMIT, GREETING_TIME, refusal

# Beyond this many unread bytes the descriptor is not read, and the kernel applies its own flow control.
RECEIVE_LIMIT: Final = 256 * 1024


class Receiver(asyncio.Protocol):
    """The protocol of a port's transport: received bytes, flow control, and the end."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._loop = asyncio.get_running_loop()
        self.made: asyncio.Future[None] = self._loop.create_future()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self.size = 0
        self.read_total = 0
        self._chunks: list[bytes] = []
        self._reader: asyncio.Future[None] | None = None
        self._take: Callable[[bytes], None] | None = None
        self._transport: asyncio.Transport | None = None
        self.is_watching = True
        self._pause: asyncio.TimerHandle | None = None
        self._closed = False
        self.is_open = True
        self._loss: Exception | None = None
        self._made_at = self._loop.time()
        # The first bytes from a server on the network: it may say why it closes the connection.
        self._greeting = bytearray() if url.startswith("socket:") else None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._made_at = self._loop.time()
        if not self.made.done():
            self.made.set_result(None)

    def data_received(self, data: bytes) -> None:
        if self._greeting is not None:
            self._greeting += data
            if len(self._greeting) > GREETING_LIMIT:
                self._greeting = None

        if self._take is not None:
            self.read_total += len(data)
            try:
                self._take(data)
            except Exception as exc:
                self._take = None
                if self._reader is not None and not self._reader.done():
                    self._reader.set_exception(exc)

            return

        self._chunks.append(data)
        self.size += len(data)
        if self._reader is not None:
            self._wake()

        if self.size > RECEIVE_LIMIT:
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._loop.time() - self._made_at > GREETING_TIME:
            self._greeting = None

        if exc is not None or not self._closed:
            self._loss = exc or EOFError("the other end closed it")

        self.is_open = False
        if not self.ended.done():
            self.ended.set_result(None)

        self.pause(0)
        self._wake()

    async def read(self) -> bytes:
        """Wait for bytes and return them; see :meth:`bc260y_aio.port.Port.read`."""
        if self._reader is not None:
            raise LocalProtocolError(f"{self._url} is being read by another task")

        while not self._chunks:
            self.check()
            if not self.is_watching:
                self._watch()

            self._reader = self._loop.create_future()
            try:
                await self._reader
            finally:
                self._reader = None

        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self.read_total += self.size
        self.size = 0
        return data

    async def deliver(self, take: Callable[[bytes], None]) -> None:
        """Call back with bytes as soon as they arrive; see :meth:`bc260y_aio.port.Port.deliver`."""
        take(await self.read())
        self.check()
        self._watch()
        self._reader = self._loop.create_future()
        self._take = take
        try:
            await self._reader
        finally:
            self._take = self._reader = None

        self.check()

    def check(self) -> None:
        """Raise PortLost when the port has ended, with the text that a server wrote before it closed the connection."""
        if self._loss is not None:
            reason = getattr(self._loss, "strerror", None) or self._loss
            kind, words = refusal(self._greeting)
            raise kind(f"{self._url} was lost: {reason}{words}") from self._loss

        if self._closed:
            raise PortLost(f"{self._url} is closed")

    def close(self) -> None:
        """Note that the end of the port was requested."""
        self._closed = True
        self.is_open = False
        self._wake()

    def pause(self, seconds: float) -> None:
        """Stop watching for a time, in seconds; the last call counts."""
        if self._pause is not None:
            self._pause.cancel()

        self._pause = self._loop.call_later(seconds, self._end_pause) if seconds > 0 else None
        self._watch()

    def _end_pause(self) -> None:
        """End a pause: read available bytes without watching, because the reader may request the next pause at once."""
        self._pause = None
        fetch = getattr(self._transport, "fetch", None)
        if self._reader is None or fetch is None or not fetch() or self._take is not None:
            self._watch()

    def _watch(self) -> None:
        wanted = self._pause is None and self.size <= RECEIVE_LIMIT
        if self._transport is None or wanted is self.is_watching or self.ended.done():
            return

        self.is_watching = wanted
        if wanted:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
