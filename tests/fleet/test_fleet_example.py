"""The example meter reports to the example backend."""

import sys
from pathlib import Path
from typing import Final

import pytest

from bc260y_aio.fleet import Plan
from bc260y_aio.fleet.shard import run_shard

FOLDER: Final = Path(__file__).parents[2] / "examples" / "meters"


@pytest.mark.parametrize(("transport", "counted"), [("udp", "datagrams"), ("tcp", "lines"), ("http", "posts")])
def test_the_example_meter_reports_to_the_scripted_backend(
    monkeypatch: pytest.MonkeyPatch, transport: str, counted: str
) -> None:
    monkeypatch.setattr(sys, "path", [str(FOLDER), *sys.path])
    plan = Plan(device=f"meter:report_{transport}", backend="backend:scripted", devices=3, network="good")
    tally = run_shard(plan, range(3), lambda _: True)

    assert tally.reports == 3, tally.tracebacks
    assert tally.backend[counted] == 3
