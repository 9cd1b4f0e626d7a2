"""What does a fleet cost, by its size, and what do a second worker and a worker that dies change?

Each meter reports every ten minutes over UDP or TCP, with average coverage (``fleet_meters.py``):

- ``growth``: CPU time and memory per device, of an hour on the virtual clock in one process, by the number of devices;
- ``workers``: devices a second of two workers, beside one, in turns;
- ``lag``: 2,000 devices in real time on one core with a report a minute each: how late is the event loop?
- ``kill``: 20,000 devices on two workers, with and without one of them being killed: the totals are the same.

``python -m benchmarks.fleet growth --write`` puts table and plot into ``docs/pages/howto/fleet.md``. Needs Linux, and
the extras ``fleet`` and ``bench``.
"""

import argparse
import asyncio
import json
import os
import platform
import re
import resource
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any, Final

from bc260y_aio.fleet import FleetReport, Plan, fleet
from bc260y_aio.fleet.run import local_cluster
from bc260y_aio.fleet.shard import run_shard

from . import fleet_meters
from .common import ROUNDS, Chart, Promise, Table, median, plot, promised, ratios, replace_section

EVERY: Final = 600.0
HOUR: Final = 3600.0
SIZES: Final = (100, 1000, 10_000)
MACHINES: Final = 100
# What a machine of these hundred has, and the share of its cores that is used.
_CORES, _MEMORY_GB, _SHARE = 4, 16, 0.5

_ROOT: Final = Path(__file__).parents[1]
PAGE: Final = _ROOT / "docs/pages/howto/fleet.md"
PICTURE: Final = _ROOT / "docs/pages/howto/fleet.svg"
# These differ from run to run.
_NOT_TOTALS: Final = ("cpu_seconds", "elapsed_seconds", "reruns")


def plan(devices: int, **more: Any) -> Plan:
    """Return what the meters do: by default they report once, to the scripted collector."""
    defaults: dict[str, Any] = {"backend": fleet_meters.scripted, "every": EVERY}
    return Plan(device=fleet_meters.report, devices=devices, **defaults | more)


# Growth


def hour_here(devices: int) -> dict[str, float]:
    """Run an hour of devices in this process: CPU seconds, peak memory in KB per device, and what arrived."""
    run_shard(plan(10), range(10), lambda _: True)
    before = _peak_memory()
    tally = run_shard(plan(devices, duration=HOUR), range(devices), lambda _: True)
    return {
        "cpu": tally.cpu_seconds,
        "memory": (_peak_memory() - before) / devices,
        "failed": tally.failed.total() + tally.missed,
        "reports": tally.reports,
        "arrived": tally.backend["arrived"],
        "again": tally.backend["again"],
    }


def _peak_memory() -> float:
    """Return the most memory that this process had, in KB of 1,000 bytes."""
    # Not that of getrusage: it begins with that of the parent process.
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1.024


def hour(devices: int) -> dict[str, float]:
    """Run an hour of devices in a process of its own; see :func:`hour_here`."""
    command = [sys.executable, "-m", __name__ if __name__ != "__main__" else "benchmarks.fleet", "hour", str(devices)]
    done = subprocess.run(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def growth(sizes: tuple[int, ...] = SIZES, rounds: int = 1) -> Table:
    """Measure the cost of a device by the number of devices in one process."""
    rows, promises, points = [], [], []
    for size in sizes:
        runs = [hour(size) for _ in range(rounds)]
        cpu, memory = (median([run[name] for run in runs]) for name in ("cpu", "memory"))
        points.append((size, cpu, memory))
        one, reports = runs[0], size * round(HOUR / EVERY)
        cells = (size, one["reports"], one["again"], f"{cpu:.1f}", f"{1000 * cpu / size:.1f}", f"{memory:.0f}")
        rows.append([f"{cell:,}" if not isinstance(cell, str) else cell for cell in cells])
        promises += [
            Promise(f"{size:,} devices: reports that arrived once, of all", one["arrived"] / reports, 1, at_least=True),
            Promise("KB of memory per device", memory, 60),
        ]

    columns = ["devices", "reports", "came again", "CPU, s", "CPU per device, ms", "memory per device, KB"]
    series = {
        "CPU of an hour of all devices, s": [(size, cpu) for size, cpu, _ in points],
        "memory of all devices, MB": [(size, memory * size / 1000) for size, _, memory in points],
    }
    title = "An hour of devices in one process"
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}."
    notes = [machine, carried(*points[-1])]
    return Table(title, columns, rows, notes, Chart("devices", "", series, logarithmic=True), promises)


