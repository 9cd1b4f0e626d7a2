"""Whose turn it is: a queue for the line, first come, first served."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from .at.commands import Command
from .at.responses import Completion, Information


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


Watcher = Callable[[Completion], None]
Executor = Callable[[Command, float | None, Watcher | None], Awaitable[Answer]]


@dataclass(slots=True, eq=False)
class Dialogue:
    """A command under way: who waits for it, what it has brought so far, and until when.

    Attributes:
        command: the command.
        answered: the answer, or why there is none.
        started: when the present deadline began to run, on the loop's clock.
        timeout: how long it runs, in seconds.
        completion_timeout: how long that for the completion will, in seconds.
        watch: is called with each completion.
        information: the information responses so far.
        completions: the completions so far.
        deadline: the deadline's timer.
    """

    command: Command
    answered: asyncio.Future[Answer]
    started: float
    timeout: float
    completion_timeout: float
    watch: Watcher | None
    information: list[Information] = field(default_factory=list)
    completions: list[Completion] = field(default_factory=list)
    deadline: asyncio.TimerHandle | None = None

    def end(self, outcome: Answer | Exception) -> None:
        """Tell the outcome to whoever still waits for it."""
        if self.deadline is not None:
            self.deadline.cancel()

        if self.answered.done():
            return

        if isinstance(outcome, Answer):
            self.answered.set_result(outcome)
        else:
            self.answered.set_exception(outcome)


class TurnQueue:
    """Who holds the line, and who waits for it.

    Unlike a lock's, a turn passes on only when the line is at rest: whoever is cancelled with a command under way gives
    up its answer, never its turn.
    """

    def __init__(self, is_at_rest: Callable[[], bool]) -> None:
        """Make a queue.

        Args:
            is_at_rest: tells whether no dialogue is under way. When one ends, :meth:`pass_on` must be called.
        """
        self._is_at_rest = is_at_rest
        self._taken = False
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._error: Exception | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def queue(self, *, urgent: bool) -> asyncio.Future[None]:
        """Stand in line; the future is done when the turn has come, or will not come."""
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._error is not None:
            granted.set_exception(self._error.with_traceback(None))
        elif urgent:
            self._waiting.appendleft(granted)
        else:
            self._waiting.append(granted)

        self.pass_on()
        return granted

    def leave(self) -> None:
        """End the turn under way."""
        self._taken = False
        self.pass_on()

    def pass_on(self) -> None:
        """Let the next one have the line, if it is free and at rest."""
        while self._waiting and not self._taken and self._is_at_rest():
            granted = self._waiting.popleft()
            if not granted.done():
                self._taken = True
                granted.set_result(None)

    def end(self, error: Exception) -> None:
        """Tell everybody who waits, now or later, that no turn will come."""
        self._error = error
        for granted in self._waiting:
            if not granted.done():
                granted.set_exception(error)

        self._waiting.clear()


class Turn:
    """The right to use the line; an async context manager."""

    def __init__(self, turns: TurnQueue, execute: Executor, *, urgent: bool) -> None:
        self._turns = turns
        self._execute = execute
        self._urgent = urgent
        self._granted: asyncio.Future[None] | None = None

    def queue(self) -> asyncio.Future[None]:
        """Stand in line now rather than when entered."""
        if self._granted is None:
            self._granted = self._turns.queue(urgent=self._urgent)

        return self._granted

    async def __aenter__(self) -> Self:
        granted = self.queue()
        try:
            await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled() and granted.exception() is None:
                self._turns.leave()

            raise

        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._turns.leave()

    async def execute(self, command: Command, timeout: float | None = None, watch: Watcher | None = None) -> Answer:
        """Send a command and return what it brought; see :meth:`bc260y_aio.channel.Channel.execute`."""
        return await self._execute(command, timeout, watch)
