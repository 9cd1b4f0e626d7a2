"""Running the command line: in this process, on the test's loop, or in a process of its own."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from bc260y_aio import cli

ROOT: Final = Path(__file__).parents[2]

# How long a process of ours may take, in seconds.
PATIENCE: Final = 20.0
_LOOK: Final = 0.01


async def run(*arguments: str) -> int:
    """Run a command in this process, and return its exit status."""
    return await cli.run_command(cli.build_parser().parse_args(arguments))


@contextlib.asynccontextmanager
async def started(
    *arguments: str, heeds: Iterable[signal.Signals] = (signal.SIGINT, signal.SIGHUP), **options: Any
) -> AsyncIterator[Process]:
    """Run a command in a process of its own; one that is left over is killed."""
    environment = {name: value for name, value in os.environ.items() if name not in ("BC260Y_PORT", "COLUMNS")}
    environment["TERM"] = "xterm"
    usual: dict[str, Any] = {"stdin": PIPE, "stdout": PIPE, "stderr": PIPE, "cwd": ROOT, "env": environment}
    with heeding(*heeds):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "error", "-m", "bc260y_aio", *arguments, **(usual | options)
        )

    try:
        async with asyncio.timeout(PATIENCE):
            yield process
    finally:
        if process.returncode is None:
            process.kill()

        await process.communicate()


@contextlib.contextmanager
def heeding(*numbers: signal.Signals) -> Iterator[None]:
    """Let a new process heed signals that this one ignores, as it does if it was started in the background."""
    ignored = [number for number in numbers if signal.getsignal(number) is signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.SIG_DFL)

    try:
        yield
    finally:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)


async def finished(*arguments: str, given: bytes = b"", **options: Any) -> tuple[int | None, bytes, bytes]:
    """Run a command in a process of its own to its end; return its status, what it printed, and what it complained."""
    async with started(*arguments, **options) as process:
        printed, complained = await process.communicate(given)

    return process.returncode, printed, complained


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what another process, or the other end of a line, is about to do."""
    for _ in range(int(PATIENCE / _LOOK)):
        if condition():
            return

        await asyncio.sleep(_LOOK)

    raise TimeoutError("it did not come to be")


@contextlib.asynccontextmanager
async def serving(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any],
) -> AsyncIterator[str]:
    """Serve TCP on the loopback interface, and yield the port as an argument."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield str(server.sockets[0].getsockname()[1])


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back what comes."""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()

    writer.close()


@contextlib.asynccontextmanager
async def answering(answers: dict[str, str]) -> AsyncIterator[str]:
    """Serve a module that answers these command lines and refuses all others; yield its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        known = {"AT": "", "AT+QICFG=?": '+QICFG: "dataformat",(0,1),(0,1)'} | answers
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                line = (await reader.readuntil(b"\r")).decode().strip("\r")
                told = known.get(line)
                information = f"\r\n{told}\r\n" if told else ""
                writer.write((information + ("\r\nERROR\r\n" if told is None else "\r\nOK\r\n")).encode())

        writer.close()

    async with serving(serve) as port:
        yield f"socket://127.0.0.1:{port}"
