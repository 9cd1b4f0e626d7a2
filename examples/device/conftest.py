"""How these tests run: on anyio's plugin, which comes along, by a clock that jumps over every wait."""

import pytest

from bc260y_aio.testing import virtual_clock


@pytest.fixture
def anyio_backend(request: pytest.FixtureRequest) -> object:
    """Run coroutine tests on asyncio. A real module has a time of its own."""
    is_real = request.config.getoption("--bc260y-port") is not None
    return "asyncio", {} if is_real else {"loop_factory": virtual_clock()}
