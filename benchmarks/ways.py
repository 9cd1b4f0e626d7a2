"""What the same clients cost inside `route()`, under `run`, and under `run --isolated`.

Each client is a program of its own (`benchmarks.operation`), and does its usual operation once in each way, over an
emulated module with 0.05 s of latency each way, with the servers of `benchmarks.clients` on the loopback interface. All
of it is in a network namespace with one more interface that leads nowhere; the packets on it are counted. With --write
the table goes into `docs/pages/howto/isolated.md`.
"""

import asyncio
import dataclasses
import json
import subprocess
import sys
import tempfile
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path
from typing import Final

from bc260y_aio.emulator import EchoPeer, Emulator
from tests.leaks.wire import Wire, replace_resolver

from . import inside
from .clients import OPERATIONS, Cost, processes, served
from .common import Table

_ROOT: Final = Path(__file__).parents[1]
_TIMEOUT: Final = 60
# A close is still on its way when a program has ended, in seconds.
_TAIL: Final = 2.0

_BC260Y: Final = (sys.executable, "-m", "bc260y_aio")
_OPERATION: Final = "benchmarks.operation"
WAYS: Final = ("route()", "run", "run --isolated")


def command_of(way: str, url: str, name: str, ports: str) -> list[str]:
    """Return the command that does an operation over the module at a URL."""
    program = ("-m", _OPERATION, name, ports)
    match way:
        case "route()":
            return [sys.executable, *program, url]
        case "run":
            return [*_BC260Y, "run", "--port", url, *program]
        case _:
            return [*_BC260Y, "run", "--isolated", "--port", url, "--", sys.executable, *program]


async def operate(way: str, name: str, servers: dict[str, int]) -> Cost:
    """Do an operation once, over an emulated module of its own."""
    async with Emulator(line="tcp", latency=0.05) as emulator, served(None, servers) as ports:
        emulator.network.add_host("ns.example", address="198.51.100.1")
        emulator.network.add_host("echo.example", EchoPeer())
        process = await asyncio.create_subprocess_exec(
            *command_of(way, emulator.url, name, json.dumps(dataclasses.asdict(ports))),
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
        )
        error = ""
        try:
            async with asyncio.timeout(_TIMEOUT):
                printed = (await process.communicate())[0].decode().strip()
        except TimeoutError:
            process.terminate()
            await process.wait()
            error = f"longer than {_TIMEOUT} s"
        else:
            if process.returncode:
                error = (printed.splitlines() or [str(process.returncode)])[-1]

        await asyncio.sleep(_TAIL)
        sent, usage = list(emulator.module.rai_log), emulator.radio.usage
        return Cost(len(sent), sum(one.size for one in sent), usage.sent, usage.received, error=error)


async def measure(wire: Wire, chosen: str) -> tuple[Table, bool]:
    """Do each operation whose name has the chosen text in it; return also whether all went well."""
    rows, is_well = [], True
    with tempfile.TemporaryDirectory() as folder, processes() as servers:
        replace_resolver(Path(folder))
        for name in OPERATIONS:
            if chosen in name:
                wire.packets()
                costs = [await operate(way, name, servers) for way in WAYS]
                packets = wire.packets()
                is_well = is_well and not packets and not any(one.error for one in costs)
                rows.append([name, *map(_cell, costs), str(len(packets))])
                print(rows[-1], *packets, *(one.error for one in costs), file=sys.stderr, flush=True)

    columns = ["", *(f"`{way}`" for way in WAYS), "packets past the module"]
    return Table("AT+QISENDs / payload / radio up / radio down, in bytes", columns, rows), is_well


def _cell(cost: Cost) -> str:
    return "failed" if cost.error else f"{cost.sends} / {cost.sent} / {cost.up} / {cost.down}"


if __name__ == "__main__":
    inside.script("benchmarks.ways", measure, __doc__, "ways")
