"""Fuzz whatever takes bytes from outside, guided by coverage: ``python -m tests.fuzz dte --seconds 60``.

It starts with the inputs of ``corpus/`` and, with ``--grow``, adds those that reach new code. An input that breaks a
promise is printed, and the exit status is not 0; add the input to the corpus once the fault is fixed.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.fuzz import corpus

NAMES: Final = ("dte", "dce", "socks")

_TRIED: Final = re.compile(r"number_of_executed_units: *(\d+)")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", nargs="*", choices=[*NAMES, []], help="what to fuzz; all by default")
    parser.add_argument("--seconds", type=int, default=20, help="seconds for each target (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the seed of the random choices (%(default)s)")
    parser.add_argument("--grow", action="store_true", help="keep the inputs that reach new code")
    options = parser.parse_args()
    return max(fuzz(target, options.seconds, options.seed, grow=options.grow) for target in options.target or NAMES)


def fuzz(target: str, seconds: int, seed: int, *, grow: bool) -> int:
    """Fuzz one target, print the result, and return the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder, "corpus")
        corpus.unpack(target, found)
        limits = [f"-max_total_time={seconds}", f"-seed={seed}", "-max_len=4096", "-timeout=10", "-print_final_stats=1"]
        run = _run(target, *limits, f"-artifact_prefix={folder}/", str(found))
        tried = _TRIED.search(run.stderr)
        if run.returncode or tried is None:
            findings = [f"{finding.name}: {finding.read_bytes()!r}" for finding in Path(folder).glob("*-*")]
            sys.stderr.write("\n".join([run.stderr[-4000:], f"{target}: failed", *findings, ""]))
            return run.returncode or 1

        sys.stdout.write(f"{target}: nothing found in {seconds} s and {tried[1]} inputs\n")
        if grow:
            least = Path(folder, "least")
            least.mkdir()
            _run(target, "-merge=1", str(least), str(found)).check_returncode()
            corpus.pack(target, least)

    return 0


def _run(target: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a separate process, since the fuzzer never returns."""
    command = [sys.executable, "-m", "tests.fuzz.harness", target, *arguments]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, errors="replace", check=False)


if __name__ == "__main__":
    sys.exit(main())
