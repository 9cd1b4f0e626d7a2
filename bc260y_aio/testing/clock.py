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
import heapq
import itertools
import math
import os
import selectors
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

T = TypeVar("T")

# In real seconds: a loop that has no timer and receives no event for so long will wait forever.
PATIENCE: Final = 20.0

# The loop looks at its own pipe at least once in so many turns.
_MOST_UNPOLLED: Final = 64

# A timer is due when less than this is left, in seconds.
_RESOLUTION: Final = 1e-9

# So few cancelled timers are kept until they would have been due.
_MOST_CANCELLED: Final = 100

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

    # What a loop of asyncio has besides its documented methods.
    _ready: deque[asyncio.Handle]
    _closed: bool
    _debug: bool
    _check_closed: Callable[[], None]
    _check_thread: Callable[[], None]
    _check_callback: Callable[[object, str], None]

    def __init__(self, start: float = 0.0, *, grace: float = 0.0, patience: float = PATIENCE) -> None:
        # The base class reads the clock, and watches a pipe of its own, while it is made.
        self._now = start
        self._patience = patience
        self._grace = grace
        self._in_threads: set[asyncio.Future[Any]] = set()
        # A heap of when each timer is due, and how many had been set before. asyncio's own heap has no order for equal
        # times, and compares its timers in Python.
        self._timers: list[tuple[float, int, _Timer]] = []
        self._numbers = itertools.count()
        # How many of them have been cancelled.
        self._cancelled = 0
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

    # Timers

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """Call back at a time; timers of the same time are called in the order in which they were set."""
        if self._closed or self._debug:
            self._check_closed()
            self._check_thread()
            self._check_callback(callback, "call_at")

        timer = _Timer(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def next_timer(self) -> float | None:
        """Return when the next timer is due; None where there is none, or only those that are never due."""
        timers = self._timers
        while timers and timers[0][2]._cancelled:
            heapq.heappop(timers)[2]._scheduled = False
            self._cancelled -= 1

        return timers[0][0] if timers and timers[0][0] < math.inf else None

    def _timer_handle_cancelled(self, handle: "_Timer") -> None:
        # asyncio calls this for each timer that is cancelled.
        if not handle._scheduled:
            return

        self._cancelled += 1
        if self._cancelled > _MOST_CANCELLED and self._cancelled > len(self._timers) // 2:
            # The one at hand is cancelled once this returns.
            handle._scheduled = False
            self._timers = [entry for entry in self._timers if not entry[2]._cancelled and entry[2]._scheduled]
            heapq.heapify(self._timers)
            self._cancelled = 0

    def _process_events(self, events: list[tuple[selectors.SelectorKey, int]]) -> None:
        # asyncio calls this in every turn, with what the selector returned. Timers that are due come after that.
        if events:
            super()._process_events(events)  # type: ignore[misc]

        timers, now = self._timers, self._now + _RESOLUTION
        while timers and timers[0][0] < now:
            timer = heapq.heappop(timers)[2]
            timer._scheduled = False
            if timer._cancelled:
                self._cancelled -= 1
            else:
                self._ready.append(timer)

    def close(self) -> None:
        """Close the loop."""
        super().close()
        self._timers.clear()

    # Threads

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


class _Timer(asyncio.TimerHandle):
    """A timer; its attributes are those of asyncio's, which takes three calls to set them."""

    __slots__ = ()
    _callback: Callable[..., object]
    _args: tuple[Any, ...]
    _loop: ControlledClockLoop
    _context: contextvars.Context
    _cancelled: bool
    _source_traceback: Any
    _repr: None
    _when: float
    _scheduled: bool

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: ControlledClockLoop,
        context: contextvars.Context | None,
    ) -> None:
        if loop._debug:
            super().__init__(when, callback, args, loop, context)
            # It was made by the caller of `call_at`.
            del self._source_traceback[-2:]
        else:
            self._callback, self._args, self._loop, self._when = callback, args, loop, when
            self._context = contextvars.copy_context() if context is None else context
            self._cancelled = False
            self._source_traceback = self._repr = None

        self._scheduled = True


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
        loop = self._loop
        # asyncio names no time, or 0 where callbacks are ready: it has no timers of its own here.
        due = loop.next_timer() if timeout is None else loop._now
        if due is None:
            events = self._real.select(loop._patience)
            if not events:
                raise WaitsForever(f"nothing to do, no timer, and nothing came for {loop._patience:g} s")

            return events

        if self._watched <= self._OWN and self._unpolled < _MOST_UNPOLLED and not loop._in_threads:
            # Only another thread or a signal could have sent anything.
            self._unpolled += 1
            events = []
        else:
            self._unpolled = 0
            events = self._real.select(0)
            if not events and due > loop._now:
                events = self._wait()

        if not events and due > loop._now:
            loop._now = due
            loop.jumps += 1

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
