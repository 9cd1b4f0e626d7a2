"""Fleets on a cluster that is there: a scheduler and two workers, started by Dask's own commands."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from bc260y_aio.emulator import Emulator, Options
from bc260y_aio.fleet.run import check_versions

from .test_fleet_cluster import ROOT, run, start

pytestmark = pytest.mark.timeout(180)

WORKERS: Final = ("worker1", "worker2")
DEVICE: Final = """
import os
if os.environ.get("VANISH"):
    os.remove(__file__)

async def report(modem, number):
    await modem.execute("AT+CSQ")

def collector(network):
    network.add_host("collector.example")
"""


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("cluster")
    file = folder / "scheduler.json"
    common = ("--scheduler-file", str(file), "--no-dashboard")
    one = ("--no-nanny", "--nthreads", "1", "--death-timeout", "60")
    commands = [
        ("scheduler", "--host", "127.0.0.1", "--port", "0", *common),
        *(("worker", *common, "--host", "127.0.0.1", "--name", name, *one) for name in WORKERS),
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with contextlib.ExitStack() as stack:
        for command in commands:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *command],
                cwd=folder,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            assert process.stderr is not None
            # What the others need is written, or this one is known to the scheduler.
            ready = "Scheduler at:" if command[0] == "scheduler" else "Registered to:"
            assert any(ready in line for line in process.stderr), command

        yield json.loads(file.read_text())["address"]


class Versions:
    """A client of a cluster whose scheduler has no version of a package, and one worker an old one."""

    async def wait_for_workers(self, number: int) -> None:
        assert number == 1

    async def get_versions(self, packages: list[str]) -> dict[str, Any]:
        def has(version: str | None) -> dict[str, Any]:
            return {"packages": dict.fromkeys(packages, version)}

        return {
            "client": has("1.2"),
            "scheduler": has(None),
            "workers": {"tcp://a:1": has("1.2"), "tcp://b:1": has("1.1")},
        }


async def test_a_cluster_with_another_version_of_the_package_is_refused() -> None:
    message = r"the scheduler has none, the worker at tcp://b:1 has 1\.1; install bc260y-aio\[fleet\] 1\.2 there"
    with pytest.raises(ValueError, match=message):
        await check_versions(Versions())


@pytest.fixture
def module(tmp_path: Path) -> Path:
    file = tmp_path / "sent_meter.py"
    file.write_text(DEVICE)
    return file


def test_a_module_is_sent_to_the_workers_of_a_cluster_that_is_there(scheduler: str, module: Path) -> None:
    environment: dict[str, Any] = {"PYTHONPATH": f"{ROOT}:{module.parent}", "PYTHONDONTWRITEBYTECODE": "1"}
    cluster = ("--scheduler", scheduler, "--json", "-")
    fleet = ("sent_meter:report", "--backend", "sent_meter:collector", "--devices", "101", *cluster)
    out, _ = run(*fleet, "--upload", str(module), **environment)
    found = json.loads(out)
    again, _ = run(*fleet, **environment)
    # As on another machine, the workers do not have the file.
    _, err = run("lost_meter:report", *cluster, status=2, **(environment | _lost(module)))

    assert (found["reports"], found["workers"], found["reruns"]) == (101, 2, 0)
    assert json.loads(again)["energy_mwh"] == found["energy_mwh"]
    assert "on the worker worker" in err
    assert "lost_meter:report: No module named 'lost_meter'" in err
    assert "--upload FILE" in err


def _lost(module: Path) -> dict[str, str]:
    module.with_name("lost_meter.py").write_text(DEVICE)
    return {"VANISH": "1"}


def test_the_devices_of_a_client_that_is_killed_end_and_the_workers_are_free(scheduler: str) -> None:
    fleet = ("tests.fleet.devices:report", "--backend", "tests.fleet.devices:collect", "--scheduler", scheduler)
    with start(*fleet, "--devices", "2", "--clock", "real", "--every", "10m", "--duration", "1h") as process:
        assert process.stderr is not None
        assert "devices finished" in process.stderr.readline()
        process.send_signal(signal.SIGKILL)
        process.communicate()

    # Each worker has one thread: this one would wait for an hour.
    out, _ = run(*fleet, "--devices", "2", "--clock", "real", "--network", "good")
    assert out.startswith("2 of 2 devices finished, 2 reports")


async def test_real_modems_are_opened_by_the_workers_that_have_them(scheduler: str, module: Path) -> None:
    ports = module.with_name("ports")
    async with Emulator(Options(line="pty")) as one, Emulator(Options(line="tcp")) as two:
        ports.write_text(f"{one.url}@worker2\n{two.url}\n")
        arguments = ("sent_meter:report", "--ports", os.fspath(ports), "--scheduler", scheduler, "--json", "-")
        call = partial(run, *arguments, PYTHONPATH=f"{ROOT}:{module.parent}")
        out, _ = await asyncio.to_thread(call)

    found = json.loads(out)
    assert (found["devices"], found["finished"], found["reports"]) == (2, 2, 2)
