"""The soak test: a short run, that it notices every kind of violation, and its table in docs/pages/coverage.md."""

from pathlib import Path
from typing import Any, Final

import pytest

from bc260y_aio.emulator import ModuleSocket
from bc260y_aio.emulator.faults import KINDS
from tests.soak import main, read_faults
from tests.soaking.incidents import KINDS as KINDS_OF_INCIDENTS
from tests.soaking.records import ALIVE, DOWN, UP, Log, Violation, datagrams, record, records
from tests.soaking.run import ALL, Report, Soak
from tests.soaking.sessions import Kind
from tests.soaking.table import HEAD, INCIDENT_HEAD, LOSS, TOGETHER, UNREAD

PAGE: Final = Path(__file__).parents[1] / "docs/pages/coverage.md"


def test_nothing_is_lost_forged_or_stuck_while_everything_goes_wrong() -> None:
    report = Soak(1, ALL, records=30_000, loss=0.01, every=20.0).run()
    assert (report.violations, report.stuck, report.leaks) == ([], [], [])
    assert report.is_good
    assert report.records >= 30_000
    assert report.faults.total() > 100
    assert len(report.incidents) > 3
    assert report.ends.total() > 10
    assert report.sessions.keys() >= {kind.value for kind in Kind} - {Kind.UNREAD.value}


def test_a_seed_brings_the_same_run_each_time() -> None:
    def figures(report: Report) -> tuple[Any, ...]:
        return (
            report.records,
            report.line,
            report.emulated,
            report.faults,
            report.ends,
            report.sessions,
            report.incidents,
        )

    one, two, other = (Soak(seed, ALL, records=4_000, every=20.0).run() for seed in (3, 3, 4))
    assert figures(one) == figures(two)
    assert figures(one) != figures(other)


# It notices violations


def meddle(patch: pytest.MonkeyPatch, method: str, change: Any) -> None:
    """Make the module pass on changed data for one call in ten."""
    original = getattr(ModuleSocket, method)
    calls = 0

    def meddling(socket: ModuleSocket, data: bytes, *arguments: Any) -> None:
        nonlocal calls
        calls += 1
        original(socket, change(data) if calls % 10 == 9 else data, *arguments)

    patch.setattr(ModuleSocket, method, meddling)


@pytest.mark.parametrize("method", ["send", "received"])
@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("forged", lambda data: bytes([data[0] ^ 1]) + data[1:]),
        ("forged", lambda data: data[:-1] + bytes([data[-1] ^ 1])),
    ],
    ids=["first byte", "last byte"],
)
def test_a_changed_byte_is_noticed(method: str, kind: str, change: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    meddle(monkeypatch, method, change)
    report = Soak(1, {}, records=4_000).run()
    assert not report.is_good
    assert report.count(kind)


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data * 2], ids=["a byte less", "twice"])
def test_bytes_lost_or_repeated_on_the_way_are_noticed(change: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    meddle(monkeypatch, "received", change)
    assert Soak(1, {}, records=4_000).run().violations


def test_a_socket_that_is_left_open_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bc260y_aio.sockets.module_socket.close_connect_id", lambda channel, connect_id: _nothing())
    report = Soak(1, {}, records=1).run()
    assert ["the module still holds" in leak for leak in report.leaks] == [True] * 5
    assert not report.is_good


async def _nothing() -> None:
    pass


@pytest.mark.parametrize(("raised", "kind"), [(None, "could be used"), (ValueError("no"), "raised ValueError")])
def test_a_modem_that_another_loop_may_use_is_noticed(
    raised: Exception | None, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def execute(modem: Any) -> None:
        if raised is not None:
            raise raised

    monkeypatch.setattr("tests.soaking.incidents._execute", execute)
    report = Soak(1, {}, records=8_000, every=0.5).run()
    assert not report.is_good
    assert kind in report.stuck[0]


# The log


def test_a_log_takes_records_however_they_are_cut() -> None:
    data = records(1, UP, 2, 0, 200)
    for size in (1, 15, 16, 17, 1000):
        log = Log(1, UP, 2, is_stream=True)
        assert sum(log.feed(data[start : start + size]) for start in range(0, len(data), size)) == log.count == 200
        assert log.size == len(data)
        log.end()


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("lost", record(1, UP, 2, 1)),
        ("repeated", record(1, UP, 2, 0) * 2),
        ("forged", record(1, DOWN, 2, 0)),
        ("forged", record(1, UP, 3, 0)),
        ("forged", record(2, UP, 2, 0)),
        ("forged", record(1, UP, 2, 0)[:-1] + b"\0\0" + record(1, UP, 2, 1)),
    ],
)
def test_a_log_refuses_what_was_not_expected(kind: str, data: bytes) -> None:
    with pytest.raises(Violation, match=kind):
        Log(1, UP, 2, is_stream=True).feed(data)


def test_the_end_of_a_stream_may_be_inside_a_record_and_nowhere_else() -> None:
    log = Log(1, UP, 2, is_stream=True)
    log.feed(records(1, UP, 2, 0, 3) + record(1, UP, 2, 3)[:10])
    log.end()
    log.feed(b"\xff")
    with pytest.raises(Violation, match="forged"):
        log.end()


def test_a_keepalive_is_no_record() -> None:
    log = Log(1, UP, 2, is_stream=True)
    assert log.feed(record(1, UP, 2, 0) + record(1, ALIVE, 2, 0) + record(1, UP, 2, 1)) == 2


def test_datagrams_may_be_missing_but_not_repeated_or_moved() -> None:
    first, second, third, *_ = datagrams(1, UP, 2, 200, 400)
    log = Log(1, UP, 2, is_stream=False)
    log.feed(first)
    log.feed(third)
    assert log.missing > 0
    for late in (second, third):
        with pytest.raises(Violation, match="repeated"):
            log.feed(late)

    with pytest.raises(Violation, match="forged"):
        Log(1, UP, 2, is_stream=False).feed(first[:-1])


# The command, and the table


def test_the_command_prints_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--records", "3000", "--seed", "5", "--faults", "restart=0.01,ok_lost"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("seed 5\n")
    assert "lost 0, repeated 0, forged 0, stuck 0, leaked 0\ngood\n" in printed


def test_faults_are_chosen_by_name() -> None:
    assert read_faults("all") == ALL
    assert read_faults("none") == {}
    assert read_faults("restart=0.5,ok_lost") == {"restart": 0.5, "ok_lost": ALL["ok_lost"]}
    with pytest.raises(ValueError, match="no such fault: 'rain'"):
        read_faults("rain")


def test_the_table_has_every_kind_of_fault_and_no_byte_lost_or_repeated() -> None:
    lines = PAGE.read_text(encoding="utf-8").partition(HEAD)[2].partition("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [row[0] for row in rows] == [*(f"`{kind}`" for kind in KINDS), LOSS, UNREAD, TOGETHER]
    assert {tuple(row[-2:]) for row in rows} == {("0", "0")}
    assert all(int(row[1].split()[0]) > 0 for row in rows)


def test_the_table_has_every_kind_of_incident_and_nothing_lost_forged_stuck_or_left() -> None:
    lines = PAGE.read_text(encoding="utf-8").partition(INCIDENT_HEAD)[2].partition("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [row[0] for row in rows[:-1]] == [*KINDS_OF_INCIDENTS]
    assert {tuple(row[-5:]) for row in rows} == {("0",) * 5}
    assert all(int(row[3]) > 0 for row in rows)
