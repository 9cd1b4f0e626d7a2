"""Run all benchmarks briefly, and write what they found into ``benchmarks/README.md``, in less than three minutes.

With names of benchmarks only these run, and nothing is written.
"""

import argparse
import importlib
import os
import platform
import sys
import time
from pathlib import Path
from typing import Final

from .common import ROUNDS, Measure, Table, plot, promised, replace_section

_README: Final = Path(__file__).with_name("README.md")
_FIGURE: Final = Path(__file__).with_name("figures.svg")

NAMES: Final = ("calls", "parse", "round_trip", "goodput", "echo", "scale", "radio", "idle")


def _find(name: str) -> Measure:
    measure: Measure = importlib.import_module(f".{name}", __package__).measure
    return measure


def _machine() -> str:
    return (
        f"Python {platform.python_version()}, {platform.system()} on {platform.machine()}, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}; medians of {ROUNDS} rounds. `python -m benchmarks` writes this section anew."
    )


def write(tables: list[Table]) -> None:
    """Write tables, and a figure if matplotlib is installed, into the README."""
    parts = [_machine(), *map(str, [promised(tables), *tables])]
    try:
        plot(tables, _FIGURE)
    except ImportError:
        print("no figure without matplotlib: pip install 'bc260y-aio[bench]'", file=sys.stderr)
    else:
        parts.append(f"![the same as figures]({_FIGURE.name})")

    replace_section(_README, "figures", "\n" + "".join(f"{part}\n\n" for part in parts))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--full", action="store_true", help="measure at length")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how many rounds (default: 5)")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(NAMES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")

    tables = []
    for name in arguments.names or NAMES:
        began = time.monotonic()
        tables.append(_find(name)(arguments.rounds, brief=not arguments.full))
        print(f"{tables[-1]}\n")
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)

    print(promised(tables))
    if not arguments.names:
        write(tables)


if __name__ == "__main__":
    main()
