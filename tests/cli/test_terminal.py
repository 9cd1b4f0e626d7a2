import asyncio
import os
import pty
import re
import signal
import termios
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bc260y_aio.cli.stdio import Input
from bc260y_aio.cli.terminal import LineEditor
from bc260y_aio.emulator import Emulator
from tests.cli.running import started

UP, DOWN, RIGHT, LEFT, HOME, END, DELETE = (
    b"\x1b[A",
    b"\x1b[B",
    b"\x1b[C",
    b"\x1b[D",
    b"\x1b[H",
    b"\x1b[F",
    b"\x1b[3~",
)

# The editor


@pytest.mark.parametrize(
    ("typed", "text", "cursor"),
    [
        (b"AT+CSQ", "AT+CSQ", 6),
        (b"AT+CSX\x7fQ", "AT+CSQ", 6),
        (b"\x7f", "", 0),
        (b"CSQ" + HOME + b"AT+", "AT+CSQ", 3),
        (b"CSQ\x01AT+\x05?", "AT+CSQ?", 7),
        (b"ATX" + LEFT + DELETE, "AT", 2),
        (b"ATX" + LEFT + b"\x04", "AT", 2),
        (b"AT" + LEFT * 5 + RIGHT + b"x", "AxT", 2),
        (b"AT" + HOME + END + RIGHT, "AT", 2),
        (b"AT+CSQ" + LEFT * 3 + b"\x15", "CSQ", 0),
        (b"AT+CSQ" + LEFT * 3 + b"\x0b", "AT+", 3),
        (b"AT one two \x17", "AT one ", 7),
        (b"AT\x17\x17", "", 0),
        ("AT\t\x1b[5~\x1bOPé".encode(), "AT", 2),
    ],
)
def test_a_line_is_edited(typed: bytes, text: str, cursor: int) -> None:
    editor = LineEditor()

    assert editor.feed(typed) == []
    assert (editor.text, editor.cursor) == (text, cursor)


def test_enter_completes_a_line_and_begins_the_next() -> None:
    editor = LineEditor()

    assert editor.feed(b"AT\rAT+CSQ\nAT+CG") == ["AT", "AT+CSQ"]
    assert editor.text == "AT+CG"


def test_earlier_lines_come_back_and_what_was_being_typed_too() -> None:
    editor = LineEditor()
    editor.feed(b"AT+ONE\rAT+TWO\rAT+TWO\r\rAT+TH")

    recalled = []
    for key in (UP, UP, UP, DOWN, DOWN, DOWN):
        editor.feed(key)
        recalled.append(editor.text)

    assert recalled == ["AT+TWO", "AT+ONE", "AT+ONE", "AT+TWO", "AT+TH", "AT+TH"]


def test_a_line_that_came_back_can_be_changed_and_entered() -> None:
    editor = LineEditor()
    editor.feed(b"AT+ONE\r")

    assert editor.feed(UP + b"?\r" + UP + UP + b"\r") == ["AT+ONE?", "AT+ONE"]


def test_ctrl_d_ends_an_empty_line_only() -> None:
    editor = LineEditor()
    editor.feed(b"AT\x04")
    assert not editor.is_ended

    editor.feed(b"\r\x04")
    assert editor.is_ended


@given(
    st.lists(st.sampled_from([b"A", b"+", b"\r", b"\x7f", b"\x15", UP, DOWN, LEFT, RIGHT, HOME, DELETE, b"\x1bOF"])),
    st.data(),
)
def test_keys_may_arrive_in_pieces(keys: list[bytes], data: st.DataObject) -> None:
    typed = b"".join(keys)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(typed)))))
    whole, pieces = LineEditor(), LineEditor()

    lines = [
        line
        for start, end in zip([0, *cuts], [*cuts, len(typed)], strict=True)
        for line in pieces.feed(typed[start:end])
    ]

    assert lines == whole.feed(typed)
    assert (pieces.text, pieces.cursor) == (whole.text, whole.cursor)


@given(st.binary())
def test_whatever_is_typed_there_is_a_line(typed: bytes) -> None:
    editor = LineEditor()
    editor.feed(typed)

    assert 0 <= editor.cursor <= len(editor.text)
    assert editor.text.isprintable()


