"""One open socket of the module: exact sending, exact accounting, and its end.

The rule of sending: data that the module took is never sent again, and data that it did not take is never dropped.
After SEND OK that is plain. After SEND FAIL, a refusal, a lost answer, or an answer that may belong to an earlier
command, ``AT+QISEND=<id>,0`` reports how many bytes the module has taken since the socket was opened, and the
difference to the bytes known to be taken is what it took. A module may also take data long after its answer was given
up. So the same data is not sent again before that answer has come or can no longer come; until then the counters are
queried before each send and after it, and where they could mean two things the connection ends with an error.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Container
from typing import Final

from ..at.commands import SendData
from ..at.completions import SEND_OK, SendResult
from ..at.information import AckStatus
from ..at.responses import Response
from ..at.syntax import PayloadFormat
from ..at.urcs import LateAnswer
from ..errors import (
    CommandFailed,
    CommandTimeout,
    ModuleRestarted,
    ModuleSlept,
    SendFailed,
)
from ..line.channel import LATE_ANSWER_WINDOW, Channel
from ..line.inbox import Inbox
from ..line.turns import Answer, Outcome, Turn
from ..usage import Ledger, TlsRecords
from ..usage.connection import Counts
from .acks import AckCounters
from .closing import close_connect_id
from .dataformat import PayloadFormats
from .outbox import Outbox
from .rai import RAI
from .sending import Sending
from .tasks import TaskSet

logger = logging.getLogger("bc260y_aio")

# A chunk that the module refuses so many times in a row will not go.
_ATTEMPTS: Final = 6
# A query of what the module took is repeated so many times when it is not answered.
_STATUS_ATTEMPTS: Final = 3
# A close that is cancelled is started again, so many times in all.
_CLOSE_ATTEMPTS: Final = 3
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0
# A module refuses data while its send buffer is full; so long its peer may acknowledge nothing, in seconds.
_ROOM_TIMEOUT: Final = 60.0

_ACCEPTED: Final = [SEND_OK]
# The type and the version of a TLS record of the handshake.
_HANDSHAKE_RECORD: Final = b"\x16\x03"


class ModuleSocket(AckCounters):
    """An open socket of the module.

    Attributes:
        connect_id: its connectID.
        service_type: ``"TCP"`` or ``"UDP"``.
        host: the remote host as it was given.
        name: the name that was resolved to that, if it is an address and was.
        port: the remote port.
        local_port: the local port that was asked for; 0 when the module chose one.
        inbox: what the peer sent.
        sent: bytes that the module has taken.
        acked: bytes of them that the peer had acknowledged when the module was last asked.
        sends: how many AT+QISEND carried them.
        sent_at: when the last of them went out, by the loop's clock.
        round_trip: how long the opening took, in seconds.
        wire_bytes: how many bytes those commands had on the serial line.
        opened_at: when it was about to be opened, by the loop's clock.
        was_opened: whether it could be.
        ended_at: when it was closed; None while it is not.
        records: the records of its TLS handshake, if it began with one.
        awaits_records: a TLS handshake is under way, or may begin.
        resumption: how that went about resuming a session, where the TLS above it is this package's.
    """

    # What most sockets never change: an object with more than thirty attributes of its own takes a kilobyte more.
    was_opened = False
    ended_at: float | None = None
    records: TlsRecords | None = None
    resumption: str | None = None
    _closing: asyncio.Task[None] | None = None
    _close_attempts = 0
    # A send had no trustworthy answer; until one has, the counters are queried before and after each.
    _is_uncertain = False
    # How many bytes the peer had not acknowledged when the module last refused some.
    _unacked = 0
    _may_come_late = False

    def __init__(
        self,
        channel: Channel,
        formats: PayloadFormats,
        inbox: Inbox,
        *,
        connect_id: int,
        service_type: str,
        remote: tuple[str, int],
        local_port: int,
        tasks: TaskSet,
        on_closed: "Callable[[ModuleSocket], None]",
        ledger: Ledger,
    ) -> None:
        super().__init__(channel, inbox, connect_id, service_type)
        self.host, self.port = remote
        self.name = self.host
        self.local_port = local_port
        # Data that no reader will take must not fill the line.
        inbox.on_overflow = self.close
        self.sends = 0
        self.opened_at = asyncio.get_running_loop().time()
        self.awaits_records = service_type == "TCP"
        self.wire_bytes = 0
        self.formats = formats
        self.tasks = tasks
        self._on_closed = on_closed
        self._ledger = ledger
        # The sizes of earlier commands that the module may still carry out.
        self._in_doubt: set[int] = set()

    def __repr__(self) -> str:
        return f"<ModuleSocket connectID={self.connect_id} {self.service_type.lower()} {self.host}:{self.port}>"

    # Sending

    async def send_next(self, outbox: Outbox, *, refused: int = 0) -> int:
        """Send the next chunk, and return how many bytes of it the module took.

        The chunk is chosen only when the line is free, so that it includes what was written meanwhile.

        Args:
            outbox: the data to send.
            refused: how often the module has refused it already.

        Raises:
            ConnectionLost: the socket is gone, or the module keeps refusing.
            PortLost: so is the port.
        """
        attempt = refused
        progress, since = self.acked, asyncio.get_running_loop().time()
        while attempt < _ATTEMPTS or (self._unacked and asyncio.get_running_loop().time() - since < _ROOM_TIMEOUT):
            if attempt or self._may_come_late:
                await self._pause(attempt)

            attempt += 1
            if self.acked != progress:
                progress, since = self.acked, asyncio.get_running_loop().time()

            stopped = asyncio.Event()
            sending = Sending(self, outbox, stopped.set)
            sending.start()
            try:
                await stopped.wait()
                taken = sending.taken + await self._resolve(sending)
            finally:
                sending.stop()

            if taken:
                return taken

        self._in_doubt.clear()
        full = f"; the peer has not acknowledged the {self._unacked} bytes before it" if self._unacked else ""
        raise SendFailed(f"the module refused the same data {attempt} times{full}")

    async def recover_send(self, sending: Sending) -> None:
        """Recover a send that stopped because something has to be queried, set or resolved; end its turn.

        Raises:
            ConnectionLost, PortLost: as :meth:`send_next` does.
        """
        if self._may_come_late and sending.outcome is None and sending.error is None:
            # It may not be sent yet, and others may send meanwhile.
            sending.stop()
            await self.send_next(sending.outbox)
            return

        try:
            taken = sending.taken + await self._resolve(sending)
        finally:
            sending.stop()

        if not taken:
            await self.send_next(sending.outbox, refused=1)

    async def _resolve(self, sending: Sending) -> int:
        if sending.error is not None:
            raise sending.error

        return await self._continue_turn(sending, sending.outbox) if sending.has_turn else 0

    def note_sending(self, outbox: Outbox) -> None:
        """Note that sending from this outbox begins."""
        self.channel.trace.watch(self.connect_id, outbox, self.inbox)

    async def _pause(self, attempt: int) -> None:
        """Wait before the next attempt; if the module may still take the data, wait until it has, or no longer can."""
        if not self._may_come_late:
            await asyncio.sleep(min(_FIRST_PAUSE * 2**attempt, _LONGEST_PAUSE))
            return

        self._may_come_late = False
        is_told = asyncio.Event()
        unsubscribe = self.channel.subscribe(lambda late: is_told.set() if _is_of_one_send(late) else None, LateAnswer)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LATE_ANSWER_WINDOW):
                    await is_told.wait()
        finally:
            unsubscribe()

    def next_command(self, outbox: Outbox) -> SendData | None:
        """Return the command that sends the next chunk; None when something has to be queried or set first."""
        if self._is_uncertain or self.inbox.is_ended or not outbox.size:
            return None

        choice = self.formats.ready(outbox, whole=self.service_type == "UDP")
        if choice is None:
            return None

        form, limit = choice
        data, rai = outbox.next_chunk(limit)
        return self._command(data, rai, form)

    def is_accepted(self, command: SendData, outcome: Outcome) -> bool:
        """Take note of the outcome of a send; return whether it leaves no doubt that all was taken."""
        if type(outcome) is not Answer or outcome.is_doubtful or self._is_uncertain:
            return False

        if outcome.completions != _ACCEPTED:
            return False

        self.sent += len(command.data)
        if self.awaits_records or self.channel.trace.is_on:
            self._note_taken(command.data)

        if self.on_progress is not None:
            self.on_progress()

        return True

    def _note_taken(self, data: bytes) -> None:
        if self.channel.trace.is_on:
            self.channel.trace.taken(self.connect_id, data, self.sent)

        if not self.awaits_records:
            return

        if self.records is None and data.startswith(_HANDSHAKE_RECORD):
            self.records = TlsRecords()
            self.inbox.on_payload = self.records.take_received

        if self.records is not None:
            self.records.take_sent(data)

        if self.records is None or self.records.is_over:
            self.awaits_records = False
            self.inbox.on_payload = None

    def ends_handshake(self, data: bytes) -> bool:
        """Return whether this begins the end of a TLS handshake, to which the peer need not answer."""
        return self.awaits_records and self.records is not None and self.records.ends_with(data)

    def expect_handshake(self) -> None:
        """Look for a TLS handshake in what is sent from now on."""
        self.awaits_records = self.records is None and self.service_type == "TCP"

    def counts(self) -> Counts:
        """Return what it has counted so far."""
        inbox = self.inbox
        return Counts(
            connect_id=self.connect_id,
            service_type=self.service_type,
            host=self.host,
            name=self.name,
            port=self.port,
            opened_at=self.opened_at,
            was_opened=self.was_opened,
            ended_at=self.ended_at,
            sent=self.sent,
            received=inbox.received,
            sends=self.sends,
            queries=self.queries,
            pushes=inbox.pushes,
            length_digits=inbox.length_digits,
            wire_bytes=self.wire_bytes,
            width=1 if self.formats.mode == "text" else 2,
            tls=self.records,
            reason=self.resumption,
        )

    def _command(self, data: bytes, rai: RAI, form: PayloadFormat) -> SendData:
        self.sends += 1
        self.sent_at = self.channel.loop.time()
        return SendData(self.connect_id, data, rai if self.channel.profile.rai else 0, form)

    async def _continue_turn(self, sending: Sending, outbox: Outbox) -> int:
        """Continue a turn in which something has to be queried or set; return how many bytes the module took."""
        if sending.command is not None and sending.outcome is not None:
            taken = await self._query_taken(sending, sending.command, sending.outcome)
            self._drop(outbox, taken)
            return taken

        self.check_open()
        if self._is_uncertain and (taken := await self._recount(sending, {0, *self._in_doubt})):
            # If earlier commands were carried out later, their data would be there twice.
            self._in_doubt.clear()
            self._drop(outbox, taken)
            return taken

        waiting = outbox.peek(1024)
        try:
            form, limit = await self.formats.prepare(sending, waiting, whole=self.service_type == "UDP")
        except (CommandFailed, CommandTimeout, ModuleSlept) as exc:
            self._note_retry(exc, "trying again")
            return 0

        # The format was chosen for this data, and not for what was written meanwhile.
        command = self._command(*outbox.next_chunk(min(limit, len(waiting))), form)
        self.wire_bytes += command.wire_size
        try:
            outcome: Outcome = await sending.execute(command)
        except (CommandFailed, CommandTimeout, ModuleSlept) as exc:
            outcome = exc

        if self.is_accepted(command, outcome):
            taken = len(command.data)
            outbox.drop(taken)
        else:
            taken = await self._query_taken(sending, command, outcome)
            self._drop(outbox, taken)

        return taken

    def _drop(self, outbox: Outbox, taken: int) -> None:
        """Remove what the module turned out to have taken."""
        if taken and (self.awaits_records or self.channel.trace.is_on):
            self._note_taken(outbox.peek(taken)[:taken])

        outbox.drop(taken)

    async def _query_taken(self, turn: Turn, command: SendData, outcome: Outcome) -> int:
        """Query how much of a command the module took, when its outcome leaves that open."""
        size = len(command.data)
        match outcome:
            case CommandTimeout() | ModuleSlept():
                is_doubtful = is_uncertain = True
            case CommandFailed():
                is_doubtful, is_uncertain = False, self._is_uncertain
            case Answer():
                is_doubtful = is_uncertain = outcome.is_doubtful
            case _:
                raise outcome

        self._note_retry(outcome, "querying what the module took")
        # While an earlier command is uncertain, a part may belong to either: only all or nothing can be distinguished.
        plausible = {0, size, *self._in_doubt} if self._is_uncertain else range(size + 1)
        taken = await self._recount(turn, plausible)
        self._is_uncertain = is_uncertain
        if taken or not is_uncertain:
            self._in_doubt.clear()

        if is_doubtful and taken < size:
            self._in_doubt.add(size - taken)
            # A module that falls asleep forgets commands that it has not carried out.
            self._may_come_late = not isinstance(outcome, ModuleSlept)

        return taken

    async def _recount(self, turn: Turn, plausible: Container[int]) -> int:
        """Return how many bytes the module took since it was last known."""
        status = await self._query_status(turn)
        before, self.sent = self.sent, status.sent
        self._unacked = status.unacked if self.service_type == "TCP" else 0
        if status.sent - before not in plausible:
            self._in_doubt.clear()
            # The counters start again at 0 when the peer closes.
            self.check_open()
            raise SendFailed(f"the module counts {status.sent} bytes; which came after the first {before} is not known")

        return status.sent - before

    async def _query_status(self, turn: Turn) -> AckStatus:
        for _ in range(_STATUS_ATTEMPTS):
            try:
                return await self.ack_status(turn)
            except (CommandTimeout, ModuleSlept) as exc:
                self._note_retry(exc, "asking again")
            except CommandFailed as exc:
                raise self._unknown(exc) from exc

        raise SendFailed("the module does not report what it took")

    # Closing

    def close(self) -> asyncio.Task[None]:
        """Close the socket and give its connectID back, in a task that the caller may await or leave alone."""
        if self._closing is None:
            self._is_closed = True
            self._is_peer_closed = self.inbox.is_ended
            self._close_attempts += 1
            self._closing = self.tasks.spawn(self._close(), f"{self.connect_id}.close")
            self._closing.add_done_callback(self._closed)

        return self._closing

    async def _close(self) -> None:
        # A restart has closed every socket already.
        if not isinstance(self.inbox.error, ModuleRestarted):
            await close_connect_id(self.channel, self.connect_id)

    def _closed(self, closing: asyncio.Task[None]) -> None:
        # A task that is cancelled before it begins never runs; this is called all the same.
        if closing.cancelled() and self._close_attempts < _CLOSE_ATTEMPTS and self.channel.error is None:
            self._closing = None
            self.close()
            return

        self.ended_at = asyncio.get_running_loop().time()
        # Called while the inbox still shows whether the peer had closed.
        self._on_closed(self)
        self.inbox.end()
        # Otherwise the two would keep each other until the next search for garbage.
        self.inbox.on_overflow = None
        self.channel.inboxes.detach(self.connect_id)
        self.channel.trace.unwatch(self.connect_id)
        self._ledger.close(self)


def _is_of_one_send(late: Response) -> bool:
    """Return whether this answers a send that was given up, and no other such send could be the one."""
    return isinstance(late, LateAnswer) and isinstance(late.response, SendResult) and not late.is_doubtful
