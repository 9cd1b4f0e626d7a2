import json
from pathlib import Path

import pytest

from bc260y_aio.tracing import (
    ChromeTrace,
    CommandEnded,
    CommandSent,
    DataArrived,
    LineClosed,
    LineOpened,
    QueueDepth,
    RecoveryBegan,
    RecoveryEnded,
    Retried,
    SleepChanged,
    SocketBegan,
    SocketEnded,
    TraceEvent,
    TurnsWaiting,
    UrcHeard,
)
from tests.tracing.chrome import Entry, check_nesting, lanes, load, spans


def written(path: Path, *events: TraceEvent) -> list[Entry]:
    with ChromeTrace(path) as trace:
        for event in events:
            trace(event)

    return load(path)


def command(
    number: int,
    time: float,
    seconds: float,
    connect_id: int | None = None,
    *,
    waited: float = 0.0,
    name: str = "+QISEND",
) -> tuple[CommandSent, CommandEnded]:
    """Make the events of a command that was sent at a time and took so many seconds."""
    line = f"AT{name}={connect_id}"
    return (
        CommandSent(
            time=time, number=number, command=line, name=name, connect_id=connect_id, waited=waited, wire_bytes=20
        ),
        CommandEnded(
            time=time + seconds,
            number=number,
            command=line,
            name=name,
            connect_id=connect_id,
            result="OK",
            is_ok=True,
            seconds=seconds,
        ),
    )


def socket(time: float, connect_id: int) -> SocketBegan:
    return SocketBegan(time=time, connect_id=connect_id, service_type="TCP", host="echo.example", port=7)


def test_each_socket_has_a_lane_and_the_line_has_one(tmp_path: Path) -> None:
    entries = written(
        tmp_path / "it.json",
        *command(1, 100.0, 0.5),
        *command(2, 101.0, 0.25, 3, waited=0.25),
        *command(3, 102.0, 0.25, 0),
    )
    assert lanes(entries) == {1: "line", 2: "connectID 0", 5: "connectID 3"}
    assert spans(entries, 1) == [
        ("AT+QISEND", 0, 500_000),
        ("AT+QISEND", 1_000_000, 1_250_000),
        ("AT+QISEND", 2_000_000, 2_250_000),
    ]
    assert spans(entries, 5) == [("waiting", 750_000, 1_000_000), ("AT+QISEND", 1_000_000, 1_250_000)]
    args = next(entry["args"] for entry in entries if entry["tid"] == 5 and entry["ph"] == "X" and entry["args"])
    assert args == {"command": "AT+QISEND=3", "result": "OK", "waited_ms": 250.0, "wire_bytes": 20}
    order = {entry["tid"]: entry["args"]["sort_index"] for entry in entries if entry.get("name") == "thread_sort_index"}
    assert sorted(order, key=lambda tid: order[tid]) == [1, 2, 5]


def test_the_span_of_a_socket_encloses_all_its_events(tmp_path: Path) -> None:
    opening, opened = command(1, 11.0, 1.0, 0, waited=0.5, name="+QIOPEN")
    closing, closed = command(2, 14.0, 1.0, 0, waited=0.25, name="+QICLOSE")
    entries = written(
        tmp_path / "it.json",
        LineOpened(time=10.0, port="/dev/ttyUSB0", baudrate=9600),
        opening,
        socket(12.0, 0),
        opened,
        closing,
        closed,
        SocketEnded(time=15.0, connect_id=0, reason="closed"),
    )
    lives = [(entry["ph"], entry["ts"]) for entry in entries if entry["tid"] == 2 and entry["ph"] in "BE"]
    assert lives == [("B", 500_000), ("E", 5_000_000)]
    assert [name for name, _, _ in spans(entries, 2)] == ["waiting", "AT+QIOPEN", "waiting", "AT+QICLOSE"]


def test_two_waiting_callers_of_the_same_socket_are_shown_one_after_the_other(tmp_path: Path) -> None:
    entries = written(
        tmp_path / "it.json",
        *command(1, 10.0, 1.0),
        *command(2, 12.0, 1.0, 0, waited=2.0),
        *command(3, 13.5, 1.0, 0, waited=3.0),
    )
    assert spans(entries, 2) == [
        ("waiting", 0, 2_000_000),
        ("AT+QISEND", 2_000_000, 3_000_000),
        ("waiting", 3_000_000, 3_500_000),
        ("AT+QISEND", 3_500_000, 4_500_000),
    ]


