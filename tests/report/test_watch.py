"""The view of a modem at work: what it shows, and that it does not disturb."""

import asyncio
import io
import os
import sys
import threading
from collections import Counter
from typing import Any, Final

import pytest

from bc260y_aio import Modem
from bc260y_aio.emulator import Emulator
from bc260y_aio.report import Watch
from bc260y_aio.report import watch as watch_module
from bc260y_aio.report.watched import Watched
from bc260y_aio.testing import ControlledClockLoop
from bc260y_aio.tracing import (
    CommandEnded,
    CommandSent,
    DataAcknowledged,
    DataArrived,
    DataTaken,
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
    UrcHeard,
)
from tests.cli.test_prompt import Screen, terminal
from tests.report.test_forecast import ledger, usage

PEER: Final[dict[str, Any]] = {"service_type": "TCP", "host": "echo.example", "port": 7}


def sent(command: str, name: str, connect_id: int | None = None, time: float = 1.0) -> CommandSent:
    return CommandSent(
        time=time, number=1, command=command, name=name, connect_id=connect_id, waited=0.0, wire_bytes=len(command) + 1
    )


def ended(
    command: str, name: str, result: str = "OK", *, connect_id: int | None = None, information: tuple[str, ...] = ()
) -> CommandEnded:
    is_ok = result in ("OK", "SEND OK", "CLOSE OK")
    return CommandEnded(
        time=2.0,
        number=1,
        command=command,
        name=name,
        connect_id=connect_id,
        result=result,
        is_ok=is_ok,
        seconds=1.0,
        information=information,
    )


def watched(*events: TraceEvent) -> Watched:
    state = Watched()
    for event in events:
        state(event)

    return state


# What the events say


def test_a_socket_is_shown_from_the_command_that_opens_it_until_some_seconds_after_its_end() -> None:
    state = watched(sent('AT+QIOPEN=1,0,"UDP","meter.example",5683', "+QIOPEN", 1))
    (socket,) = state.sockets(1.0)
    assert (socket.connect_id, socket.peer, socket.state) == (1, "udp meter.example:5683", "opening")

    state(SocketBegan(time=2.0, connect_id=1, service_type="UDP", host="meter.example", port=5683))
    state(QueueDepth(time=2.0, connect_id=1, sending=700, receiving=30))
    state(DataTaken(time=3.0, connect_id=1, size=512, total=512))
    state(DataTaken(time=4.0, connect_id=1, size=188, total=700))
    state(DataAcknowledged(time=4.0, connect_id=1, total=512))
    state(DataArrived(time=4.5, connect_id=1, size=30))
    assert (socket.state, socket.to_send, socket.to_read) == ("open", 700, 30)
    assert (socket.sent, socket.acknowledged, socket.received) == (700, 512, 30)
    assert (socket.rate(4.5), socket.rate(5.5), socket.rate(9.0)) == (365.0, 109.0, 0.0)

    state(sent("AT+QICLOSE=1", "+QICLOSE", 1))
    assert socket.state == "closing"
    state(SocketEnded(time=10.0, connect_id=1, reason="closed"))
    assert [one.state for one in state.sockets(14.9)] == ["closed"]
    assert state.sockets(15.1) == []
    assert list(state.errors) == []


def test_an_open_that_fails_is_shown_with_its_reason() -> None:
    command = 'AT+QIOPEN=0,0,"TCP","echo.example",7'
    state = watched(
        sent(command, "+QIOPEN", 0),
        ended(command, "+QIOPEN", "+QIOPEN: 0,566", connect_id=0),
        sent("AT+QICLOSE=0", "+QICLOSE", 0),
    )
    assert [one.state for one in state.sockets(2.0)] == ["+QIOPEN: 0,566"]
    assert list(state.errors) == [(2.0, f"{command}: +QIOPEN: 0,566")]


