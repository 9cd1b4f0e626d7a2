"""One open socket of the module: exact sending, exact accounting, and its end.

The rule of sending: what the module took is never sent again, and what it did not take is never dropped. After SEND OK
that is plain. After SEND FAIL, a refusal, a lost answer, or an answer that may belong to an earlier command,
``AT+QISEND=<id>,0`` tells how many bytes the module has taken since the socket was opened, and the difference to what
we know of is what it took. A module may also take data long after we gave its answer up. So until every answer has come
or is past coming, the counters are asked for before each send and after it, and where they could mean two things the
connection ends with an error.
"""

import asyncio
import logging
from collections.abc import Callable, Container
from typing import Final

from .at.commands import CloseSocket, QueryAcks, SendData
from .at.completions import SendResult
from .at.information import AckStatus
from .channel import Channel
from .dataformat import PayloadFormats
from .errors import (
    BC260YError,
    CommandFailed,
    CommandTimeout,
    ConnectionLost,
    ModuleRestarted,
    ModuleSlept,
    NotAcknowledged,
    SendFailed,
)
from .inbox import Inbox
from .outbox import Outbox
from .tasks import TaskSet
from .turns import Turn

logger = logging.getLogger(__package__)

# How often to look whether the peer has acknowledged: soon at first, then at this interval, in seconds.
_FIRST_LOOK: Final = 0.1
_LOOK_INTERVAL: Final = 1.0
# A piece that the module refuses so many times in a row will not go.
_ATTEMPTS: Final = 6
# A question about what the module took, when it is not answered, is asked so many times.
_QUESTIONS: Final = 3
_FIRST_PAUSE: Final = 0.1


