"""These tests run by a clock that jumps, unless a module says otherwise: hours of the radio take no time."""

import pytest

from tests.guide.conftest import QuickLoop
from tests.loops import LoopFactory


@pytest.fixture(autouse=True)
def loop_factory() -> LoopFactory:
    """Make loops whose clock jumps over every wait."""
    return QuickLoop
