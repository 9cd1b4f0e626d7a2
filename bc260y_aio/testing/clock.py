"""An event loop with a virtual clock: a test of an hour takes no real time, and its times are exact."""

# As long as anything is ready to run, or to be read or written, the clock stands still. When everything waits, it is
# advanced to the next timer. So delays are exact, and callbacks run in the order of real time.
#
# The clock does not control events outside of the loop. There are three kinds of them:
#
# - Both ends of a real socket are in this process: the system has the bytes for the other end at once. Nothing is
#   needed; the bytes come before the clock advances. A pty takes some microseconds, and the loop waits for them.
# - A thread of the loop's executor works (`asyncio.to_thread`, `loop.getaddrinfo`): the clock stands still until it is
#   done, however long the timers are.
# - Another process, or a thread of one's own, is at the far end of a socket or a pty: the loop cannot know
#   whether it is about to send something. If the loop watches a descriptor, it waits for a moment, the grace, before
#   each advance. Bytes that come later are late by the loop's clock: a timeout of a minute may have expired meanwhile.

import asyncio
import concurrent.futures
import contextvars
import os
import selectors
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

T = TypeVar("T")

# In real seconds: a loop that has no timer and receives no event for so long will wait forever.
PATIENCE: Final = 20.0

# The loop looks at its own pipe at least once in so many turns.
_MOST_UNPOLLED: Final = 64

# The system passes bytes from one end of a pty to the other in this time, in real seconds.
_PTY_DELAY: Final = 0.0002


class WaitsForever(AssertionError):
    """No callback was ready, no timer was set, and no event came from outside: the program would wait forever."""


class ControlledClockLoop(asyncio.SelectorEventLoop):
    """An event loop on which time passes only when there is nothing else to do.

    It is asyncio's own selector loop but for its clock, so sockets, pipes, subprocesses, signals and threads work. With
    everything in memory, as an emulator's ``line="memory"`` and its scripted peers are, a run is exact and repeatable.
    With descriptors whose far end is outside of this process it is neither: see ``grace``.

    ``time.time()``, ``time.monotonic()`` and ``datetime.now()`` return the real time; of a program under test, only
    what goes by the loop's clock (``asyncio.sleep``, ``asyncio.timeout``, ``loop.call_later``) is sped up.

    Args:
        start: what the clock shows at first, in seconds.
        grace: how long to wait for real events before each advance, in real seconds, while a descriptor other
            than the loop's own is watched. 0 where both ends of everything are in this process.
        patience: how long to wait, in real seconds, for real events when there is no timer to advance to, and for work
            in the loop's threads.

    Attributes:
        jumps: how often the clock has advanced.

    Raises:
        WaitsForever: from the running loop, when nothing was ready, no timer was set and nothing came for ``patience``
            seconds.
    """

    def __init__(self, start: float = 0.0, *, grace: float = 0.0, patience: float = PATIENCE) -> None:
        # The base class reads the clock, and watches a pipe of its own, while it is made.
        self._now = start
        self._patience = patience
        self._grace = grace
        self._in_threads: set[asyncio.Future[Any]] = set()
        self._timers_set = 0
        self.jumps = 0
        super().__init__(_AdvancingSelector(self))
        # Debug mode would report a callback in which the clock advanced as a slow one.
        self.slow_callback_duration = float("inf")

    def time(self) -> float:
        """Return the time, in seconds."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the clock forward. Timers that are due by then run on the loop's next turn.

        Raises:
            ValueError: backward.
        """
        if seconds < 0:
            raise ValueError(f"time does not run backward: {seconds!r}")

        self._now += seconds
        self.jumps += 1

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """Call back at a time; timers of the same time are called in the order in which they were set."""
        self._timers_set += 1
        due = _Due(when)
        due.number = self._timers_set
        timer = super().call_at(due, callback, *args, context=context)
        # It has its place in the loop's heap already: below all timers of the same time.
        timer.__class__ = _Timer
        return timer

    def run_in_executor(  # type: ignore[override]
        self, executor: concurrent.futures.Executor | None, func: Callable[..., T], *args: Any
    ) -> "asyncio.Future[T]":
        """Run a function in a thread; the clock stands still until it is done."""
        work: asyncio.Future[T] = super().run_in_executor(executor, func, *args)
        self._in_threads.add(work)
        work.add_done_callback(self._in_threads.discard)
        return work

    async def shutdown_default_executor(self, *args: Any, **kwargs: Any) -> None:
        """Wait for the threads to end; the clock stands still until they have."""
        # From Python 3.12 on this has a deadline, to which the clock would advance.
        ending: asyncio.Future[Any] = self.create_future()
        self._in_threads.add(ending)
        try:
            await super().shutdown_default_executor(*args, **kwargs)
        finally:
            self._in_threads.discard(ending)


def virtual_clock(
    start: float = 0.0, *, grace: float = 0.0, patience: float = PATIENCE
) -> Callable[[], ControlledClockLoop]:
    """Return a factory of such loops, for ``asyncio.Runner(loop_factory=...)``; each of them starts anew.

    Args:
        start: see :class:`ControlledClockLoop`.
        grace: see there.
        patience: see there.
    """
    return lambda: ControlledClockLoop(start, grace=grace, patience=patience)


class _Due(float):
    """A time at which a timer is due.

    Attributes:
        number: how many timers had been set before, and this one.
    """

    __slots__ = ("number",)
    number: int


class _Timer(asyncio.TimerHandle):
    """A timer that goes before those of the same time that were set later.

    asyncio keeps its timers in a heap, in which equal times have no order.
    """

    __slots__ = ()
    _when: _Due

    def __lt__(self, other: "_Timer") -> bool:  # type: ignore[override]
        # The loop compares its timers with each other only.
        mine, others = self._when, other._when
        return mine < others or (mine == others and mine.number < others.number)


class _AdvancingSelector(selectors.BaseSelector):
    """A selector that moves its loop's clock where it would have to wait."""

    # How many descriptors a loop watches on its own behalf: the end of the pipe that wakes it.
    _OWN: Final = 1

    def __init__(self, loop: ControlledClockLoop) -> None:
        self._loop = loop
        # Unlike epoll, poll makes the system hand over what has been written to the other end of a pty.
        self._real = selectors.PollSelector()
        self._ttys: set[int] = set()
        self._watched = 0
        self._unpolled = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            events = self._real.select(self._loop._patience)
            if not events:
                raise WaitsForever(f"nothing to do, no timer, and nothing came for {self._loop._patience:g} s")

            return events

        if timeout <= 0 and self._watched <= self._OWN and self._unpolled < _MOST_UNPOLLED:
            # Callbacks are ready, and only another thread or a signal could have sent anything.
            self._unpolled += 1
            return []

        self._unpolled = 0
        events = self._real.select(0)
        if not events and timeout > 0:
            events = self._wait()

        if not events and timeout > 0:
            self._loop.advance(timeout)

        return events

    def _wait(self) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for events from outside of the loop, where there may be any."""
        loop = self._loop
        # The end of such work wakes the loop, by the pipe.
        if loop._in_threads and (events := self._real.select(loop._patience)):
            return events

        if loop._grace and self._watched > self._OWN:
            return self._real.select(loop._grace)

        if self._ttys:
            time.sleep(_PTY_DELAY)
            return self._real.select(0)

        return []

    # The rest is forwarded to the real selector

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = self._real.register(fileobj, events, data)
        self._watched += 1
        if os.isatty(key.fd):
            self._ttys.add(key.fd)

        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        key = self._real.unregister(fileobj)
        self._watched -= 1
        self._ttys.discard(key.fd)
        return key

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()
