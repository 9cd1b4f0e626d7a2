"""Sending payload chunk by chunk, for as long as all goes well."""

from collections.abc import Callable
from typing import Protocol

from ..at.commands import SendData
from ..line.channel import Channel
from ..line.turns import Dialogue, Outcome, Turn
from .outbox import Outbox


class Sendable(Protocol):
    """The interface of a socket that :class:`Sending` uses."""

    channel: Channel
    wire_bytes: int

    def note_sending(self, outbox: Outbox) -> None:
        """Note that sending from this outbox begins."""

    def next_command(self, outbox: Outbox) -> SendData | None:
        """Return the command that sends the next chunk; None when something has to be queried or set first."""

    def is_accepted(self, command: SendData, outcome: Outcome) -> bool:
        """Take note of the outcome of a send; return whether it leaves no doubt that all was taken."""


class Sending(Turn):
    """Chunks that are sent one after the other, each in a turn of its own.

    As long as all goes well, no waiter is woken and no task runs: the next chunk is written while the answer to the one
    before is read. It stops when there is nothing more to send, and when a chunk needs attention: then it has the turn,
    or an error.

    Attributes:
        outbox: the data to send.
        taken: how many bytes the module took since it was started.
        command: the last that was sent.
        outcome: its outcome, if that needs attention.
        error: why there will be no turn.
    """

    def __init__(
        self,
        socket: Sendable,
        outbox: Outbox,
        on_stop: Callable[[], None],
        on_taken: Callable[[], None] | None = None,
    ) -> None:
        """Describe it; nothing is sent yet.

        Args:
            socket: the socket.
            outbox: the data to send.
            on_stop: is called when it has stopped by itself.
            on_taken: is called when a chunk has gone and the next is about to; None to send one chunk only.
        """
        super().__init__(socket.channel.turns, socket.channel.continue_turn)
        self.outbox = outbox
        self.taken = 0
        self.command: SendData | None = None
        self.outcome: Outcome | None = None
        self.error: Exception | None = None
        self._socket = socket
        self._on_stop = on_stop
        self._on_taken = on_taken
        self._is_active = False

    def start(self) -> None:
        """Wait for a turn."""
        self._is_active = True
        self.taken = 0
        self.command = self.outcome = self.error = None
        if self._socket.channel.trace.is_on:
            self._socket.note_sending(self.outbox)

        self._turns.enqueue(self)

    def stop(self) -> None:
        """Send nothing more, and release the turn; a chunk under way stays sent, and its answer is ignored."""
        self._is_active = False
        self.leave()

    def detach(self) -> None:
        """Drop the callbacks, whose owners refer to this object."""
        self._on_stop, self._on_taken = _ignore, None

    def grant(self) -> bool:
        if not self._is_active:
            return False

        channel = self._socket.channel
        self.command = command = self._socket.next_command(self.outbox) if channel.is_ready else None
        if command is not None:
            self._socket.wire_bytes += channel.begin(Dialogue(channel, command, on_end=self._ended))

        self.has_turn = True
        if command is None:
            self._stopped()

        return True

    def fail(self, error: Exception) -> None:
        if self._is_active:
            self.error = error
            self._stopped()

    def _ended(self, outcome: Outcome) -> None:
        if not self._is_active or self.command is None:
            self.leave()
            return

        if not self._socket.is_accepted(self.command, outcome):
            self.outcome = outcome
            self._stopped()
            return

        size = len(self.command.data)
        self.taken += size
        self.outbox.drop(size)
        self.leave()
        if self._on_taken is None or not self.outbox.is_due:
            self._stopped()
        else:
            self._on_taken()
            self._turns.enqueue(self)

    def _stopped(self) -> None:
        self._is_active = False
        self._on_stop()


def _ignore() -> None:
    pass
