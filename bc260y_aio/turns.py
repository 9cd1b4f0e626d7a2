"""Whose turn it is: a queue for the line, first come, first served."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
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


Watcher = Callable[[Completion], None]
Executor = Callable[[Command, float | None, Watcher | None], Awaitable[Answer]]


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
