"""The command: see README.md."""

import argparse
import itertools
import json
import math
import multiprocessing
import os
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

from .equivalent import EQUIVALENT
from .places import FOLDERS, Mutation, choose
from .running import Copy
from .tests_by_line import TestsByLine

ROOT: Final = Path(__file__).parents[2]
# The first tests kill most; the others run for what they leave. In tests, in seconds of tests, and in seconds.
_STAGES: Final = ((30, 15.0, 90.0), (200, 80.0, 300.0), (1000, 60.0, 240.0))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--covering", type=Path, nargs="+", required=True, help="files of tests.mutation.covering")
    parser.add_argument(
        "--results", type=Path, required=True, help="a file of JSON lines; what it has is not run again"
    )
    parser.add_argument("--folders", nargs="+", default=FOLDERS, help="of the package")
    parser.add_argument("--count", type=int, default=100, help="mutations of each folder (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--seconds", type=float, default=math.inf, help="begin no mutation later than this")
    options = parser.parse_args()

    # The folders in turn, so that a run that is ended early has some of each.
    end = time.monotonic() + options.seconds
    by_folder = [[*choose(ROOT, folder, options.count, options.seed)] for folder in options.folders]
    chosen = [one for row in itertools.zip_longest(*by_folder) for one in row if one is not None]
    done = {tuple(one["key"]) for one in _read(options.results)}
    left = [mutation for mutation in chosen if _key(mutation) not in done]
    with tempfile.TemporaryDirectory() as folder, options.results.open("a", encoding="utf-8") as results:
        work: Any = multiprocessing.Queue()
        work.cancel_join_thread()
        out: Any = multiprocessing.Queue()
        for mutation in [*left, *[None] * options.jobs]:
            work.put(mutation)

        for number in range(options.jobs):
            arguments = (Path(folder) / str(number), options.covering, work, out, end)
            multiprocessing.Process(target=_work, args=arguments).start()

        # None from each process at its end.
        for line in itertools.chain.from_iterable(iter(out.get, None) for _ in range(options.jobs)):
            results.write(line + "\n")
            results.flush()

    print(table(_read(options.results), chosen))


def _key(mutation: Mutation) -> tuple[Any, ...]:
    return (mutation.path, mutation.first, mutation.before, mutation.after)


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def _work(folder: Path, covering: list[Path], work: Any, out: Any, end: float) -> None:
    try:
        _test_until(end, folder, covering, work, out)
    finally:
        out.put(None)


def _test_until(end: float, folder: Path, covering: list[Path], work: Any, out: Any) -> None:
    tests = TestsByLine(ROOT, covering)
    copy = Copy(ROOT, folder)
    if (failed := copy.run(None, ["tests/at/test_buffer.py", "tests/driver/test_channel.py"], 300.0)) is not None:
        raise SystemExit(f"without a mutation: {failed}")

    while (mutation := work.get()) is not None and time.monotonic() < end:
        start = time.monotonic()
        noticed, count = _test(copy, tests, mutation)
        took = round(time.monotonic() - start, 1)
        out.put(json.dumps({"key": _key(mutation), "noticed": noticed, "tests": count, "seconds": took}))


def _test(copy: Copy, tests: TestsByLine, mutation: Mutation) -> tuple[str | None, int]:
    """Return which test notices a mutation, and how many were run."""
    asked: set[str] = set()
    for most, seconds, limit in _STAGES:
        while some := _next_tests(tests, mutation, asked, most, seconds):
            noticed = copy.run(mutation, some, limit)
            asked.update(some)
            if noticed is None:
                break

            # A test that fails without the mutation tells nothing about it; so do tests that take that long.
            if "::" not in noticed:
                if copy.run(None, some, limit) is None:
                    return noticed, len(asked)
            elif noticed in tests.trusted or copy.run(None, [noticed], limit) is None:
                tests.trusted.add(noticed)
                tests.note(mutation, noticed)
                return noticed, len(asked)
            else:
                tests.failing.add(noticed)
                asked.difference_update(some)

    return None, len(asked)


def _next_tests(tests: TestsByLine, mutation: Mutation, asked: set[str], most: int, seconds: float) -> list[str]:
    some: list[str] = []
    left = seconds
    for test in tests.choose(mutation):
        if test not in asked and len(some) < most and tests.seconds[test] <= left:
            some.append(test)
            left -= tests.seconds[test]

    return some


def table(results: list[dict[str, Any]], chosen: list[Mutation]) -> str:
    """Write the table of a run, and what survived."""
    noticed = {tuple(one["key"]): one["noticed"] for one in results}
    counts: dict[str, Counter[str]] = {}
    lines = []
    for mutation in chosen:
        if _key(mutation) not in noticed:
            continue

        equivalent = (mutation.path, mutation.before, mutation.after) in EQUIVALENT
        what = "noticed" if noticed[_key(mutation)] else "equivalent" if equivalent else "survived"
        counts.setdefault(mutation.folder, Counter())[what] += 1
        if what == "survived":
            lines.append(f"{mutation.path}:{mutation.first}: {mutation.before}\n    {mutation.after}")

    head = "| folder | mutations | noticed | equivalent | survived | noticed of the others |\n|---|---|---|---|---|---|"
    rows = [
        f"| `{folder}` | {count.total()} | {count['noticed']} | {count['equivalent']} | {count['survived']} "
        f"| {count['noticed'] / max(1, count.total() - count['equivalent']):.0%} |"
        for folder, count in counts.items()
    ]
    return "\n".join([*lines, "", head, *rows])


if __name__ == "__main__":
    main()
