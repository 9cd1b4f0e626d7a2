"""An emulated module with an echo server, and an inspection of it."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

from bc260y_aio.doctor import Impact, Options, Outcome, Report, inspect_module
from bc260y_aio.emulator import EchoPeer, Emulator, Network

SERVER: Final = ("echo.example", 7)
EVERYTHING: Final = Options(allowed=frozenset(Impact), server=SERVER, time_server=("ntp.example", 123))


@contextlib.asynccontextmanager
async def module(**settings: Any) -> AsyncIterator[Emulator]:
    """Start an emulated module whose network has an echo server."""
    network = Network()
    network.add_host(SERVER[0], EchoPeer())
    network.add_host("ntp.example", EchoPeer())
    async with Emulator(network=network, line="memory", **settings) as emulator:
        yield emulator


async def inspect(options: Options = EVERYTHING, **settings: Any) -> Report:
    """Inspect an emulated module with these settings."""
    async with module(**settings) as emulator:
        return await inspect_module(emulator.url, options=options)


def unchecked(report: Report) -> set[str]:
    """Return the keys of the checks that were not decided."""
    return {one.check.key for one in report.of(Outcome.NOT_CHECKED)}


def seen(report: Report, key: str) -> str:
    """Return the observation of a check."""
    (finding,) = (one for one in report.findings if one.check.key == key)
    return finding.verdict.seen


def note(report: Report, key: str) -> str:
    """Return the note of a check: what its difference means."""
    (finding,) = (one for one in report.findings if one.check.key == key)
    return finding.verdict.note
