"""These tests run by a clock that jumps, unless a module says otherwise: hours of the radio take no time."""

import pytest

from tests.emulator.fake_clock import FakeClockLoop
from tests.loops import LoopFactory


class QuickLoop(FakeClockLoop):
    """A loop that stays out of debug mode, which takes five times as long: these tests are about what is said."""

    def set_debug(self, enabled: bool) -> None:
        super().set_debug(False)


@pytest.fixture(autouse=True)
def loop_factory() -> LoopFactory:
    """Make loops whose clock jumps over every wait."""
    return QuickLoop
