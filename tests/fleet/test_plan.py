"""The plan of a fleet, and the division of its devices."""

import re
import sysconfig
from pathlib import Path
from typing import Any, Final

import pytest

from bc260y_aio.fleet import FleetFaults, Outage, Plan
from bc260y_aio.fleet.plan import DEVICES_PER_SHARD, own_paths, resolve, split_port
from bc260y_aio.fleet.run import by_port, worker_addresses

from . import devices

DEFAULTS: Final[dict[str, Any]] = {"device": devices.report, "devices": 10}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"devices": 0}, "at least 1 device, not 0"),
        ({"clock": "fast"}, '"virtual" or "real", not \'fast\''),
        ({"every": 0.0}, "every must be a number of seconds above 0, not 0.0"),
        ({"every": 60.0, "duration": float("inf")}, "duration must be a number of seconds above 0, not inf"),
        ({"stagger": True}, "say how often they report: every="),
        ({"duration": 60.0}, "devices that report again and again: every="),
        ({"ports": ("/dev/ttyUSB0",)}, 'real modules need the real clock: clock="real"'),
        ({"device": "meter"}, "name a function as module:function, not 'meter'"),
        ({"backend": ":setup"}, "name a function as module:function, not ':setup'"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Plan(**DEFAULTS | arguments)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Outage(-1.0, 60.0), "starts at 0 s or later"),
        (lambda: Outage(0.0, 0.0), "lasts longer than 0 s"),
        (lambda: FleetFaults(cells=0), "at least 1 cell, not 0"),
        (lambda: FleetFaults(restarts=-1.0), "restarts must be a number per hour"),
        (lambda: FleetFaults(cells=2, outages=(Outage(0.0, 60.0, cell=2),)), "a cell that is not there: there are 2"),
    ],
)
def test_faults_that_cannot_be_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_on_the_virtual_clock_the_division_does_not_depend_on_the_workers() -> None:
    plan = Plan(device=devices.report, devices=2 * DEVICES_PER_SHARD + 1)

    assert plan.shards(1) == plan.shards(7)
    assert plan.shards(1) == [range(DEVICES_PER_SHARD), range(100, 200), range(200, 201)]


def test_on_the_real_clock_every_worker_has_one_task() -> None:
    plan = Plan(device=devices.report, devices=10, clock="real")

    assert plan.shards(3) == [range(4), range(4, 8), range(8, 10)]


def test_staggered_devices_start_anywhere_in_the_period_the_same_each_time() -> None:
    plan = Plan(device=devices.report, devices=1000, every=600.0, stagger=True)
    delays = [plan.delay(number) for number in range(1000)]

    assert delays == [plan.delay(number) for number in range(1000)]
    assert 0 <= min(delays) < 10
    assert 590 < max(delays) < 600
    assert Plan(device=devices.report, devices=1, every=600.0).delay(5) == 0.0


def test_restarts_and_sleeps_come_as_often_as_they_are_to() -> None:
    faults = FleetFaults(restarts=2.0, sleeps=1.0)
    plan = Plan(device=devices.report, devices=200, every=600.0, duration=3600.0, faults=faults)
    kinds = [kind for number in range(200) for _, kind in plan.moments(number)]
    moments = [moment for moment, _ in plan.moments(7)]

    assert 320 < kinds.count("restart") < 480
    assert 140 < kinds.count("sleep") < 260
    assert moments == sorted(moments)
    assert list(Plan(device=devices.report, devices=1).moments(0)) == []


def test_the_number_of_reports_covers_the_duration() -> None:
    assert Plan(device=devices.report, devices=1).rounds == 1
    assert Plan(device=devices.report, devices=1, every=600.0).rounds == 1
    assert Plan(device=devices.report, devices=1, every=600.0, duration=3600.0).rounds == 6
    assert Plan(device=devices.report, devices=1, every=600.0, duration=3601.0).rounds == 7


def test_a_function_is_found_by_its_name_or_the_reason_is_told() -> None:
    assert resolve("tests.fleet.devices:report") is devices.report
    assert resolve(devices.report) is devices.report
    with pytest.raises(ValueError, match=r"no_such_module:report: .*sys\.path"):
        resolve("no_such_module:report")

    with pytest.raises(ValueError, match=r"tests\.fleet\.devices has no nothing"):
        resolve("tests.fleet.devices:nothing")


def test_a_port_may_name_the_worker_that_has_it() -> None:
    assert split_port("/dev/ttyUSB0") == ("/dev/ttyUSB0", "")
    assert split_port("/dev/ttyUSB0@worker3") == ("/dev/ttyUSB0", "worker3")
    assert split_port("socket://gateway7:2000") == ("socket://gateway7:2000", "")


def test_workers_look_where_the_own_modules_are_and_not_in_the_packages_of_another_python() -> None:
    paths = own_paths()

    assert str(Path(__file__).parents[2]) in paths
    assert not {sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")} & set(paths)


def test_ports_are_divided_so_that_each_worker_has_one_task_at_most() -> None:
    def divide(workers: int, *ports: str) -> list[list[str]]:
        plan = Plan(device=devices.report, devices=len(ports), ports=ports, clock="real")
        return [[ports[number] for number in task] for task in by_port(plan, workers)]

    assert divide(3, "a", "b", "c", "d") == [["a", "d"], ["b"], ["c"]]
    assert divide(4, "a", "b") == [["a"], ["b"]]
    assert divide(3, "a", "b@w1", "c", "d@w1") == [["b@w1", "d@w1"], ["a"], ["c"]]
    # Every worker has ports of its own: the others are dealt out to them, and a task begins with a name.
    assert divide(2, "a", "b@w1", "c@w2", "d") == [["b@w1", "a"], ["c@w2", "d"]]


def test_a_worker_that_is_named_is_found_whatever_the_type_of_its_name_or_refused() -> None:
    known = {"0": "tcp://127.0.0.1:1", "worker3": "tcp://127.0.0.1:2"}
    ports = ["/dev/ttyUSB0@worker3", "/dev/ttyUSB1@0", "socket://gateway7:2000"]

    assert worker_addresses(ports, known) == {"worker3": "tcp://127.0.0.1:2", "0": "tcp://127.0.0.1:1"}
    with pytest.raises(ValueError, match=r"no worker is named worker4; there are: 0, worker3"):
        worker_addresses(["/dev/ttyUSB0@worker4"], known)
