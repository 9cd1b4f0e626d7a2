"""Each benchmark runs in a tiny form and checks its results. Nothing is asserted about speed."""

import asyncio
import importlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from bc260y_aio.at.syntax import PayloadFormat
from bc260y_aio.testing import virtual_clock
from benchmarks import __main__ as all_of_them
from benchmarks import (
    clients,
    coverage,
    echo,
    goodput,
    idle,
    inside,
    isolation,
    month,
    parse,
    programs,
    round_trip,
    scale,
)
from benchmarks.common import Chart, Promise, Table, find_section, interleaved, promised, ratios, replace_section
from benchmarks.fake import Module, push, send_size
from benchmarks.memory import run
from tests.leaks.namespace import reason_not_isolated

ROOT: Final = Path(__file__).parents[2]

# The import name of each peer library.
EXTRA: Final = {
    "pyserial-asyncio-fast": "serial_asyncio_fast",
    "serialx": "serialx",
    "pyatcommand": "pyatcommand",
    "async-gsm-modem": "async_gsm_modem",
    "python-gsmmodem-new": "gsmmodem",
}


@pytest.fixture(autouse=True)
def _cores() -> Iterator[None]:
    """Let this process have the cores back that it had: a benchmark keeps to one."""
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    yield
    if cores:
        os.sched_setaffinity(0, cores)


# Each benchmark


@pytest.mark.parametrize("feed", parse.FEEDS)
@pytest.mark.parametrize("form", PayloadFormat)
def test_parse_finds_every_push_however_it_is_cut(feed: int, form: PayloadFormat) -> None:
    assert parse.parse(parse.cut(parse.push(512, form) * 3, feed), form) == 3


def test_parse_counts_the_same_with_its_plain_peer() -> None:
    assert parse.split(parse.cut(parse.push(512, PayloadFormat.HEX) * 3, 64)) == 3


@pytest.mark.parametrize("name", sorted(round_trip.PEERS.keys() - EXTRA.keys()))
def test_round_trip_gets_an_answer(name: str) -> None:
    assert round_trip.round_trips(round_trip.PEERS[name][2], 2).wall > 0


@pytest.mark.parametrize("name", EXTRA)
def test_round_trip_gets_an_answer_from_each_peer_that_is_installed(name: str) -> None:
    if importlib.util.find_spec(EXTRA[name]) is None:
        pytest.skip(f"{name} comes with the extra `bench`")

    # Some peers leave things open, or cause warnings, so each has a process of its own.
    code = f"from benchmarks.round_trip import *; print(round_trips(PEERS[{name!r}][2], 1).wall > 0)"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.split()[-1] == "True"


@pytest.mark.parametrize("payload", goodput.PAYLOADS, ids=lambda payload: str(payload.name))
@pytest.mark.parametrize("is_reading", [False, True], ids=["writing", "reading"])
def test_goodput_checks_what_came_and_finds_no_more_than_the_wire_can_carry(
    payload: goodput.Payload, is_reading: bool
) -> None:
    case = goodput.Case(9600, payload, record=50, sockets=2, is_reading=is_reading)
    assert 0 < run(goodput.measure_case(case, 10)) <= case.limit * 1.001


def test_echo_brings_the_same_bytes_back_over_everything() -> None:
    assert min(echo.over_module(2), echo.over_tcp(2), echo.over_raw_pty(2)) > 0


