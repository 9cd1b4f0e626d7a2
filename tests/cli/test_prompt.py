"""The prompt of `at`, at a terminal of which the screen is read."""

import asyncio
import os
import pty
import signal
import termios
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import pyte
import pytest

from bc260y_aio.cli import extras
from bc260y_aio.cli.at_names import NAMES, find_names, help_text
from bc260y_aio.cli.stdio import Input
from bc260y_aio.emulator import Emulator
from tests.cli.running import PATIENCE, run, started

PORT = "emulator://?baudrate=115200&latency=0.01"
UP, TAB, CTRL_D = b"\x1b[A", b"\t", b"\x04"


class _AnsweringScreen(pyte.Screen):
    """A screen that answers a program's questions, such as the one for the position of the cursor."""

    answer: Callable[[bytes], None]

    def write_process_input(self, data: str) -> None:
        self.answer(data.encode())


class Screen:
    """The other end of a terminal."""

    def __init__(self, descriptor: int, columns: int) -> None:
        self._descriptor = descriptor
        self._input = Input(descriptor)
        self._screen = _AnsweringScreen(columns, 40)
        self._screen.answer = self.type
        self._stream = pyte.ByteStream(self._screen)

    def type(self, keys: bytes) -> None:
        os.write(self._descriptor, keys)

    @property
    def lines(self) -> list[str]:
        return [line for one in self._screen.display if (line := one.rstrip())]

    async def until(self, condition: Callable[[list[str]], bool]) -> None:
        """Wait until the lines of the screen fulfil a condition."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition(self.lines):
                    self._stream.feed(await self._input.read(4096))
        except TimeoutError:
            pytest.fail("the screen shows:\n" + "\n".join(self.lines))

    async def shows(self, *last: str) -> None:
        """Wait until these are the last lines of the screen."""
        await self.until(lambda lines: lines[-len(last) :] == list(last))


@contextmanager
def terminal(columns: int = 80) -> Iterator[tuple[Screen, int]]:
    """Create a terminal: its other end, and the descriptor for a program."""
    master, slave = pty.openpty()
    try:
        termios.tcsetwinsize(slave, (40, columns))
        yield Screen(master, columns), slave
    finally:
        os.close(master)
        os.close(slave)


@asynccontextmanager
async def prompt(emulator: Emulator) -> AsyncIterator[tuple[Screen, asyncio.subprocess.Process]]:
    """Run `at` in a terminal, up to its prompt; the settings of the terminal must be restored at the end."""
    with terminal() as (screen, slave):
        before = termios.tcgetattr(slave)
        async with started("at", "--port", emulator.url, stdin=slave, stdout=slave, stderr=slave) as process:
            await screen.until(lambda lines: lines[-1:] == [">"])
            yield screen, process
            assert await process.wait() is not None

        assert termios.tcgetattr(slave) == before


async def test_commands_are_answered_and_recalled_at_a_prompt() -> None:
    async with Emulator(line="pty") as emulator, prompt(emulator) as (screen, process):
        screen.type(b"AT+CSQ\r")
        await screen.shows("> AT+CSQ", "+CSQ: 23,0", "OK", ">")
        screen.type(UP + b"\x7fX\r")
        await screen.shows("> AT+CSX", "ERROR", ">")
        screen.type(b"hello\r")
        await screen.shows("> hello", "a command line begins with AT: 'hello'", ">")
        screen.type(CTRL_D)
        assert await process.wait() == 0


async def test_tab_completes_the_names_of_commands() -> None:
    async with Emulator(line="pty") as emulator, prompt(emulator) as (screen, process):
        screen.type(b"AT+CS" + TAB)
        await screen.until(lambda lines: any("AT+CSQ" in line and NAMES["AT+CSQ"] in line for line in lines))
        screen.type(b"\x15AT+CGMM" + TAB + b"\r")
        await screen.shows("> AT+CGMM", "Quectel_BC260Y-CN", "OK", ">")
        screen.type(b"exit\r")
        assert await process.wait() == 0


async def test_help_lists_the_commands_and_explains_one() -> None:
    async with Emulator(line="pty") as emulator, prompt(emulator) as (screen, process):
        screen.type(b"help AT+QENG=0\rhelp at+qeng?\r")
        await screen.shows("> help at+qeng?", f"AT+QENG: {NAMES['AT+QENG']}", ">")
        screen.type(b"help\r")
        await screen.shows(f"  {'AT+CTZR':16}{NAMES['AT+CTZR']}", ">")
        screen.type(CTRL_D)
        assert await process.wait() == 0
        assert "AT+QENG=0" not in emulator.module.commands


async def test_a_urc_appears_above_the_line_that_is_being_typed() -> None:
    async with Emulator(line="pty") as emulator, prompt(emulator) as (screen, process):
        screen.type(b"AT+C")
        await screen.shows("> AT+C")
        emulator.send_urc("+NEWS: \x07 odd")
        await screen.shows("+NEWS: \\x07 odd", "> AT+C")
        screen.type(b"SQ\r")
        await screen.shows("+CSQ: 23,0", "OK", ">")
        screen.type(CTRL_D)
        assert await process.wait() == 0


async def test_typing_continues_while_a_command_is_running() -> None:
    async with Emulator(line="pty", latency=0.1) as emulator, prompt(emulator) as (screen, process):
        screen.type(b'AT+QPING=0,"a.example",4,2\r')
        await screen.until(lambda lines: '> AT+QPING=0,"a.example",4,2' in lines and lines[-1] == ">")
        screen.type(b"AT+CG")
        await screen.until(lambda lines: lines[-1] == "> AT+CG" and any("+QPING: 0,198" in line for line in lines))
        screen.type(b"MM\r")
        await screen.shows("> AT+CGMM", "Quectel_BC260Y-CN", "OK", ">")
        screen.type(CTRL_D)
        assert await process.wait() == 0


@pytest.mark.parametrize("by_key", [True, False])
async def test_ctrl_c_ends_the_prompt_while_a_command_is_running(by_key: bool) -> None:
    async with Emulator(line="pty") as emulator, prompt(emulator) as (screen, process):
        screen.type(b'AT+QPING=0,"203.0.113.9",200,1\rAT+C')
        await screen.shows("> AT+C")
        if by_key:
            screen.type(b"\x03")
        else:
            process.send_signal(signal.SIGINT)

        async with asyncio.timeout(5):
            assert await process.wait() == 130


async def test_an_unplugged_port_ends_the_prompt() -> None:
    async with Emulator(line="tcp") as emulator, prompt(emulator) as (screen, process):
        emulator.hang_up()
        await screen.until(lambda lines: any("was lost" in line for line in lines))
        assert await process.wait() == 1


async def test_without_prompt_toolkit_the_prompt_names_the_package_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(extras, "is_installed", lambda module: False)
    monkeypatch.setattr("bc260y_aio.cli.at._is_terminal", lambda: True)
    assert await run("at", "--port", "emulator://") == 1
    assert capsys.readouterr().err == (
        "bc260y-aio: the prompt needs the package prompt-toolkit: pip install 'bc260y-aio[cli]'\n"
    )
    # Commands that are given need nothing.
    assert await run("at", "AT", "--port", "emulator://") == 0


# Names


@pytest.mark.parametrize(
    ("typed", "found"),
    [("AT+CSQ", []), ("at+qio", ["AT+QIOPEN"]), ("AT+QI", None), ("", []), ("AT+X", []), ("+CSQ", [])],
)
def test_names_are_completed_in_either_case(typed: str, found: list[str] | None) -> None:
    names = list(find_names(typed))
    assert names == found if found is not None else len(names) > 5


def test_help_names_an_unknown_command() -> None:
    assert help_text("AT+NONSENSE") == ["AT+NONSENSE is not a command that the manual describes"]


# Other output for a terminal


@pytest.mark.parametrize("columns", [60, 100])
async def test_the_table_of_the_demo_fits_into_the_terminal(columns: int) -> None:
    with terminal(columns) as (screen, slave):
        async with started("demo", "--size", "900", "--port", PORT, stdout=slave, stderr=slave) as process:
            await screen.until(lambda lines: any("━" in line for line in lines))
            await screen.until(lambda lines: lines[-1].lstrip().startswith("all ") and lines[-1].endswith("5 of 5 ok"))
            assert await process.wait() == 0

    heading = next(line for line in screen.lines if line.lstrip().startswith("socket"))
    rows = [line for line in screen.lines if line.endswith(" ok")]
    assert [row.split()[-1] for row in rows] == ["ok"] * 6
    assert "result" in heading
    assert all(len(row) <= columns for row in rows)


async def test_labels_and_long_texts_are_in_columns_at_a_terminal() -> None:
    with terminal(60) as (screen, slave):
        async with started("doctor", "--port", "emulator://", "--allow", "none", stdout=slave) as process:
            await screen.until(lambda lines: any("The profile, for Modem" in line for line in lines))
            assert await process.wait() == 0

    wrapped = [line for line in screen.lines if line.startswith(" " * 14)]
    assert wrapped
    assert all(len(line) <= 60 for line in screen.lines)
