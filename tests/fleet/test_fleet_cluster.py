"""Fleets on a local cluster, by the command line: processes of their own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from tests.cli.running import heeding

ROOT: Final = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(180)


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "bc260y_aio", "fleet", *arguments]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*arguments: str, status: int = 0, **environment: str) -> tuple[str, str]:
    with start(*arguments, **environment) as process:
        out, err = process.communicate(timeout=150)

    assert process.returncode == status, err
    return out, err


def result(*arguments: str, status: int = 0, **environment: str) -> dict[str, Any]:
    out, _ = run(*arguments, "--json", "-", status=status, **environment)
    found: dict[str, Any] = json.loads(out)
    return found


BACKEND: Final = ("--backend", "tests.fleet.devices:collect", "--every", "10m")


def test_devices_of_a_worker_that_died_run_again_and_are_counted_once(tmp_path: Path) -> None:
    device = "tests.fleet.devices:report_from_a_worker_that_dies"
    arguments = ("--devices", "101", "--workers", "2", *BACKEND)
    found = result(device, *arguments, FLEET_TEST_FILE=str(tmp_path / "died"))

    assert found["devices"] == found["finished"] == found["reports"] == 101
    assert found["backend"] == {"arrived": 101, "devices": 101}
    assert found["reruns"] >= 1
    assert found["workers"] == 2
    assert found["is_complete"]


def test_ctrl_c_ends_a_fleet_and_reports_what_there_is() -> None:
    arguments = ("--devices", "50", "--clock", "real", "--duration", "1h", "--workers", "1")
    # Tests that were started in the background ignore it, and so would this process.
    with heeding(signal.SIGINT):
        process = start("tests.fleet.devices:report", *arguments, *BACKEND)

    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "devices finished" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)

    assert process.returncode == 130, err
    assert "interrupted: these figures are of a part" in out


def test_a_wrong_name_is_refused_before_any_worker_is_started() -> None:
    _, err = run("tests.fleet.devices:nothing", status=2)

    assert err == "bc260y-aio: tests.fleet.devices:nothing: the module tests.fleet.devices has no nothing\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--outage", "10m"), "must be START+DURATION"),
        (("--every", "soon"), "must be a time such as 90s, 10m, 1h or 1d, not 'soon'"),
    ],
)
def test_wrong_usage_is_told(arguments: tuple[str, ...], message: str) -> None:
    _, err = run("tests.fleet.devices:report", *arguments, status=2)

    assert message in err
