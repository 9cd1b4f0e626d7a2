"""The cost of an idle modem, and of a module that has stopped reading.

Three promises: an open modem with an idle connection never wakes the loop; a module that stops reading, with much to
be written, does not block the loop; and descriptors above 1024 work.
"""

import asyncio
import os
import resource
import selectors
import time
from typing import Any, Final

from bc260y_aio import Modem
from bc260y_aio.port import open_port

from .common import ROUNDS, Promise, Table, median, micro, script
from .ptys import Ptys

_BAUDRATE: Final = 921600
_MUCH: Final = 1024 * 1024


class _CountingSelector(selectors.DefaultSelector):
    wakes = 0

    def select(self, timeout: float | None = None) -> Any:
        events = super().select(timeout)
        if timeout is None or timeout > 0:
            self.wakes += 1

        return events


async def _idle(path: str, selector: _CountingSelector, seconds: float) -> int:
    async with Modem(path, baudrate=_BAUDRATE) as modem:
        _, writer = await modem.open_connection("peer.example", 7)
        await asyncio.sleep(0.1)
        # Only this task's own sleep ends the wait.
        before = selector.wakes
        await asyncio.sleep(seconds)
        wakes = selector.wakes - before
        writer.close()

    return wakes - 1


def wakes_when_idle(seconds: float) -> int:
    """Count how often the loop wakes while nothing happens."""
    selector = _CountingSelector()
    with (
        Ptys() as ptys,
        asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner,
    ):
        return runner.run(_idle(ptys.paths[0], selector, seconds))


async def _stall(path: str) -> float:
    port = await open_port(path, _BAUDRATE)
    longest = 0.0
    try:
        for _ in range(50):
            began = time.perf_counter()
            port.write(bytes(_MUCH // 50))
            await asyncio.sleep(0)
            longest = max(longest, time.perf_counter() - began)
    finally:
        await port.close()

    return longest


def stall_when_unread() -> float:
    """Return the longest turn of the loop, in seconds, while a megabyte is written and not read."""
    master, slave = os.openpty()
    try:
        return asyncio.run(_stall(os.ttyname(slave)))
    finally:
        os.close(master)
        os.close(slave)


async def _ask(path: str) -> bool:
    async with Modem(path, baudrate=_BAUDRATE) as modem:
        return await modem.execute("AT+CSQ") == ["+CSQ: 23,0"]


def works_above(descriptor: int) -> bool:
    """Return whether a modem works whose descriptor has a number above this one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, descriptor + 256)), hard))
    with Ptys() as ptys:
        taken = [os.open(os.devnull, os.O_RDONLY)]
        while taken[-1] < descriptor:
            taken.append(os.dup(taken[0]))

        try:
            return asyncio.run(_ask(ptys.paths[0]))
        finally:
            for fd in taken:
                os.close(fd)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def measure(rounds: int = ROUNDS, *, brief: bool = False) -> Table:
    """Measure the three promises; see :class:`benchmarks.common.Measure`."""
    seconds = 10.0
    wakes = wakes_when_idle(seconds)
    stall = median([stall_when_unread() for _ in range(rounds)])
    works = works_above(1030)
    return Table(
        "Doing nothing",
        ["", "found"],
        [
            [f"wake-ups in {seconds:.0f} idle seconds", str(wakes)],
            ["longest turn of the loop while a megabyte is left unread, µs", micro(stall)],
            ["a descriptor above 1024 works", "yes" if works else "no"],
        ],
        promises=[
            Promise(f"wake-ups in {seconds:.0f} idle seconds", wakes, 0),
            Promise("milliseconds the loop is held up by a module that does not read", stall * 1e3, 20.0),
            Promise("descriptors above 1024 work (1: yes)", works, 1, at_least=True),
        ],
    )


if __name__ == "__main__":
    script(measure, __doc__)
