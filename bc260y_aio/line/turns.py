"""The queue for the line: first come, first served."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol, Self

from ..at.commands import Command
from ..at.responses import Completion, Information, Response
from ..tracing import Trace


# One is made for every command, and freezing it would double the cost.
@dataclass(slots=True)
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


class Line(Protocol):
    """The part of the channel that a :class:`Dialogue` needs."""

    turns: "TurnQueue"

    @property
    def is_ready(self) -> bool:
        """Whether a command may be written at once."""

    def begin(self, dialogue: "Dialogue") -> int:
        """Write a command for the holder of the turn, when the line is ready."""
        raise NotImplementedError


class Dialogue:
    """A command from its place in the queue to its end: its caller, its answer so far, and its deadline.

    In the queue it stands for a turn that holds this command alone. The command is written as soon as the turn is
    granted, if the line is ready; otherwise the caller gets None, and the turn. The turn ends with the answer, whether
    or not the caller has run meanwhile.

    Attributes:
        command: the command.
        answer: the answer so far.
        watch: called with each information response and each completion.
        answered: the future that the caller awaits, if any; done if the caller was cancelled.
        has_turn: it was granted a turn of its own, which is not over.
        started: when the present deadline began to run, on the loop's clock.
        timeout: how long it runs, in seconds.
        deadline: the deadline's timer.
        sent_at: when the command was written, on the loop's clock.
        busy: for how long the line had been busy when the present deadline began; see :class:`.line_time.LineTime`.
    """

    __slots__ = (
        "_given",
        "_line",
        "_lines",
        "_on_end",
        "answer",
        "answered",
        "busy",
        "command",
        "deadline",
        "has_turn",
        "sent_at",
        "started",
        "timeout",
        "watch",
    )

    def __init__(
        self,
        line: "Line",
        command: Command,
        timeout: float | None = None,
        watch: Watcher | None = None,
        *,
        answered: AnswerFuture | None = None,
        on_end: Callable[[Outcome], None] | None = None,
    ) -> None:
        """Describe it; see :meth:`bc260y_aio.line.channel.Channel.execute`.

        The outcome is set on ``answered``; or ``on_end`` is called with it, before the next command is written.
        """
        self._line = line
        self.command = command
        self._given = timeout
        self.watch = watch
        self.answered = answered
        self._on_end = on_end
        self.answer = Answer([], [])
        self.has_turn = False
        self._lines = 0
        self.started = self.sent_at = self.timeout = self.busy = 0.0
        self.deadline: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<Dialogue {self.command}>"

    # In the queue

    def grant(self) -> bool:
        """Grant a turn of its own; see :class:`Waiter`."""
        answered = self.answered
        if answered is None or answered.done():
            return False

        if self._line.is_ready:
            self._line.begin(self)
        else:
            answered.set_result(None)

        self.has_turn = True
        return True

    def fail(self, error: Exception) -> None:
        """Refuse the turn; see :class:`Waiter`."""
        if self.answered is not None:
            deliver_outcome(self.answered, error)

    def leave(self) -> None:
        """End its turn, if it has one; an answer that is still due is lost."""
        if self.has_turn:
            self.has_turn = False
            self._line.turns.leave()

    # Under way

    def await_result(self, now: float, busy: float) -> float:
        """Start the deadline for the result; return when it is, on the loop's clock.

        Args:
            now: the time, on the loop's clock: the command has been written.
            busy: for how long the line has been busy so far, in seconds.
        """
        self.timeout = self.command.result_timeout if self._given is None else self._given
        self.started = self.sent_at = now
        self.busy = busy
        return now + self.timeout

    def await_completion(self, response: Response, now: float, busy: float) -> float:
        """Start the deadline for the completion, or for the rest of it; return when it is, on the loop's clock.

        Args:
            response: the ``OK`` before the completion, or a part of it.
            now: the time, on the loop's clock.
            busy: for how long the line has been busy so far, in seconds.
        """
        match response:
            case Completion():
                # Never later than the deadline for all of it.
                rest = self.command.rest_timeout(self.answer.completions)
                self.timeout = min(rest, max(self.due(busy) - now, 0.0))
            case _:
                self.timeout = self.command.completion_timeout if self._given is None else self._given

        self.started = now
        self.busy = busy
        return now + self.timeout

    def add(self, response: Information | Completion) -> bool:
        """Add a part of the answer, and report it to the watcher; return whether the answer is too long by now."""
        match response:
            case Information():
                self.answer.information.append(response)
            case Completion():
                self.answer.completions.append(response)

        if self.watch is not None and (self.answered is None or not self.answered.done()):
            self.watch(response)

        self._lines += 1
        return self._lines > MOST_LINES

    def due(self, busy: float) -> float:
        """Return when the deadline is, on the loop's clock.

        The time in which the line was busy with received bytes does not count, up to a limit.

        Args:
            busy: for how long the line has been busy so far, in seconds.
        """
        return self.started + self.timeout + min(busy - self.busy, (_PATIENCE - 1) * self.timeout)

    def end(self, outcome: Outcome) -> None:
        """End the dialogue with an outcome, and report it to the caller that still waits."""
        if self.deadline is not None:
            self.deadline.cancel()

        if self.has_turn:
            self.has_turn = False
            self._line.turns.leave()

        if self._on_end is not None:
            on_end, self._on_end = self._on_end, None
            on_end(outcome)
        elif self.answered is not None:
            deliver_outcome(self.answered, outcome)


def deliver_outcome(answered: AnswerFuture, outcome: Outcome) -> None:
    """Set an outcome on a future, unless its caller was cancelled."""
    if answered.done():
        return

    if type(outcome) is Answer:
        answered.set_result(outcome)
    else:
        assert isinstance(outcome, Exception)
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

    Attributes:
        waiting: those that wait, the next one first.
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
        self.waiting: list[Waiter] = []
        self._error: Exception | None = None

    def __len__(self) -> int:
        return len(self.waiting)

    def enqueue(self, waiter: Waiter, *, urgent: bool = False) -> None:
        """Add an entry to the queue; its turn may come at once."""
        if self._trace.is_on:
            self._trace.lined_up(waiter)

        if self._error is not None:
            waiter.fail(self._error.with_traceback(None))
        elif urgent:
            self.waiting.insert(0, waiter)
        else:
            self.waiting.append(waiter)

        self.grant_next()

    def leave(self) -> None:
        """End the turn under way."""
        self._taken = False
        if self.waiting:
            self.grant_next()

    def grant_next(self) -> None:
        """Grant the line to the next one, if it is free and idle."""
        while self.waiting and not self._taken and self._is_idle():
            waiter = self.waiting.pop(0)
            self._taken = True
            self._trace.granted(waiter)
            try:
                # With eager tasks, the turn may be over when this returns, and somebody else's be under way.
                if not waiter.grant():
                    self._taken = False
            except Exception as exc:
                # The error is that of the entry alone.
                self._taken = False
                waiter.fail(exc)

    def end(self, error: Exception) -> None:
        """Report to each caller that waits, now or later, that no turn will come."""
        self._error = error
        while self.waiting:
            self.waiting.pop(0).fail(error)


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
