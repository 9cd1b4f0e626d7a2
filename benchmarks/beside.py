"""How do the figures of this checkout compare with those of another one, such as an earlier version?

    git worktree add ../before v0.1
    python -m benchmarks.beside ../before round_trip echo calls

Each benchmark runs in both checkouts by turns, once a round, so that other load of the machine affects both alike. The
table has every number that both of them print, as the median of the rounds, and the median of the ratios of the same
round. Both run the programs of this checkout, with the packages of this environment. Where such a program cannot be
imported with the other checkout's package, the other one runs its own.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Final

from .common import Table, median, ratios

_HERE: Final = Path(__file__).parents[1]
_PACKAGE: Final = "bc260y_aio"
_NUMBER: Final = re.compile(r"(-?[\d,]*\.?\d+)(?: %)?")

Figures = dict[tuple[str, str], float]


def read_figures(printed: str) -> Figures:
    """Return the numbers in the Markdown tables that a benchmark printed, by row and column."""
    found: Figures = {}
    columns: list[str] = []
    for line in printed.splitlines():
        if not line.startswith("|"):
            columns = []
            continue

        name, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        if not columns:
            columns = _distinct(cells)
            continue

        for column, cell in zip(columns, cells, strict=False):
            if (number := _NUMBER.fullmatch(cell)) is not None:
                found[name, column] = float(number[1].replace(",", ""))

    return found


def _distinct(columns: list[str]) -> list[str]:
    """Return the names of columns; one that occurs more than once is named after the column before it, too."""
    counts = Counter(columns)
    pairs = zip(["", *columns], columns, strict=False)
    return [name if counts[name] == 1 else f"{before}, {name}" for before, name in pairs]


def overlay(folder: Path, other: Path, benchmark: str) -> tuple[Path, bool]:
    """Put this checkout's benchmarks beside the other one's package, in an empty folder.

    Returns:
        Where to run the benchmark of the other checkout, and whether its program is this checkout's.
    """
    for name, home in (("benchmarks", _HERE), (_PACKAGE, other), ("examples", other)):
        (folder / name).symlink_to(home / name)

    command = [sys.executable, "-c", f"import benchmarks.{benchmark}"]
    can_be_imported = subprocess.run(
        command, cwd=folder, env=_environment(folder), stderr=subprocess.DEVNULL, check=False
    )
    return (other, False) if can_be_imported.returncode else (folder, True)


def run(folder: Path, benchmark: str, *, brief: bool) -> Figures:
    """Run a benchmark of a folder once, in a process of its own, and return its figures.

    Raises:
        CalledProcessError: it failed.
    """
    command = [sys.executable, "-m", f"benchmarks.{benchmark}", "--rounds", "1", *(["--brief"] if brief else [])]
    done = subprocess.run(command, cwd=folder, env=_environment(folder), stdout=subprocess.PIPE, text=True, check=True)
    return read_figures(done.stdout)


def _environment(folder: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(folder)}


def compare(benchmark: str, here: list[Figures], there: list[Figures], *notes: str) -> Table:
    """Return a table of the figures of both checkouts, from one measurement of each a round."""
    both = [key for key in here[0] if all(key in figures for figures in (*here, *there))]
    rows = []
    for key in both:
        ours, theirs = [figures[key] for figures in here], [figures[key] for figures in there]
        ratio = f"{ratios(ours, theirs):.2f}" if all(theirs) else "-"
        rows.append([" / ".join(filter(None, key)), f"{median(theirs):g}", f"{median(ours):g}", ratio])

    return Table(
        benchmark, ["", "other checkout", "this one", "ratio"], rows, [f"Medians of {len(here)} rounds.", *notes]
    )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path, help="the folder of the other checkout")
    parser.add_argument("benchmarks", nargs="+", metavar="NAME", help="what to run: round_trip, echo, calls, ...")
    parser.add_argument("--rounds", type=int, default=5, help="how many rounds (default: 5)")
    parser.add_argument("--full", action="store_true", help="measure at length")
    arguments = parser.parse_args()
    for benchmark in arguments.benchmarks:
        with tempfile.TemporaryDirectory() as folder:
            other, is_ours = overlay(Path(folder), arguments.checkout.resolve(), benchmark)
            notes = [] if is_ours else ["The other checkout ran its own program."]
            here, there = [], []
            for _ in range(arguments.rounds):
                there.append(run(other, benchmark, brief=not arguments.full))
                here.append(run(_HERE, benchmark, brief=not arguments.full))

        print(f"{compare(benchmark, here, there, *notes)}\n", flush=True)


if __name__ == "__main__":
    main()
