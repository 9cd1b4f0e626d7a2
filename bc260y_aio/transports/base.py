"""Code that the stream and the datagram transport share: delivery, sending, closing."""

import asyncio
import contextvars
import logging
import warnings
from collections.abc import Callable
from typing import Any, Final

from ..at.information import AckStatus
from ..errors import BC260YError, ConnectionLost, ModemClosed, NotAcknowledged
from ..line.inbox import Inbox
from ..sockets.module_socket import ModuleSocket
from ..sockets.outbox import DatagramOutbox, StreamOutbox
from ..sockets.rai import RAI
from ..sockets.sending import Sending
from ..usage import ConnectionUsage
from .closing import Closing
from .flow import FlowControl
from .socket_facade import SocketFacade
from .traffic import Traffic

logger = logging.getLogger("bc260y_aio")

_IGNORED_WRITES_BEFORE_WARNING: Final = 5
# A close waits at least so long for the module to take more of what was written, in seconds: several lost answers in a
# row, each with its time to come late, are no reason to give up.
_FLUSH_TIMEOUT: Final = 180.0


class SocketTransport(FlowControl):
    """Code that the stream and the datagram transport share."""

    _outbox: StreamOutbox | DatagramOutbox

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        socket: ModuleSocket,
        protocol: asyncio.BaseProtocol,
        *,
        extra: dict[str, Any],
        closing: Closing,
    ) -> None:
        super().__init__()
        self._loop = loop
        self._socket = socket
        self._protocol: Any = None
        # Has TLS above write what it has held back in this turn of the loop.
        self._write_records: Callable[[], None] | None = None
        self._extra = extra
        self._facade = SocketFacade(
            socket.inbox,
            service_type=socket.service_type,
            sockname=extra["sockname"],
            peername=extra["peername"],
        )
        self._close_options = closing
        self._context = contextvars.copy_context()
        self._closing = self._lost = self._paused = False
        self._is_delivery_due = False
        self._sending = Sending(socket, self._outbox, self._stopped_sending, self._on_taken)
        self._is_sending = False
        # The task that handles a send that stopped before everything was sent.
        self._sender: asyncio.Task[None] | None = None
        self._drained: list[asyncio.Future[None]] = []
        self._finisher: asyncio.Task[None] | None = None
        # Why data was discarded, if it was; and the argument of `connection_lost`.
        self._failure: BC260YError | None = None
        self._outcome: BaseException | None = None
        self._input_ended = False
        self._ignored_writes = 0
        self.set_protocol(protocol)

    def _start(self, waiter: asyncio.Future[None] | None = None) -> None:
        """Call ``connection_made``, and deliver data only after it."""
        self._loop.call_soon(self._connect, waiter, context=self._context)

    def _connect(self, waiter: asyncio.Future[None] | None) -> None:
        try:
            self._protocol.connection_made(self)
        finally:
            self._maybe_pause()
            self._socket.inbox.on_arrival = self._schedule_delivery
            self._schedule_delivery()
            if waiter is not None and not waiter.done():
                waiter.set_result(None)

    def replace_protocol(
        self, protocol: asyncio.BaseProtocol, waiter: asyncio.Future[None], unread: list[bytes]
    ) -> None:
        """Begin again with another protocol, which learns nothing of the previous one.

        Args:
            protocol: its ``connection_made`` is called soon; in the caller's context, like all that follows.
            waiter: is done after that.
            unread: data that the previous protocol received and did not use: it is delivered first, chunk by chunk.
        """
        self._is_delivery_due = False
        self._socket.inbox.on_arrival = None
        for payload in reversed(unread):
            self._socket.inbox.put_back(payload)

        self._context = contextvars.copy_context()
        self._paused = self._input_ended = self._protocol_paused = False
        self._set_protocol(protocol)
        self._start(waiter)

    def __repr__(self) -> str:
        state = " closed" if self._lost else " closing" if self._closing else ""
        sending = "sending" if self._is_sending else "idle"
        socket = self._socket
        return (
            f"<{type(self).__name__} connectID={socket.connect_id} {socket.service_type.lower()} "
            f"{socket.host}:{socket.port}{state} write=<{sending}, bufsize={self.get_write_buffer_size()}>>"
        )

    def __del__(self, _warn: Callable[..., None] = warnings.warn) -> None:
        if not self._closing:
            _warn(f"unclosed transport {self!r}", ResourceWarning, source=self)

    # About it

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return ``peername``, ``sockname``, ``socket``, ``connect_id``, ``modem``, ``usage``, or ``modem_transport``.

        The last of them is this transport: it is found so from a TLS transport above it.
        """
        match name:
            case "modem_transport":
                return self
            case "socket":
                return self._facade
            case "usage":
                return self.usage

        return self._extra.get(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Set the protocol. Its ``pause_writing`` is called if writing is paused."""
        self._set_protocol(protocol)
        if self._protocol_paused:
            self._notify("pause_writing")

    def _set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol
        self._write_records = getattr(protocol, "write_records", None)

    def get_protocol(self) -> Any:
        """Return the protocol."""
        return self._protocol

    def is_closing(self) -> bool:
        """Return whether the transport is closing or closed."""
        return self._closing

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait to be taken by the module."""
        return self._outbox.size

    @property
    def usage(self) -> ConnectionUsage:
        """What this socket of the module has cost so far; also by ``get_extra_info("usage")`` from above TLS."""
        usage: ConnectionUsage = self._extra["ledger"].connection(self._socket)
        return usage

    @property
    def traffic(self) -> Traffic:
        """How much has been sent so far, and the cost on the line."""
        socket = self._socket
        return Traffic(socket.sent, socket.acked, socket.sends, socket.wire_bytes)

    def note_handshake(self, resumption: str | None) -> None:
        """Note that a TLS handshake is about to begin.

        Args:
            resumption: why it offers no session; None if it offers one.
        """
        self._socket.expect_handshake()
        self._socket.resumption = resumption

    @property
    def loss(self) -> BaseException | None:
        """Why the connection was lost, unless by abort(); known before ``connection_lost`` is called."""
        return None if self._failure is None else self._outcome

    async def ack_status(self) -> AckStatus:
        """Return how many bytes were sent and acknowledged (guide 4.2.6).

        Raises:
            CommandFailed: the module does not know the socket any more.
            ConnectionLost: the connection has ended.
            ModemClosed: the transport is closed.
        """
        socket = self._socket
        try:
            status = await socket.ack_status()
            if status.sent < socket.sent and socket.service_type == "TCP":
                socket.check_open()
                raise ConnectionLost("the connection has ended: the module counts its bytes anew")
        except BC260YError:
            if self._failure is not None:
                raise self._failure from None

            raise

        return status

    # Receiving

    def is_reading(self) -> bool:
        """Return whether data is being delivered."""
        return not self._closing and not self._paused

    def pause_reading(self) -> None:
        """Deliver nothing until :meth:`resume_reading`.

        Unlike a kernel socket, the module goes on receiving: the data waits in memory, up to the modem's
        ``receive_limit``. Past it a stream ends with ReceiveOverflow, and a datagram socket loses its oldest datagrams.
        """
        if not self._closing and not self._paused:
            self._paused = True
            self._is_delivery_due = False

    def resume_reading(self) -> None:
        """Deliver again."""
        if not self._closing and self._paused:
            self._paused = False
            self._schedule_delivery()

    def _schedule_delivery(self) -> None:
        if not (self._is_delivery_due or self._paused or self._closing):
            self._is_delivery_due = True
            self._socket.channel.deferred.call(self._deliver, self._context)

    def _deliver(self) -> None:
        if not self._is_delivery_due:
            return

        self._is_delivery_due = False
        inbox = self._socket.inbox
        while inbox.payloads and not self._paused and not self._closing:
            if not self._deliver_next(inbox):
                return

        if inbox.is_ended and not (inbox.payloads or self._input_ended or self._paused or self._closing):
            self._input_ended = True
            self._end_of_input(inbox.error)

    def _deliver_next(self, inbox: Inbox) -> bool:
        """Take data from the inbox, and pass it to the protocol; return whether that may go on."""
        raise NotImplementedError

    def _end_of_input(self, error: Exception | None) -> None:
        raise NotImplementedError

    # Sending

    def _may_write(self) -> bool:
        if not self._closing:
            return True

        self._ignored_writes += 1
        if self._ignored_writes == _IGNORED_WRITES_BEFORE_WARNING:
            logger.warning("%r: written to after it was closed", self)

        return False

    def _start_sending(self) -> None:
        if not self._is_sending and not self._lost:
            self._is_sending = True
            # Data written later in this iteration of the loop is sent along.
            self._loop.call_soon(self._begin_sending, context=self._context)

    def _begin_sending(self) -> None:
        if self._write_records is not None:
            self._write_records()

        if not self._lost:
            self._sending.start()

    def _on_taken(self) -> None:
        if self._protocol_paused:
            self._socket.channel.deferred.call(self._maybe_resume, self._context)

    def _stopped_sending(self) -> None:
        sending = self._sending
        if sending.has_turn or sending.error is not None:
            sender = self._socket.tasks.spawn(self._continue_sending(), f"{self._socket.connect_id}.sender")
            self._sender = None if sender.done() else sender
        else:
            if self._protocol_paused:
                self._on_taken()

            self._sent_all()

    async def _continue_sending(self) -> None:
        try:
            await self._recover_send()
        except asyncio.CancelledError:
            self._force_close(ModemClosed("the modem was closed before everything was sent"))
            raise
        except Exception as exc:
            self._sender = None
            self._fatal_error(exc, "sending failed")
            return

        self._sender = None
        self._context.run(self._maybe_resume)
        if self._lost:
            return

        if self._outbox.is_due:
            self._sending.start()
        else:
            self._sent_all()

    async def _recover_send(self) -> None:
        await self._socket.recover_send(self._sending)

    def _sent_all(self) -> None:
        self._is_sending = False
        if self._drained:
            self._wake_drained()

        if self._closing:
            self._finish()

    async def drained(self) -> None:
        """Wait until the module has taken all that was written, or the transport is lost."""
        while self._is_sending:
            drained = self._loop.create_future()
            self._drained.append(drained)
            await drained

    def _wake_drained(self) -> None:
        drained, self._drained = self._drained, []
        for waiter in drained:
            if not waiter.done():
                waiter.set_result(None)

    # Closing

    def close(self) -> None:
        """Stop reading, send the data that waits, and close."""
        if self._closing:
            return

        self._closing = True
        self._is_delivery_due = False
        # Data received from now on is discarded: it must not overflow while the rest is sent and acknowledged.
        self._socket.inbox.discard()
        self._socket.on_progress = self._close_options.on_progress
        self._close_options.on_progress()
        if self._close_options.rai:
            self._outbox.mark_end(RAI.NO_FURTHER_DATA)

        if self._is_sending:
            self._socket.tasks.spawn(self._flush(), f"{self._socket.connect_id}.flush")
        else:
            self._finish()

    async def _flush(self) -> None:
        """Wait until everything is sent, and lose the connection when the module takes nothing more for too long."""
        # A module that does not answer is given the time that it takes to find that out.
        timeout = max(self._close_options.timeout, _FLUSH_TIMEOUT)
        try:
            while self._is_sending:
                before = self._socket.sent, self._socket.acked
                try:
                    async with asyncio.timeout(timeout):
                        await SocketTransport.drained(self)
                except TimeoutError:
                    if (self._socket.sent, self._socket.acked) == before:
                        self._fatal_error(self._not_taken(timeout), "sending stopped")
        except asyncio.CancelledError:
            self._force_close(ModemClosed("the modem was closed before everything was sent"))
            raise

    def _not_taken(self, waited: float) -> NotAcknowledged:
        socket = self._socket
        unsent = self.get_write_buffer_size()
        return NotAcknowledged(socket.sent - socket.acked + unsent, sent=socket.sent, unsent=unsent, waited=waited)

    def abort(self) -> None:
        """Close at once, and discard the data that waits."""
        self._force_close(None)

    def _finish(self) -> None:
        if not self._lost:
            self._lost = True
            self._outcome = ModemClosed("the modem was closed before the peer had acknowledged everything")
            self._finisher = self._socket.tasks.spawn(self._close_socket(), f"{self._socket.connect_id}.finish")
            self._finisher.add_done_callback(self._finished, context=self._context)

    async def _close_socket(self) -> None:
        self._outcome = await self._socket.check_acks(self._close_options.timeout)
        await asyncio.shield(self._socket.close())

    def _finished(self, finisher: asyncio.Task[None]) -> None:
        self._socket.close()
        self._call_connection_lost(self._outcome)

    def _fatal_error(self, exc: BaseException, message: str = "fatal error on transport") -> None:
        if isinstance(exc, OSError):
            if self._loop.get_debug():
                logger.debug("%r: %s", self, message, exc_info=exc)
        else:
            self._loop.call_exception_handler(
                {"message": message, "exception": exc, "transport": self, "protocol": self._protocol}
            )

        self._force_close(exc)

    def _force_close(self, exc: BaseException | None) -> None:
        if self._lost:
            if self._finisher is not None and not self._finisher.done():
                self._outcome = exc
                self._finisher.cancel()

            return

        self._closing = self._lost = True
        # Not another library's exception: its frames hold this transport, which would be a reference cycle.
        reason = f"the connection was aborted{f': {exc!r}' if exc else ''}"
        self._failure = exc if isinstance(exc, BC260YError) else ConnectionLost(reason)
        self._outcome = self._failure if exc is not None else None
        self._is_delivery_due = False
        self._outbox.clear()
        self._is_sending = False
        self._wake_drained()
        self._sending.stop()
        if self._sender is not None:
            self._sender.cancel()
            self._sender = None

        self._socket.close()
        self._loop.call_soon(self._call_connection_lost, exc, context=self._context)

    def _call_connection_lost(self, exc: BaseException | None) -> None:
        protocol, self._protocol = self._protocol, None
        self._write_records = None
        self._socket.inbox.on_arrival = None
        self._socket.inbox.clear()
        try:
            if protocol is not None:
                protocol.connection_lost(exc)
        finally:
            self._facade.close()
            self._sending.detach()
