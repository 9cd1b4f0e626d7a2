"""A plugin of pytest: which test runs which lines, and how long each test takes.

It writes the data of `coverage` to the file `$COVERING`, with the name of the test as context, and the times beside it,
as JSON. What a test runs in other processes counts for that test.
"""

import json
import os
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import Final

import coverage
import pytest

# For processes that tests start.
_CHILDREN: Final = """\
[run]
context = ${COVERING_TEST}
data_file = {folder}/child
parallel = true
patch = _exit
source = bc260y_aio
"""


class _Covering:
    def __init__(self, path: Path) -> None:
        self._coverage = coverage.Coverage(data_file=str(path), config_file=False, source=["bc260y_aio"])
        self._times: dict[str, float] = {}
        self._path = path
        self._children = tempfile.TemporaryDirectory()
        settings = Path(self._children.name, "settings")
        settings.write_text(_CHILDREN.replace("{folder}", self._children.name), encoding="utf-8")
        os.environ["COVERAGE_PROCESS_START"] = str(settings)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self._coverage.switch_context(item.nodeid)
        os.environ["COVERING_TEST"] = item.nodeid
        start = time.monotonic()
        try:
            return (yield)
        finally:
            self._times[item.nodeid] = round(time.monotonic() - start, 4)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            # A test that fails without a mutation tells nothing about one.
            self._times[report.nodeid] = -1.0

    def pytest_sessionstart(self) -> None:
        self._coverage.start()

    def pytest_sessionfinish(self) -> None:
        self._coverage.stop()
        self._coverage.save()
        data = coverage.CoverageData(str(self._path))
        data.read()
        for path in Path(self._children.name).glob("child.*"):
            child = coverage.CoverageData(str(path))
            child.read()
            data.update(child)

        self._children.cleanup()
        self._path.with_suffix(".json").write_text(json.dumps(self._times), encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_Covering(Path(os.environ["COVERING"])))
