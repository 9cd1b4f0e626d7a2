import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from bc260y_aio.emulator import EchoPeer, Emulator, PeerConnection
from tests.cli.running import finished, run, until

PORT = "emulator://?latency=0.005"

Give: TypeAlias = Callable[[bytes], None]


@pytest.fixture
def give(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Give]:
    """Give bytes to standard input, as a file."""
    path = tmp_path / "given"
    path.touch()
    with path.open("rb") as stdin:

        def give_to_input(data: bytes) -> None:
            path.write_bytes(data)
            monkeypatch.setattr(sys, "stdin", stdin)

        yield give_to_input


# Commands that are given


async def test_every_answer_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("at", "AT+CSQ", "ATI", 'AT+QIDNSGIP=0,"a.example"', "--port", PORT) == 0
    assert capsys.readouterr().out.splitlines() == [
        "+CSQ: 23,0",
        "OK",
        "Quectel_Ltd",
        "Quectel_BC260Y-CN",
        "Revision: BC260YCNAAR01A03",
        "OK",
        "OK",
        "+QIDNSGIP: 0,1,0",
        "+QIDNSGIP: 198.51.100.1",
    ]


async def test_a_failed_command_is_status_1_and_the_next_is_sent(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("AT+NONSENSE", "AT+CMEE=1", "AT+QPLMNS", "AT+CMEE=2", "AT+QPLMNS", "AT")

    assert await run("at", *arguments, "--port", PORT) == 1
    assert capsys.readouterr().out.splitlines() == [
        "ERROR",
        "OK",
        "+CME ERROR: 3",
        "OK",
        "+CME ERROR: operation not allowed",
        "OK",
    ]


@pytest.mark.parametrize("line", ['AT+QIOPEN=0,0,"TCP","192.0.2.1",9', 'AT+QIDNSGIP=0,"x.invalid"', "AT+QICLOSE=3"])
async def test_a_failed_completion_is_status_1(line: str) -> None:
    assert await run("at", line, "--port", PORT) == 1


async def test_a_line_without_at_is_wrong_usage_and_nothing_is_sent(capsys: pytest.CaptureFixture[str]) -> None:
    async with Emulator(line="tcp") as emulator:
        with pytest.raises(SystemExit) as ended:
            await run("at", "AT+CSQ", "hello", "--port", emulator.url)

        assert ended.value.code == 2
        assert not emulator.module.commands

    assert "a command line begins with AT" in capsys.readouterr().err


async def test_a_command_without_an_answer_times_out(capsys: pytest.CaptureFixture[str]) -> None:
    async with Emulator(line="tcp", answer_delay=0.5) as emulator:
        assert await run("at", "AT+CSQ", "--timeout", "0.05", "--port", emulator.url) == 1

    printed, complained = capsys.readouterr()
    assert complained == (
        "bc260y-aio: AT+CSQ: no result within 0.05 s; the module may still carry it out. "
        "A larger timeout= waits longer\n"
    )
    assert "+CSQ" not in printed


async def test_only_the_given_commands_change_the_module(capsys: pytest.CaptureFixture[str]) -> None:
    async with Emulator(line="tcp") as emulator:
        assert await run("at", "AT", "--port", emulator.url) == 0
        assert (emulator.module.sleep.mode, emulator.module.nvram_writes) == (1, 0)

        assert await run("at", "AT+QSCLK=0", 'AT+QICFG="dataformat",1,1', "--port", emulator.url) == 0
        assert (emulator.module.sleep.mode, emulator.module.nvram_writes) == (0, 1)


# URCs


async def test_received_data_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    async with Emulator(line="tcp") as emulator:
        emulator.network.add_host("a.example", EchoPeer())
        opening, closing = 'AT+QIOPEN=0,0,"UDP","a.example",7', "AT+QICLOSE=0"
        sending = ('AT+QISEND=0,5,"hello"', 'AT+QISEND=0,3,"a"b"')
        assert await run("at", opening, *sending, "--wait", "0.2", "--port", emulator.url) == 0
        assert await run("at", closing, "--port", emulator.url) == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "recv" in line] == ['+QIURC: "recv",0,5,"hello"', '+QIURC: "recv",0,3,"a"b"']
    assert lines[:2] == ["OK", "+QIOPEN: 0,0"]
    assert lines[-2:] == ["OK", "CLOSE OK"]


