"""``--report``, ``--every``, ``--battery`` and ``--watch`` of ``run``, ``demo``, ``nc`` and ``socks``."""

import argparse
import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from bc260y_aio.cli import extras, parse
from bc260y_aio.cli.reporting import charge, duration
from bc260y_aio.emulator import EchoPeer, Emulator, Network
from tests.cli.running import echo, finished, run, serving, started

PORT = "emulator://?baudrate=115200&latency=0.005"
SCRIPT = """
import socket

with socket.create_connection(("echo.example", 7), timeout=20) as client:
    client.sendall(b"hello")
    print(client.recv(100).decode())
"""


@pytest.mark.parametrize(
    ("text", "seconds"), [("900", 900.0), ("30s", 30.0), ("15min", 900.0), ("1.5h", 5400.0), ("1d", 86400.0)]
)
def test_a_rhythm_has_a_unit(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0min", "15 min", "15minutes", "-1h", "infh", "nan", "h"])
def test_another_rhythm_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        duration(text)


@pytest.mark.parametrize("text", ["", "0", "-5", "inf", "nan", "2400mAh"])
def test_a_charge_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="mAh"):
        charge(text)


@pytest.mark.parametrize("command", [["run"], ["demo"], ["nc", "host", "7"], ["socks"]])
def test_the_form_of_a_report_has_an_equals_sign_so_that_a_script_may_follow(command: list[str]) -> None:
    for given, form in (("--report", "text"), ("--report=json", "json"), ("--report=html", "html")):
        options = parse([command[0], "--port", PORT, given, *command[1:], *(["it.py"] if command == ["run"] else [])])
        assert options.report == form
        assert getattr(options, "script", ["it.py"]) == ["it.py"]


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        (["--every", "1h"], "add --report"),
        (["--report-file", "it"], "add --report"),
        (["--report", "--battery", "2400"], "add --every"),
    ],
)
async def test_options_that_have_no_effect_are_refused(
    given: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        await run("demo", "--size", "0", "--port", PORT, *given)

    assert hint in capsys.readouterr().err


async def test_the_demo_reports_five_sockets_and_a_month(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        await run(*["demo", "--size", "600", "--report", "--every", "15min", "--battery", "2400", "--port"], PORT) == 0
    )

    lines = capsys.readouterr().err.splitlines()
    assert lines[0].split()[:3] == ["peer", "opened", "open"]
    assert [line.split()[0] for line in lines[1:7]] == ["tcp", "tcp", "tcp", "udp", "udp", "all"]
    assert re.match(r"radio \(emulated\): 1 connection, \d+ bytes up, \d+ down; connected \d+\.\d s", lines[9])
    assert re.match(r"kept connected by: (tc|ud)p 127\.0\.0\.1:\d+ \d+\.\d s", lines[10])
    assert re.fullmatch(
        r"every 15 min, a month of 30 days: \d+\.\d\d MB, \d+ mWh \(\d+ connected\), \d+\.\d% of 2400 mAh", lines[11]
    )


async def test_nc_writes_json_to_a_file_and_its_output_is_the_hosts_alone(tmp_path: Path) -> None:
    path = tmp_path / "it.json"
    async with serving(echo) as port:
        status, printed, complained = await finished(
            *("nc", "--report=json", "--report-file", str(path), "-q", "0.5", "--port", PORT, "127.0.0.1", port),
            given=b"hello",
        )

    assert (status, printed, complained) == (0, b"hello", b"")
    values: dict[str, Any] = json.loads(path.read_text())
    assert (values["title"], values["sent"], values["received"]) == ("bc260y-aio nc", 5, 5)
    assert values["radio"]["energy_mwh"] > 0


async def test_run_reports_a_script_once_its_connections_are_closed(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    network = Network()
    network.add_host("echo.example", EchoPeer())
    async with Emulator(line="tcp", network=network) as emulator:
        status, printed, complained = await finished(
            "run", "--port", emulator.url, "--report=json", "--watch", str(script)
        )

    assert (status, printed) == (0, b"hello\n")
    lines, _, values = complained.decode().partition("{\n")
    report = json.loads("{" + values)
    assert report["title"] == f"bc260y-aio run {script}"
    (connection,) = report["connections"]
    # The script resolves the name, and connects to its address.
    assert (connection["port"], connection["sent"], connection["received"]) == (7, 5, 5)
    assert connection["is_open"] is False
    # A real module, for all that it can tell.
    assert report["radio_state"] is None
    assert "radio" not in report
    assert re.search(r"\d+ commands, closed: the modem was closed .* 0 tcp [\d.]+:7 closed", lines)


async def test_without_bokeh_a_page_is_refused_before_anything_is_opened(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(extras, "is_installed", lambda module: module != "bokeh")
    assert await run("demo", "--size", "0", "--report=html", "--port", PORT) == 1
    assert "pip install 'bc260y-aio[report]'" in capsys.readouterr().err


async def test_a_report_that_cannot_be_written_is_an_error_and_changes_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = tmp_path / "not" / "there"
    assert await run("demo", "--size", "0", "--report", "--report-file", str(nowhere), "--port", PORT) == 0
    assert capsys.readouterr().err == f"bc260y-aio: {nowhere}: No such file or directory\n"


async def test_a_proxy_that_a_signal_ends_reports_the_connections_of_its_clients() -> None:
    async with (
        serving(echo) as port,
        started("socks", "--listen", "127.0.0.1:0", "--report=json", "--port", PORT) as process,
    ):
        assert process.stdout is not None
        _, _, listening = (await process.stdout.readline()).decode().rpartition(":")
        reader, writer = await asyncio.open_connection("127.0.0.1", int(listening))
        name = b"echo.example"
        writer.write(b"\x05\x01\x00" + b"\x05\x01\x00\x03" + bytes([len(name)]) + name + int(port).to_bytes(2, "big"))
        await reader.readexactly(2 + 10)
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        writer.close()
        process.terminate()
        _, complained = await process.communicate()

    values = json.loads(complained)
    assert [(one["host"], one["sent"], one["received"]) for one in values["connections"]] == [("echo.example", 5, 5)]
