"""Queries of the module's state, command lines of a program, and pings: what is sent, and what comes of the answers."""

import asyncio
import re
from typing import Any

import pytest

from bc260y_aio.at.commands import Command, OpenSocket, Ping
from bc260y_aio.errors import CommandFailed
from bc260y_aio.modem.modem import Modem
from tests.driver.scripted import ERROR, OK, Module, Socket, open_modem, settle


def answering(answers: dict[str, bytes]) -> Module:
    """Make a module with given answers to some command lines."""
    module = Module()
    module.override = lambda command: answers.get(command.write())
    return module


@pytest.mark.parametrize(
    ("only", "line"),
    [({}, "AT+QISTATE?"), ({"connect_id": 1}, "AT+QISTATE=1,1"), ({"context_id": 2}, "AT+QISTATE=0,2")],
)
async def test_sockets_are_asked_for_all_at_once_by_number_or_by_context(only: dict[str, int], line: str) -> None:
    module = Module()
    async with open_modem(module) as modem:
        module.sockets[1] = Socket(OpenSocket(1, "UDP", "a.b", 7))
        await modem.sockets(**only)
        assert module.lines[-1] == line


async def test_an_address_that_is_not_there_is_none() -> None:
    said = b'\r\n+CGPADDR: 0\r\n\r\n+CGPADDR: 1,"10.0.0.1",""\r\n' + OK
    async with open_modem(answering({"AT+CGPADDR?": said})) as modem:
        assert await modem.addresses() == ["10.0.0.1"]


@pytest.mark.parametrize(("line", "call"), [("AT+QIDNSCFG=0", Modem.dns_servers), ("AT+CCLK?", Modem.clock)])
async def test_an_answer_without_what_was_asked_for_is_a_failure(line: str, call: Any) -> None:
    module = answering({line: OK})
    async with open_modem(module) as modem:
        with pytest.raises(CommandFailed, match=r"OK, but nothing reported$"):
            await call(modem)

        assert module.lines[-1] == line


FORMAT = 'AT+QICFG="dataformat"'


@pytest.mark.parametrize(
    ("line", "answers", "asked"),
    [
        ("AT+CSQ", {}, []),
        (f"{FORMAT},0,0", {}, []),
        (f"{FORMAT},0,0", {f"{FORMAT},0,0": ERROR}, [FORMAT]),
        (f"{FORMAT},0,0", {f"{FORMAT},0,0": ERROR, FORMAT: ERROR}, [FORMAT]),
    ],
)
async def test_after_a_line_that_may_have_changed_the_format_it_is_asked_for_where_that_is_not_known(
    line: str, answers: dict[str, bytes], asked: list[str]
) -> None:
    module = Module()
    async with open_modem(module) as modem:
        module.override = lambda command: answers.get(command.write())
        before = len(module.lines)
        if answers.get(line) == ERROR:
            with pytest.raises(CommandFailed, match=f"^{re.escape(line)}: "):
                await modem.execute(line)
        else:
            await modem.execute(line)

        assert module.lines[before:] == [line, *asked]


# Pings


def pinging(*lines: str) -> Module:
    """Make a module that answers so to each ping."""
    said = OK + b"".join(f"\r\n{line}\r\n".encode() for line in lines)

    def ping(command: Command) -> bytes | None:
        return said if isinstance(command, Ping) else None

    module = Module()
    module.override = ping
    return module


REPLY = "+QPING: 0,192.0.2.1,32,{}"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            [REPLY.format(100), REPLY.format(102), REPLY.format(103), "+QPING: 0,3,3,0,100,103,101"],
            (3, 3, 0, 100, 103, 102),
        ),
        ([REPLY.format(100), "+QPING: 569", "+QPING: 569", "+QPING: 0,3,1,2,100,100,100"], (3, 1, 2, 100, 100, 100)),
        # Nothing is printed for a packet that was lost.
        ([REPLY.format(100), "+QPING: 0,3,1,2,100,100,100"], (3, 1, 2, 100, 100, 100)),
        ([REPLY.format(100), "+QPING: 569,3,1,2,100,100,100"], (3, 1, 2, 100, 100, 100)),
        # More than were asked for were not sent.
        ([REPLY.format(100), "+QPING: 0,9,1,8,100,100,100"], (3, 1, 2, 100, 100, 100)),
    ],
)
async def test_a_ping_counts_what_came_back_and_what_did_not(lines: list[str], expected: tuple[int, ...]) -> None:
    async with open_modem(pinging(*lines)) as modem:
        result = await modem.ping("192.0.2.1", timeout=4, count=3)
        assert (result.sent, result.received, result.lost, result.min_ms, result.max_ms, result.avg_ms) == expected
        assert result


@pytest.mark.parametrize(("timeout", "count", "commands"), [(5, 4, 1), (20, 1, 1), (7, 3, 3), (21, 1, 1)])
async def test_a_ping_that_may_take_more_than_twenty_seconds_is_one_command_for_each_packet(
    timeout: int, count: int, commands: int
) -> None:
    each = count // commands
    replies = [REPLY.format(100)] * each
    module = pinging(*replies, f"+QPING: 0,{each},{each},0,100,100,100")
    async with open_modem(module) as modem:
        assert (await modem.ping("192.0.2.1", timeout=timeout, count=count)).received == count
        assert module.count("AT+QPING=") == commands


async def test_who_does_not_wait_for_all_replies_leaves_at_once() -> None:
    module = pinging(REPLY.format(100))
    async with open_modem(module) as modem:
        replies: Any = modem.ping_replies("192.0.2.1", timeout=4, count=2)
        await anext(replies)
        leaving = asyncio.ensure_future(replies.aclose())
        await settle()
        assert leaving.done()
        module.send(b"\r\n+QPING: 0,2,2,0,100,100,100\r\n")
