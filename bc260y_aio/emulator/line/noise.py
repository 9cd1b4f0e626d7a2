"""The faults of one direction of a line: bytes that are lost, damaged, doubled, late, or passed on one by one."""

import math
from collections.abc import Callable

from ..delayed_calls import DelayedCalls
from ..faults import NOISES, Faults


class LineNoise:
    """One direction of a line, with its faults.

    Args:
        faults: the kinds, and their probabilities.
        direction: the name of its random sequences.
        deliver: is called with the bytes that are passed on.
        late: the kinds of faults that delay all bytes.

    Attributes:
        waiting: how many bytes are delayed.
    """

    __slots__ = (
        "_ahead",
        "_deliver",
        "_direction",
        "_faults",
        "_has_places",
        "_lag",
        "_late",
        "_rates",
        "_spared",
        "waiting",
    )

    def __init__(self, faults: Faults, direction: str, deliver: Callable[[bytes], None], *late: str) -> None:
        self._faults = faults
        self._direction = direction
        self._deliver = deliver
        self._late = late
        self._lag = DelayedCalls(self._lateness)
        # The probability of each kind when its next place was last drawn, and how many bytes ahead that place is.
        self._rates: dict[str, float] = {}
        self._ahead: dict[str, int] = {}
        self._spared = 0
        self._has_places = False
        self.waiting = 0

    def carry(self, data: bytes) -> bool:
        """Pass bytes on, with the faults that strike; return whether all of them have been passed on as they are."""
        if self._is_quiet() and data:
            self._deliver(data)
            return True

        data = self._disturbed(data)
        if self._faults.occurs("noise_split"):
            for index in range(len(data)):
                self._pass_on(data[index : index + 1])
        elif data:
            self._pass_on(data)

        return False

    def _is_quiet(self) -> bool:
        """Return whether no fault can strike, and none has struck that still shows."""
        faults = self._faults
        return not (
            faults.noise_lost
            or faults.noise_damaged
            or faults.noise_doubled
            or faults.noise_split
            or faults.noise_delayed
            or faults.stalled
            or self.waiting
            or self._spared
            or self._lag.is_running
            or self._has_places
        )

    def _lateness(self) -> float:
        return sum(self._faults.delay(kind) for kind in self._late)

    def clear(self) -> None:
        """Drop the bytes that are delayed."""
        self._lag.clear()
        self.waiting = 0

    def _pass_on(self, data: bytes) -> None:
        self.waiting += len(data)
        self._lag.call(self._arrive, data)

    def _arrive(self, data: bytes) -> None:
        self.waiting -= len(data)
        self._deliver(data)

    def _disturbed(self, data: bytes) -> bytes:
        self._has_places = any(getattr(self._faults, kind) for kind in NOISES)
        places = sorted((place, kind) for kind in NOISES for place in self._places(kind, len(data)))
        pieces, start, clear = [], 0, self._spared
        for place, kind in places:
            if place < clear:
                continue

            self._faults.counts[kind] += 1
            pieces.append(data[start:place] + self._instead(kind, data[place : place + 1]))
            start = place + 1
            clear = start + self._faults.noise_gap

        self._spared = max(clear - len(data), 0)
        return b"".join([*pieces, data[start:]]) if pieces else data

    def _places(self, kind: str, size: int) -> list[int]:
        """Return where a kind strikes among the next bytes: one draw for each such place, not for each byte."""
        rate: float = getattr(self._faults, kind)
        if rate != self._rates.get(kind, 0.0):
            self._rates[kind] = rate
            self._ahead[kind] = self._distance(kind, rate)

        if not rate:
            return []

        places = []
        while self._ahead[kind] < size:
            places.append(self._ahead[kind])
            self._ahead[kind] += 1 + self._distance(kind, rate)

        self._ahead[kind] -= size
        return places

    def _distance(self, kind: str, rate: float) -> int:
        if not 0.0 < rate < 1.0:
            return 0

        return int(math.log(1.0 - self._faults.random(f"{kind}.{self._direction}").random()) / math.log1p(-rate))

    def _instead(self, kind: str, byte: bytes) -> bytes:
        match kind:
            case "noise_lost":
                return b""
            case "noise_doubled":
                return byte * 2
            case _:
                return bytes([self._faults.random(f"{kind}.{self._direction}.byte").getrandbits(8) | 0x80])