def carried(size: int, cpu: float, memory: float) -> str:
    """Return what a hundred machines carry if a device costs there what it costs here."""
    by_cpu = _CORES * _SHARE * HOUR / (cpu / size)
    by_memory = _MEMORY_GB * 1e6 * _SHARE / memory
    limit = "memory" if by_memory < by_cpu else "CPU"
    virtual = MACHINES * _CORES * HOUR / (cpu / size)
    return (
        f"By the cost of a device at {size:,}, {MACHINES} machines with {_CORES} cores and {_MEMORY_GB} GB each, half "
        f"of which is used, carry {MACHINES * min(by_cpu, by_memory) / 1e6:.0f} million such devices in real time; the "
        f"limit is the {limit} (CPU: {MACHINES * by_cpu / 1e6:.0f} million, memory: {MACHINES * by_memory / 1e6:.0f} "
        f"million). On the virtual clock, on all cores, they run the hour of {virtual / 1e6:.0f} million in an hour."
    )


# Workers


async def _devices_a_second(cluster: Any, devices: int, duration: float) -> tuple[float, FleetReport]:
    began = time.monotonic()
    report = await fleet(plan(devices, duration=duration), scheduler=cluster.scheduler_address)
    return devices / (time.monotonic() - began), report


async def _workers(devices: int, duration: float, rounds: int) -> Table:
    found: dict[int, list[tuple[float, FleetReport]]] = {1: [], 2: []}
    async with local_cluster(1) as one, local_cluster(2) as two:
        # The first run loads the modules.
        for cluster in (one, two):
            await _devices_a_second(cluster, 1000, EVERY)

        for _ in range(rounds):
            for number, cluster in ((1, one), (2, two)):
                found[number].append(await _devices_a_second(cluster, devices, duration))
                speed, report = found[number][-1]
                print(f"{number} workers: {speed:.1f} devices a second, {report}", file=sys.stderr, flush=True)

    speeds = {number: [speed for speed, _ in runs] for number, runs in found.items()}
    rows = [
        [str(number), f"{median(speeds[number]):.1f}", f"{median([report.cpu_seconds for _, report in runs]):.1f}"]
        for number, runs in found.items()
    ]
    ratio = ratios(speeds[2], speeds[1])
    machine = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    note = f"{devices:,} devices, {duration:.0f} s on the virtual clock; {machine}; medians of {rounds}."
    promise = Promise("devices a second of two workers, of one's", ratio, 1.8, at_least=True)
    columns = ["workers", "devices a second", "CPU, s"]
    return Table("Two workers on two cores", columns, rows, [note], promises=[promise])


def workers(devices: int = 2000, duration: float = 1800.0, rounds: int = ROUNDS) -> Table:
    """Measure devices a second of one worker and of two, in turns; the start of the clusters is not counted."""
    return asyncio.run(_workers(devices, duration, rounds))


# Real time


def lag(devices: int = 2000, every: float = 60.0, duration: float = 180.0) -> Table:
    """Measure how late the loop is in real time, with real servers in another process."""
    _allow_descriptors()
    with fleet_meters.servers() as (port, arrived):
        backend = partial(fleet_meters.real, port=port)
        task = plan(devices, backend=backend, clock="real", every=every, duration=duration, stagger=True)
        report = asyncio.run(fleet(task, workers=1))

    print(report, file=sys.stderr)
    for text in report.tracebacks.values():
        print(text, file=sys.stderr)

    rows = [[name, f"{1000 * seconds:.0f}", f"{report.latency[name]:.1f}"] for name, seconds in report.lag.items()]
    share = report.cpu_seconds / report.elapsed_seconds
    note = (
        f"{devices:,} devices, {report.reports:,} reports, {arrived['arrived']:,} arrived, {arrived['again']} came "
        f"again; {100 * share:.0f} % of a core; load {os.getloadavg()[0]:.1f}."
    )
    due = devices * round(duration / every)
    promises = [
        Promise("reports that arrived once, of all", arrived["arrived"] / due, 1, at_least=True),
        Promise("lag of the loop, ms, 99.9 %", 1000 * report.lag["p99.9"], 100),
        Promise("lag of the loop, ms, the longest", 1000 * report.lag["p100"], 100),
    ]
    return Table("Real time on one core", ["percentile", "lag, ms", "latency, s"], rows, [note], promises=promises)


