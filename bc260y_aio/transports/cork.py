"""Holding back data that does not fill a chunk, because more will follow."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator

from ..sockets.outbox import StreamOutbox


class Cork:
    """Holds data back until it fills a chunk, inside :meth:`hold` blocks."""

    def __init__(self, loop: asyncio.AbstractEventLoop, outbox: StreamOutbox, send: Callable[[], None]) -> None:
        """Make one that holds nothing back.

        Args:
            loop: the event loop, by whose clock delays are measured.
            outbox: the data to send.
            send: starts sending the data that is due.
        """
        self._loop = loop
        self._outbox = outbox
        self._send = send
        self._delays: list[float | None] = []
        self._timer: asyncio.TimerHandle | None = None

    @contextlib.contextmanager
    def hold(self, size: int, delay: float | None) -> Iterator[None]:
        """Hold back less than ``size`` bytes, for up to ``delay`` seconds if there is one, inside a block."""
        if delay is not None and delay <= 0:
            raise ValueError(f"a delay must be positive, not {delay}")

        self._delays.append(delay)
        self._outbox.hold = size
        try:
            yield
        finally:
            self._delays.remove(delay)
            if not self._delays:
                self._outbox.hold = 0
                self.release()

    def wrote(self) -> None:
        """Note a write, and send the data that is due."""
        if self._outbox.is_due:
            self._send()
        elif self._timer is None and (delays := [delay for delay in self._delays if delay is not None]):
            self._timer = self._loop.call_later(min(delays), self.release)

    def pause(self, delay: float) -> None:
        """Wait for the next write before anything is sent, for so long at the most."""
        if self._timer is None:
            self._timer = self._loop.call_later(delay, self.release)

    def release(self) -> None:
        """Release the data that is held back."""
        self.cancel()
        if self._outbox:
            self._outbox.release()
            self._send()

    def cancel(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def detach(self) -> None:
        """Drop the callback, whose owner refers to this object; what closes or aborts has cancelled the timer."""
        self._send = _ignore


def _ignore() -> None:
    pass
