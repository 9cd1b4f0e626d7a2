"""Loops that are born with a route."""

import asyncio

import pytest
import uvloop

from bc260y_aio import Modem
from bc260y_aio.routing import route_new_loops
from tests.loops import LoopFactory

from .servers import PEER, ask, serving


@pytest.mark.loops("asyncio", "uvloop")
def test_a_new_loop_is_routed_and_reports_its_close(loop_factory: LoopFactory) -> None:
    modem = Modem("emulator://", close_timeout=2.0, nvram_gap=0.0)
    closed: list[asyncio.AbstractEventLoop] = []
    end = route_new_loops(lambda _: modem, on_close=closed.append)
    try:
        loop = loop_factory()
    finally:
        end()

    async def main() -> None:
        async with modem, serving() as port:
            assert await ask(port) is modem
            assert await ask(port, "127.0.0.1") is None

    # A coroutine that is made before the loop runs goes the same way.
    opening = loop.create_connection(asyncio.Protocol, PEER, 7)
    assert "RoutedLoop.create_connection" in repr(opening)
    opening.close()
    loop.run_until_complete(main())
    assert closed == []
    loop.close()
    loop.close()
    assert closed == [loop]


def test_loops_to_come_are_as_they_were() -> None:
    made = asyncio.BaseEventLoop.__init__, uvloop.Loop.__init__
    end = route_new_loops(lambda _: Modem("emulator://"))
    end()

    assert (asyncio.BaseEventLoop.__init__, uvloop.Loop.__init__) == made
    with asyncio.Runner() as runner:
        assert "create_connection" not in vars(runner.get_loop())