def _allow_descriptors() -> None:
    """Allow as many open descriptors as the system does; the workers inherit it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


# A worker that dies


async def _run_and_kill(devices: int, duration: float, *, is_killing: bool) -> FleetReport:
    killed: list[int] = []
    async with local_cluster(2) as cluster:

        def kill(tally: Any) -> None:
            if is_killing and not killed and tally.finished >= devices // 2:
                process = cluster.workers[0].process
                killed.append(process.pid)
                os.kill(process.pid, signal.SIGKILL)
                print(f"killed worker {process.pid}: {tally.finished} devices finished", file=sys.stderr, flush=True)

        report = await fleet(plan(devices, duration=duration), scheduler=cluster.scheduler_address, on_progress=kill)

    assert len(killed) == int(is_killing)
    print(f"{report}\n", file=sys.stderr, flush=True)
    return report


def totals(report: FleetReport) -> dict[str, Any]:
    """Return all figures of a report that do not depend on the machine."""
    return {name: value for name, value in report.to_json().items() if name not in _NOT_TOTALS}


def kill(devices: int = 20_000, duration: float = EVERY) -> Table:
    """Run devices on two workers, and again with one of them killed in the middle, and compare all totals."""
    runs = {
        name: asyncio.run(_run_and_kill(devices, duration, is_killing=is_killing))
        for name, is_killing in (("nobody", False), ("a worker", True))
    }
    plain, killed = runs.values()
    different = [name for name, value in totals(plain).items() if totals(killed)[name] != value]
    due = devices * round(duration / EVERY)
    columns = ["killed", "finished", "reports", "arrived", "mWh", "p99, s", "CPU, s", "tasks run again"]
    rows = []
    for name, one in runs.items():
        counts = (one.finished, one.reports, one.backend["arrived"])
        figures = f"{one.energy_mwh:.3f}", f"{one.latency['p99']:.3f}", f"{one.cpu_seconds:.0f}", str(one.reruns)
        rows.append([name, *(f"{count:,}" for count in counts), *figures])

    promises = [
        Promise("totals that differ", len(different), 0),
        Promise("devices that finished, of all", killed.finished / devices, 1, at_least=True),
        Promise("reports that arrived, of all", killed.backend["arrived"] / due, 1, at_least=True),
        Promise("tasks run again", killed.reruns, 1, at_least=True),
    ]
    note = f"{devices:,} devices on two workers. Totals that differ: {', '.join(different) or 'none'}."
    return Table("A worker that is killed", columns, rows, [note], promises=promises)


# The command line


def _write(table: Table) -> None:
    plot([table], PICTURE)
    picture = f"![CPU and memory by the number of devices]({PICTURE.name})"
    replace_section(PAGE, "growth", f"{table}\n\n{picture}\n")


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    one = parts.add_parser("growth", help="CPU time and memory by the number of devices")
    one.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N", help="how many devices (%(default)s)")
    one.add_argument("--rounds", type=int, default=1, help="runs of each size (%(default)s)")
    one.add_argument("--write", action="store_true", help="write table and plot into the guide")
    two = parts.add_parser("workers", help="two workers beside one")
    two.add_argument("--devices", type=int, default=2000)
    two.add_argument("--duration", type=float, default=1800.0, help="virtual seconds (%(default)s)")
    two.add_argument("--rounds", type=int, default=ROUNDS)
    three = parts.add_parser("lag", help="the lag of the loop in real time")
    three.add_argument("--devices", type=int, default=2000)
    three.add_argument("--every", type=float, default=60.0, help="seconds between reports (%(default)s)")
    three.add_argument("--duration", type=float, default=180.0, help="real seconds (%(default)s)")
    four = parts.add_parser("kill", help="a worker is killed")
    four.add_argument("--devices", type=int, default=20_000)
    four.add_argument("--duration", type=float, default=EVERY, help="virtual seconds (%(default)s)")
    # One run of growth, in a process of its own.
    parts.add_parser("hour").add_argument("size", type=int)
    return parser.parse_args()


def main() -> None:
    """Run the command line."""
    arguments = vars(_read_arguments())
    part, is_writing = arguments.pop("part"), arguments.pop("write", False)
    if part == "hour":
        print(json.dumps(hour_here(arguments["size"])))
        return

    measure: Any = {"growth": growth, "workers": workers, "lag": lag, "kill": kill}[part]
    table = measure(**arguments)
    print(f"{table}\n\n{promised([table])}")
    if is_writing:
        _write(table)


if __name__ == "__main__":
    main()
