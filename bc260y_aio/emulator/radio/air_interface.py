"""The half-duplex air interface of a radio: both directions share it, transport block by transport block."""

# The model, and its sources:
#
# - An NB-IoT device is half duplex: it sends or receives (TS 36.300, 5.1; half-duplex FDD type B).
# - The base station schedules each transport block by itself, in either direction. The largest ones of category NB1 are
#   1000 bits up (TS 36.213, table 16.5.1.2-2) and 680 bits down (table 16.4.1.5.1-1).
# - So a transfer goes on alone while nothing waits in the other direction; otherwise the blocks of both alternate. An
#   acknowledgement of TCP therefore waits for one block of the uplink at most, and not for all segments queued there.
# - Transfers of one direction are sent in order. A rate that changes applies from the next block on.

import asyncio
import enum
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

# The resolution of the clock: in seconds, and in bytes.
_EPSILON: Final = 1e-9
_LEFT: Final = 1e-6


class Direction(enum.Enum):
    """The direction of a transfer."""

    UP = enum.auto()
    DOWN = enum.auto()

    # Enum's own hash is written in Python.
    __hash__ = object.__hash__


# The size of the largest transport block, in bytes.
_BLOCK: Final = {Direction.UP: 125, Direction.DOWN: 85}
_OTHER: Final = {Direction.UP: Direction.DOWN, Direction.DOWN: Direction.UP}


class Rates(Protocol):
    """The rates of a radio, in bits a second; None: without limit."""

    rate_up: int | None
    rate_down: int | None


@dataclass(slots=True, eq=False)
class Transfer:
    """Something to send or to receive.

    Attributes:
        size: its size in bytes, headers included.
        done: is called with ``args`` once all of it has been transferred.
        args: see there.
        rai: the release assistance indication that goes with it, up only.
        cause: the socket whose transfer it is, or ``"signalling"``.
        left: how many bytes are still to be transferred.
    """

    size: int
    done: Callable[..., object]
    args: tuple[Any, ...] = ()
    rai: int = 0
    cause: str = "signalling"
    left: float = 0.0


class AirInterface:
    """A radio's queues of transfers, one for each direction, and the block that is on the air.

    Args:
        rates: the rates that apply.
        finished: is called with each transfer once it is through, before its own callback.

    Attributes:
        is_idle: no transfer is under way or waits.
    """

    def __init__(self, rates: Rates, finished: Callable[[Direction, Transfer], None]) -> None:
        self._rates = rates
        self._finished = finished
        self._queues: dict[Direction, list[Transfer]] = {Direction.UP: [], Direction.DOWN: []}
        # The run of blocks that is on the air, if any: its direction, its rate in bytes a second, its begin and end.
        self._current: Direction | None = None
        self._rate = 0.0
        self._began = self._ends = 0.0
        self._previous = Direction.DOWN
        self._timer: asyncio.TimerHandle | None = None
        self._is_started = False
        self._is_serving = False
        self._transmitting = 0.0
        self.is_idle = True

    # Transfers

    def waiting(self, direction: Direction) -> list[Transfer]:
        """Return the transfers of a direction that are not through."""
        return self._queues[direction]

    def transmitting(self, now: float) -> float:
        """Return for how long the radio has sent until now, in seconds."""
        return self._transmitting + (self._elapsed(now) if self._current is Direction.UP else 0.0)

    def remaining(self, direction: Direction, now: float) -> float:
        """Return how long the transfers of a direction will still be on the air, in seconds."""
        rate = self._rate_of(direction)
        if not rate:
            return 0.0

        seconds = sum(transfer.left for transfer in self._queues[direction]) / rate
        return max(seconds - (self._elapsed(now) if self._current is direction else 0.0), 0.0)

    def _elapsed(self, now: float) -> float:
        return max(min(now, self._ends) - self._began, 0.0)

    def _rate_of(self, direction: Direction) -> float:
        rate = self._rates.rate_up if direction is Direction.UP else self._rates.rate_down
        return rate / 8 if rate else 0.0

    # Transfers

    def add(self, direction: Direction, transfer: Transfer) -> None:
        """Queue a transfer. It begins once :meth:`start` has been called and its turn comes."""
        transfer.left = float(transfer.size)
        self._queues[direction].append(transfer)
        self.is_idle = False
        if not self._is_started:
            return

        if self._current is None:
            self._serve(asyncio.get_running_loop().time())
        elif self._current is not direction:
            self._yield_at_next_block()

    def start(self) -> None:
        """Begin to transfer; the uplink comes first."""
        if not self._is_started:
            self._is_started = True
            self._previous = Direction.DOWN
            self._serve(asyncio.get_running_loop().time())

    def stop(self) -> None:
        """Stop to transfer. An incomplete transfer stays queued, from its beginning."""
        self._is_started = False
        if self._current is not None:
            self._account(asyncio.get_running_loop().time())
            self._current = None

        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

        for queue in self._queues.values():
            for transfer in queue:
                transfer.left = float(transfer.size)

    def drop(self, direction: Direction) -> "list[Transfer]":
        """Remove the transfers of a direction from the queue, and return them. Only while stopped."""
        dropped = list(self._queues[direction])
        self._queues[direction].clear()
        self.is_idle = not self._queues[_OTHER[direction]]
        return dropped

    # The air

    def _serve(self, now: float) -> None:
        if self._is_serving:
            return

        self._is_serving = True
        try:
            while self._is_started and self._current is None and not self.is_idle:
                self._begin(now)
        finally:
            self._is_serving = False

    def _begin(self, now: float) -> None:
        """Put the next blocks on the air; a transfer that takes no time is through at once."""
        turn = _OTHER[self._previous]
        direction = turn if self._queues[turn] else _OTHER[turn]
        transfer, rate = self._queues[direction][0], self._rate_of(direction)
        if not rate:
            self._finish(direction)
            return

        is_shared = bool(self._queues[_OTHER[direction]])
        size = min(transfer.left, _BLOCK[direction]) if is_shared else transfer.left
        self._current, self._rate = direction, rate
        self._began, self._ends = now, now + size / rate
        self._timer = asyncio.get_running_loop().call_at(self._ends, self._expire)

    def _yield_at_next_block(self) -> None:
        assert self._current is not None
        block = _BLOCK[self._current] / self._rate
        passed = math.ceil((asyncio.get_running_loop().time() - self._began - _EPSILON) / block)
        boundary = self._began + max(passed, 1) * block
        if boundary < self._ends - _EPSILON:
            self._ends = boundary
            assert self._timer is not None
            self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_at(boundary, self._expire)

    def _account(self, now: float) -> None:
        assert self._current is not None
        elapsed = self._elapsed(now)
        self._queues[self._current][0].left -= elapsed * self._rate
        if self._current is Direction.UP:
            self._transmitting += elapsed

    def _expire(self) -> None:
        self._timer = None
        direction = self._current
        assert direction is not None
        # The next block follows this one, however late the timer was.
        ended = self._ends
        self._account(ended)
        self._current, self._previous = None, direction
        self._is_serving = True
        try:
            if self._queues[direction][0].left <= _LEFT:
                self._finish(direction)
        finally:
            self._is_serving = False

        self._serve(ended)

    def _finish(self, direction: Direction) -> None:
        queue = self._queues[direction]
        transfer = queue.pop(0)
        self.is_idle = not queue and not self._queues[_OTHER[direction]]
        self._previous = direction
        self._finished(direction, transfer)
        transfer.done(*transfer.args)
