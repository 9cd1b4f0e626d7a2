"""An emulated module with hosts to talk to, and the doctor at it."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

from bc260y_aio.doctor import Harm, Order, Outcome, Report, examine
from bc260y_aio.emulator import EchoPeer, Emulator, Network

SERVER: Final = ("echo.example", 7)
EVERYTHING: Final = Order(allowed=frozenset(Harm), server=SERVER, time_server=("ntp.example", 123))


@contextlib.asynccontextmanager
async def module(**settings: Any) -> AsyncIterator[Emulator]:
    """Switch a module on, in whose network an echo server stands."""
    network = Network()
    network.add_host(SERVER[0], EchoPeer())
    network.add_host("ntp.example", EchoPeer())
    async with Emulator(network=network, line="memory", **settings) as emulator:
        yield emulator


async def look(order: Order = EVERYTHING, **settings: Any) -> Report:
    """Examine a module of a kind."""
    async with module(**settings) as emulator:
        return await examine(emulator.url, order=order)


def unchecked(report: Report) -> set[str]:
    """Return the keys of the checks that were not made."""
    return {one.check.key for one in report.of(Outcome.NOT_CHECKED)}


def seen(report: Report, key: str) -> str:
    """Return what was seen by a check."""
    (finding,) = (one for one in report.findings if one.check.key == key)
    return finding.verdict.seen
