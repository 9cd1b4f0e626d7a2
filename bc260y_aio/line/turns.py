"""Whose turn it is: a queue for the line, first come, first served."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Protocol, Self

from ..at.commands import Command
from ..at.responses import Completion, Information
from ..tracing import Trace


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
AnswerFuture = asyncio.Future[Answer | None]
Watcher = Callable[[Information | Completion], None]


class Executor(Protocol):
    """Sends a command for somebody whose turn it is."""

    def __call__(
        self, command: Command, timeout: float | None = None, watch: Watcher | None = None
    ) -> Awaitable[Answer]:
        """Send it, and return what it brought."""


# A deadline that traffic keeps pushing back ends after this many times its length.
_PATIENCE: Final = 12
# No answer of a module has nearly as many lines, though a list of all commands, or of messages, may have hundreds.
MOST_LINES: Final = 2048


@dataclass(slots=True, eq=False, repr=False)
class Dialogue:
    """A command under way: who waits for it, what it has brought so far, and until when.

    Attributes:
        command: the command.
        answered: what somebody awaits for the outcome, if anybody does; whoever was cancelled has given it up.
        started: when the present deadline began to run, on the loop's clock.
        timeout: how long it runs, in seconds.
        completion_timeout: how long the deadline for the completion will run, in seconds.
        watch: called with each information response and each completion.
        on_end: called with the outcome, before the next command is written; None to set it on ``answered``.
        information: the information responses so far.
        completions: the completions so far.
        deadline: the deadline's timer.
        sent_at: when the command was written, on the loop's clock.
        busy: for how long the line had been busy when the present deadline began; see :class:`.line_time.LineTime`.
    """

    command: Command
    answered: AnswerFuture | None
    started: float
    timeout: float
    completion_timeout: float
    watch: Watcher | None = None
    on_end: Callable[[Outcome], None] | None = None
    information: list[Information] = field(default_factory=list)
    completions: list[Completion] = field(default_factory=list)
    deadline: asyncio.TimerHandle | None = None
    sent_at: float = 0.0
    busy: float = 0.0

    def __repr__(self) -> str:
        return f"<Dialogue {self.command}>"

    def add(self, response: Information | Completion) -> bool:
        """Add a part of the answer, and report it to the watcher; return whether the answer is too long by now."""
        if isinstance(response, Information):
            self.information.append(response)
        else:
            self.completions.append(response)

        if self.watch is not None and (self.answered is None or not self.answered.done()):
            self.watch(response)

        return len(self.information) + len(self.completions) > MOST_LINES

    def due(self, busy: float) -> float:
        """Return when the deadline is, on the loop's clock.

        The time in which the line was busy with received bytes does not count, up to a limit.

        Args:
            busy: for how long the line has been busy so far, in seconds.
        """
        return self.started + self.timeout + min(busy - self.busy, (_PATIENCE - 1) * self.timeout)

    def end(self, outcome: Outcome) -> None:
        """Tell the outcome to whoever still waits for it."""
        if self.deadline is not None:
            self.deadline.cancel()

        if self.on_end is not None:
            on_end, self.on_end = self.on_end, None
            on_end(outcome)
        elif self.answered is not None:
            deliver_outcome(self.answered, outcome)


def deliver_outcome(answered: AnswerFuture, outcome: Outcome) -> None:
    """Tell an outcome to whoever awaits it still."""
    if answered.done():
        return

    if isinstance(outcome, Answer):
        answered.set_result(outcome)
    else:
        answered.set_exception(outcome)


class Waiter(Protocol):
    """What stands in line for a turn."""

    def grant(self) -> bool:
        """Take the turn, which has come; return False to let it go by."""

    def fail(self, error: Exception) -> None:
        """Hear that no turn will come."""


class TurnQueue:
    """Who holds the line, and who waits for it.

    Unlike a lock's, a turn passes on only when the line is at rest: whoever is cancelled with a command under way gives
    up its answer, never its turn.
    """

    def __init__(self, is_idle: Callable[[], bool], trace: Trace) -> None:
        """Make a queue.

        Args:
            is_idle: tells whether no dialogue is under way. When one ends, :meth:`grant_next` must be called.
            trace: hears who waits.
        """
        self._is_idle = is_idle
        self._trace = trace
        self._taken = False
        self._waiting: deque[Waiter] = deque()
        self._error: Exception | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def enqueue(self, waiter: Waiter, *, urgent: bool = False) -> None:
        """Let somebody stand in line; its turn may come at once."""
        if self._trace.is_on:
            self._trace.lined_up(waiter)

        if self._error is not None:
            waiter.fail(self._error.with_traceback(None))
        elif urgent:
            self._waiting.appendleft(waiter)
        else:
            self._waiting.append(waiter)

        self.grant_next()

    def leave(self) -> None:
        """End the turn under way."""
        self._taken = False
        self.grant_next()

    def grant_next(self) -> None:
        """Let the next one have the line, if it is free and at rest."""
        while self._waiting and not self._taken and self._is_idle():
            waiter = self._waiting.popleft()
            self._taken = True
            self._trace.granted(waiter)
            try:
                self._taken = waiter.grant()
            except Exception as exc:
                # Nobody but the one whose turn it was has made the mistake.
                self._taken = False
                waiter.fail(exc)

    def end(self, error: Exception) -> None:
        """Tell everybody who waits, now or later, that no turn will come."""
        self._error = error
        while self._waiting:
            self._waiting.popleft().fail(error)


class Turn:
    """The right to use the line; an async context manager.

    Attributes:
        has_turn: it has come, and is not over.
        execute: sends a command and returns what it brought; see :meth:`bc260y_aio.line.channel.Channel.execute`.
    """

    def __init__(self, turns: TurnQueue, execute: Executor, *, urgent: bool = False) -> None:
        """Describe a turn.

        Args:
            turns: the queue.
            execute: sends a command in a turn.
            urgent: it comes before all others that wait.
        """
        self._turns = turns
        self._urgent = urgent
        self.has_turn = False
        self._granted: AnswerFuture | None = None
        self.execute = execute

    # Standing in line

    def queue(self) -> AnswerFuture:
        """Stand in line now rather than when entered; the future is done when the turn has come, or will not come."""
        if self._granted is None:
            self._granted = asyncio.get_running_loop().create_future()
            self._turns.enqueue(self, urgent=self._urgent)

        return self._granted

    def grant(self) -> bool:
        """Grant the turn; see :class:`Waiter`."""
        granted = self._granted
        if granted is None or granted.done():
            return False

        self.has_turn = True
        granted.set_result(None)
        return True

    def fail(self, error: Exception) -> None:
        """Do not grant it, ever; see :class:`Waiter`."""
        if self._granted is not None:
            deliver_outcome(self._granted, error)

    # Having it

    async def __aenter__(self) -> Self:
        granted = self.queue()
        try:
            await granted
        except asyncio.CancelledError:
            self.leave()
            raise

        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.leave()

    def leave(self) -> None:
        """End it, if it has come; an answer that is still due is given up."""
        if self.has_turn:
            self.has_turn = False
            self._turns.leave()


class Line(Protocol):
    """What an asking needs of the channel."""

    turns: TurnQueue

    @property
    def is_ready(self) -> bool:
        """Whether a command may be written without anything having to be done before."""

    def begin(
        self,
        command: Command,
        timeout: float | None = None,
        watch: Watcher | None = None,
        *,
        answered: AnswerFuture | None = None,
        on_end: Callable[[Outcome], None] | None = None,
    ) -> None:
        """Write a command, for somebody whose turn it is, when the line is ready."""

    async def continue_turn(
        self, command: Command, timeout: float | None = None, watch: Watcher | None = None
    ) -> Answer:
        """Execute a command for somebody whose turn it is."""
        raise NotImplementedError


class CommandTurn(Turn):
    """A turn for a single command, which is written the moment that the turn comes, if the line allows.

    The turn is over with the answer, whether or not the one who asked has run meanwhile. What is awaited is the answer,
    or, if something has to be done before the command, the turn.

    """

    def __init__(self, line: Line, command: Command, timeout: float | None, watch: Watcher | None) -> None:
        """Describe it; the arguments are those of :meth:`bc260y_aio.line.channel.Channel.execute`."""
        super().__init__(line.turns, line.continue_turn)
        self._line = line
        self._asked = command, timeout, watch

    def grant(self) -> bool:
        granted = self._granted
        if granted is None or granted.done():
            return False

        if not self._line.is_ready:
            return super().grant()

        self._line.begin(*self._asked, answered=granted, on_end=self._ended)
        self.has_turn = True
        return True

    def _ended(self, outcome: Outcome) -> None:
        self.leave()
        if self._granted is not None:
            deliver_outcome(self._granted, outcome)
