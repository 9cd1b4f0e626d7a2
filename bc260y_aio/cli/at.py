"""``bc260y-aio at``: AT commands from the command line, from standard input, or at a prompt."""

import argparse
import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, Final

from ..at.commands import read_verbatim
from ..at.completions import SendResult
from ..at.responses import STANDARD, Completion, Information, Response, Success
from ..at.syntax import PayloadFormat, is_text
from ..at.urcs import DamagedLine, DamagedPayload, DataReceived, LateAnswer, ProbeAnswered, Resynchronised
from ..errors import CommandFailed, CommandTimeout
from .at_names import help_text
from .common import (
    EXIT_FAILURE,
    Subparsers,
    add_port_options,
    add_trace_options,
    error_text,
    print_error,
    print_line,
    run_until_first,
    seconds,
)
from .device import opened
from .extras import require
from .observer import Observer
from .stdio import Input

if TYPE_CHECKING:
    from .prompt import Prompt

_READ_SIZE: Final = 4096


def add_to(commands: Subparsers, summary: str) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "at",
        help=summary,
        description="Send AT commands unchanged, and print the responses and URCs as they come. Without a command, "
        "each line of standard input is one; at a terminal there is a prompt with completion (Tab), history and help. "
        "Only these commands change anything in the module. Ctrl-D or Ctrl-C ends it. The exit status is 1 if a "
        "command failed.",
        epilog="To see every byte, use the port spy:///dev/ttyUSB0.",
    )
    add_port_options(parser)
    add_trace_options(parser)
    parser.add_argument("lines", nargs="*", metavar="LINE", help="such as AT+CSQ, or 'AT+QPING=0,\"example.com\"'")
    parser.add_argument(
        "--timeout",
        type=seconds,
        metavar="SECONDS",
        help="how long to wait for the result of a command, and for what follows OK; by default the time limit of the "
        "command",
    )
    parser.add_argument(
        "--wait", type=seconds, default=0.0, metavar="SECONDS", help="show URCs for this long after the last command"
    )
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace) -> int:
    """Send the given or entered commands."""
    for line in options.lines:
        try:
            read_verbatim(line)
        except ValueError as exc:
            options.refuse(str(exc))

    if is_at_prompt := not options.lines and _is_terminal():
        require("prompt_toolkit", "the prompt")

    async with opened(Observer(options.port, baudrate=options.baudrate), options) as modem:
        if not is_at_prompt:
            lines = _given(options.lines) if options.lines else _piped(Input())
            return await CommandRun(modem, options).run(lines)

        from .prompt import Prompt

        async with Prompt() as prompt:
            rate = f" at {modem.baudrate} baud" if modem.baudrate else ""
            prompt.show(f"{options.port}{rate}; Tab completes, help lists the commands, Ctrl-D ends")
            with _logging_to(prompt.output):
                await CommandRun(modem, options, prompt).run(prompt.lines())

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
def _logging_to(output: Any) -> Iterator[None]:
    """Write log records for standard error to ``output`` instead, above the prompt."""
    streams = [handler for handler in logging.getLogger().handlers if isinstance(handler, logging.StreamHandler)]
    moved = [handler for handler in streams if handler.stream is sys.stderr]
    for handler in moved:
        handler.setStream(output)

    try:
        yield
    finally:
        for handler in moved:
            handler.setStream(sys.stderr)


class CommandRun:
    """Sends commands, and shows all responses and URCs in the order in which they come."""

    def __init__(self, modem: Observer, options: argparse.Namespace, prompt: "Prompt | None" = None) -> None:
        self._modem = modem
        self._timeout: float | None = options.timeout
        self._wait: float = options.wait
        self._prompt = prompt
        self._has_failed = False
        # Lines wait here because showing one may fail, and a subscriber must not.
        self._shown: asyncio.Queue[str] = asyncio.Queue()
        self._lost: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        modem.subscribe(self._receive_urc)
        modem.listen(self._receive_data, self._lose)

    async def run(self, lines: AsyncIterator[str]) -> int:
        """Send each line, show the responses, and return the exit status.

        Raises:
            PortLost: the port was lost.
            ModemNotResponding: the module does not answer any more.
            BrokenPipeError: the reader of standard output has closed it.
        """
        try:
            await run_until_first(self._send_all(lines), self._show_all(), self._await_loss())
        finally:
            while not self._shown.empty():
                self._show(self._shown.get_nowait())

        return EXIT_FAILURE if self._has_failed else 0

    async def _await_loss(self) -> None:
        raise await self._lost

    async def _send_all(self, lines: AsyncIterator[str]) -> None:
        async for line in lines:
            match line.split():
                case []:
                    pass
                case ["exit" | "quit"] if self._prompt is not None:
                    return
                case ["help" | "?", *topic] if self._prompt is not None:
                    self._show_lines(f"> {line}", *help_text(" ".join(topic)))
                case _:
                    await self._send(line.strip())

        await asyncio.sleep(self._wait)

    async def _send(self, line: str) -> None:
        if self._prompt is not None:
            self._show_lines(f"> {line}")

        completions: list[Completion] = []

        def watch(response: Information | Completion) -> None:
            if isinstance(response, Completion):
                if not completions:
                    self._show_response(Success())

                completions.append(response)

            self._show_response(response)

        try:
            await self._modem.ask(line, self._timeout, watch)
        except CommandFailed as exc:
            self._has_failed = True
            self._shown.put_nowait(_final_result(exc))
        except (CommandTimeout, ValueError) as exc:
            self._has_failed = True
            self._show_error(error_text(exc))
        else:
            if not completions:
                self._show_response(Success())

            self._has_failed |= any(map(_is_failure, completions))

    # Receiving

    def _receive_urc(self, event: Response) -> None:
        if (text := _format_urc(event)) is not None:
            self._shown.put_nowait(text)

    def _receive_data(self, connect_id: int, data: bytes) -> None:
        form = PayloadFormat.TEXT if is_text(data) else PayloadFormat.HEX
        self._shown.put_nowait(DataReceived(connect_id, data, form).encode(STANDARD).decode("latin-1"))

    def _lose(self, error: Exception) -> None:
        if not self._lost.done():
            self._lost.set_result(error)

    def _show_response(self, response: Response) -> None:
        self._shown.put_nowait(response.write(STANDARD))

    # Showing

    def _show_lines(self, *lines: str) -> None:
        for line in lines:
            self._shown.put_nowait(line)

    async def _show_all(self) -> None:
        while True:
            self._show(await self._shown.get())

    def _show(self, text: str) -> None:
        show = print_line if self._prompt is None else self._prompt.show
        show(text)

    def _show_error(self, message: str) -> None:
        if self._prompt is None:
            print_error(message)
        else:
            self._shown.put_nowait(message)


def _format_urc(event: Response) -> str | None:
    """Return the text of a URC; None for an event that is not one."""
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
    """Return the final result code of a failed command."""
    if exc.code is not None:
        return f"+CME ERROR: {exc.code}"

    text = str(exc).removeprefix(f"{exc.command}: ")
    return text if text == "ERROR" else f"+CME ERROR: {text}"


def _is_failure(completion: Completion) -> bool:
    """Return whether a completion reports a failure."""
    return completion == SendResult(ok=False) or bool(getattr(completion, "error", 0))
