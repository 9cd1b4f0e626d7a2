"""Every example runs as a user would run it without a module: on the emulator."""

import asyncio
import importlib
import re
import shutil
import subprocess
import sys
import urllib.parse
from pathlib import Path

import pytest

from benchmarks.coverage import COVERAGES, programs, run_program
from tests.leaks.namespace import reason_not_isolated

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_the_example_runs_on_the_emulator_and_says_so(example: Path) -> None:
    if example.stem == "any_program" and (reason := reason_not_isolated()) is not None:
        pytest.skip(reason)

    run = subprocess.run(
        [sys.executable, "-W", "error", example], capture_output=True, text=True, timeout=50, check=False
    )

    assert (run.returncode, run.stderr) == (0, "")
    assert "this is an emulated module" in run.stdout


@pytest.mark.parametrize("name", ["hello", "https_get"])
def test_an_emulator_in_the_environment_is_not_taken_for_a_real_module(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BC260Y_PORT", "emulator://?latency=0.01")

    run = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py"], capture_output=True, text=True, timeout=50, check=False
    )

    assert (run.returncode, run.stderr) == (0, "")
    assert "this is an emulated module (emulator://?latency=0.01)" in run.stdout


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_the_first_line_of_an_example_says_what_it_shows(example: Path) -> None:
    assert example.read_text().startswith('"""')


def test_every_example_is_in_the_list() -> None:
    text = (EXAMPLES / "README.md").read_text()

    assert [path.name for path in EXAMPLES.glob("*.py") if f"({path.name})" not in text] == []


@pytest.mark.parametrize("coverage", COVERAGES)
@pytest.mark.parametrize("seed", range(3))
def test_the_coap_sensor_sends_one_request_and_is_released_after_the_answer_on_every_coverage(
    coverage: str, seed: int
) -> None:
    # No datagram is lost with these seeds.
    run = run_program(programs()["examples/coap_sensor.py"], coverage, seed=seed)

    assert run.error == ""
    assert run.printed.count("the server got 21.5") == 1
    assert run.span is not None
    # The query of the name, and the request, with their headers.
    assert run.span.bytes_sent <= 60 + 63
    # By RAI, and not after the 20 s of the network's inactivity timer.
    assert run.span.connected_seconds < run.seconds + 3


@pytest.mark.parametrize("message_id", [b"\x12\x34", b"\xff\x34", b"\x12\xff"])
@pytest.mark.parametrize("token", [b"", b"\x85\xff", b"\xff" * 8])
async def test_the_coap_server_of_the_examples_answers_whatever_the_message_id_and_the_token_are(
    message_id: bytes, token: bytes, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    received = asyncio.get_running_loop().create_future()

    class Client(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: object) -> None:
            received.set_result(data)

    monkeypatch.syspath_prepend(EXAMPLES)
    async with importlib.import_module("servers").collector() as (uri,):
        address = ("127.0.0.1", urllib.parse.urlsplit(uri).port)
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Client, remote_addr=address)
        try:
            # Uri-Path: meter/7.
            transport.sendto(bytes([0x40 | len(token), 3]) + message_id + token + b"\xb5meter\x017\xff21.5")
            answer = await asyncio.wait_for(received, 5)
        finally:
            transport.close()

    assert answer == bytes([0x60 | len(token), 0x44]) + message_id + token + b"\xffthank you"
    assert capsys.readouterr().out == "the server got 21.5\n"


# The example device


def test_the_tests_of_the_device_pass_in_a_folder_of_their_own(tmp_path: Path) -> None:
    project = shutil.copytree(EXAMPLES / "device", tmp_path / "project", ignore=shutil.ignore_patterns("__pycache__"))
    run = subprocess.run(
        [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:asyncio", "-p", "no:cacheprovider"],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    assert run.returncode == 0, run.stdout
    assert "8 passed" in run.stdout


def test_the_readme_of_the_device_quotes_its_files() -> None:
    text = (EXAMPLES / "device" / "README.md").read_text()
    source = "".join(path.read_text() for path in (EXAMPLES / "device").glob("*.py"))
    quoted = [block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "def test_reading" not in block]

    assert [block for block in quoted if block not in source] == []
