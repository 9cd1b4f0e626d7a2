"""Running tests on a mutation, in a copy of the project.

A process is forked for each mutation from one that has imported everything but the project.
"""

import os
import select
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from .places import Mutation

# Whatever tests import that takes long and is not of this project.
_PRELOADED: Final = (
    "anyio",
    "asyncio",
    "hypothesis",
    "serial",
    "serial_asyncio",
    "ssl",
    "trustme",
    "uvloop",
    "_pytest",
)
_COPIED: Final = (
    "bc260y_aio",
    "tests",
    "examples",
    "benchmarks",
    "docs",
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
)
_OPTIONS: Final = (
    "-x",
    "-q",
    "-n",
    "0",
    "-p",
    "no:cacheprovider",
    "--timeout",
    "60",
    "--no-header",
    "--tb=line",
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
)


class Copy:
    """A copy of the project in which files are changed."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._root = root
        self._folder = folder
        for name in _COPIED:
            if (root / name).is_dir():
                shutil.copytree(root / name, folder / name)
            else:
                shutil.copy2(root / name, folder / name)

        os.chdir(folder)
        # Before the folder of an editable installation; for child processes of tests, too.
        sys.path[:] = [str(folder), *(entry for entry in sys.path if entry not in ("", str(root)))]
        os.environ["PYTHONPATH"] = str(folder)
        # Properties try the same examples each time.
        os.environ["CI"] = "1"
        for name in [name for name in sys.modules if name.partition(".")[0] in ("bc260y_aio", "tests", "benchmarks")]:
            if not name.startswith("tests.mutation"):
                del sys.modules[name]

        for name in _PRELOADED:
            __import__(name)

        self._age = time.time() + 3600

    def run(self, mutation: Mutation | None, tests: Sequence[str], limit: float) -> str | None:
        """Run tests until one fails.

        Returns:
            The test that failed, ``"timeout"``, or None when all passed.
        """
        if mutation is None:
            return self._run(tests, limit)

        path = self._folder / mutation.path
        path.write_text(mutation.code, encoding="utf-8")
        # A cached compilation is recognised by time and size.
        self._age += 10.0
        os.utime(path, (self._age, self._age))
        try:
            return self._run(tests, limit)
        finally:
            shutil.copy2(self._root / mutation.path, path)

    def _run(self, tests: Sequence[str], limit: float) -> str | None:
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            self._test(writing, tests)

        os.close(writing)
        try:
            return self._wait(child, reading, limit)
        finally:
            os.close(reading)

    def _test(self, writing: int, tests: Sequence[str]) -> None:
        code = 70
        try:
            os.setsid()
            os.dup2(os.open(os.devnull, os.O_RDWR), 0)
            log = os.open(self._folder / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(log, 1)
            os.dup2(log, 2)
            sys.dont_write_bytecode = True
            code = int(pytest.main([*_OPTIONS, *tests], plugins=[_FirstFailure(writing)]))
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os.write(writing, f"\nexit {code}".encode())
            os._exit(code)

    def _wait(self, child: int, reading: int, limit: float) -> str | None:
        ends_at = time.monotonic() + limit
        said = b""
        while (left := ends_at - time.monotonic()) > 0 and b"\n" not in said:
            if select.select([reading], [], [], left)[0]:
                if not (data := os.read(reading, 65536)):
                    break

                said += data

        if b"\n" not in said:
            said = b"timeout\n" if not (left > 0) else b"the process ended\n"

        # Also what tests have started.
        try:
            os.killpg(child, signal.SIGKILL)
        except ProcessLookupError:
            os.kill(child, signal.SIGKILL)

        os.waitpid(child, 0)
        failed, _, status = said.decode().partition("\n")
        return failed or (None if status == "exit 0" else f"pytest: {status}")


class _FirstFailure:
    def __init__(self, writing: int) -> None:
        self._writing = writing

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            os.write(self._writing, f"{report.nodeid}\n".encode())

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            os.write(self._writing, f"{report.nodeid or 'collection'}\n".encode())