class ModuleSocket:
    """An open socket of the module.

    Attributes:
        connect_id: its connectID.
        service_type: ``"TCP"`` or ``"UDP"``.
        host: the remote host as it was given.
        port: the remote port.
        local_port: the local port that was asked for; 0 when the module chose one.
        inbox: what the peer sent.
        sent: bytes that the module has taken.
        sends: how many AT+QISEND carried them.
        sent_at: when the last of them went out, by the loop's clock.
        wire_bytes: how many bytes those commands had on the serial line.
    """

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
        on_closed: Callable[[], None],
    ) -> None:
        self.connect_id = connect_id
        self.service_type = service_type
        self.host, self.port = remote
        self.local_port = local_port
        self.inbox = inbox
        self.sent = 0
        self.sends = 0
        self.sent_at = 0.0
        self.wire_bytes = 0
        self.channel = channel
        self.formats = formats
        self.tasks = tasks
        self._on_closed = on_closed
        self._closing: asyncio.Task[None] | None = None
        # A send had no trustworthy answer; until one has, the counters are asked for before and after each.
        self._is_unsettled = False
        # How many of the bytes that would be sent next an earlier command may bring yet.
        self._in_doubt: set[int] = set()

    def __repr__(self) -> str:
        return f"<ModuleSocket connectID={self.connect_id} {self.service_type.lower()} {self.host}:{self.port}>"

    # Sending

    def check_open(self) -> None:
        """Check that data can still be sent.

        Raises:
            ConnectionLost: the peer closed, or the socket was lost.
        """
        if self.inbox.error is not None:
            raise self.inbox.error

        if self.inbox.is_ended:
            raise ConnectionLost("the peer has closed the connection")

    async def send_next(self, outbox: Outbox) -> int:
        """Send the next piece of what waits, and return how many bytes of it the module took.

        The piece is chosen when the line is free, not before, so that what was written meanwhile goes with it.

        Raises:
            ConnectionLost: the socket is gone, or the module keeps refusing.
            PortLost: so is the port.
        """
        for attempt in range(_ATTEMPTS):
            if attempt:
                await asyncio.sleep(_FIRST_PAUSE * 2**attempt)

            async with self.channel.turn() as turn:
                self.check_open()
                if taken := await self._attempt(turn, outbox):
                    return taken

        self._in_doubt.clear()
        raise SendFailed(f"the module refused the same data {_ATTEMPTS} times")

    async def _attempt(self, turn: Turn, outbox: Outbox) -> int:
        if self._is_unsettled and (taken := await self._recount(turn, {0, *self._in_doubt})):
            # What other commands bring from now on would be there twice.
            self._in_doubt.clear()
            outbox.drop(taken)
            return taken

        whole = self.service_type == "UDP"
        try:
            form, limit = await self.formats.prepare(turn, outbox.peek(1024), whole=whole)
        except (CommandTimeout, ModuleSlept) as exc:
            logger.info("%r: %s; trying again", self, exc)
            return 0

        data, rai = outbox.piece(limit)
        taken = await self._transfer(turn, SendData(self.connect_id, data, rai, form))
        outbox.drop(taken)
        return taken

    async def _transfer(self, turn: Turn, command: SendData) -> int:
        size = len(command.data)
        self.sends += 1
        self.sent_at = asyncio.get_running_loop().time()
        self.wire_bytes += command.wire_size
        is_doubtful = False
        is_unsettled = self._is_unsettled
        try:
            answer = await turn.execute(command)
        except (CommandTimeout, ModuleSlept) as exc:
            logger.info("%r: %s; asking what the module took", self, exc)
            is_doubtful = is_unsettled = True
        except CommandFailed as exc:
            logger.info("%r: %s; asking what the module took", self, exc)
        else:
            is_doubtful = is_unsettled = answer.is_doubtful
            if answer.completions == [SendResult(ok=True)] and not is_doubtful and not self._is_unsettled:
                self.sent += size
                return size

        # With an earlier command unsettled, a part may be of that one or of this one: all or nothing can be told.
        plausible = {0, size, *self._in_doubt} if self._is_unsettled else range(size + 1)
        taken = await self._recount(turn, plausible)
        self._is_unsettled = is_unsettled
        if taken or not is_unsettled:
            self._in_doubt.clear()

        if is_doubtful and taken < size:
            self._in_doubt.add(size - taken)

        return taken

    async def _recount(self, turn: Turn, plausible: Container[int]) -> int:
        """Return how many bytes the module took since it was last known."""
        status = await self._insist_on_status(turn)
        before, self.sent = self.sent, status.sent
        if status.sent - before not in plausible:
            self._in_doubt.clear()
            # The counters start again at 0 when the peer closes.
            self.check_open()
            raise SendFailed(f"the module counts {status.sent} bytes; which came after the first {before} is not known")

        return status.sent - before

    async def _insist_on_status(self, turn: Turn) -> AckStatus:
        for _ in range(_QUESTIONS):
            try:
                return await self.ack_status(turn)
            except (CommandTimeout, ModuleSlept) as exc:
                logger.info("%r: %s; asking again", self, exc)
            except CommandFailed as exc:
                self.check_open()
                raise SendFailed(f"the socket is gone: {exc}") from exc

        raise SendFailed("the module does not tell what it took")

    async def ack_status(self, turn: Turn | None = None) -> AckStatus:
        """Ask how much was sent and acknowledged (guide 4.2.6).

        Raises:
            CommandFailed: the socket is gone.
        """
        command = QueryAcks(self.connect_id)
        answer = await (self.channel.execute(command) if turn is None else turn.execute(command))
        for information in answer.information:
            if isinstance(information, AckStatus):
                return information

        raise CommandFailed(str(command), text="OK, but no counters")

    async def wait_acked(self, timeout: float) -> int | None:
        """Wait until the peer has acknowledged everything, and return how many bytes it has not.

        When the connection ends meanwhile, its counters begin anew (guide 4.2.6), and nothing tells: that is None.

        Args:
            timeout: how long to wait, in seconds.

        Raises:
            CommandFailed: the socket is gone.
            CommandTimeout: the module does not tell.
        """
        deadline = asyncio.get_running_loop().time() + timeout
        pause = _FIRST_LOOK
        while True:
            try:
                status = await self.ack_status()
            except CommandTimeout as exc:
                if asyncio.get_running_loop().time() >= deadline:
                    raise

                logger.info("%r: %s; asking again", self, exc)
                continue

            if status.sent < self.sent:
                return None

            left = deadline - asyncio.get_running_loop().time()
            if not status.unacked or left <= 0 or self.inbox.is_ended:
                return status.unacked

            await asyncio.sleep(min(pause, left))
            pause = min(pause * 2, _LOOK_INTERVAL)

    # Closing

    def close(self) -> asyncio.Task[None]:
        """Close the socket and give its connectID back, in a task that the caller may await or leave alone."""
        if self._closing is None:
            self._closing = self.tasks.spawn(self._close(), f"{self.connect_id}.close")
            self._closing.add_done_callback(self._closed)

        return self._closing

    async def _close(self) -> None:
        # A restart has closed every socket already.
        if not isinstance(self.inbox.error, ModuleRestarted):
            await close_connect_id(self.channel, self.connect_id)

    def _closed(self, closing: asyncio.Task[None]) -> None:
        # A task that is cancelled before it begins never runs; this is called all the same.
        self.inbox.end()
        self.channel.detach(self.connect_id)
        self._on_closed()

    async def check_acks(self, timeout: float) -> Exception | None:
        """Make the check before a close that the guide advises (4.2.9): return the error to close with, if any.

        Args:
            timeout: how long to wait for the peer to acknowledge, in seconds.
        """
        if self.service_type != "TCP" or not self.sent or self.inbox.is_ended:
            return None

        try:
            unacked = await self.wait_acked(timeout)
        except CommandFailed:
            return None
        except BC260YError as exc:
            return exc

        return NotAcknowledged(unacked) if unacked and not self.inbox.is_ended else None


async def close_connect_id(channel: Channel, connect_id: int) -> None:
    """Send AT+QICLOSE until the module has answered; that it knows of no such socket is an answer too.

    Nothing is raised: when the channel is gone, so are its sockets.
    """
    for _ in range(3):
        try:
            await channel.execute(CloseSocket(connect_id))
        except (CommandTimeout, ModuleSlept):
            continue
        except BC260YError as exc:
            logger.debug("%s: connectID %d: %s", channel.name, connect_id, exc)

        return
