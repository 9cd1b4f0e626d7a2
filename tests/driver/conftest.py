"""The clock of the driver's tests."""

import time
from typing import Final

import pytest

from tests import loops

# The clock is slower than real time by this factor while no test advances it, as a machine may be busy.
SLOWNESS: Final = 50.0


class SlowClock(loops.Clock):
    """A clock that is moved by hand, and hardly by itself."""

    def __init__(self) -> None:
        super().__init__()
        self._start = time.monotonic()

    def time(self) -> float:
        return self._start + (time.monotonic() - self._start) / SLOWNESS + self._ahead


@pytest.fixture
def clock() -> loops.Clock:
    """Move the loop's clock by hand: what is due in 4.9 s is not due before, however busy the machine."""
    return SlowClock()
