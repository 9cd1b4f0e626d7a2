"""Files over a connection of the module: ``loop.sendfile``, where the kernel has no socket to copy them to."""

import asyncio
import io
from typing import Any, Final

from ..transports import ModemTransport

# How much of a file is read at a time, in bytes.
_PIECE: Final = 16 * 1024


async def send_file(transport: Any, file: Any, offset: int = 0, count: int | None = None) -> int:
    """Send a file as :meth:`asyncio.loop.sendfile` does, its pieces one after another as the module takes them.

    Args:
        transport: the module's, or a TLS transport above it; its protocol is not called meanwhile.
        file: a binary file; afterwards its position is behind what was sent.
        offset: where to begin, in bytes.
        count: how much to send, in bytes; all by default.

    Returns:
        How many bytes were sent.

    Raises:
        RuntimeError: the transport is closing.
        ValueError: the file is not binary, or a number is out of range.
        TypeError: a number is none.
        ConnectionError: the connection ended first.
    """
    if transport.is_closing():
        raise RuntimeError("Transport is closing")

    _check(file, offset, count)
    loop = asyncio.get_running_loop()
    flow = _SendfileProtocol(transport)
    sent = 0
    try:
        if offset:
            file.seek(offset)

        while count is None or sent < count:
            size = _PIECE if count is None else min(_PIECE, count - sent)
            piece = await loop.run_in_executor(None, file.read, size)
            if not piece:
                break

            await flow.ready()
            transport.write(piece)
            sent += len(piece)

        await flow.ready()
        return sent
    finally:
        flow.release()
        if sent and hasattr(file, "seek"):
            file.seek(offset + sent)


def _check(file: Any, offset: int, count: int | None) -> None:
    if isinstance(file, io.TextIOBase) or "b" not in getattr(file, "mode", "b"):
        raise ValueError("file should be opened in binary mode")

    for name, number, least in (("offset", offset, 0), ("count", 1 if count is None else count, 1)):
        if not isinstance(number, int):
            raise TypeError(f"{name} must be an integer (got {number!r})")

        if number < least:
            raise ValueError(f"{name} must be {'non-negative' if least == 0 else 'positive'} (got {number!r})")


class _SendfileProtocol(asyncio.Protocol):
    """Replaces a transport's protocol meanwhile, to receive pause_writing and resume_writing."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._protocol = transport.get_protocol()
        self._loop = asyncio.get_running_loop()
        self._was_reading = transport.is_reading()
        # Both the module's transport and the standard library's TLS transport have this attribute.
        self._was_paused = transport._protocol_paused
        self._waiter: asyncio.Future[None] | None = None
        self._error: BaseException | None = None
        self._is_lost = False
        transport.pause_reading()
        transport.set_protocol(self)
        if self._was_paused:
            self.pause_writing()

    async def ready(self) -> None:
        """Wait until the transport takes more.

        Raises:
            ConnectionError: the connection has ended.
        """
        if self._waiter is not None:
            await self._waiter

        if self._is_lost or self._transport.is_closing():
            raise ConnectionError("Connection closed by peer") from self._error

    def release(self) -> None:
        """Give the transport its protocol back."""
        if self._is_lost:
            return

        if self._was_paused:
            self._protocol.resume_writing()

        self._transport.set_protocol(self._protocol)
        # The module's transport pauses the writing of a new protocol by itself.
        if self._waiter is not None and not isinstance(self._transport, ModemTransport):
            self._protocol.pause_writing()

        if self._was_reading and not self._transport.is_closing():
            self._transport.resume_reading()

    # Callbacks of the transport

    def pause_writing(self) -> None:
        """Stop."""
        if self._waiter is None:
            self._waiter = self._loop.create_future()

    def resume_writing(self) -> None:
        """Go on."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def eof_received(self) -> bool | None:
        """Pass the end of input on."""
        return self._protocol.eof_received()  # type: ignore[no-any-return]

    def connection_lost(self, exc: BaseException | None) -> None:
        """End the sending, and pass the loss on."""
        self._is_lost, self._error = True, exc
        self.resume_writing()
        self._protocol.connection_lost(exc)