def test_a_connect_id_that_is_used_again_is_another_socket() -> None:
    state = watched(SocketBegan(time=1.0, connect_id=0, **PEER), DataTaken(time=1.0, connect_id=0, size=9, total=9))
    state(SocketEnded(time=2.0, connect_id=0, reason="the module restarted"))
    state(SocketBegan(time=3.0, connect_id=0, **PEER))
    assert [(one.state, one.sent) for one in state.sockets(3.0)] == [("open", 0)]
    assert [text for _, text in state.errors] == ["connectID 0: the module restarted"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+CEREG: 0,1", ("home", "")),
        ("+CEREG: 5", ("roaming", "")),
        ("+CEREG: 1,77", ("status 77", "")),
        ("+CSQ: 23,0", ("", "-67 dBm")),
        ("+CSQ: 99,99", ("", "unknown")),
        ("+QPING: 1", ("", "")),
    ],
)
def test_registration_and_signal_are_what_the_module_wrote_last(text: str, shown: tuple[str, str]) -> None:
    answered = watched(ended("AT", "", information=(text,)))
    heard = watched(UrcHeard(time=1.0, kind="Unrecognised", text=text))
    assert (answered.registration, answered.signal) == (heard.registration, heard.signal) == shown


def test_the_last_four_errors_are_kept() -> None:
    state = watched(
        RecoveryBegan(time=0.0),
        RecoveryEnded(time=0.5, seconds=0.5),
        LineOpened(time=0.0, port="/dev/ttyUSB0", baudrate=9600),
        sent("AT+CSQ", "+CSQ"),
        ended("AT+CSQ", "+CSQ", "no result within 5 s"),
        RecoveryBegan(time=3.0),
        RecoveryEnded(time=4.0, seconds=1.0, error="the module does not answer"),
        Retried(time=5.0, connect_id=0, reason="SEND FAIL"),
        UrcHeard(time=6.0, kind="DamagedLine", text="(a damaged line of 7 bytes or more)"),
        SleepChanged(time=6.0, state="asleep"),
    )
    assert [text for _, text in state.errors] == [
        "out of step",
        "the module does not answer after 1.000 s",
        "connectID 0: trying again: SEND FAIL",
        "(a damaged line of 7 bytes or more)",
    ]
    assert (state.line, state.baudrate, state.sleep, state.commands) == ("/dev/ttyUSB0", 9600, "asleep", 1)
    state(LineClosed(time=7.0, reason="the modem was closed"))
    assert (state.line, state.baudrate) == ("closed: the modem was closed", None)


# What is drawn


def test_a_line_has_the_share_of_the_line_the_radio_and_each_socket() -> None:
    time, spent = [100.0], [usage(ledger(connected=2.0), radio_state="CONNECTED")]
    watch = Watch(lambda: spent[0], io.StringIO(), clock=lambda: time[0])
    for event in (
        LineOpened(time=100.0, port="/dev/ttyUSB0", baudrate=9600),
        SocketBegan(time=100.0, connect_id=0, **PEER),
        DataTaken(time=101.0, connect_id=0, size=100, total=100),
    ):
        watch(event)

    time[0] = 102.0
    spent[0] = usage(ledger(connected=2.0), radio_state="CONNECTED", line_sent=960, line_received=96)
    assert watch.line() == (
        "2.0 s  |  9600 baud, 50% in use, 0 commands, /dev/ttyUSB0  |  "
        "registration: not asked, signal: not asked  |  radio: connected, connected for 2.0 s, 0.060 mWh  |  "
        "0 tcp echo.example:7 open, 0 to send, 0 to read, 100 sent, - acknowledged, 0 received, 50 bytes/s"
    )


def test_what_the_module_wrote_cannot_control_the_terminal() -> None:
    watch = Watch(usage, io.StringIO(), clock=lambda: 0.0)
    watch(UrcHeard(time=0.0, kind="DamagedLine", text="\x1b[2Jgone"))
    assert "\x1b" not in watch.line()


async def test_a_terminal_has_one_screen_that_is_drawn_anew_and_left_at_its_last_state() -> None:
    with terminal(columns=120) as (screen, slave), os.fdopen(os.dup(slave), "w") as stream:
        async with Emulator(line="memory", latency=0.01) as emulator:
            emulator.network.add_echo("echo.example")
            modem = Modem(emulator.url)
            watch = Watch(modem.usage, stream, clock=asyncio.get_running_loop().time)
            modem.trace(watch)
            await _echo_and_read(modem, watch, screen)
            await asyncio.to_thread(watch.stop)

        await screen.until(lambda lines: any("closed" in line for line in lines))
        assert len([line for line in screen.lines if "echo.example:7" in line]) == 1


