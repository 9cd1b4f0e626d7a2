"""Routes for event loops that are created later, by any code."""

import asyncio
import contextlib
import functools
from collections.abc import Callable
from typing import Any

from .loops import RoutedLoop
from .rules import Match, Router, Rule


def route_new_loops(
    router_of: Callable[[asyncio.AbstractEventLoop], Router],
    match: Match | None = None,
    *,
    exclusive: bool = False,
    on_close: Callable[[asyncio.AbstractEventLoop], None] | None = None,
) -> Callable[[], None]:
    """Give every event loop that is made from now on a route of ``scope="loop"``, for its whole life.

    It holds for asyncio's loops, for uvloop's if that is installed, and for what derives from either.

    Args:
        router_of: returns, for a new loop, the router of its connections.
        match: returns whether a host and a port are routed; see :meth:`bc260y_aio.Modem.route`.
        exclusive: refuse what would go over the host's network.
        on_close: is called with a loop that is about to be closed; coroutines can still be run on it.

    Returns:
        A function that ends it, for loops that are created after that.
    """

    def add_route(loop: Any) -> None:
        RoutedLoop.add(Rule(router_of(loop), match, is_exclusive=exclusive), loop, everywhere=True)
        if on_close is not None:
            loop.close = functools.partial(_close, loop.close, loop, on_close)

    loop_classes = _loop_classes()
    before = [loop_class.__init__ for loop_class in loop_classes]
    for loop_class in loop_classes:
        loop_class.__init__ = _and_then(loop_class.__init__, add_route)

    def end() -> None:
        for loop_class, own in zip(loop_classes, before, strict=True):
            loop_class.__init__ = own

    return end


def _loop_classes() -> list[Any]:
    loop_classes: list[Any] = [asyncio.BaseEventLoop]
    with contextlib.suppress(ImportError):
        import uvloop

        loop_classes.append(uvloop.Loop)

    return loop_classes


def _and_then(own: Callable[..., None], add_route: Callable[[Any], None]) -> Callable[..., None]:
    @functools.wraps(own)
    def __init__(self: Any, *args: Any, **kwds: Any) -> None:
        own(self, *args, **kwds)
        add_route(self)

    return __init__


def _close(
    own: Callable[[], None], loop: asyncio.AbstractEventLoop, on_close: Callable[[asyncio.AbstractEventLoop], None]
) -> None:
    if not (loop.is_running() or loop.is_closed()):
        on_close(loop)

    own()
