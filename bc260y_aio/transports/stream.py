"""A TCP connection of the module as an asyncio transport."""

import asyncio
from collections.abc import Iterable
from typing import Any

from ..errors import NotAcknowledged
from ..outbox import StreamOutbox
from ..rai import RAI, effective
from ..sockets import ModuleSocket
from .base import Buffer, SocketTransport, checked_buffer


class ModemTransport(SocketTransport, asyncio.Transport):
    """A TCP connection of the module as an asyncio transport.

    Unlike a kernel socket, it cannot hold its peer back: see :meth:`pause_reading`. And it cannot be closed in one
    direction
    only: :meth:`write_eof` raises NotImplementedError.
    """

    # asyncio's streams ask for this before they start TLS on a transport.
    _start_tls_compatible = True

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        socket: ModuleSocket,
        protocol: asyncio.BaseProtocol,
        *,
        extra: dict[str, Any],
        close_timeout: float,
        waiter: asyncio.Future[None] | None = None,
    ) -> None:
        self._outbox = StreamOutbox()
        super().__init__(loop, socket, protocol, extra=extra, close_timeout=close_timeout)
        self._start(waiter)

    # Receiving

    def _hand_over(self, data: bytes) -> bool:
        protocol = self._protocol
        try:
            if isinstance(protocol, asyncio.BufferedProtocol):
                _feed(protocol, data)
            else:
                protocol.data_received(data)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as exc:
            self._fatal_error(exc, "fatal error: protocol.data_received() call failed")
            return False

        return True

    def _end_of_input(self, error: Exception | None) -> None:
        self._paused = True
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
        """Write data; it is copied, and goes out in full pieces.

        Args:
            data: the bytes.
            rai: what the last piece tells the network; that of :func:`bc260y_aio.rai` by default.

        Raises:
            TypeError: the data is not bytes-like.
            ValueError: the modem sends text only, and this is not text.
        """
        if not checked_buffer(data) or not self._may_write():
            return

        self._socket.formats.check(data)
        self._outbox.put(data, effective(rai))
        self._start_sending()
        self._maybe_pause()

    def writelines(self, list_of_data: Iterable[Buffer]) -> None:
        """Write several pieces of data as one."""
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        """Return False: the module cannot close one direction only."""
        return False

    def write_eof(self) -> None:
        """Refuse.

        Raises:
            NotImplementedError: always. asyncio's own TLS transport does the same.
        """
        raise NotImplementedError("a module socket cannot be closed in one direction only")

    async def wait_acked(self, timeout: float) -> None:
        """Wait until everything written has been sent, and acknowledged by the peer.

        Args:
            timeout: how long to wait, in seconds.

        Raises:
            NotAcknowledged: some of it was not acknowledged in time.
            ConnectionLost: the connection ended first.
            CommandFailed: the module does not know the socket any more.
        """
        deadline = self._loop.time() + timeout
        try:
            async with asyncio.timeout_at(deadline):
                await self.drained()
        except TimeoutError:
            raise NotAcknowledged(len(self._outbox)) from None

        self._socket.check_open()
        if unacked := await self._socket.wait_acked(max(deadline - self._loop.time(), 0.0)):
            raise NotAcknowledged(unacked)


def _feed(protocol: asyncio.BufferedProtocol, data: bytes) -> None:
    view = memoryview(data)
    while view:
        buffer = memoryview(protocol.get_buffer(len(view))).cast("B")
        size = min(len(buffer), len(view))
        if not size:
            raise RuntimeError("get_buffer() returned an empty buffer")

        buffer[:size] = view[:size]
        protocol.buffer_updated(size)
        view = view[size:]