async def _echo_and_read(modem: Modem, watch: Watch, screen: Screen) -> None:
    watch.__enter__()
    async with modem:
        reader, writer = await modem.open_connection("echo.example", 7)
        writer.write(b"hello")
        await reader.readexactly(5)
        row = ["0", "tcp", "echo.example:7", "open", "0", "0", "5", "-", "5"]
        await screen.until(lambda lines: any(line.split()[:9] == row for line in lines))
        assert any(line.startswith("radio: connected, ") for line in screen.lines)
        assert any(line.startswith("registration: home, signal: not asked") for line in screen.lines)
        writer.close()
        await writer.wait_closed()


def test_without_a_terminal_a_line_is_written_every_two_seconds_and_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch_module, "LINE_INTERVAL", 0.01)
    written = threading.Event()

    class Stream(io.StringIO):
        def write(self, text: str) -> int:
            size = super().write(text)
            if self.getvalue().count("\n") >= 3:
                written.set()

            return size

    stream = Stream()
    with Watch(usage, stream):
        assert written.wait(10)

    lines = stream.getvalue().splitlines()
    assert len(lines) >= 3
    assert all(" s  |  0 commands, not open" in line for line in lines)


# It does not disturb


async def _session(url: str, *, is_watched: bool) -> tuple[Modem, float]:
    modem = Modem(url)
    watch = Watch(modem.usage, io.StringIO(), clock=asyncio.get_running_loop().time)
    if is_watched:
        modem.trace(watch)
        watch.__enter__()

    async with modem:
        reader, writer = await modem.open_connection("echo.example", 7)
        for size in (5, 3000, 700):
            writer.write(bytes(size))
            await reader.readexactly(size)

        writer.close()
        await writer.wait_closed()
        ended_at = asyncio.get_running_loop().time()

    if is_watched:
        await asyncio.to_thread(watch.stop)
        assert watch.watched.commands == sum(modem.usage().commands.values())

    return modem, ended_at


def test_the_same_commands_go_out_at_the_same_times_with_and_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "LINE_INTERVAL", 0.002)

    async def main(*, is_watched: bool) -> tuple[float, dict[str, int], int, int]:
        async with Emulator(line="memory", network="average", baudrate=9600, seed=1) as emulator:
            emulator.network.add_echo("echo.example")
            modem, ended_at = await _session(emulator.url, is_watched=is_watched)
            spent = modem.usage()
            return ended_at, dict(spent.commands), spent.line_sent, spent.line_received

    found = []
    for is_watched in (False, True):
        with asyncio.Runner(loop_factory=ControlledClockLoop) as runner:
            found.append(runner.run(main(is_watched=is_watched)))

    assert found[0] == found[1]


async def test_an_event_costs_a_few_calls_and_nothing_is_drawn_where_the_modem_works() -> None:
    calls: Counter[str] = Counter()

    def count(frame: Any, event: str, _: object) -> None:
        if event == "call" and "bc260y_aio/report" in frame.f_code.co_filename:
            calls[frame.f_code.co_name] += 1

    async with Emulator(line="memory") as emulator, Modem(emulator.url) as modem:
        emulator.network.add_echo("echo.example")
        watch = Watch(modem.usage, io.StringIO(), clock=asyncio.get_running_loop().time)
        events: list[TraceEvent] = []
        modem.trace(watch)
        modem.trace(events.append)
        sys.setprofile(count)
        try:
            reader, writer = await modem.open_connection("echo.example", 7)
            for _ in range(20):
                writer.write(bytes(500))
                await reader.readexactly(500)

            writer.close()
            await writer.wait_closed()
        finally:
            sys.setprofile(None)

    assert len(events) > 100
    assert calls.keys() <= {
        *("__call__", "_command_sent", "_command_ended", "_socket_event", "_urc_heard", "_read"),
        *("<listcomp>", "<dictcomp>", "__init__", "__eq__", "<lambda>"),
    }
    assert sum(calls.values()) <= 4 * len(events)
