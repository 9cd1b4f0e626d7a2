"""A UDP socket of the module as an asyncio datagram transport."""

import asyncio
from typing import Any

from ..errors import BC260YError
from ..line.inbox import Inbox
from ..sockets.module_socket import ModuleSocket
from ..sockets.outbox import DatagramOutbox
from ..sockets.rai import RAI, effective
from .base import SocketTransport
from .buffers import Buffer, checked_buffer
from .closing import Closing


class ModemDatagramTransport(SocketTransport, asyncio.DatagramTransport):
    """A UDP socket of the module as an asyncio datagram transport, connected to one peer.

    Unlike a kernel socket, it loses its oldest datagrams when more than the modem's ``receive_limit`` wait to be
    delivered, and a datagram of more than 1024 bytes arrives as several, for the module splits it (guide 2.3, note 4),
    unless the modem has ``datagram_rejoin``.
    """

    _outbox: DatagramOutbox

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
        self._outbox = DatagramOutbox()
        super().__init__(loop, socket, protocol, extra=extra, closing=closing)
        self._start(waiter)

    def _deliver_next(self, inbox: Inbox) -> bool:
        data = inbox.take()
        try:
            self._protocol.datagram_received(data, (self._socket.host, self._socket.port))
        except Exception:
            # The exception goes to the loop's exception handler, and the other datagrams are delivered all the same.
            self._schedule_delivery()
            raise

        return True

    def _end_of_input(self, error: Exception | None) -> None:
        self._force_close(error)

    @property
    def split_datagrams(self) -> int:
        """How many parts seem to have been split off from a datagram of more than 1024 bytes."""
        return getattr(self._socket.inbox, "splits", 0)

    def take_waiting(self) -> list[bytes]:
        """Remove and return the datagrams that wait to be delivered."""
        inbox = self._socket.inbox
        return [inbox.take() for _ in range(inbox.count)]

    def sendto(self, data: Buffer, addr: Any = None, *, rai: RAI | None = None) -> None:
        """Send a datagram. As with asyncio, ``error_received`` gets an OSError, such as EMSGSIZE for one too long.

        Args:
            data: the bytes: up to 512 with hex, up to 1024 with text.
            addr: the peer, or None; no other address is allowed on a connected socket.
            rai: its release assistance indication; that of :func:`bc260y_aio.rai` by default.

        Raises:
            TypeError: the data is not bytes-like.
            ValueError: the address is another than the peer's; or the modem sends text only, and this is not text.
        """
        checked_buffer(data)
        if addr is not None and tuple(addr[:2]) != (self._socket.host, self._socket.port):
            raise ValueError(f"Invalid address: must be None or {(self._socket.host, self._socket.port)}")

        if not self._may_write():
            return

        try:
            self._socket.formats.check_datagram(data)
        except OSError as exc:
            self._notify("error_received", exc)
            return

        if not data:
            return

        self._outbox.put(data, effective(rai))
        self._start_sending()
        self._maybe_pause()

    async def _recover_send(self) -> None:
        try:
            await super()._recover_send()
        except BC260YError as exc:
            self._socket.check_open()
            self._outbox.drop(1)
            self._context.run(self._notify, "error_received", exc)
