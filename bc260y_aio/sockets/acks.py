"""The acknowledgement counters of one socket: AT+QISEND=<id>,0 (guide 4.2.6), and the check before a close (4.2.9)."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

from ..at.commands import QueryAcks
from ..at.information import AckStatus
from ..errors import (
    BC260YError,
    CommandFailed,
    CommandTimeout,
    ConnectionLost,
    ModemClosed,
    ModuleSlept,
    NotAcknowledged,
    PayloadDamaged,
    SendFailed,
)
from ..line.channel import Channel
from ..line.inbox import Inbox
from ..line.turns import Answer, Outcome, Turn

logger = logging.getLogger("bc260y_aio")

# When to query whether the peer has acknowledged: about when it can have, and then at intervals that grow with the time
# that has passed: by this share of it, and in these bounds, in seconds.
_ACK_POLL_SHARE: Final = 0.5
_SHORTEST_ACK_POLL: Final = 0.1
_LONGEST_ACK_POLL: Final = 4.0
# The sockets of a module share its radio. While peers acknowledge what other sockets sent, the progress of one of five
# may take five times as long.
_SHARING_SOCKETS: Final = 5


class AckCounters:
    """The data that a socket sent, and how much of it its peer acknowledged.

    Attributes:
        connect_id: its connectID.
        service_type: ``"TCP"`` or ``"UDP"``.
        channel: the dialogue with the module.
        inbox: what the peer sent, and how the connection ended.
        sent: bytes that the module has taken.
        acked: bytes of them that the peer had acknowledged when the module was last asked.
        queries: how often it was asked.
        sent_at: when the last of them went out, by the loop's clock.
        unneeded: how many bytes, the last that were sent, no close waits for.
        round_trip: how long the opening took, in seconds, which is about when an acknowledgement can be there.
        on_progress: is called when the module has taken data, or the peer has acknowledged some.
    """

    on_progress: Callable[[], None] | None = None

    def __init__(self, channel: Channel, inbox: Inbox, connect_id: int, service_type: str) -> None:
        self.channel = channel
        self.inbox = inbox
        self.connect_id = connect_id
        self.service_type = service_type
        self.sent = 0
        self.acked = 0
        self.queries = 0
        self.sent_at = 0.0
        self.unneeded = 0
        self.round_trip = 0.0
        # The connectID is given back: soon it may be another connection's.
        self._is_closed = False
        self._is_peer_closed = False
        # Set at the end of the connection; made when somebody first waits.
        self._ended: asyncio.Event

    def check_open(self) -> None:
        """Check that data can still be sent.

        Raises:
            ConnectionLost: the peer closed, or the socket was lost.
        """
        if self.inbox.error is not None:
            raise self.inbox.error

        if self.inbox.is_ended:
            raise ConnectionLost("the peer has closed the connection")

    async def ack_status(self, turn: Turn | None = None) -> AckStatus:
        """Query how much was sent and acknowledged (guide 4.2.6).

        The counters are those of a connectID. So the answer counts only if the socket has it when it asks, and still
        has it when the answer comes.

        Raises:
            CommandFailed: the module does not know the socket any more.
            ConnectionLost: the connection has ended.
            ModemClosed: the socket was closed.
        """
        if turn is None:
            async with self.channel.turn() as own:
                return await self.ack_status(own)

        status = await self._ask(turn)
        if status is None or (self.service_type == "TCP" and status.sent != status.acked + status.unacked):
            # The line or a digit of it may have been lost.
            status = await self._ask(turn)

        if status is None:
            raise CommandFailed(str(QueryAcks(self.connect_id)), text="OK, but no counters")

        self._note_acked(status.acked)
        return status

    async def _ask(self, turn: Turn) -> AckStatus | None:
        self._check_owned()
        self.queries += 1
        try:
            answer = await turn.execute(QueryAcks(self.connect_id))
        except CommandFailed:
            self._check_owned()
            self.check_open()
            raise

        self._check_owned()
        return next((told for told in answer.information if isinstance(told, AckStatus)), None)

    def _check_owned(self) -> None:
        if self._is_closed:
            raise self.inbox.error or self._closed_by_peer() or ModemClosed("the connection was closed")

    def _closed_by_peer(self) -> ConnectionLost | None:
        return ConnectionLost("the peer has closed the connection") if self._is_peer_closed else None

    def _note_acked(self, acked: int) -> None:
        if acked > self.acked:
            self.acked = acked
            self.channel.acked_at = asyncio.get_running_loop().time()
            self.channel.trace.acknowledged(self.connect_id, acked)
            if self.on_progress is not None:
                self.on_progress()

    async def wait_acked(self, timeout: float, *, by_progress: bool = False, but_for: int = 0) -> int | None:
        """Wait until the peer has acknowledged everything, and return how many bytes it has not.

        When the connection ends meanwhile, its counters begin anew (guide 4.2.6), and nothing reports that: the result
        is None.

        Args:
            timeout: how long to wait, in seconds.
            by_progress: the time counts from the last byte that was acknowledged, rather than from now; from one of
                another socket as well, for up to five times as long.
            but_for: so many bytes at the end need not be acknowledged, and are not counted.

        Raises:
            ConnectionLost: the connection has ended, or the module does not know the socket any more.
            ModemClosed: the socket was closed.
            NotAcknowledged: the module does not answer, or no more.
            SendFailed: the module counts fewer bytes than it had taken.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        deadline = began + timeout
        pause = 0.0 if but_for else min(self.sent_at + self.round_trip - began, _LONGEST_ACK_POLL)
        while True:
            await self._sleep_until_end(min(pause, deadline - loop.time()))
            if self._is_over:
                self._check_owned()
                return None

            acked = self.acked
            try:
                status = await self.ack_status()
            except CommandTimeout as exc:
                if loop.time() >= deadline:
                    raise NotAcknowledged(self.sent - self.acked) from exc

                self._note_retry(exc, "asking again")
                continue
            except CommandFailed as exc:
                raise self._unknown(exc) from exc

            if status.sent < self.sent:
                if status.sent:
                    raise SendFailed(f"the module counts {status.sent} bytes, and had taken {self.sent}")

                return None

            if by_progress:
                began = loop.time() if self.acked > acked else began
                shared = min(self.channel.acked_at - began, (_SHARING_SOCKETS - 1) * timeout)
                deadline = began + timeout + max(shared, 0.0)

            unacked = max(status.unacked - but_for, 0)
            if not unacked or loop.time() >= deadline or self._is_over:
                return unacked

            passed = loop.time() - (self.sent_at or began)
            pause = max(_SHORTEST_ACK_POLL, min(passed * _ACK_POLL_SHARE, _LONGEST_ACK_POLL))

    async def _sleep_until_end(self, seconds: float) -> None:
        """Wait for so long, or until the connection ends."""
        if seconds <= 0:
            return

        # One event for all who wait; damage has set it before the connection is over.
        if self.inbox.on_end is None or self.inbox.is_ended:
            self._ended = asyncio.Event()
            self.inbox.on_end = self._ended.set

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()

    async def check_acks(self, timeout: float) -> Exception | None:
        """Make the check before a close that the guide advises (4.2.9): return the error to close with, if any.

        A peer that closes first leaves nothing to check: the counters begin anew.

        Args:
            timeout: how long nothing more may be acknowledged by the peer, in seconds; up to five times as long while
                other sockets make progress.
        """
        if self.service_type != "TCP" or not self.sent:
            return None

        if self._is_over:
            return self.inbox.error

        try:
            unacked = await self.wait_acked(timeout, by_progress=True, but_for=self.unneeded)
        except BC260YError as exc:
            return self.inbox.error if self._is_over else exc

        if unacked == 0:
            return None

        return (
            self.inbox.error
            if unacked is None or self._is_over
            else NotAcknowledged(unacked, sent=self.sent, waited=timeout)
        )

    @property
    def _is_over(self) -> bool:
        """Whether the connection has ended. A damaged push is the end of what is received, not of the connection."""
        return self.inbox.is_ended and not isinstance(self.inbox.error, PayloadDamaged)

    def _unknown(self, exc: CommandFailed) -> ConnectionLost:
        """Return the error of a socket that the module does not know any more."""
        if self.channel.may_sleep and self.service_type == "TCP":
            # Not all modules report that they slept.
            self.inbox.end(ModuleSlept("the module slept and lost the connection"))

        error = self.inbox.error
        if isinstance(error, ConnectionLost):
            return error

        return SendFailed(f"the module does not know the socket any more: {exc}")

    def _note_retry(self, reason: Outcome, remedy: str) -> None:
        is_failure = isinstance(reason, Answer) and not reason.is_doubtful
        why = "SEND FAIL" if is_failure else reason if isinstance(reason, Exception) else "the answer is doubtful"
        logger.info("%r: %s; %s", self, why, remedy)
        self.channel.trace.retried(self.connect_id, f"{why}; {remedy}")
