"""The registration of the module: what begins it, what ends it, and what it brings along."""

from datetime import UTC, datetime
from typing import Final

import pytest

from bc260y_aio.emulator import EchoPeer, Network
from tests.emulator.terminal import on_line

ADDRESS: Final = b"\r\n+IP: 10.46.18.102\r\n"
NOW: Final = datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cause", "error"),
    [
        (3, 103),
        (6, 106),
        (7, 107),
        (8, 108),
        (11, 111),
        (12, 112),
        (13, 113),
        (14, 114),
        (15, 115),
        (22, 122),
        (99, 148),
    ],
)
async def test_each_cause_of_a_rejection_has_its_error(cause: int, error: int) -> None:
    async with on_line(reject_cause=cause, cme=1) as (_, terminal):
        assert await terminal.ask(b"AT+CGATT=1", b"%d\r\n" % error) == b"\r\n+CME ERROR: %d\r\n" % error


async def test_a_search_that_begins_anew_takes_its_whole_time() -> None:
    async with on_line(registration_delay=10.0) as (_, terminal):
        await terminal.read(5)
        await terminal.ask(b"AT+QPLMNS")
        assert await terminal.read(9.9) == b""
        assert await terminal.read(0.2) == ADDRESS


async def test_a_search_after_a_rejection_is_reported_from_its_beginning_to_its_end() -> None:
    async with on_line(registration_delay=10.0, reject_cause=11) as (_, terminal):
        await terminal.ask(b"AT+CEREG=3")
        assert await terminal.read(11) == b"\r\n+CEREG: 3,,,,0,11\r\n"
        assert await terminal.ask(b"AT+QPLMNS") == b"\r\n+CEREG: 2\r\n\r\nOK\r\n"
        assert await terminal.read(11) == b"\r\n+CEREG: 3,,,,0,11\r\n"


async def test_an_attach_fails_for_want_of_a_network_when_its_cell_is_lost_meanwhile() -> None:
    async with on_line(registration_delay=10.0, reject_cause=11, cme=1) as (emulator, terminal):
        await terminal.read(11)
        terminal.type(b"AT+CGATT=1")
        assert await terminal.read(5) == b""
        emulator.network.has_cell = False
        # The cause of the rejection before is none of this attempt's.
        assert await terminal.read() == b"\r\n+CME ERROR: 30\r\n"
        emulator.network.reject_cause = None
        emulator.network.has_cell = True
        assert await terminal.read(11) == ADDRESS


async def test_an_attach_fails_when_the_module_is_taken_off_the_air_meanwhile() -> None:
    async with on_line(registration_delay=10.0, cme=1) as (emulator, terminal):
        terminal.type(b"AT+CGATT=1")
        assert await terminal.read(5) == b""
        emulator.module.go_off_air()
        assert await terminal.read(60) == b"\r\n+CME ERROR: 30\r\n"


async def test_a_module_that_boots_takes_no_notice_of_the_network_until_it_has() -> None:
    async with on_line(boot_time=30.0) as (emulator, terminal):
        await terminal.ask(b"AT+CEREG=1")
        emulator.restart()
        await terminal.read(10)
        emulator.network.has_cell = False
        emulator.network.has_cell = True
        assert (await terminal.read(30)).endswith(b"READY\r\n\r\n+CEREG: 1\r\n" + ADDRESS)


async def test_a_network_that_rejects_a_registered_module_takes_its_contexts_and_connections() -> None:
    network = Network()
    network.add_host("echo.example", EchoPeer())
    async with on_line(network) as (_, terminal):
        await terminal.open(0, "echo.example")
        await terminal.ask(b"AT+CEREG=3")
        network.reject_cause = 11
        assert await terminal.read() == b'\r\n+QIURC: "closed",0\r\n\r\n+CEREG: 3,,,,0,11\r\n'
        assert await terminal.ask(b"AT+CGACT?") == b"\r\n+CGACT: 0,0\r\n\r\nOK\r\n"
        network.reject_cause = None
        assert await terminal.read() == b'\r\n+CEREG: 1,"5A31","0C2F7A12",9\r\n' + ADDRESS


@pytest.mark.parametrize("line", [b"AT+CFUN=4", b"AT+CGATT=0", b"AT+COPS=2"])
async def test_a_module_that_stays_away_takes_no_notice_of_the_network(line: bytes) -> None:
    async with on_line() as (emulator, terminal):
        await terminal.ask(line)
        await terminal.ask(b"AT+CEREG=1")
        for change in ({"has_cell": False}, {"reject_cause": 11}, {"has_cell": True}, {"reject_cause": None}):
            for name, value in change.items():
                setattr(emulator.network, name, value)

        assert await terminal.read() == b""


async def test_the_network_sets_the_clock() -> None:
    async with on_line(Network(now=lambda: NOW)) as (_, terminal):
        await terminal.ask(b"AT+CCLK=2019/05/06,22:10:00+8")
        await terminal.ask(b"AT+CFUN=0")
        assert await terminal.ask(b"AT+CCLK?") == b'\r\n+CCLK: "2019/05/06,22:10:00+08"\r\n\r\nOK\r\n'
        await terminal.ask(b"AT+CFUN=1")
        await terminal.read()
        assert await terminal.ask(b"AT+CCLK?") == b'\r\n+CCLK: "2026/03/01,12:30:15+00"\r\n\r\nOK\r\n'


async def test_a_change_of_the_radio_connection_may_be_written_without_a_space() -> None:
    async with on_line(cscon_space=False, rrc_inactivity=5.0) as (emulator, terminal):
        await terminal.ask(b"AT+CSCON=1")
        emulator.radio.send(0)
        assert await terminal.read(1) == b"\r\n+CSCON:1\r\n"
        assert await terminal.read(10) == b"\r\n+CSCON:0\r\n"


async def test_reports_that_are_off_are_not_written() -> None:
    async with on_line() as (emulator, terminal):
        emulator.radio.send(0)
        assert await terminal.read(60) == b""
        await terminal.ask(b"AT+CFUN=0")
        await terminal.ask(b"AT+CFUN=1")
        assert await terminal.read(60) == ADDRESS