async def test_received_control_characters_are_shown_as_hex(capsys: pytest.CaptureFixture[str]) -> None:
    async def attack(connection: PeerConnection) -> None:
        connection.send(b"\x1b[2J\r\nOK\r\n")
        await connection.receive()

    async with Emulator(line="tcp") as emulator:
        emulator.network.add_host("a.example", attack)
        assert await run("at", 'AT+QIOPEN=0,0,"TCP","a.example",7', "--wait", "0.2", "--port", emulator.url) == 0

    assert capsys.readouterr().out.splitlines()[2:] == ['+QIURC: "recv",0,10,"1B5B324A0D0A4F4B0D0A"']


async def test_urcs_are_shown_as_they_come_after_a_restart_too(capsys: pytest.CaptureFixture[str]) -> None:
    async with Emulator(line="tcp") as emulator:
        talking = asyncio.create_task(run("at", "AT+QRST=1", "--wait", "0.6", "--port", emulator.url))
        # The module is asked about its registration at the beginning, and again after a restart.
        await until(lambda: emulator.module.commands["+CEREG"] == 2)
        emulator.send_urc("+NEWS: \x07 odd")
        assert await talking == 0
        assert emulator.module.commands["+QSCLK"] == emulator.module.commands["+QNBIOTEVENT"] == 0

    assert capsys.readouterr().out.splitlines() == [
        "OK",
        "RDY",
        "+CFUN: 1",
        "+CPIN: READY",
        "+IP: 10.46.18.102",
        "+NEWS: \\x07 odd",
    ]


async def test_a_port_that_is_unplugged_ends_it_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    async with Emulator(line="tcp") as emulator:
        talking = asyncio.create_task(run("at", "AT+CSQ", "--wait", "20", "--port", emulator.url))
        printed: list[str] = []

        def is_answered() -> bool:
            printed.append(capsys.readouterr().out)
            return printed[-1].endswith("OK\n")

        await until(is_answered)
        emulator.hang_up()
        async with asyncio.timeout(5):
            assert await talking == 1

    rest, complained = capsys.readouterr()
    assert "".join([*printed, rest]) == "+CSQ: 23,0\nOK\n"
    assert complained.startswith("bc260y-aio: socket://127.0.0.1:")
    assert complained.count("\n") == 1


# Standard input


async def test_each_line_of_a_pipe_is_a_command() -> None:
    given = b"AT+CSQ\r\n\n  AT+QISTATE?\nnonsense\nAT+CGMM"

    status, printed, complained = await finished("at", "--port", PORT, given=given)

    assert printed == b"+CSQ: 23,0\nOK\nOK\nQuectel_BC260Y-CN\nOK\n"
    assert complained == b"bc260y-aio: a command line begins with AT: 'nonsense'\n"
    assert status == 1


async def test_a_file_of_commands_may_be_long(give: Give, capsys: pytest.CaptureFixture[str]) -> None:
    give(b"AT+CSQ\r\n" * 200)

    assert await run("at", "--port", PORT) == 0
    assert capsys.readouterr().out == "+CSQ: 23,0\nOK\n" * 200


async def test_a_line_that_is_not_ascii_is_refused(give: Give, capsys: pytest.CaptureFixture[str]) -> None:
    give(b"AT+\xe9\nAT\n")

    assert await run("at", "--port", PORT) == 1
    assert capsys.readouterr().out == "OK\n"


async def test_empty_input_is_a_success(give: Give, capsys: pytest.CaptureFixture[str]) -> None:
    give(b"")

    assert await run("at", "--port", PORT) == 0
    assert capsys.readouterr().out == ""
