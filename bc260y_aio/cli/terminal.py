"""A terminal with a prompt at the bottom: what is shown meanwhile goes above it, and what is being typed stays."""

# The standard library's readline waits for a whole line and shows nothing meanwhile. A command line of AT is ASCII and
# stands in one row, so what is needed of an editor is little: it is below, as a function of bytes, without a terminal.

import asyncio
import contextlib
import os
import re
import signal
import sys
import termios
import tty
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Final, Self

from .common import printable, write
from .stdio import Input

PROMPT: Final = "> "
_READ_SIZE: Final = 4096
_USUAL_WIDTH: Final = 80
_START, _CLEAR_TO_END = "\r", "\x1b[K"

# A key: an escape sequence, the beginning of one, or a byte.
_KEY: Final = re.compile(rb"\x1b\[[0-9;]*[@-~]|\x1bO[@-~]|(?P<part>\x1b(?:\[[0-9;]*|O)?$)|.", re.DOTALL)

# Ctrl-D: on an empty line the end, elsewhere it deletes.
_END_OF_INPUT: Final = b"\x04"

_ACTIONS: Final = {
    "enter": (b"\r", b"\n"),
    "backspace": (b"\x7f", b"\x08"),
    "delete": (b"\x1b[3~", _END_OF_INPUT),
    "to_start": (b"\x01", b"\x1b[H", b"\x1bOH", b"\x1b[1~"),
    "to_end": (b"\x05", b"\x1b[F", b"\x1bOF", b"\x1b[4~"),
    "left": (b"\x02", b"\x1b[D", b"\x1bOD"),
    "right": (b"\x06", b"\x1b[C", b"\x1bOC"),
    "older": (b"\x10", b"\x1b[A", b"\x1bOA"),
    "newer": (b"\x0e", b"\x1b[B", b"\x1bOB"),
    "cut_start": (b"\x15",),
    "cut_end": (b"\x0b",),
    "cut_word": (b"\x17",),
}
_ACTION: Final = {key: action for action, keys in _ACTIONS.items() for key in keys}


class LineEditor:
    """A line that is being typed, and those that were.

    Attributes:
        text: the line so far.
        cursor: where in it the next character goes.
        is_ended: end of input was typed, on an empty line.
    """

    def __init__(self) -> None:
        self.text = ""
        self.cursor = 0
        self.is_ended = False
        self._history: list[str] = []
        self._position = 0
        self._unfinished = ""
        self._partial_key = b""

    def feed(self, data: bytes) -> list[str]:
        """Take typed bytes, and return the lines that they complete."""
        data, self._partial_key = self._partial_key + data, b""
        lines: list[str] = []
        for match in _KEY.finditer(data):
            key = match[0]
            match _ACTION.get(key):
                case None if match["part"] is not None:
                    self._partial_key = key
                case None if len(key) == 1 and 0x20 <= key[0] < 0x7F:
                    self._insert(key.decode("ascii"))
                case None:
                    pass
                case "enter":
                    lines.append(self._enter())
                case "delete" if key == _END_OF_INPUT and not self.text:
                    self.is_ended = True
                case action:
                    self._edit(action)

        return lines

    def _insert(self, character: str) -> None:
        self.text = self.text[: self.cursor] + character + self.text[self.cursor :]
        self.cursor += 1

    def _enter(self) -> str:
        line = self.text
        if line.strip() and self._history[-1:] != [line]:
            self._history.append(line)

        self._position = len(self._history)
        self.text, self.cursor = "", 0
        return line

    def _edit(self, action: str) -> None:
        before, after = self.text[: self.cursor], self.text[self.cursor :]
        match action:
            case "backspace":
                self._set(before[:-1], after)
            case "delete":
                self._set(before, after[1:])
            case "cut_start":
                self._set("", after)
            case "cut_end":
                self._set(before, "")
            case "cut_word":
                self._set(before[: before.rstrip().rfind(" ") + 1], after)
            case "to_start":
                self.cursor = 0
            case "to_end":
                self.cursor = len(self.text)
            case "left":
                self.cursor = max(0, self.cursor - 1)
            case "right":
                self.cursor = min(len(self.text), self.cursor + 1)
            case "older":
                self._recall(self._position - 1)
            case "newer":
                self._recall(self._position + 1)

    def _set(self, before: str, after: str) -> None:
        self.text, self.cursor = before + after, len(before)

    def _recall(self, position: int) -> None:
        if not 0 <= position <= len(self._history):
            return

        if self._position == len(self._history):
            self._unfinished = self.text

        self._position = position
        self._set((*self._history, self._unfinished)[position], "")

    def render(self, width: int) -> str:
        """Return what draws the line in one row of a terminal, with the cursor in its place.

        Args:
            width: of the terminal, in characters.
        """
        room = max(1, width - len(PROMPT) - 1)
        start = max(0, self.cursor - room)
        column = len(PROMPT) + self.cursor - start
        shown = self.text[start : start + room]
        return f"{_START}{PROMPT}{shown}{_CLEAR_TO_END}{_START}\x1b[{column}C"


class Terminal:
    """Standard input and output, where both are a terminal; an async context manager that sets it up and back."""

    def __init__(self) -> None:
        self._descriptor = sys.stdin.fileno()
        self._editor = LineEditor()
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._settings: list[Any] = []
        self._typing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._settings = termios.tcgetattr(self._descriptor)
        # A shell that takes the terminal back after Ctrl-Z leaves it as it likes.
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            asyncio.get_running_loop().add_signal_handler(signal.SIGCONT, self._set_up)

        self._set_up()
        self._typing = asyncio.create_task(self._read(), name="at.typing")
        return self

    def _set_up(self) -> None:
        tty.setcbreak(self._descriptor, termios.TCSADRAIN)
        self._draw()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGCONT)
        assert self._typing is not None
        self._typing.cancel()
        # The terminal may be gone, and with it what it was set to.
        with contextlib.suppress(OSError, termios.error):
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._settings)
            write(_START + _CLEAR_TO_END)

        await asyncio.gather(self._typing, return_exceptions=True)

    async def lines(self) -> AsyncIterator[str]:
        """Yield each line that is entered, until the end of input."""
        while (line := await self._lines.get()) is not None:
            yield line

    async def _read(self) -> None:
        source = Input(self._descriptor)
        try:
            while not self._editor.is_ended and (data := await source.read(_READ_SIZE)):
                for line in self._editor.feed(data):
                    self._lines.put_nowait(line)

                self._draw()
        finally:
            self._lines.put_nowait(None)

    def show(self, text: str) -> None:
        """Show a line above the prompt."""
        write(f"{_START}{_CLEAR_TO_END}{printable(text)}\n")
        self._draw()

    def _draw(self) -> None:
        width = os.get_terminal_size(self._descriptor).columns
        write(self._editor.render(width or _USUAL_WIDTH))
