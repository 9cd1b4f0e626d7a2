"""A modem on an emulated module, in real time, for programs that block."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import pytest

from tests.guide.bench import Bench, Hosts, on_air

T = TypeVar("T")


@contextlib.asynccontextmanager
async def open_bench(options: dict[str, Any] | None = None, latency: float = 0.0) -> AsyncIterator[Bench]:
    """Open a modem; when the block ends, it must have every connectID back.

    Args:
        options: those of the modem.
        latency: the network's, one way, in seconds.
    """
    hosts = Hosts(latency=latency)
    async with on_air({"close_timeout": 2.0, "nvram_gap": 0.0} | (options or {}), hosts) as bench:
        yield bench
        await until(lambda: not bench.emulator.module.sockets and not bench.modem._ids.taken)


async def until(is_so: Callable[[], Any]) -> None:
    """Wait until something is so."""
    for _ in range(2000):
        if is_so():
            return

        await asyncio.sleep(0.005)

    pytest.fail("it did not come to that")


async def in_thread(program: Callable[..., T], *arguments: Any) -> T:
    """Run a blocking program where it does not block the loop."""
    async with asyncio.timeout(25):
        return await asyncio.to_thread(program, *arguments)
