"""What the commands share."""

import argparse
import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from ..errors import CommandError, NotRegistered
from ..modem.modem import Modem
from ..tracing import ChromeTrace

EXIT_FAILURE: Final = 1
EXIT_USAGE: Final = 2
EXIT_INTERRUPTED: Final = 130

# The variable that names the port when --port does not.
PORT_VARIABLE: Final = "BC260Y_PORT"

M = TypeVar("M", bound=Modem)

if TYPE_CHECKING:
    Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
else:
    Subparsers = Any


# Options


def add_port_options(parser: argparse.ArgumentParser, *, emulated: str | None = None) -> None:
    """Add ``--port`` and ``--baudrate``.

    Args:
        parser: the command's parser.
        emulated: the emulator that serves when no port is named; None makes the port required.
    """
    fallback = f"; otherwise {emulated.replace('%', '%%')}" if emulated else ""
    parser.add_argument(
        "--port",
        default=os.environ.get(PORT_VARIABLE) or emulated,
        help=f"device path, socket://host:port or emulator://; by default what {PORT_VARIABLE} says{fallback}",
    )
    parser.add_argument(
        "--baudrate",
        type=whole_number(1),
        metavar="RATE",
        help="rate of the serial port; the usual ones are tried by default",
    )


def add_trace_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--trace`` and ``--trace-payload``, for a command that opens its modem with :func:`opened`."""
    parser.add_argument(
        "--trace",
        metavar="FILE",
        help="write what the line and each socket do to a file for ui.perfetto.dev; one that is there is overwritten",
    )
    parser.add_argument("--trace-payload", action="store_true", help="show in it what is sent and received")


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON, for programs to read")


def add_data_format_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--data-format``."""
    parser.add_argument(
        "--data-format",
        choices=("hex", "text", "auto"),
        default="hex",
        help="how payload is written on the serial line (%(default)s)",
    )


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """Return what reads an argument that is a whole number from ``least`` to ``most``."""
    wanted = f"{least} or more" if most is None else f"{least} to {most}"

    def read(text: str) -> int:
        number = int(text) if text.isascii() and text.isdigit() else least - 1
        if number < least or (most is not None and number > most):
            raise argparse.ArgumentTypeError(f"must be a whole number, {wanted}, not {text!r}")

        return number

    return read


def seconds(text: str) -> float:
    """Read an argument that is a time in seconds."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0

    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number of seconds, not {text!r}")

    return number


# Output


def say(line: str = "") -> None:
    """Print a line at once, whoever reads it; see :func:`printable`.

    Raises:
        BrokenPipeError: nobody does any more.
    """
    write(f"{printable(line)}\n")


def say_json(value: Any, *, indent: int | None = 2) -> None:
    """Print a value as JSON at once."""
    write(f"{json.dumps(value, indent=indent)}\n")


def write(text: str) -> None:
    """Print text as it is, at once."""
    # Python has no standard output where the caller has closed it.
    if sys.stdout is not None:
        sys.stdout.write(text)
        sys.stdout.flush()


def complain(message: str) -> None:
    """Print a line on standard error."""
    if sys.stderr is not None:
        sys.stderr.write(f"bc260y-aio: {printable(message)}\n")
        sys.stderr.flush()


def printable(text: str) -> str:
    """Return text with every character escaped that a terminal might obey."""
    return "".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in text)


def reason(exc: BaseException) -> str:
    """Return what went wrong, in one line."""
    match exc:
        case OSError(strerror=str(text), filename=str(name)):
            return f"{name}: {text}"
        case OSError(strerror=str(text)):
            return text
        case TimeoutError() if not str(exc):
            return "it took too long"
        case _:
            return " ".join(str(exc).split()) or type(exc).__name__


# The module


@contextlib.asynccontextmanager
async def opened(modem: M, options: argparse.Namespace) -> AsyncIterator[M]:
    """Open a modem for the time of a block, and trace it if that was asked for.

    Raises:
        OSError: it cannot be opened; or the file of the trace cannot be written.
    """
    with contextlib.ExitStack() as stack:
        if options.trace is not None:
            trace = stack.enter_context(ChromeTrace(options.trace))
            modem.trace(trace, payload=options.trace_payload)

        async with modem:
            yield modem


async def wait_for_network(modem: Modem) -> None:
    """Wait, for a bounded time, until the module is registered, and tell the user why.

    Raises:
        NotRegistered: it was not in time.
    """
    try:
        is_registered = (await modem.registration()).status.is_registered
    except (CommandError, NotRegistered):
        # Firmware that does not tell gets the benefit of the doubt.
        return

    if not is_registered:
        complain("the module is not registered with a network; waiting for it")
        await modem.wait_registered()


# Tasks


async def until_first(*works: Coroutine[Any, Any, None]) -> None:
    """Run coroutines at once until the first of them has ended, and cancel the others.

    Raises:
        Exception: what the first one raised, or else another on its way out.
    """
    tasks = [asyncio.create_task(work) for work in works]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()

        await asyncio.gather(*tasks, return_exceptions=True)

    for task in sorted(tasks, key=lambda task: task not in ended):
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
