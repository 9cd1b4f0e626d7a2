"""Devices of one process, on the virtual clock."""

import asyncio
import gc
import itertools
import re
import sys
from functools import partial
from typing import Any

import pytest

from bc260y_aio import Modem
from bc260y_aio.cli.fleet import progress_line
from bc260y_aio.fleet import FleetFaults, FleetReport, Outage, Plan, write_page
from bc260y_aio.fleet.shard import Shard, run_shard
from bc260y_aio.fleet.tally import Tally, percentiles

from . import devices


def run(count: int = 10, **arguments: Any) -> Tally:
    settings: dict[str, Any] = {"device": devices.report, "backend": devices.collect, "every": 600.0}
    return run_shard(Plan(devices=count, **settings | arguments), range(count), lambda _: True)


def test_every_report_of_every_device_arrives_once() -> None:
    tally = run(10, duration=3600.0)

    assert (tally.devices, tally.finished, tally.reports, tally.missed) == (10, 10, 60, 0)
    assert tally.backend == {"arrived": 60, "devices": 10}
    assert not tally.failed
    assert tally.latencies.get_total_count() == 60
    assert tally.arrivals.total() == 60
    assert tally.radio["connected"] > 0
    assert tally.energy_mwh > 0


def test_the_same_seed_gives_the_same_day_and_another_seed_another_one() -> None:
    one, same, other = (run(20, stagger=True, duration=1200.0, seed=seed) for seed in (1, 1, 2))

    assert one.arrivals == same.arrivals
    assert one.latencies.encode() == same.latencies.encode()
    assert one.energy_mwh == same.energy_mwh
    assert one.latencies.encode() != other.latencies.encode()


def test_devices_that_fail_are_counted_by_kind_with_one_traceback_and_stop_nothing() -> None:
    tally = run(10, device=devices.fail_if_odd, duration=1200.0)

    assert tally.failed == {"LookupError": 10}
    assert tally.reports == 10
    assert tally.finished == 10
    assert list(tally.tracebacks) == ["LookupError"]
    assert "has no sensor" in tally.tracebacks["LookupError"]


@pytest.mark.parametrize("kind", ["SystemExit", "CancelledError", "TimeoutError"])
def test_a_device_that_exits_is_cancelled_or_hangs_is_a_failure_and_stops_nothing(kind: str) -> None:
    async def go_wrong(modem: Modem, number: int) -> None:
        if number == 3:
            await end_by(kind)

    tally = run(10, device=go_wrong, duration=1200.0)

    assert tally.failed == {kind: 2 if kind != "TimeoutError" else 1}
    assert (tally.reports, tally.finished) == (18, 10)
    assert "end_by" in tally.tracebacks[kind]


async def end_by(kind: str) -> None:
    if kind == "SystemExit":
        sys.exit("no configuration")

    # It is set by nobody.
    waiting = asyncio.create_task(asyncio.Event().wait())
    if kind == "CancelledError":
        waiting.cancel()

    await waiting


def test_a_cell_that_is_down_delays_its_devices_and_no_others() -> None:
    faults = FleetFaults(cells=2, outages=(Outage(0.5, 30.0, cell=1),))
    tally = run(10, faults=faults)

    assert tally.reports == 10
    assert tally.backend["arrived"] == 10
    assert tally.latencies.get_value_at_percentile(50) < 10_000
    assert tally.latencies.get_value_at_percentile(60) > 30_000


def test_modules_that_restart_are_opened_again_and_the_fleet_goes_on() -> None:
    tally = run(20, duration=3600.0, faults=FleetFaults(restarts=6.0, sleeps=2.0))

    assert tally.restarts > 50
    assert tally.finished == 20
    assert tally.reports + sum(tally.failed.values()) + tally.missed == 120
    assert tally.reports > 90


def test_a_fleet_can_be_stopped_and_what_it_has_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bc260y_aio.fleet.shard.REPORT_INTERVAL", 0.0)
    asked: list[int] = []

    def go_on(tally: Tally) -> bool:
        asked.append(tally.reports)
        return tally.reports < 15

    plan = Plan(device=devices.report, backend=devices.collect, devices=10, every=600.0, duration=6000.0)
    tally = run_shard(plan, range(10), go_on)

    assert 15 <= tally.reports < 100
    assert tally.finished == 0
    assert asked == sorted(asked)


