"""An event loop whose clock jumps: what takes an hour takes no time, and takes it exactly.

As long as anything is ready to run, or to be read or written, the clock stands still. When everything waits, it jumps
to the next timer. So delays are exact, in the order in which they would have come, and a test of a 70 s rule is over
at once.

What happens outside of the loop has no part in that: bytes in real sockets and ptys arrive when the system says so, and
work in threads is done when it is done. With ``grace`` the loop waits so long, in real seconds, for such things before
each jump.
"""

import asyncio
import selectors
from collections.abc import Mapping
from typing import Any, Final

# A loop that has no timer and hears nothing for so long will wait forever, in real seconds.
PATIENCE: Final = 20.0


class Forever(AssertionError):
    """Nothing was ready, no timer was set, and nothing came from outside."""


class FakeClockLoop(asyncio.SelectorEventLoop):
    """An event loop on which time passes only when there is nothing else to do.

    Args:
        start: what the clock shows at first, in seconds.
        grace: how long to wait for real events before each jump, in real seconds. 0 where everything is in memory.
        patience: how long to wait for real events when there is no timer to jump to, in real seconds.

    Attributes:
        jumps: how often the clock has jumped.
    """

    def __init__(self, start: float = 0.0, *, grace: float = 0.0, patience: float = PATIENCE) -> None:
        # The base class reads the clock, and watches a pipe of its own, while it is made.
        self._now = start
        self._patience = patience
        self._grace = grace
        self.jumps = 0
        super().__init__(_JumpingSelector(self))
        # Debug mode would report a callback in which the clock jumped as a slow one.
        self.slow_callback_duration = float("inf")

    def time(self) -> float:
        return self._now

    def jump(self, seconds: float) -> None:
        """Move the clock forward."""
        self._now += seconds
        self.jumps += 1


class _JumpingSelector(selectors.BaseSelector):
    """A selector that moves its loop's clock where it would have to wait."""

    def __init__(self, loop: FakeClockLoop) -> None:
        self._loop = loop
        self._real = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            events = self._real.select(self._loop._patience)
            if not events:
                raise Forever(f"nothing to do, no timer, and nothing came for {self._loop._patience:g} s")

            return events

        events = self._real.select(0 if timeout <= 0 else self._wait())
        if not events and timeout > 0:
            self._loop.jump(timeout)

        return events

    def _wait(self) -> float:
        return self._loop._grace

    # The rest is the real one's

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()
