"""A TCP connection of the module as an asyncio transport."""

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from typing import Any, Final

from ..errors import (
    BC260YError,
    ConnectionLost,
    HalfCloseNotSupported,
    ModemClosed,
    NotAcknowledged,
)
from ..line.inbox import Inbox
from ..sockets.module_socket import ModuleSocket
from ..sockets.outbox import StreamOutbox
from ..sockets.rai import RAI, effective
from .base import SocketTransport
from .buffers import Buffer, checked_buffer
from .closing import Closing
from .cork import Cork

logger = logging.getLogger("bc260y_aio")

# The end of a TLS handshake waits so long for the request that most clients send next, in seconds: together they are
# one segment, and one AT+QISEND.
_REQUEST_DELAY: Final = 0.02


class ModemTransport(SocketTransport, asyncio.Transport):
    """A TCP connection of the module as an asyncio transport.

    Unlike a kernel socket, it cannot hold its peer back: see :meth:`pause_reading`. And it cannot be closed in one
    direction
    only: :meth:`write_eof` raises NotImplementedError.
    """

    _outbox: StreamOutbox

    # asyncio's streams ask for this before they start TLS on a transport.
    _start_tls_compatible = True

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        socket: ModuleSocket,
        protocol: asyncio.BaseProtocol,
        *,
        extra: dict[str, Any],
        closing: Closing,
        waiter: asyncio.Future[None] | None = None,
    ) -> None:
        self._outbox = StreamOutbox()
        self._cork = Cork(loop, self._outbox, self._start_sending)
        self._keepalive: asyncio.Task[None] | None = None
        super().__init__(loop, socket, protocol, extra=extra, closing=closing)
        self._start(waiter)

    # Receiving

    def _deliver_next(self, inbox: Inbox) -> bool:
        # A protocol that pauses at each delivery, and resumes when it is asked for more, keeps up with the line so.
        data = inbox.take_joined()
        try:
            match self._protocol:
                case asyncio.BufferedProtocol():
                    self._feed(data)
                case protocol:
                    protocol.data_received(data)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self._fatal_error(exc, "fatal error: protocol.data_received() call failed")
            return False

        return True

    def _feed(self, data: bytes) -> None:
        view = memoryview(data)
        while view and not self._paused and not self._closing and isinstance(self._protocol, asyncio.BufferedProtocol):
            buffer = memoryview(self._protocol.get_buffer(len(view))).cast("B")
            size = min(len(buffer), len(view))
            if not size:
                raise RuntimeError("get_buffer() returned an empty buffer")

            buffer[:size] = view[:size]
            self._protocol.buffer_updated(size)
            view = view[size:]

        if view:
            self._socket.inbox.put_back(bytes(view))

    def _end_of_input(self, error: Exception | None) -> None:
        if error is not None:
            self._fatal_error(error, "connection lost")
            return

        try:
            keep_open = self._protocol.eof_received()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self._fatal_error(exc, "fatal error: protocol.eof_received() call failed")
            return

        if not keep_open:
            self.close()

    # Sending

    def write(self, data: Buffer, *, rai: RAI | None = None) -> None:
        """Write data; it is copied, and goes out in full chunks.

        Args:
            data: the bytes.
            rai: the release assistance indication of the last chunk; that of :func:`bc260y_aio.rai` by default.

        Raises:
            TypeError: the data is not bytes-like.
            ValueError: the modem sends text only, and this is not text.
        """
        if type(data) is not bytes:
            checked_buffer(data)

        if not data or (self._closing and not self._may_write()):
            return

        if (formats := self._socket.formats).mode == "text":
            formats.check(data)

        outbox = self._outbox
        indication = effective(rai)
        outbox.put(data, indication)
        if self._socket.awaits_records and not indication and self._ends_handshake(len(data)):
            # The writer is not paused, whatever its limits: it is to write the request.
            self._cork.pause(_REQUEST_DELAY)
            return

        if outbox.size > self._high_water:
            self._pause_protocol()

        if self._protocol_paused:
            # The writer that would fill the chunk waits until it is sent.
            outbox.release()

        if outbox.hold:
            self._cork.wrote()
        elif not self._is_sending:
            self._start_sending()

    def _ends_handshake(self, size: int) -> bool:
        """Return whether the last write, and nothing else, waits, and is the end of a TLS handshake."""
        outbox = self._outbox
        is_alone = not self._is_sending and not outbox.hold and outbox.size == size
        return is_alone and self._socket.ends_handshake(outbox.peek(1))

    def write_last(self, data: Buffer, *, is_answered: bool, is_needed: bool = True) -> None:
        """Write what goes out last before :meth:`close`, which a layer above knows before this transport does.

        Args:
            data: the bytes.
            is_answered: the peer will answer them. With ``rai_on_close`` they carry ``RAI.ONE_REPLY`` then, and else
                ``RAI.NO_FURTHER_DATA``.
            is_needed: the close has to wait until the peer has acknowledged them.
        """
        if not (is_needed or self._close_options.rai_follows):
            self._socket.unneeded = len(data)

        if self._close_options.rai:
            self.write(data, rai=RAI.ONE_REPLY if is_answered else RAI.NO_FURTHER_DATA)
        else:
            self.write(data)

    def cork(self, delay: float | None = None) -> contextlib.AbstractContextManager[None]:
        """Hold back what does not fill an AT+QISEND, because more will follow, until the block ends.

        Small writes that are made over time then go out together: each AT+QISEND costs some 50 bytes on the line, and
        airtime, and may wake the radio. A write with a RAI releases the data held back, and so do :meth:`close`,
        :meth:`drained` and :meth:`wait_acked`; a protocol whose writing is paused is not kept waiting.

            with transport.cork(0.2):
                ...

        Args:
            delay: the longest that anything is held back, in seconds; by default, as long as the block lasts.

        Raises:
            ValueError: the delay is not positive.
        """
        return self._cork.hold(self._socket.formats.largest_chunk, delay)

    async def drained(self) -> None:
        """Wait until the module has taken everything written, or the transport is lost; held data is released."""
        if self._write_records is not None:
            self._write_records()

        if not self._is_sending or self._outbox.hold:
            self._cork.release()

        while self._is_sending:
            drained = self._loop.create_future()
            self._drained.append(drained)
            await drained

    def writelines(self, list_of_data: Iterable[Buffer]) -> None:
        """Write several pieces of data as one."""
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        """Return False: the module cannot close one direction only."""
        return False

    def write_eof(self) -> None:
        """Refuse, and log a warning if the connection is not closed next.

        Raises:
            HalfCloseNotSupported: always, a NotImplementedError and an OSError. asyncio's own TLS transport raises
                NotImplementedError.
        """
        # A caller that ignores every OSError would wait for a peer that waits for this end.
        self._loop.call_soon(self._warn_of_ignored_eof)
        raise HalfCloseNotSupported("a module socket cannot be closed in one direction only: use close()")

    def _warn_of_ignored_eof(self) -> None:
        if not self._closing:
            logger.warning("%r: write_eof() was refused, so the peer sees no end of the data until close()", self)

    async def wait_acked(self, timeout: float) -> None:
        """Wait until everything written has been sent, and acknowledged by the peer.

        Args:
            timeout: how long to wait, in seconds.

        Raises:
            NotAcknowledged: some of it was not acknowledged in time.
            ConnectionLost: the connection ended first.
            ModemClosed: the transport was closed.
        """
        deadline = self._loop.time() + timeout
        try:
            async with asyncio.timeout_at(deadline):
                await self.drained()
        except TimeoutError:
            raise NotAcknowledged(len(self._outbox)) from None

        if self._failure is not None:
            raise self._failure

        if self._lost:
            raise ModemClosed("the transport was closed")

        self._socket.check_open()
        unacked = await self._socket.wait_acked(max(deadline - self._loop.time(), 0.0))
        if unacked != 0:
            self._socket.check_open()
            raise NotAcknowledged(unacked) if unacked else ConnectionLost("the connection ended")

    # Whether the session is alive (guide 4.2.10)

    async def check_alive(self, payload: Buffer, *, timeout: float = 90.0) -> None:
        """Check that the session is still alive: the network may drop an idle one silently (guide 4.2.10).

        A short chunk of data is sent, and the peer must acknowledge it. If it does not, the connection is closed with
        an error, and has to be opened again.

        Args:
            payload: data that the peer's protocol treats as harmless.
            timeout: how long to wait, in seconds; the guide's procedure takes 90.

        Raises:
            NotAcknowledged: the session is dead; a ConnectionResetError.
            ConnectionLost: the module has noticed that meanwhile.
            ModemClosed: the transport is closed.
        """
        if self._closing:
            raise ModemClosed("the transport was closed")

        self.write(payload)
        try:
            await self.wait_acked(timeout)
        except BC260YError as exc:
            self._fatal_error(exc, "the session is dead")
            raise

    def set_keepalive(self, interval: float | None, payload: Buffer = b"\0") -> None:
        """Run :meth:`check_alive` whenever nothing has been sent for a while.

        A dead session then ends by itself: ``connection_lost`` gets the error.

        Args:
            interval: how long nothing may have been sent, in seconds; the guide advises less than 600. None stops it.
            payload: data that the peer's protocol treats as harmless.

        Raises:
            ValueError: the interval is not positive, or the payload is empty; or the modem sends text only, and this is
                not text, as the default payload, a NUL byte, is not.
        """
        if interval is not None:
            if interval <= 0 or not payload:
                raise ValueError("a keepalive needs a positive interval and a payload")

            self._socket.formats.check(payload)

        if self._keepalive is not None:
            self._keepalive.cancel()
            self._keepalive = None

        if interval is not None and not self._closing:
            work = self._keep_alive(interval, bytes(payload))
            self._keepalive = self._socket.tasks.spawn(work, f"{self._socket.connect_id}.keepalive")

    async def _keep_alive(self, interval: float, payload: bytes) -> None:
        self._socket.sent_at = max(self._socket.sent_at, self._loop.time())
        while not self._closing:
            wait = self._socket.sent_at + interval - self._loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
                continue

            try:
                await self.check_alive(payload)
            except BC260YError:
                return

    def close(self) -> None:
        """Stop reading, send the data that waits, and close."""
        self.set_keepalive(None)
        self._cork.release()
        super().close()

    def _force_close(self, exc: BaseException | None) -> None:
        if self._keepalive is not None and self._keepalive is not asyncio.current_task(self._loop):
            self.set_keepalive(None)

        self._cork.cancel()
        super()._force_close(exc)

    def _call_connection_lost(self, exc: BaseException | None) -> None:
        super()._call_connection_lost(exc)
        self._cork.detach()