def test_devices_of_the_real_clock_are_left_out_of_the_search_for_garbage_until_they_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bc260y_aio.fleet.shard._FREEZE_INTERVAL", 0.01)
    frozen: list[int] = []

    def go_on(_: Tally) -> bool:
        frozen.append(gc.get_freeze_count())
        return True

    monkeypatch.setattr("bc260y_aio.fleet.shard.REPORT_INTERVAL", 0.0)
    plan = Plan(device=devices.report, backend=devices.collect, devices=2, clock="real", network=None)
    tally = run_shard(plan, range(2), go_on)

    assert tally.reports == 2, tally.tracebacks
    assert max(frozen) > 1000
    assert gc.get_freeze_count() == 0


async def wait_for_garbage(modem: Modem, number: int, found: list[str]) -> None:
    """Report twice; take the types of the objects of the second report that only a search for garbage finds."""
    await devices.report(modem, number)
    await asyncio.sleep(100)
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        await (devices.report if number else devices.send_datagram)(modem, number)
        await asyncio.sleep(100)
        gc.collect()
        found.extend(type(one).__qualname__ for one in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


@pytest.mark.parametrize("transport", ["datagram", "stream"])
def test_a_connection_that_is_closed_leaves_nothing_for_the_search_for_garbage(transport: str) -> None:
    found: list[str] = []
    number = 1 if transport == "stream" else 0
    plan = Plan(device=partial(wait_for_garbage, found=found), backend=devices.collect, devices=2)
    tally = run_shard(plan, [number], lambda _: True)

    assert tally.reports == 1, tally.tracebacks
    assert not found


async def test_thousands_of_devices_are_not_made_in_one_turn_of_the_loop() -> None:
    made = [0]
    plan = Plan(device=devices.report, devices=1000, clock="real", every=3600.0, stagger=True)
    running = asyncio.create_task(Shard(plan, list(range(1000)), lambda _: True).run())
    while made[-1] < 1000:
        made.append(len(asyncio.all_tasks()))
        await asyncio.sleep(0)

    running.cancel()
    await asyncio.wait({running})
    assert max(later - before for before, later in itertools.pairwise(made)) < 100


# Adding up


def test_tallies_add_up_exactly_also_by_way_of_messages() -> None:
    whole = run(10, duration=1200.0)
    total = Tally()
    for tally in (whole, run(4, device=devices.fail_if_odd)):
        total += Tally.from_message(tally.to_message())

    assert total.devices == 14
    assert total.reports == 22
    assert total.failed == {"LookupError": 2}
    assert total.latencies.get_total_count() == 22
    assert total.latencies.get_max_value() >= whole.latencies.get_max_value()
    assert total.backend["arrived"] == 22
    assert all(isinstance(minute, int) for minute in total.arrivals)


@pytest.mark.parametrize(
    ("reports", "slow"),
    [
        (7, {"p90", "p95", "p99", "p99.9", "p100"}),
        (60, {"p99", "p99.9", "p100"}),
        (100, {"p99.9", "p100"}),
        (600, {"p99.9", "p100"}),
        (1000, {"p100"}),
    ],
)
def test_at_least_the_share_of_a_percentile_is_at_or_below_it(reports: int, slow: set[str]) -> None:
    tally = Tally()
    for latency in (*[1.0] * (reports - 1), 40.0):
        tally.add_report(0.0, latency)

    assert {name for name, seconds in percentiles(tally.latencies).items() if seconds > 2} == slow


def test_a_report_has_percentiles_in_seconds_and_says_it_in_lines() -> None:
    report = FleetReport.of(run(10, device=devices.fail_if_odd), 10, workers=1, elapsed_seconds=1.0)

    assert report.failed == {"LookupError": 5}
    assert 1 < report.latency["p50"] <= report.latency["p100"] < 60
    assert report.to_json()["devices"] == 10
    lines = str(report).splitlines()
    assert lines[:2] == ["10 of 10 devices finished, 5 reports, 5 failed, 0 missed", "failed: 5 LookupError"]


def test_the_progress_has_devices_failures_by_kind_and_latency() -> None:
    tally = run(10, device=devices.fail_if_odd)
    line = progress_line(tally, 20)

    assert line.startswith("10 of 20 devices finished, 0 up, 5 reports, 5 LookupError, p50 "), line
    assert line.endswith(" s")
    assert progress_line(Tally(devices=4), 20) == "0 of 20 devices finished, 4 up, 0 reports"


def test_the_page_is_one_file_with_plots_that_needs_no_network(tmp_path: Any) -> None:
    report = FleetReport.of(run(10, device=devices.fail_if_odd), 10)
    path = tmp_path / "fleet.html"
    write_page(report, path)
    text = path.read_text()

    assert "Latency of a report" in text
    assert "Energy of the radios" in text
    assert "LookupError" in text
    assert not re.search(r"<script[^>]* src=|<link[^>]* href=", text)
