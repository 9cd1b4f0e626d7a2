"""Injected faults: each kind, its frequency, and the same run for the same seed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bc260y_aio.emulator import EchoPeer, Faults, Power, SinkPeer, SourcePeer
from bc260y_aio.errors import PortLost, PortNotFound
from tests.emulator.terminal import Bench, Terminal, on_line

SEND = b'AT+QISEND=0,3,"abc"'


@asynccontextmanager
async def opened(sink: SinkPeer, **settings: Any) -> AsyncIterator[Bench]:
    async with on_line(**settings) as bench:
        bench.emulator.network.add_host("sink.example", sink)
        await bench.terminal.open(0, "sink.example")
        yield bench


@pytest.mark.parametrize(
    ("kind", "received", "taken"),
    [
        ("send_fail_taken", b"\r\nOK\r\n\r\nSEND FAIL\r\n", b"abc"),
        ("send_fail_dropped", b"\r\nOK\r\n\r\nSEND FAIL\r\n", b""),
        ("send_ok_lost", b"\r\nOK\r\n", b"abc"),
        ("ok_lost", b"\r\nSEND OK\r\n", b"abc"),
    ],
)
async def test_a_send_may_go_wrong(kind: str, received: bytes, taken: bytes) -> None:
    sink = SinkPeer()
    async with opened(sink) as (emulator, terminal):
        setattr(emulator.faults, kind, 1.0)
        terminal.type(SEND)
        assert await terminal.read() == received
        setattr(emulator.faults, kind, 0.0)
        size = len(taken)
        assert await terminal.ask(b"AT+QISEND=0,0") == b"\r\n+QISEND: %d,%d,0\r\n\r\nOK\r\n" % (size, size)

    assert sink.data == taken
    assert emulator.faults.counts == {kind: 1}


async def test_a_lost_result_leaves_the_information() -> None:
    async with on_line() as (emulator, terminal):
        emulator.faults.ok_lost = 1.0
        terminal.type(b"AT+CSQ", b"AT+FOO")
        assert await terminal.read() == b"\r\n+CSQ: 23,0\r\n"
        assert emulator.faults.counts == {"ok_lost": 2}


async def test_the_outcome_of_an_open_may_be_lost() -> None:
    async with on_line() as (emulator, terminal):
        emulator.network.add_host("echo.example", EchoPeer())
        emulator.faults.open_lost = 1.0
        terminal.type(b'AT+QIOPEN=0,0,"TCP","echo.example",7')
        assert await terminal.read(100) == b"\r\nOK\r\n"
        assert b",2,0,1\r\n" in await terminal.ask(b"AT+QISTATE=1,0")


async def test_an_answer_may_be_late_and_holds_up_the_next() -> None:
    async with on_line() as (emulator, terminal):
        emulator.faults.answer_late, emulator.faults.answer_late_by = 1.0, 30.0
        began = asyncio.get_running_loop().time()
        terminal.type(b"AT")
        await asyncio.sleep(1)
        emulator.faults.answer_late = 0.0
        terminal.type(b"AT+CSQ")
        assert await terminal.read(60) == b"\r\nOK\r\n\r\n+CSQ: 23,0\r\n\r\nOK\r\n"
        assert [piece.time - began for piece in terminal.pieces[-2:]] == pytest.approx([30, 30])


async def test_a_urc_may_be_late_and_those_behind_it_wait() -> None:
    async with on_line() as (emulator, terminal):
        emulator.faults.urc_late, emulator.faults.urc_late_by = 1.0, 5.0
        emulator.send_urc("+FIRST: 1")
        emulator.faults.urc_late = 0.0
        emulator.send_urc("+SECOND: 1")
        assert await terminal.ask(b"AT") == b"\r\nOK\r\n"
        assert await terminal.read(4) == b""
        assert await terminal.read(2) == b"\r\n+FIRST: 1\r\n\r\n+SECOND: 1\r\n"


async def test_late_urcs_of_a_socket_are_not_written_after_its_close() -> None:
    async with on_line() as (emulator, terminal):
        emulator.network.add_host("echo.example", EchoPeer())
        await terminal.open(0, "echo.example")
        emulator.faults.urc_late, emulator.faults.urc_late_by = 1.0, 5.0
        await terminal.ask(b'AT+QISEND=0,3,"abc"', b"SEND OK\r\n")
        assert await terminal.read(6) == b'\r\n+QIURC: "recv",0,3,"abc"\r\n'
        await terminal.ask(b'AT+QISEND=0,3,"def"', b"SEND OK\r\n")
        await terminal.ask(b"AT+QICLOSE=0", b"CLOSE OK\r\n")
        assert await terminal.read(60) == b""


async def test_a_connection_may_break_together_with_received_data() -> None:
    async with on_line() as (emulator, terminal):
        emulator.network.add_host("source.example", SourcePeer(b"abc", stays_open=True))
        emulator.faults.closed = 1.0
        await terminal.open(0, "source.example")
        assert await terminal.read() == b'\r\n+QIURC: "recv",0,3,"abc"\r\n\r\n+QIURC: "closed",0\r\n'
        assert await terminal.ask(b"AT+QICLOSE=0", b"CLOSE OK\r\n")


async def test_a_whole_answer_may_be_lost() -> None:
    async with on_line() as (emulator, terminal):
        emulator.faults.answer_lost = 1.0
        terminal.type(b"AT+CSQ", b"AT+FOO")
        assert await terminal.read() == b""
        assert emulator.faults.counts == {"answer_lost": 2}


@pytest.mark.parametrize("delay", [0.0, 0.5])
async def test_the_outcome_of_a_close_may_be_lost(delay: float) -> None:
    async with opened(SinkPeer(), completion_delay=delay) as (emulator, terminal):
        emulator.faults.close_ok_lost = 1.0
        terminal.type(b"AT+QICLOSE=0")
        assert await terminal.read() == b"\r\nOK\r\n"
        assert emulator.module.sockets == {}
        assert emulator.faults.counts == {"close_ok_lost": 1}


async def test_a_urc_may_stand_inside_an_answer() -> None:
    async with on_line(urc_inside=1.0) as (_, terminal):
        answers = {await terminal.ask(b"AT+CSQ") for _ in range(50)}
        urcs = {one.replace(b"\r\n+CSQ: 23,0\r\n", b"").removesuffix(b"\r\nOK\r\n") for one in answers}
        assert b"\r\n+CSCON: 1\r\n" in urcs
        assert b'\r\n+QNBIOTEVENT: "EXIT PSM"\r\n' in urcs
        assert b"\r\n+CSQ: 23,0\r\n\r\n+CSCON: 1\r\n\r\nOK\r\n" in answers
        assert b"\r\n+CSCON: 1\r\n\r\n+CSQ: 23,0\r\n\r\nOK\r\n" in answers


async def test_a_connection_may_break_between_two_bytes_that_come() -> None:
    lengths = set()
    for seed in range(12):
        async with on_line(seed=seed, broken_receiving=1.0) as (emulator, terminal):
            emulator.network.add_host("source.example", SourcePeer(b"abc", stays_open=True))
            await terminal.open(0, "source.example")
            received = await terminal.read()
            pushed, closed, _ = received.partition(b'\r\n+QIURC: "closed",0\r\n')
            assert closed
            lengths.add(pushed)

    pushes = {b'\r\n+QIURC: "recv",0,%d,"%b"\r\n' % (len(data), data) for data in (b"a", b"ab", b"abc")}
    assert lengths == {b"", *pushes}


async def test_a_connection_may_break_between_two_bytes_that_are_sent() -> None:
    arrived = set()
    for seed in range(12):
        sink = SinkPeer()
        async with opened(sink, seed=seed, broken_sending=1.0) as (_, terminal):
            terminal.type(SEND)
            assert await terminal.read() == b'\r\nOK\r\n\r\nSEND OK\r\n\r\n+QIURC: "closed",0\r\n'
            arrived.add(sink.data)

    assert arrived == {b"", b"a", b"ab", b"abc"}


async def test_a_session_may_be_forgotten_without_a_report() -> None:
    sink = SinkPeer()
    async with opened(sink) as (emulator, terminal):
        emulator.faults.session_lost = 1.0
        terminal.type(SEND)
        assert await terminal.read(1000) == b"\r\nOK\r\n\r\nSEND OK\r\n"
        assert await terminal.ask(b"AT+QISEND=0,0") == b"\r\n+QISEND: 3,0,3\r\n\r\nOK\r\n"
        assert emulator.faults.counts == {"session_lost": 1}

    assert sink.data == b""


async def test_the_network_may_stop_for_a_while() -> None:
    sink = SinkPeer()
    async with opened(sink, outage_for=40.0) as (emulator, terminal):
        emulator.faults.outage = 1.0
        terminal.type(SEND)
        await terminal.read(39)
        assert (emulator.network.outage, sink.data) == (True, b"")
        await terminal.read(2)
        assert (emulator.network.outage, sink.data) == (False, b"abc")
        assert emulator.faults.counts == {"outage": 1}


async def test_an_outage_ends_with_the_emulator() -> None:
    async with opened(SinkPeer(), outage=1.0) as (emulator, terminal):
        terminal.type(SEND)
        await terminal.read()
        assert emulator.network.outage

    assert not emulator.network.outage


async def test_an_outage_of_an_emulator_that_is_closed_ends_no_other() -> None:
    async with opened(SinkPeer(), outage=1.0, outage_for=40.0) as (emulator, terminal):
        terminal.type(SEND)
        await terminal.read()

    emulator.network.outage = True
    await asyncio.sleep(60)
    assert emulator.network.outage


async def test_the_module_may_restart_between_two_bytes_of_output() -> None:
    told = set()
    for seed in range(30):
        async with on_line(seed=seed, boot_time=1.0) as (emulator, terminal):
            emulator.faults.restart = 1.0
            terminal.type(b"AT")
            told.add(await terminal.read(0.5))
            emulator.faults.restart = 0.0
            assert (await terminal.read()).startswith(b"\r\nRDY\r\n\r\n+CFUN: 1\r\n")
            assert emulator.faults.counts == {"restart": 1}

    assert told == {b"\r\nOK\r\n"[:size] for size in range(7)}


async def test_the_module_may_fall_asleep_between_two_bytes_where_it_is_allowed_to() -> None:
    async with on_line() as (emulator, terminal):
        assert await terminal.ask(b"AT+QSCLK=0") == b"\r\nOK\r\n"
        emulator.faults.deep_sleep = 1.0
        assert await terminal.ask(b"AT") == b"\r\nOK\r\n"
        terminal.type(b"AT+QSCLK=1")
        assert b"\r\nOK\r\n".startswith(await terminal.read())
        assert emulator.faults.counts == {"deep_sleep": 1}
        assert emulator.module.sleep.state is Power.DEEP_SLEEP


async def test_a_module_that_starts_reports_it_at_once_and_whole_and_only_then_may_sleep() -> None:
    for seed in range(10):
        async with on_line(seed=seed, boot_time=1.0) as (emulator, terminal):
            emulator.faults.deep_sleep = emulator.faults.urc_late = 1.0
            emulator.restart()
            assert (await terminal.read(1.5)).startswith(b"\r\nRDY\r\n")
            assert emulator.faults.counts["deep_sleep"] == 1


async def test_the_line_may_be_gone_for_a_while() -> None:
    async with on_line(unplugged_for=5.0) as (emulator, terminal):
        emulator.faults.unplugged = 1.0
        terminal.type(b"AT")
        assert isinstance(await terminal.lost, PortLost)
        assert b"\r\nOK\r\n".startswith(terminal.received[-6:]) or terminal.received.endswith(b"OK\r\n")
        emulator.faults.unplugged = 0.0
        with pytest.raises(PortNotFound):
            await emulator.connect(Terminal())

        await asyncio.sleep(5.1)
        again = Terminal()
        transport = await emulator.connect(again)
        assert await again.ask(b"AT") == b"\r\nOK\r\n"
        transport.abort()


async def test_an_emulator_may_be_closed_while_its_line_is_gone() -> None:
    async with on_line(unplugged_for=5.0) as (emulator, terminal):
        emulator.faults.unplugged = 1.0
        terminal.type(b"AT")
        await terminal.lost


async def test_a_host_that_does_not_read_gets_everything_later() -> None:
    async with on_line(stalled_by=8.0) as (emulator, terminal):
        emulator.faults.stalled = 1.0
        terminal.type(b"AT")
        await asyncio.sleep(1)
        emulator.faults.stalled = 0.0
        terminal.type(b"AT+CSQ")
        assert await terminal.read(6) == b""
        assert emulator.line.backlog == 6 + 20
        assert await terminal.read(2) == b"\r\nOK\r\n\r\n+CSQ: 23,0\r\n\r\nOK\r\n"


async def test_faults_can_be_options() -> None:
    async with on_line(ok_lost=1.0, echo=True) as (_, terminal):
        terminal.type(b"AT")
        assert await terminal.read() == b"AT"


async def run(seed: int, **settings: float) -> tuple[bytes, bytes]:
    sink = SinkPeer()
    async with opened(sink, seed=seed) as (emulator, terminal):
        for kind, probability in settings.items():
            setattr(emulator.faults, kind, probability)

        for number in range(100):
            terminal.type(b'AT+QISEND=0,2,"%02d"' % number)

        received = await terminal.read()

    return received, sink.data


async def test_the_same_seed_brings_the_same_faults() -> None:
    settings = {"send_fail_taken": 0.2, "send_fail_dropped": 0.2, "send_ok_lost": 0.2}

    assert await run(1, **settings) == await run(1, **settings)
    assert await run(1, **settings) != await run(2, **settings)


async def test_one_kind_of_fault_does_not_move_another() -> None:
    _, dropped = await run(1, send_fail_dropped=0.2)
    _, dropped_among_others = await run(1, send_fail_dropped=0.2, send_fail_taken=0.5, ok_lost=0.5)

    assert dropped == dropped_among_others
    assert 60 < len(dropped) // 2 < 95


def test_a_probability_is_between_0_and_1() -> None:
    with pytest.raises(ValueError, match="ok_lost is a probability"):
        Faults(ok_lost=1.5)


def test_faults_happen_as_often_as_their_probability() -> None:
    faults = Faults(closed=0.25)
    strikes = sum(faults.occurs("closed") for _ in range(10_000))

    assert strikes == faults.counts["closed"] == pytest.approx(2500, rel=0.1)
    faults.reseed(0)
    assert faults.counts == {}
