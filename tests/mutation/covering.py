"""A plugin of pytest: which test runs which lines, and how long each test takes.

It writes the data of `coverage` to the file `$COVERING`, with the name of the test as context, and the times beside it,
as JSON. It writes after each test, as the last may not end.
"""

import json
import os
import time
from collections.abc import Generator
from pathlib import Path

import coverage
import pytest


class _Covering:
    def __init__(self, path: Path) -> None:
        self._coverage = coverage.Coverage(data_file=str(path), config_file=False, source=["bc260y_aio"])
        self._times: dict[str, float] = {}
        self._path = path

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self._coverage.switch_context(item.nodeid)
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
        self._path.with_suffix(".json").write_text(json.dumps(self._times), encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_Covering(Path(os.environ["COVERING"])))
