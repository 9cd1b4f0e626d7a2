"""How long does one lost answer of the module hold the line up?

Of each command one line of the answer is lost, in turn, then all of it, then all after the ``OK``. Another command
waits from the beginning. The figures are the seconds until it has its answer and the caller of the first is told
something. They are by a virtual clock: the same each time, on every machine.

    python -m benchmarks.recovery
    python -m benchmarks.recovery --build ../older-checkout
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Final

from .common import ROUNDS, Table, script
from .lost_answers import LINES, OPENING

Times = dict[str, list[tuple[float, float]]]

# Why a lost answer may hold the line up for longer than six seconds.
REASONS: Final = {
    "AT+QIOPEN=": "the outcome may take 60 s, and other operations wait for it (guide 2.2.2, note 2)",
    "AT+QIDNSGIP=": "the guide has no limit for the first line, and a network may delay data by half a minute",
    "AT+QPING=": "without any line of its outcome it has as long as its packets may take",
    "AT+QNTP=": "the guide has no limit, and a network may delay data by half a minute",
}
# The promise for all others, in seconds.
LIMIT: Final = 6.0


def run(build: Path | None, seeds: int) -> Times:
    """Measure a build of the package in a process of its own.

    Args:
        build: the folder that has the package; None for the one that is installed.
        seeds: how many runs of each loss, each with other delays of the network.
    """
    environment = os.environ | ({} if build is None else {"PYTHONPATH": str(build.resolve())})
    command = [sys.executable, str(Path(__file__).with_name("lost_answers.py")), str(seeds)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RuntimeError(f"{build}: {ran.stderr}")

    found: Times = json.loads(ran.stdout)
    return found


def table(builds: list[tuple[str, Times]]) -> Table:
    """Return the table of one or more builds."""
    columns = ["one lost answer to"]
    for name, _ in builds:
        columns += [f"{name}: median", f"{name}: worst"]

    rows = []
    for command in [*LINES, OPENING]:
        row = [f"`{command}`" if command in LINES else command]
        for _, found in builds:
            times = [max(one) for one in found[command]]
            row += [f"{statistics.median(times):.1f}", f"{max(times):.1f}"]

        rows.append([*row, REASONS.get(command, "")])

    return Table("Seconds until the line goes on after one lost answer", [*columns, "why more than 6 s"], rows)


def measure(rounds: int = ROUNDS, *, brief: bool = False) -> Table:
    """Measure the package that is installed.

    Args:
        rounds: how many runs of each loss, each with other delays of the network.
        brief: one run of each loss.
    """
    return table([("this build", run(None, 1 if brief else rounds))])


if __name__ == "__main__":
    if "--build" not in sys.argv:
        script(measure, __doc__)
    else:
        parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("--build", type=Path, required=True, help="a folder with an older build of the package")
        parser.add_argument("--rounds", type=int, default=ROUNDS, help="how many runs of each loss (default: 5)")
        options = parser.parse_args()
        here = Path(__file__).parents[1]
        found = [(folder.name, run(folder, options.rounds)) for folder in (here, options.build)]
        print(table([("this build", found[0][1]), ("the other", found[1][1])]))
