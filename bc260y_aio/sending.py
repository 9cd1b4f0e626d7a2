"""Sending without a pause: the next piece leaves while the answer to the one before is being read."""

from collections.abc import Callable
from typing import Protocol

from .at.commands import SendData
from .channel import Channel
from .outbox import Outbox
from .turns import Outcome, Turn


class Sender(Protocol):
    """Whoever has something to send."""

    @property
    def channel(self) -> Channel:
        """Over which it goes."""

    def next_piece(self, outbox: Outbox) -> SendData | None:
        """Return the command that sends the next piece; None when something has to be asked or set before."""

    def has_taken(self, command: SendData, outcome: Outcome) -> bool:
        """Take note of the outcome of a send; return whether it leaves no doubt that all was taken."""


class Sending(Turn):
    """Pieces that go out one after the other, each in a turn of its own.

    As long as all goes well nobody is woken: the next piece leaves while the answer to the one before is being read.
    Whoever waits has the turn when something has to be seen to, and does not when there is nothing more to send.

    Attributes:
        taken: how many bytes the module took.
        command: the last that was sent.
        outcome: what came of it, where that has to be seen to.
    """

    def __init__(self, socket: Sender, outbox: Outbox, on_taken: Callable[[], None] | None) -> None:
        """Describe it.

        Args:
            socket: the socket.
            outbox: what waits.
            on_taken: is called after each piece; None to send one piece only.
        """
        super().__init__(socket.channel.turns, socket.channel.continue_turn, urgent=False)
        self.taken = 0
        self.command: SendData | None = None
        self.outcome: Outcome | None = None
        self._socket = socket
        self._outbox = outbox
        self._on_taken = on_taken

    @property
    def is_open(self) -> bool:
        """Whether it has the turn."""
        return self._has_turn

    def take(self) -> bool:
        channel = self._socket.channel
        if not self._is_awaited:
            return False

        self.command = self._socket.next_piece(self._outbox) if channel.is_ready else None
        if self.command is None:
            return super().take()

        self._has_turn = True
        channel.begin(self.command, None, None, self._ended)
        return True

    def _ended(self, outcome: Outcome) -> None:
        # Whoever was cancelled has given up the answer, and may have thrown away what waited.
        if self.command is None or not self._is_awaited:
            return

        if not self._socket.has_taken(self.command, outcome):
            self.outcome = outcome
            self._grant()
            return

        size = len(self.command.data)
        self.taken += size
        self._outbox.drop(size)
        self.command = None
        self._leave()
        if self._on_taken is None or not self._outbox.is_due:
            self._grant()
        else:
            self._on_taken()
            self._turns.line_up(self)
