"""``bc260y-aio at``: AT commands, on the command line, from a pipe or at a prompt."""

import argparse
import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Final

from ..at.commands import read_verbatim
from ..at.completions import SendResult
from ..at.responses import STANDARD, Completion, Information, Response, Success
from ..at.syntax import PayloadFormat, is_text
from ..at.urcs import DamagedLine, DamagedPayload, DataReceived, LateAnswer, ProbeAnswered, Resynchronised
from ..errors import CommandFailed, CommandTimeout
from .common import (
    EXIT_FAILURE,
    Subparsers,
    add_port_options,
    add_trace_options,
    complain,
    opened,
    reason,
    say,
    seconds,
    until_first,
)
from .observer import Observer
from .stdio import Input
from .terminal import PROMPT, Terminal

_READ_SIZE: Final = 4096


def add_to(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "at",
        help="send AT commands: those given, those of standard input, or at a prompt",
        description="Send AT commands as they are, and print what the module says, URCs as they come. Without a "
        "command there is a prompt, or each line of standard input is one. Nothing in the module is changed but by "
        "them. Ctrl-D or Ctrl-C ends it. The exit status is 1 when a command failed.",
        epilog="To see every byte, name the port as spy:///dev/ttyUSB0.",
    )
    add_port_options(parser)
    add_trace_options(parser)
    parser.add_argument("lines", nargs="*", metavar="LINE", help="such as AT+CSQ, or 'AT+QPING=0,\"example.com\"'")
    parser.add_argument(
        "--timeout",
        type=seconds,
        metavar="SECONDS",
        help="how long to wait for the result of a command, and for what follows OK; by default as long as it may take",
    )
    parser.add_argument(
        "--wait", type=seconds, default=0.0, metavar="SECONDS", help="show URCs for this long after the last command"
    )
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace) -> int:
    """Send what is given, or what is entered."""
    for line in options.lines:
        try:
            read_verbatim(line)
        except ValueError as exc:
            options.refuse(str(exc))

    async with opened(Observer(options.port, baudrate=options.baudrate), options) as observer:
        if options.lines:
            return await Conversation(observer, options).hold(_given(options.lines))

        if not _is_terminal():
            return await Conversation(observer, options).hold(_piped(Input()))

        async with Terminal() as terminal:
            rate = f" at {observer.baudrate} baud" if observer.baudrate else ""
            terminal.show(f"{options.port}{rate}; Ctrl-D ends it")
            with _logging_to(terminal):
                await Conversation(observer, options, terminal).hold(terminal.lines())

            return 0


def _is_terminal() -> bool:
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


async def _given(lines: list[str]) -> AsyncIterator[str]:
    for line in lines:
        yield line


async def _piped(source: Input) -> AsyncIterator[str]:
    rest = b""
    while data := await source.read(_READ_SIZE):
        *lines, rest = (rest + data).replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            yield line.decode("latin-1")

    yield rest.decode("latin-1")


@contextlib.contextmanager
def _logging_to(terminal: Terminal) -> Iterator[None]:
    """Let what is logged on standard error not go through the prompt."""
    streams = [handler for handler in logging.getLogger().handlers if isinstance(handler, logging.StreamHandler)]
    moved = [handler for handler in streams if handler.stream is sys.stderr]
    for handler in moved:
        handler.setStream(_Above(terminal))

    try:
        yield
    finally:
        for handler in moved:
            handler.setStream(sys.stderr)


class _Above:
    """A stream of lines, shown above the prompt."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def write(self, text: str) -> None:
        self._terminal.show(text.rstrip("\n"))

    def flush(self) -> None:
        pass


class Conversation:
    """Commands, and all that the module says, in the order in which it says it."""

    def __init__(self, observer: Observer, options: argparse.Namespace, terminal: Terminal | None = None) -> None:
        self._guest = observer
        self._timeout: float | None = options.timeout
        self._wait: float = options.wait
        self._terminal = terminal
        self._has_failed = False
        # What is heard waits here, for a subscriber must not fail, and showing may.
        self._heard: asyncio.Queue[str] = asyncio.Queue()
        self._lost: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        observer.subscribe(self._hear)
        observer.listen(self._receive, self._lose)

    async def hold(self, lines: AsyncIterator[str]) -> int:
        """Send each line, show what comes, and return the exit status.

        Raises:
            PortLost: the port went away.
            ModemNotResponding: the module does not answer any more.
            BrokenPipeError: nobody reads what is printed.
        """
        try:
            await until_first(self._ask_all(lines), self._show_all(), self._await_loss())
        finally:
            while not self._heard.empty():
                self._show(self._heard.get_nowait())

        return EXIT_FAILURE if self._has_failed else 0

    async def _await_loss(self) -> None:
        raise await self._lost

    async def _ask_all(self, lines: AsyncIterator[str]) -> None:
        async for line in lines:
            if line.strip():
                await self._ask(line.strip())

        await asyncio.sleep(self._wait)

    async def _ask(self, line: str) -> None:
        if self._terminal is not None:
            self._heard.put_nowait(PROMPT + line)

        completions: list[Completion] = []

        def hear(response: Information | Completion) -> None:
            if isinstance(response, Completion):
                if not completions:
                    self._say(Success())

                completions.append(response)

            self._say(response)

        try:
            await self._guest.ask(line, self._timeout, hear)
        except CommandFailed as exc:
            self._has_failed = True
            self._heard.put_nowait(_final_result(exc))
        except (CommandTimeout, ValueError) as exc:
            self._has_failed = True
            self._complain(reason(exc))
        else:
            if not completions:
                self._say(Success())

            self._has_failed |= any(map(_is_failure, completions))

    # What is heard

    def _hear(self, event: Response) -> None:
        if (text := _spell(event)) is not None:
            self._heard.put_nowait(text)

    def _receive(self, connect_id: int, data: bytes) -> None:
        form = PayloadFormat.TEXT if is_text(data) else PayloadFormat.HEX
        self._heard.put_nowait(DataReceived(connect_id, data, form).encode(STANDARD).decode("latin-1"))

    def _lose(self, error: Exception) -> None:
        if not self._lost.done():
            self._lost.set_result(error)

    def _say(self, response: Response) -> None:
        self._heard.put_nowait(response.write(STANDARD))

    # What is shown

    async def _show_all(self) -> None:
        while True:
            self._show(await self._heard.get())

    def _show(self, text: str) -> None:
        show = say if self._terminal is None else self._terminal.show
        show(text)

    def _complain(self, message: str) -> None:
        if self._terminal is None:
            complain(message)
        else:
            self._heard.put_nowait(message)


def _spell(event: Response) -> str | None:
    """Return what a URC looked like; None for what is none."""
    match event:
        case ProbeAnswered() | Resynchronised() | LateAnswer(response=Success()):
            return None
        case LateAnswer(response=response):
            return response.write(STANDARD)
        case DamagedPayload(connect_id=connect_id, announced=announced, reason=why):
            return f"(a push of {announced} bytes for connectID {connect_id} was damaged: {why})"
        case DamagedLine(text=text):
            return text
        case _:
            return event.write(STANDARD)


def _final_result(exc: CommandFailed) -> str:
    """Return the result code that a failure was told by."""
    if exc.code is not None:
        return f"+CME ERROR: {exc.code}"

    text = str(exc).removeprefix(f"{exc.command}: ")
    return text if text == "ERROR" else f"+CME ERROR: {text}"


def _is_failure(completion: Completion) -> bool:
    """Tell whether a command that was accepted came to nothing."""
    return completion == SendResult(ok=False) or bool(getattr(completion, "error", 0))
