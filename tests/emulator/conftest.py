"""The emulator's own tests run on a virtual clock, unless a module overrides it."""

import pytest

from bc260y_aio.testing import ControlledClockLoop
from tests.loops import LoopFactory


@pytest.fixture(autouse=True)
def loop_factory() -> LoopFactory:
    """Make loops whose clock jumps over every wait."""
    return ControlledClockLoop
