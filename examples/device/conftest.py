"""Run these tests by anyio's plugin, on a clock that jumps over every wait."""

import pytest

from bc260y_aio.testing import virtual_clock


@pytest.fixture
def anyio_backend(request: pytest.FixtureRequest) -> object:
    """Run coroutine tests on asyncio, by the real clock with a real module."""
    is_real = request.config.getoption("--bc260y-port") is not None
    return "asyncio", {} if is_real else {"loop_factory": virtual_clock()}
