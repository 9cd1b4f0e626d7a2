"""The wire-time gate: pauses reading while bytes are on the wire that must come before anything useful."""

import asyncio
from collections.abc import Callable
from typing import Final

from .transport import BITS_PER_BYTE

# A timer fires up to this much late, in seconds: the millisecond of epoll, and other work of the loop.
_LATENESS: Final = 0.0015
# The shortest answer behind a payload, in bytes.
_SHORTEST_ANSWER: Final = 6
# A pause costs about as much as a wake-up, so a shorter one than this saves nothing, in seconds.
_SHORTEST_PAUSE: Final = 0.003
# Continuing a pause costs less than that, in seconds: the port need not be watched in between.
_SHORTEST_REPEAT: Final = 0.001
# Bytes that should take less time than this show nothing about the line, in seconds: they may arrive together.
_SHORTEST_EVIDENCE: Final = 0.008
# A line must have been as slow as its rate this many times in a row before reading is paused; and one in this many
# times it is watched again.
_TRUSTED: Final = 2
_WATCHED: Final = 256


class Gate:
    """Pauses a port while bytes that have to come first are on the wire.

    A rate is only a setting: a pty, or a USB port that only looks like a serial one, has no pace, and a pause would be
    a delay there. So the line is measured before the first pause, and again from time to time.
    """

    def __init__(self, pause: Callable[[float], None]) -> None:
        """Make a gate; ``pause`` stops watching the port for a number of seconds."""
        self._pause = pause
        self._loop = asyncio.get_running_loop()
        self._end = 0
        self._began = 0.0
        self._wire_time = 0.0
        self._is_watching = True
        self._seen_slow = 0
        self._count = 0

    def expect(self, size: int, position: int, baudrate: int, *, is_paused: bool) -> float:
        """Note that a number of bytes must come before anything useful.

        Args:
            size: the number; 0 when none must.
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
        """Measure the line by the time that the bytes took which have come now."""
        if self._end and self._is_watching and self._wire_time >= _SHORTEST_EVIDENCE:
            self._seen_slow = self._seen_slow + 1 if took > self._wire_time / 2 else 0