@pytest.mark.parametrize(
    ("typed", "row", "column"),
    [
        (b"AT+CSQ", "> AT+CSQ", 8),
        (b"AT+CSQ" + LEFT * 2, "> AT+CSQ", 6),
        (b"AT" + b"x" * 30 + b"END", "> " + "x" * 14 + "END", 19),
        (b"AT" + b"x" * 30 + HOME, "> AT" + "x" * 15, 2),
    ],
)
def test_a_line_is_drawn_in_one_row(typed: bytes, row: str, column: int) -> None:
    editor = LineEditor()
    editor.feed(typed)

    assert editor.render(20) == f"\r{row}\x1b[K\r\x1b[{column}C"


# A terminal


class Screen:
    """The other end of a terminal."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._input = Input(descriptor)
        self._shown = b""

    def type(self, keys: bytes) -> None:
        os.write(self._descriptor, keys)

    async def see(self, pattern: bytes) -> None:
        """Wait until something is shown, and forget all that was shown before its end."""
        async with asyncio.timeout(10):
            while (match := re.search(pattern, self._shown)) is None:
                self._shown += await self._input.read(4096)

        self._shown = self._shown[match.end() :]


@contextmanager
def terminal() -> Iterator[tuple[Screen, int]]:
    """Make a terminal of 80 columns: its other end, and the descriptor that a program gets."""
    master, slave = pty.openpty()
    try:
        termios.tcsetwinsize(slave, (24, 80))
        yield Screen(master), slave
    finally:
        os.close(master)
        os.close(slave)


@asynccontextmanager
async def prompt(emulator: Emulator) -> AsyncIterator[tuple[Screen, asyncio.subprocess.Process]]:
    """Run `at` in a terminal, up to its prompt; the terminal must be left as it was."""
    with terminal() as (screen, slave):
        before = termios.tcgetattr(slave)
        async with started("at", "--port", emulator.url, stdin=slave, stdout=slave, stderr=slave) as process:
            await screen.see(rb"; Ctrl-D ends it\r\n.*> ")
            yield screen, process
            assert await process.wait() is not None

        assert termios.tcgetattr(slave) == before


async def test_commands_are_answered_at_a_prompt() -> None:
    async with Emulator(line="pty") as emulator, prompt(emulator) as (screen, process):
        screen.type(b"AT+CSQ\r")
        await screen.see(rb"> AT\+CSQ\r\n.*\+CSQ: 23,0\r\n.*OK\r\n.*> ")
        screen.type(UP + b"\x7fX\r")
        await screen.see(rb"> AT\+CSX\r\n.*ERROR\r\n.*> ")
        screen.type(b"hello\r")
        await screen.see(rb"a command line begins with AT: 'hello'\r\n.*> ")
        screen.type(b"\x04")
        assert await process.wait() == 0


async def test_a_urc_goes_above_what_is_being_typed() -> None:
    async with Emulator(line="pty") as emulator, prompt(emulator) as (screen, process):
        screen.type(b"AT+C")
        await screen.see(rb"> AT\+C\x1b\[K")
        emulator.send_urc("+NEWS: 1")
        await screen.see(rb"\r\x1b\[K\+NEWS: 1\r\n\r> AT\+C\x1b\[K\r\x1b\[6C")
        screen.type(b"SQ\r")
        await screen.see(rb"\+CSQ: 23,0\r\n")
        screen.type(b"\x04")
        assert await process.wait() == 0


async def test_typing_goes_on_while_a_command_is_under_way() -> None:
    async with Emulator(line="pty", latency=0.1) as emulator, prompt(emulator) as (screen, process):
        screen.type(b'AT+QPING=0,"a.example",4,2\r')
        await screen.see(rb"4,2\r\n")
        screen.type(b"AT+CG")
        await screen.see(rb"> AT\+CG\x1b")
        await screen.see(rb"\+QPING: 0,198.*\r\n")
        screen.type(b"MM\r")
        await screen.see(rb"\+QPING: 0,2,2,0,.*\r\n")
        await screen.see(rb"> AT\+CGMM\r\n.*Quectel_BC260Y-CN\r\n")
        screen.type(b"\x04")
        assert await process.wait() == 0


async def test_ctrl_c_ends_it_though_a_command_is_under_way() -> None:
    async with Emulator(line="pty") as emulator, prompt(emulator) as (screen, process):
        screen.type(b'AT+QPING=0,"203.0.113.9",200,1\rAT+C')
        await screen.see(rb"200,1\r\n.*> AT\+C\x1b\[K")
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(5):
            assert await process.wait() == 130


async def test_a_port_that_is_unplugged_ends_it() -> None:
    async with Emulator(line="tcp") as emulator, prompt(emulator) as (screen, process):
        emulator.hang_up()
        await screen.see(rb"bc260y-aio: .* was lost: .*\r\n")
        assert await process.wait() == 1
