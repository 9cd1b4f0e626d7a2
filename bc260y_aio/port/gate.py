"""The wire-time gate: sleeping through bytes of which it is known that nothing of use can arrive before them."""

import asyncio
from collections.abc import Callable
from typing import Final

from .transport import BITS_PER_BYTE

# A timer rings up to so much late, in seconds: the millisecond of epoll, and what else the loop has to do.
_LATENESS: Final = 0.0015
# What comes behind a payload takes the wire at least as long as so many bytes: no answer is shorter.
_SHORTEST_ANSWER: Final = 6
# A pause costs about as much as a wake-up, so a shorter one saves nothing, in seconds.
_SHORTEST_PAUSE: Final = 0.003
# To go on with one costs less than that, in seconds: nobody has to begin to watch the port, and to cease again.
_SHORTEST_REPEAT: Final = 0.001
# Bytes that should take less time than this tell nothing about the line, in seconds: they may arrive in one go.
_SHORTEST_EVIDENCE: Final = 0.008
# So many times in a row a line must have been as slow as its rate says before it is slept on; and one in so many times
# it is watched again.
_TRUSTED: Final = 2
_WATCHED: Final = 256


class Gate:
    """Pauses a port while bytes that have to come first are on the wire.

    A rate is only a setting: a pty, or a USB port that only looks like a serial one, has no pace. There a pause would
    be a delay. So the line has to be seen to be as slow as it says, and is looked at again every now and then.
    """

    def __init__(self, pause: Callable[[float], None]) -> None:
        """Make a gate; ``pause`` stops watching the port for so many seconds."""
        self._pause = pause
        self._loop = asyncio.get_running_loop()
        self._end = 0
        self._began = 0.0
        self._wire_time = 0.0
        self._is_watching = True
        self._seen_slow = 0
        self._count = 0

    def expect(self, size: int, position: int, baudrate: int, *, is_paused: bool) -> float:
        """Know that so many bytes must come before anything of use.

        Args:
            size: how many; 0 when none.
            position: how many bytes have been read so far.
            baudrate: the rate, in baud.
            is_paused: the port is not being watched, and need not be.

        Returns:
            How long the port is paused, in seconds.
        """
        if not (size or self._end):
            return 0.0

        now = self._loop.time()
        end = position + size if size else 0
        wire_time = size * BITS_PER_BYTE / baudrate
        if end != self._end:
            self._judge(now - self._began)
            self._end, self._began, self._wire_time = end, now, wire_time
            self._count += size > 0
            self._is_watching = self._seen_slow < _TRUSTED or self._count % _WATCHED == 0

        pause = wire_time - max(0.0, _LATENESS - _SHORTEST_ANSWER * BITS_PER_BYTE / baudrate)
        if is_paused and size:
            pause = max(pause, _SHORTEST_REPEAT)
        elif pause < _SHORTEST_PAUSE:
            return 0.0

        if self._is_watching:
            return 0.0

        self._pause(pause)
        return pause

    def _judge(self, took: float) -> None:
        """Learn from how long the bytes took that have come now."""
        if self._end and self._is_watching and self._wire_time >= _SHORTEST_EVIDENCE:
            self._seen_slow = self._seen_slow + 1 if took > self._wire_time / 2 else 0
