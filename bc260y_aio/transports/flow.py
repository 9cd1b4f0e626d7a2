"""Pausing and resuming a protocol's writing, as asyncio does it."""

import asyncio
from typing import Any, Final

# asyncio's own high water mark, in bytes.
_HIGH_WATER: Final = 64 * 1024


class FlowControl:
    """Pausing and resuming a protocol's writing, by the size of the write buffer."""

    _loop: asyncio.AbstractEventLoop
    _protocol: Any

    def __init__(self) -> None:
        self._protocol_paused = False
        self._high_water = _HIGH_WATER
        self._low_water = _HIGH_WATER // 4

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait to be taken by the module."""
        raise NotImplementedError

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the low and the high water mark, in bytes."""
        return self._low_water, self._high_water

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the water marks, in bytes, as :meth:`asyncio.WriteTransport.set_write_buffer_limits` does."""
        if high is None:
            high = _HIGH_WATER if low is None else 4 * low

        if low is None:
            low = high // 4

        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")

        self._high_water, self._low_water = high, low
        self._maybe_pause()

    def _maybe_pause(self) -> None:
        if self.get_write_buffer_size() > self._high_water:
            self._pause_protocol()

    def _pause_protocol(self) -> None:
        if not self._protocol_paused:
            self._protocol_paused = True
            self._notify("pause_writing")

    def _maybe_resume(self) -> None:
        if self._protocol_paused and self.get_write_buffer_size() <= self._low_water:
            self._protocol_paused = False
            self._notify("resume_writing")

    def _notify(self, what: str, *args: Any) -> None:
        """Call a method of the protocol; its exceptions go to the loop's exception handler."""
        if self._protocol is None:
            return

        try:
            getattr(self._protocol, what)(*args)
        except Exception as exc:
            self._loop.call_exception_handler(
                {
                    "message": f"protocol.{what}() failed",
                    "exception": exc,
                    "transport": self,
                    "protocol": self._protocol,
                }
            )
