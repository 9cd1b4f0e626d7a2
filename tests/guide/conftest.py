"""These tests run by a clock that jumps, unless a module says otherwise: hours of the radio take no time."""

import pytest

from bc260y_aio.testing import ControlledClockLoop
from tests.loops import LoopFactory


class QuickLoop(ControlledClockLoop):
    """A loop that stays out of debug mode, which takes five times as long: these tests are about what is said."""

    def set_debug(self, enabled: bool) -> None:
        super().set_debug(False)


@pytest.fixture(autouse=True)
def loop_factory() -> LoopFactory:
    """Make loops whose clock jumps over every wait."""
    return QuickLoop
