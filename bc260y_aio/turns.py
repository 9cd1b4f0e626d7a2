"""Whose turn it is: a queue for the line, first come, first served."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Protocol, Self

from .at.commands import Command
from .at.responses import Completion, Information
from .tracing import Trace


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command brought.

    Attributes:
        information: the information responses.
        completions: what followed ``OK``.
        is_doubtful: the completion may be that of an earlier command, which had been given up.
    """

    information: list[Information]
    completions: list[Completion]
    is_doubtful: bool = False


Outcome = Answer | Exception
Watcher = Callable[[Completion], None]
Executor = Callable[[Command, float | None, Watcher | None], Awaitable[Answer]]


# A deadline that traffic keeps pushing back ends after so many times its length.
_PATIENCE: Final = 12


@dataclass(slots=True, eq=False, repr=False)
class Dialogue:
    """A command under way: who waits for it, what it has brought so far, and until when.

    Attributes:
        command: the command.
        answered: the answer, or why there is none; None when nobody awaits it.
        started: when the present deadline began to run, on the loop's clock.
        timeout: how long it runs, in seconds.
        completion_timeout: how long that for the completion will, in seconds.
        watch: is called with each completion.
        information: the information responses so far.
        completions: the completions so far.
        deadline: the deadline's timer.
        on_end: is called with the outcome, before the next command is written.
    """

    command: Command
    answered: asyncio.Future[Answer] | None
    started: float
    timeout: float
    completion_timeout: float
    watch: Watcher | None
    information: list[Information] = field(default_factory=list)
    completions: list[Completion] = field(default_factory=list)
    deadline: asyncio.TimerHandle | None = None
    on_end: Callable[[Outcome], None] | None = None

    def __repr__(self) -> str:
        return f"<Dialogue {self.command}>"

    @property
    def is_awaited(self) -> bool:
        """Whether somebody still waits for the outcome."""
        return self.answered is None or not self.answered.done()

    def due(self, heard_at: float) -> float:
        """Return when the deadline is, on the loop's clock.

        It runs from the last byte heard, for an answer may wait behind pushed data on a slow line; but not for ever.

        Args:
            heard_at: when that was.
        """
        return min(max(self.started, heard_at), self.started + (_PATIENCE - 1) * self.timeout) + self.timeout

    def end(self, outcome: Outcome) -> None:
        """Tell the outcome to whoever still waits for it."""
        if self.deadline is not None:
            self.deadline.cancel()

        if self.on_end is not None:
            on_end, self.on_end = self.on_end, None
            on_end(outcome)

        if self.answered is None or self.answered.done():
            return

        if isinstance(outcome, Answer):
            self.answered.set_result(outcome)
        else:
            self.answered.set_exception(outcome)


Opening = Callable[[Callable[[Outcome], None]], Dialogue | None]


class Waiter(Protocol):
    """What stands in line for a turn."""

    def take(self) -> bool:
        """Take the turn, which has come; return False to let it go by."""

    def refuse(self, error: Exception) -> None:
        """Hear that no turn will come."""


class TurnQueue:
    """Who holds the line, and who waits for it.

    Unlike a lock's, a turn passes on only when the line is at rest: whoever is cancelled with a command under way gives
    up its answer, never its turn.
    """

    def __init__(self, is_at_rest: Callable[[], bool], trace: Trace) -> None:
        """Make a queue.

        Args:
            is_at_rest: tells whether no dialogue is under way. When one ends, :meth:`pass_on` must be called.
            trace: hears who waits.
        """
        self._is_at_rest = is_at_rest
        self._trace = trace
        self._taken = False
        self._waiting: deque[Waiter] = deque()
        self._error: Exception | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def line_up(self, waiter: Waiter, *, urgent: bool = False) -> None:
        """Let somebody stand in line; its turn may come at once."""
        self._trace.lined_up(waiter)
        if self._error is not None:
            waiter.refuse(self._error.with_traceback(None))
        elif urgent:
            self._waiting.appendleft(waiter)
        else:
            self._waiting.append(waiter)

        self.pass_on()

    def leave(self) -> None:
        """End the turn under way."""
        self._taken = False
        self.pass_on()

    def pass_on(self) -> None:
        """Let the next one have the line, if it is free and at rest."""
        while self._waiting and not self._taken and self._is_at_rest():
            self._taken = True
            waiter = self._waiting.popleft()
            self._trace.granted(waiter)
            self._taken = waiter.take()

    def end(self, error: Exception) -> None:
        """Tell everybody who waits, now or later, that no turn will come."""
        self._error = error
        while self._waiting:
            self._waiting.popleft().refuse(error)


class Turn:
    """The right to use the line; an async context manager."""

    def __init__(self, turns: TurnQueue, execute: Executor, *, urgent: bool, opening: Opening | None = None) -> None:
        """Describe a turn.

        Args:
            turns: the queue.
            execute: sends a command in a turn.
            urgent: it comes before all others that wait.
            opening: begins the only dialogue of the turn, the moment it comes and if the line allows. The turn is over
                with that dialogue, whether or not the one whose turn it is has run meanwhile.
        """
        self._turns = turns
        self._execute = execute
        self._urgent = urgent
        self._opening = opening
        self._granted: asyncio.Future[None] | None = None
        self._opened: asyncio.Future[Answer] | None = None
        self._has_turn = False

    # Standing in line

    def queue(self) -> asyncio.Future[None]:
        """Stand in line now rather than when entered; the future is done when the turn has come, or will not come."""
        if self._granted is None:
            self._granted = asyncio.get_running_loop().create_future()
            self._turns.line_up(self, urgent=self._urgent)

        return self._granted

    def take(self) -> bool:
        """Grant the turn; see :class:`Waiter`."""
        if not self._is_awaited:
            return False

        self._has_turn = True
        if self._opening is not None and (dialogue := self._opening(self._leave)) is not None:
            dialogue.answered = self._opened = asyncio.get_running_loop().create_future()

        self._grant()
        return True

    def refuse(self, error: Exception) -> None:
        """Do not grant it, ever; see :class:`Waiter`."""
        if self._granted is not None and not self._granted.done():
            self._granted.set_exception(error)

    @property
    def _is_awaited(self) -> bool:
        return self._granted is not None and not self._granted.done()

    def _grant(self) -> None:
        assert self._granted is not None
        self._granted.set_result(None)

    # Having it

    async def __aenter__(self) -> Self:
        granted = self.queue()
        try:
            await granted
        except asyncio.CancelledError:
            if self._opened is not None:
                self._opened.cancel()

            self._leave()
            raise

        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._leave()

    def _leave(self, outcome: Outcome | None = None) -> None:
        if self._has_turn:
            self._has_turn = False
            self._turns.leave()

    async def execute(self, command: Command, timeout: float | None = None, watch: Watcher | None = None) -> Answer:
        """Send a command and return what it brought; see :meth:`bc260y_aio.channel.Channel.execute`."""
        if self._opened is not None:
            return await self._opened

        return await self._execute(command, timeout, watch)
