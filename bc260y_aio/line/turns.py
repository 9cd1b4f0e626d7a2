"""The queue for the line: first come, first served."""

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
    """The answer to a command.

    Attributes:
        information: the information responses.
        completions: the completions after ``OK``.
        is_doubtful: the completion may be that of an earlier command that was given up.
    """

    information: list[Information]
    completions: list[Completion]
    is_doubtful: bool = False


Outcome = Answer | Exception
AnswerFuture = asyncio.Future[Answer | None]
Watcher = Callable[[Information | Completion], None]


class Executor(Protocol):
    """Sends a command for the holder of the turn."""

    def __call__(
        self, command: Command, timeout: float | None = None, watch: Watcher | None = None
    ) -> Awaitable[Answer]:
        """Send a command and return its answer."""


# A deadline that traffic keeps pushing back ends after this many times its length.
_PATIENCE: Final = 12
# No answer of a module has nearly this many lines, though a list of all commands or messages may have hundreds.
MOST_LINES: Final = 2048


@dataclass(slots=True, eq=False, repr=False)
class Dialogue:
    """A command under way: its caller, its answer so far, and its deadline.

    Attributes:
        command: the command.
        answered: the future that the caller awaits, if any; done if the caller was cancelled.
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

    def rest_timeout(self, now: float, busy: float) -> float:
        """Return how long the rest of the completion may take, in seconds: never longer than was left for all of it.

        Args:
            now: the time, on the loop's clock.
            busy: for how long the line has been busy so far, in seconds.
        """
        return min(self.command.rest_timeout(self.completions), max(self.due(busy) - now, 0.0))

    def end(self, outcome: Outcome) -> None:
        """End the dialogue with an outcome, and report it to the caller that still waits."""
        if self.deadline is not None:
            self.deadline.cancel()

        if self.on_end is not None:
            on_end, self.on_end = self.on_end, None
            on_end(outcome)
        elif self.answered is not None:
            deliver_outcome(self.answered, outcome)


def deliver_outcome(answered: AnswerFuture, outcome: Outcome) -> None:
    """Set an outcome on a future, unless its caller was cancelled."""
    if answered.done():
        return

    if isinstance(outcome, Answer):
        answered.set_result(outcome)
    else:
        answered.set_exception(outcome)


class Waiter(Protocol):
    """An entry of the queue."""

    def grant(self) -> bool:
        """Take the turn; return False to decline it."""

    def fail(self, error: Exception) -> None:
        """Report that no turn will come."""


class TurnQueue:
    """The holder of the line, and the callers that wait for it.

    Unlike a lock, the line is granted to the next only when it is idle: a cancelled caller loses the answer, but its
    command still holds the line until it ends.
    """

    def __init__(self, is_idle: Callable[[], bool], trace: Trace) -> None:
        """Make a queue.

        Args:
            is_idle: returns whether no dialogue is under way. When one ends, :meth:`grant_next` must be called.
            trace: gets an event for each caller that waits.
        """
        self._is_idle = is_idle
        self._trace = trace
        self._taken = False
        self._waiting: deque[Waiter] = deque()
        self._error: Exception | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def enqueue(self, waiter: Waiter, *, urgent: bool = False) -> None:
        """Add an entry to the queue; its turn may come at once."""
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
        """Grant the line to the next one, if it is free and idle."""
        while self._waiting and not self._taken and self._is_idle():
            waiter = self._waiting.popleft()
            self._taken = True
            self._trace.granted(waiter)
            try:
                self._taken = waiter.grant()
            except Exception as exc:
                # The error is that of the entry alone.
                self._taken = False
                waiter.fail(exc)

    def end(self, error: Exception) -> None:
        """Report to each caller that waits, now or later, that no turn will come."""
        self._error = error
        while self._waiting:
            self._waiting.popleft().fail(error)


class Turn:
    """The right to use the line; an async context manager.

    Attributes:
        has_turn: the turn was granted, and is not over.
        execute: sends a command and returns its answer; see :meth:`bc260y_aio.line.channel.Channel.execute`.
    """

    def __init__(self, turns: TurnQueue, execute: Executor, *, urgent: bool = False) -> None:
        """Describe a turn.

        Args:
            turns: the queue.
            execute: sends a command in a turn.
            urgent: put it before all others that wait.
        """
        self._turns = turns
        self._urgent = urgent
        self.has_turn = False
        self._granted: AnswerFuture | None = None
        self.execute = execute

    # Waiting

    def queue(self) -> AnswerFuture:
        """Enter the queue now rather than at ``async with``; the future is done when the turn is granted or refused."""
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
        """Refuse the turn; see :class:`Waiter`."""
        if self._granted is not None:
            deliver_outcome(self._granted, error)

    # Holding the line

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
        """End the turn, if it was granted; an answer that is still due is lost."""
        if self.has_turn:
            self.has_turn = False
            self._turns.leave()


class Line(Protocol):
    """The part of the channel that a :class:`CommandTurn` needs."""

    turns: TurnQueue

    @property
    def is_ready(self) -> bool:
        """Whether a command may be written at once."""

    def begin(
        self,
        command: Command,
        timeout: float | None = None,
        watch: Watcher | None = None,
        *,
        answered: AnswerFuture | None = None,
        on_end: Callable[[Outcome], None] | None = None,
    ) -> None:
        """Write a command for the holder of the turn, when the line is ready."""

    async def continue_turn(
        self, command: Command, timeout: float | None = None, watch: Watcher | None = None
    ) -> Answer:
        """Execute a command for the holder of the turn."""
        raise NotImplementedError


class CommandTurn(Turn):
    """A turn for a single command, which is written as soon as the turn is granted, if the line is ready.

    The turn ends with the answer, whether or not the caller has run meanwhile. The future that the caller awaits is
    done with the answer or, if something must be done before the command, with the turn.
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