def test_a_line_that_falls_out_of_step_within_a_command_is_shown_after_it(tmp_path: Path) -> None:
    sent, ended = command(1, 10.0, 5.0)
    entries = written(
        tmp_path / "it.json",
        sent,
        RecoveryBegan(time=14.9999),
        ended,
        RecoveryEnded(time=16.0, seconds=1.0001),
    )
    assert spans(entries, 1) == [("AT+QISEND", 0, 5_000_000), ("out of step", 5_000_000, 6_000_000)]


def test_a_urc_is_an_instant_in_its_lane(tmp_path: Path) -> None:
    entries = written(
        tmp_path / "it.json",
        LineOpened(time=1.0, port="memory://it", baudrate=None),
        UrcHeard(time=1.1, kind="PeerClosed", text='+QIURC: "closed",2', connect_id=2),
        UrcHeard(time=1.2, kind="Restarted", text="RDY"),
        DataArrived(time=1.3, connect_id=2, size=512),
        Retried(time=1.4, connect_id=2, reason="SEND FAIL"),
        SleepChanged(time=1.5, state="asleep"),
        LineClosed(time=1.6, reason="it was closed"),
    )
    assert [(entry["name"], entry["tid"], entry["ts"]) for entry in entries if entry["ph"] == "i"] == [
        ("opened memory://it", 1, 0),
        ('+QIURC: "closed",2', 4, 100_000),
        ("RDY", 1, 200_000),
        ("recv 512", 4, 300_000),
        ("retry: SEND FAIL", 4, 400_000),
        ("sleep: asleep", 1, 500_000),
        ("closed: it was closed", 1, 600_000),
    ]


def test_waiting_data_is_a_counter(tmp_path: Path) -> None:
    entries = written(
        tmp_path / "it.json",
        TurnsWaiting(time=1.0, waiting=4),
        QueueDepth(time=1.5, connect_id=2, sending=512, receiving=7),
    )
    assert [(entry["name"], entry["ts"], entry["args"]) for entry in entries if entry["ph"] == "C"] == [
        ("turns", 0, {"waiting": 4}),
        ("connectID 2 queues", 500_000, {"sending": 512, "receiving": 7}),
    ]


def test_payload_is_shown_where_it_is_switched_on(tmp_path: Path) -> None:
    entries = written(tmp_path / "it.json", DataArrived(time=1.0, connect_id=0, size=3, payload=b"abc"))
    assert [entry["args"] for entry in entries if entry["ph"] == "i"] == [{"payload": "616263"}]


# The file


def test_commands_and_sockets_under_way_at_the_end_are_ended(tmp_path: Path) -> None:
    opening, opened = command(1, 1.0, 1.0, 4, name="+QIOPEN")
    entries = written(tmp_path / "it.json", opening, socket(2.0, 4), opened)
    assert [entry["ts"] for entry in entries if entry["ph"] == "E"] == [1_000_000]


def test_a_trace_of_nothing_is_an_empty_list(tmp_path: Path) -> None:
    assert written(tmp_path / "it.json") == []


def test_a_file_that_was_not_closed_lacks_no_more_than_its_end(tmp_path: Path) -> None:
    path = tmp_path / "it.json"
    trace = ChromeTrace(path)
    for event in (LineOpened(time=1.0, port="memory://it", baudrate=None), *command(1, 2.0, 1.0)):
        trace(event)

    trace._file.flush()
    assert len(json.loads(path.read_text() + "]")) == 5
    trace.close()
    trace.close()
    trace(LineClosed(time=9.0, reason="too late"))
    assert len(load(path)) == 5


def test_a_file_that_cannot_be_written_raises_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ChromeTrace(tmp_path / "no" / "it.json")


def span(began: int, ended: int) -> Entry:
    return {"ph": "X", "name": "it", "ts": began, "dur": ended - began, "tid": 1}


@pytest.mark.parametrize(
    "entries",
    [
        [span(0, 5), span(3, 8)],
        [{"ph": "B", "ts": 0}, span(3, 8)],
        [{"ph": "E", "ts": 3}],
        [span(0, 5), {"ph": "B", "ts": 3}, {"ph": "E", "ts": 4}],
    ],
)
def test_the_check_of_nesting_can_fail(entries: list[Entry]) -> None:
    with pytest.raises((AssertionError, IndexError)):
        check_nesting(entries)
