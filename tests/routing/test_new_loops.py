"""Loops that are born with a route."""

import asyncio
from collections.abc import Callable

import pytest
import uvloop

from bc260y_aio import Modem
from bc260y_aio.routing import RoutedLoop, route_new_loops
from tests.loops import LoopFactory

from .servers import PEER, ask, serving


def refusal(call: Callable[[], object]) -> type[Exception] | None:
    """Return what a call raises."""
    try:
        call()
    except Exception as exc:
        return type(exc)

    return None


@pytest.mark.loops("asyncio", "uvloop")
def test_a_new_loop_is_routed_and_reports_its_close(loop_factory: LoopFactory) -> None:
    modem = Modem("emulator://", close_timeout=2.0, nvram_gap=0.0)
    closed: list[asyncio.AbstractEventLoop] = []
    refused: list[type[Exception] | None] = []
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
    # A loop that runs cannot be closed.
    loop.call_soon(lambda: refused.append(refusal(loop.close)))
    loop.run_until_complete(asyncio.sleep(0))
    assert refused == [RuntimeError]
    assert closed == []
    loop.close()
    loop.close()
    assert closed == [loop]


@pytest.mark.loops("asyncio", "uvloop")
def test_a_new_loop_has_the_rule_that_was_given_and_a_router_of_its_own(loop_factory: LoopFactory) -> None:
    modems: dict[asyncio.AbstractEventLoop, Modem] = {}

    def router_of(loop: asyncio.AbstractEventLoop) -> Modem:
        return modems.setdefault(loop, Modem("emulator://"))

    end = route_new_loops(router_of, lambda host, port: (host, port) == (PEER, 7), exclusive=True)
    try:
        loops = [loop_factory(), loop_factory()]
    finally:
        end()

    for loop in loops:
        routed = RoutedLoop.of(loop)
        assert routed is not None
        (rule,) = routed.rules()
        assert rule.router is modems[loop]
        assert (rule.takes(PEER, 7), rule.takes(PEER, 8)) == (True, False)
        assert (rule.is_exclusive, routed.is_exclusive) == (True, True)
        routed.discard(rule)
        assert RoutedLoop.of(loop) is None
        loop.close()

    assert len(modems) == 2


def test_loops_to_come_are_as_they_were() -> None:
    made = asyncio.BaseEventLoop.__init__, uvloop.Loop.__init__
    end = route_new_loops(lambda _: Modem("emulator://"))
    end()

    assert (asyncio.BaseEventLoop.__init__, uvloop.Loop.__init__) == made
    with asyncio.Runner() as runner:
        assert "create_connection" not in vars(runner.get_loop())
