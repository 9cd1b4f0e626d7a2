"""``bc260y-aio fleet``: many devices at once, on all cores or on a cluster."""

import argparse
import json
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .common import EXIT_FAILURE, EXIT_INTERRUPTED, Subparsers, print_error, print_line, seconds, whole_number, write

if TYPE_CHECKING:
    from ..fleet import FleetFaults, FleetReport, Plan
    from ..fleet.tally import Tally


def add_to(commands: Subparsers, summary: str) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "fleet",
        help=summary,
        description="Run many devices, each with an emulated module of its own, and show what came of it. DEVICE is a "
        "coroutine function, called as device(modem, number), that reports once; what it raises is counted. Ctrl-C "
        "stops the devices and shows what there is. The exit status is 0 if every report succeeded, 1 if not.",
    )
    parser.add_argument("device", metavar="DEVICE", help="module:function; modules are looked for here first")
    parser.add_argument("--devices", type=whole_number(1), default=100, metavar="N", help="how many (%(default)s)")
    parser.add_argument(
        "--ports", type=Path, metavar="FILE", help="real modules instead: a port a line, PORT or PORT@WORKER"
    )
    parser.add_argument(
        "--backend", metavar="SETUP", help="module:function, called with each emulated network to add its hosts"
    )
    parser.add_argument(
        "--clock",
        choices=("virtual", "real"),
        default="virtual",
        help="virtual skips every wait, for scripted hosts; real is for a real backend (%(default)s)",
    )
    parser.add_argument("--every", type=duration, metavar="PERIOD", help="how often a device reports: 30s, 10m, 1h")
    parser.add_argument("--stagger", action="store_true", help="spread the devices over the period")
    parser.add_argument("--duration", type=duration, metavar="T", help="how long they report: 1h, 1d")
    parser.add_argument("--timeout", type=duration, default=3600.0, metavar="T", help="a longer report fails (1h)")
    parser.add_argument("--network", choices=("good", "average", "edge"), default="average", help="(%(default)s)")
    parser.add_argument("--seed", type=whole_number(0), default=0, metavar="N", help="the same seed, the same day")
    _add_fault_options(parser)
    _add_cluster_options(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result as JSON; - for standard output")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with plots")
    parser.set_defaults(run=run)


def _add_fault_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cells", type=whole_number(1), default=1, metavar="N", help="cells of the network (1)")
    parser.add_argument(
        "--outage",
        type=outage,
        action="append",
        default=[],
        metavar="START+DURATION[@CELL]",
        help="a cell is down, or all are: 30m+10m@0; may be given again",
    )
    parser.add_argument("--restarts", type=seconds, default=0.0, metavar="RATE", help="restarts per device and hour")
    parser.add_argument("--sleeps", type=seconds, default=0.0, metavar="RATE", help="deep sleeps per device and hour")


def _add_cluster_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workers", type=whole_number(1), metavar="N", help="processes; by default one for each core")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="a running Dask cluster: tcp://host:8786")
    parser.add_argument(
        "--upload",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="send a module, or a ZIP archive of modules, to all workers first; may be given again",
    )


# How often progress is shown where it is not shown on a terminal, in seconds.
_PROGRESS_INTERVAL: Final = 5.0
_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def duration(text: str) -> float:
    """Read a time: ``90``, ``90s``, ``10m``, ``1h``, ``1d``."""
    number, unit = (text[:-1], text[-1:]) if text[-1:] in _UNITS else (text, "s")
    try:
        value = float(number) * _UNITS[unit]
    except ValueError:
        value = 0.0

    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a time such as 90s, 10m, 1h or 1d, not {text!r}")

    return value


def outage(text: str) -> tuple[float, float, int | None]:
    """Read an outage: its start, its duration and its cell."""
    span, _, cell = text.partition("@")
    start, _, length = span.partition("+")
    if not length or (cell and not cell.isdigit()):
        raise argparse.ArgumentTypeError(f"must be START+DURATION or START+DURATION@CELL, not {text!r}")

    begin = 0.0 if start in {"0", "0s"} else duration(start)
    return begin, duration(length), int(cell) if cell else None


async def run(options: argparse.Namespace) -> int:
    """Run the fleet, and show the result."""
    try:
        from ..fleet import FleetFaults, Outage, fleet, write_page
    except ImportError as exc:
        print_error(f"{exc}; the fleet needs more packages: pip install 'bc260y-aio[fleet]'")
        return EXIT_FAILURE

    if not options.verbose:
        logging.getLogger("distributed").setLevel(logging.CRITICAL)

    # As `python -m` does: look for modules in the current folder first.
    sys.path.insert(0, "")
    plan = _plan(options, FleetFaults(**_faults(options, Outage)))
    progress = _progress(plan.devices)
    cluster = {"workers": options.workers, "scheduler": options.scheduler, "uploads": options.upload}
    report = await fleet(plan, on_progress=progress, **cluster)
    if options.html is not None:
        write_page(report, options.html)

    _show(report, options.json)
    if not report.is_complete:
        return EXIT_INTERRUPTED

    return EXIT_FAILURE if report.failed else 0


def _plan(options: argparse.Namespace, faults: "FleetFaults") -> "Plan":
    from ..fleet import Plan

    ports = () if options.ports is None else tuple(options.ports.read_text().split())
    return Plan(
        device=options.device,
        devices=len(ports) or options.devices,
        ports=ports,
        backend=options.backend,
        clock="real" if ports else options.clock,
        every=options.every,
        stagger=options.stagger,
        duration=options.duration,
        timeout=options.timeout,
        network=options.network,
        seed=options.seed,
        faults=faults,
    )


def _faults(options: argparse.Namespace, outage: Callable[..., Any]) -> dict[str, Any]:
    outages = tuple(outage(*one) for one in options.outage)
    return {"cells": options.cells, "outages": outages, "restarts": options.restarts, "sleeps": options.sleeps}


def _show(report: "FleetReport", file: Path | None) -> None:
    """Print the report, or write it as JSON; and the tracebacks, on standard error."""
    text = json.dumps(report.to_json(), indent=2) + "\n"
    if file is not None and str(file) != "-":
        file.write_text(text)

    if str(file) == "-":
        write(text)
    else:
        for line in str(report).splitlines():
            print_line(line)

    for kind, traceback in report.tracebacks.items():
        print_error(f"the first {kind}:")
        for line in traceback.splitlines():
            print_error(f"  {line}")


def progress_line(tally: "Tally", devices: int) -> str:
    """Return what was counted so far: devices, reports, failures by kind, latency."""
    from ..fleet.tally import percentiles

    latency = percentiles(tally.latencies)
    parts = [
        f"{tally.finished} of {devices} devices finished, {tally.devices - tally.finished} up",
        f"{tally.reports} reports",
        *(f"{number} {kind}" for kind, number in tally.failed.most_common(3)),
        *(f"{name} {latency[name]:.1f} s" for name in ("p50", "p99") if latency),
    ]
    return ", ".join(parts)


def _progress(devices: int) -> Callable[[Any], None]:
    """Return a function that shows progress: one line on a terminal, a line now and then elsewhere."""
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    shown = -_PROGRESS_INTERVAL

    def show(tally: Any) -> None:
        nonlocal shown
        line = progress_line(tally, devices)
        if is_terminal:
            sys.stderr.write(f"\r\x1b[K{line}" + "\n" * (tally.finished == devices))
            sys.stderr.flush()
        elif time.monotonic() - shown >= _PROGRESS_INTERVAL:
            shown = time.monotonic()
            print_error(line)

    return show
