"""Calls that are made later, and in order."""

import asyncio
from collections.abc import Callable
from typing import Any


class DelayedCalls:
    """Makes calls after a delay, in the order in which they were asked for.

    A call that is not delayed, with none before it, is made at once.

    Args:
        delay: draws the delay of the next call, in seconds.
        is_held: whether no call is to be made for the time being; :meth:`run` is to be called when that is over.

    Attributes:
        is_running: a call is being made.
    """

    __slots__ = ("_calls", "_delay", "_is_held", "_timer", "is_running")

    def __init__(self, delay: Callable[[], float], is_held: Callable[[], bool] = lambda: False) -> None:
        self._delay = delay
        self._is_held = is_held
        self._calls: list[tuple[float, Callable[..., object], tuple[Any, ...]]] = []
        self._timer: asyncio.TimerHandle | None = None
        self.is_running = False

    def __len__(self) -> int:
        return len(self._calls)

    def call(self, callback: Callable[..., object], *args: Any) -> None:
        """Make a call after its delay, and after those before it."""
        delay = self._delay()
        if not delay and not self._calls and not self.is_running and not self._is_held():
            callback(*args)
            return

        due = asyncio.get_running_loop().time() + delay
        if self._calls:
            due = max(due, self._calls[-1][0])

        self._calls.append((due, callback, args))
        if not self.is_running and self._timer is None:
            self._set_timer()

    def run(self) -> None:
        """Make the calls that are due."""
        if self.is_running:
            return

        self.is_running = True
        try:
            # A timer may fire early by the resolution of the clock.
            now = asyncio.get_running_loop().time() + 1e-6
            while self._calls and self._calls[0][0] <= now and not self._is_held():
                _, callback, args = self._calls.pop(0)
                callback(*args)
        finally:
            self.is_running = False
            self._set_timer()

    def clear(self) -> None:
        """Drop the calls that have not been made."""
        self._calls.clear()
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

        if self._calls and not self._is_held():
            self._timer = asyncio.get_running_loop().call_at(self._calls[0][0], self._expire)

    def _expire(self) -> None:
        self._timer = None
        self.run()