@pytest.mark.parametrize("name", scale.PORTS)
def test_scale_checks_every_byte_of_every_modem(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # It runs in real time: a slow line tolerates a busy machine.
    monkeypatch.setattr(scale, "BAUDRATE", 9600)
    monkeypatch.setattr(scale, "_PUSH", 32)
    assert scale.serve(2, 0.2, scale.PORTS[name]).lost == 0


def test_idle_finds_no_wake_ups_and_a_modem_on_a_high_descriptor() -> None:
    assert idle.wakes_when_idle(0.3) == 0
    assert idle.stall_when_unread() > 0
    assert idle.works_above(1030)


def test_programs_end_well_on_every_coverage_and_the_radio_is_accounted_for() -> None:
    table = coverage.measure(1, brief=True)
    assert len(table.rows) == 1
    for cell in table.rows[0][1:]:
        seconds, connected, energy = map(float, cell.split(" / "))
        assert connected > seconds > 0 < energy


def test_a_program_that_fails_has_its_error_in_the_table() -> None:
    def program() -> None:
        raise ConnectionError("no luck")

    assert coverage.run_program(program, "good").cell == "ConnectionError: no luck"


def test_the_datagram_of_the_readme_is_answered_on_every_coverage_although_some_are_lost() -> None:
    # With these seeds one of the two datagrams is lost on edge coverage.
    table = coverage.measure_datagrams([55, 75])
    assert [row[:2] for row in table.rows] == [[name, "2 of 2"] for name in coverage.COVERAGES]
    assert table.rows[-1][2] == "2"


def test_five_uploads_at_once_are_checked_at_both_ends() -> None:
    table = coverage.measure_uploads(1)
    assert [row[1] for row in table.rows] == ["1 of 1"] * 4
    assert all(promise.is_kept for promise in table.promises)


async def _fail(*_: object) -> None:
    raise ConnectionError("no luck")


@pytest.mark.parametrize(("name", "sends"), [("anyio: connect, 4 B each way", 1), ("aiohttp: POST of 4 B", 1)])
def test_the_cost_of_an_operation_is_counted(name: str, sends: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # None of the servers in processes is asked.
    ports = dict.fromkeys(("redis", "postgres", "mqtt_4", "mqtt_5"), 1)
    cost = clients.operate(name, None, ports)
    assert (cost.error, cost.sends) == ("", sends)
    assert cost.up > cost.sent >= 4
    monkeypatch.setitem(clients.OPERATIONS, name, ("x", _fail))
    assert clients.operate(name, None, ports).error == "ConnectionError: no luck"


async def test_a_program_is_run_and_one_that_fails_is_reported() -> None:
    if (reason := reason_not_isolated()) is not None:
        pytest.skip(reason)

    assert await programs.run_program("echo hello", "hello") == programs.Cost(0, 0, "")
    assert await programs.run_program("echo no luck >&2", "hello") == programs.Cost(0, 0, "no luck")


@pytest.mark.parametrize("direction", ["sending", "receiving"])
def test_the_cpu_time_of_a_transfer_is_that_of_all_processes(direction: str) -> None:
    if (reason := reason_not_isolated()) is not None:
        pytest.skip(reason)

    found = isolation.measure_way("run --isolated", direction, 4096)
    assert found.wall > found.cpu > 0 < found.start


def titles(section: str) -> list[str]:
    table = find_section(inside.PAGE, section)[0]
    return [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("|")][2:]


def test_the_guide_has_the_table_of_all_programs() -> None:
    assert titles("programs") == [one.title for one in programs.PROGRAMS]


def test_the_guide_has_the_table_of_all_clients_in_three_ways() -> None:
    assert titles("ways") == list(clients.OPERATIONS)


# Names that the benchmarks use


def test_the_wire_on_paper_is_that_of_the_guide() -> None:
    there, back = send_size(512)
    assert (there, back) == (len(b'AT+QISEND=0,512,""\r') + 1024, len(b"\r\nOK\r\n\r\nSEND OK\r\n"))
    assert len(push(0, bytes(512))) == len(b'\r\n+QIURC: "recv",0,512,""\r\n') + 1024


def test_the_fake_module_counts_what_it_takes_and_echoes_it() -> None:
    module = Module(echoes=True)
    module.feed(b'AT+QIOPEN=0,0,"TCP","a.b",7,0,1\r')
    assert module.feed(b'AT+QISEND=0,2,"61') == b""
    assert module.feed(b'62"\r') == b"\r\nOK\r\n\r\nSEND OK\r\n" + push(0, b"ab")
    assert module.feed(b"AT+QISEND=0,0\r") == b"\r\n+QISEND: 2,2,0\r\n\r\nOK\r\n"


def test_contenders_run_in_turns_after_a_warm_up() -> None:
    order: list[str] = []
    contenders = {name: lambda name=name: order.append(name) for name in "ab"}
    found = interleaved(contenders, 2)
    assert order == ["a", "b"] * 3
    assert found == {"a": [None, None], "b": [None, None]}
    assert ratios([2.0, 6.0, 9.0], [1.0, 2.0, 1.0]) == 3.0


def table() -> Table:
    promises = [Promise("kept", 1.0, 2.0), Promise("not kept", 1.0, 2.0, at_least=True)]
    chart = Chart("", "y", {"one": [("a", 1.0)], "two": [("b", 2.0)]})
    return Table("A table", ["", "figure"], [["row", "1"]], ["A note."], chart, promises)


def test_a_table_is_markdown_and_has_the_promises() -> None:
    assert str(table()) == ("**A table**\n\n|     | figure |\n| --- | -----: |\n| row |      1 |\n\nA note.")
    assert promised([table()]).rows == [["kept", "at most 2", "1", "yes"], ["not kept", "at least 2", "1", "no"]]


def test_all_tables_and_a_figure_go_into_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- figures: begin -->\nold\n<!-- figures: end -->\nafter\n")
    monkeypatch.setattr(all_of_them, "_README", readme)
    monkeypatch.setattr(all_of_them, "plot", lambda tables, file: None)
    all_of_them.write([table()])
    text = readme.read_text()
    assert text.startswith("before\n<!-- figures: begin -->\n")
    assert text.endswith("<!-- figures: end -->\nafter\n")
    assert "| row |      1 |" in text
    assert "](figures.svg)" in text
    assert "old" not in text


def test_only_the_section_of_that_name_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- one: begin -->\nold\n<!-- one: end -->\n<!-- two: begin -->\nold\n<!-- two: end -->\n")
    replace_section(page, "two", "new \\1\n")
    assert page.read_text() == (
        "a\n<!-- one: begin -->\nold\n<!-- one: end -->\n<!-- two: begin -->\nnew \\1\n<!-- two: end -->\n"
    )
    with pytest.raises(LookupError, match="has no section 'three'"):
        replace_section(page, "three", "")


def test_a_benchmark_is_a_script_that_prints_its_table_and_draws_its_figure(tmp_path: Path) -> None:
    figure = ["--plot", str(tmp_path / "radio.svg")] if importlib.util.find_spec("matplotlib") else []
    command = [sys.executable, "-m", "benchmarks.radio", "--rounds", "1", *figure]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("**The radio")
    assert all(b"<svg" in file.read_bytes() for file in tmp_path.iterdir())
    assert len(list(tmp_path.iterdir())) == bool(figure)


@pytest.mark.parametrize("name", all_of_them.NAMES)
def test_every_benchmark_can_be_imported(name: str) -> None:
    assert callable(importlib.import_module(f"benchmarks.{name}").measure)


def test_a_benchmark_that_is_not_there_is_wrong_usage() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks", "nothing"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2
    assert "unknown: nothing" in ran.stderr


def test_a_month_is_measured_for_every_protocol_and_setting() -> None:
    usages = {}
    for protocol, setting in (("HTTPS", month.Setting(resumption=True)), ("CoAP", month.Setting(rai=True))):
        with asyncio.Runner(loop_factory=virtual_clock()) as runner:
            usages[protocol, setting] = runner.run(month._measure(protocol, setting, 1))

    https, coap = usages.values()
    assert (https.handshakes, https.resumed, https.sends > 2) == (1, 1, True)
    assert (coap.sends, coap.sent) == (1, 68)
    table = month.table(usages, 1)
    assert [row[0] for row in table.rows] == ["HTTPS: resumption", "CoAP: RAI"]
    assert [len(month.settings(protocol)) for protocol in ("HTTPS", "MQTT over TLS", "CoAP")] == [8, 8, 2]
