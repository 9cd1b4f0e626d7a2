"""Code that the commands share: options, output, and running coroutines concurrently."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ..at.privacy import printable
from .extras import is_installed

EXIT_FAILURE: Final = 1
EXIT_USAGE: Final = 2
EXIT_INTERRUPTED: Final = 130

# The variable that names the port when --port does not.
PORT_VARIABLE: Final = "BC260Y_PORT"

LABEL_WIDTH: Final = 14

if TYPE_CHECKING:
    Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
else:
    Subparsers = Any


# Options


def add_port_options(parser: argparse.ArgumentParser, *, emulated: str | None = None) -> None:
    """Add ``--port`` and ``--baudrate``.

    Args:
        parser: the command's parser.
        emulated: the URL of the emulator to use without a port; None makes the port required.
    """
    fallback = f"; otherwise {emulated.replace('%', '%%')}" if emulated else ""
    parser.add_argument(
        "--port",
        default=os.environ.get(PORT_VARIABLE) or emulated,
        help=f"device path, socket://host:port or emulator://; default: the variable {PORT_VARIABLE}{fallback}",
    )
    parser.add_argument(
        "--baudrate",
        type=whole_number(1),
        metavar="RATE",
        help="rate of the serial port; by default the usual rates are tried",
    )


def add_trace_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--trace`` and ``--trace-payload``, for a command that opens its modem with :func:`.device.opened`."""
    parser.add_argument(
        "--trace",
        metavar="FILE",
        help="write a trace of the line and each socket to a file for ui.perfetto.dev; an existing file is replaced",
    )
    parser.add_argument("--trace-payload", action="store_true", help="include the payload in the trace")
    add_capture_options(parser, "to which TLS clients in this process write their secrets")


def add_capture_options(parser: argparse.ArgumentParser, about_keys: str) -> None:
    """Add ``--pcap`` and ``--tls-keys``.

    Args:
        parser: the command's parser.
        about_keys: who writes the file of TLS keys.
    """
    parser.add_argument(
        "--pcap",
        metavar="FILE",
        help="write what the sockets send and receive, as packets, to a pcapng file for Wireshark; an existing file is "
        "replaced",
    )
    parser.add_argument(
        "--tls-keys",
        metavar="FILE",
        help=f"with --pcap: a key log (SSLKEYLOGFILE) {about_keys}; the capture then shows what was encrypted",
    )


def check_capture_options(options: argparse.Namespace) -> None:
    """Refuse ``--tls-keys`` without ``--pcap``.

    Raises:
        SystemExit: it is.
    """
    if options.tls_keys is not None and options.pcap is None:
        options.refuse("--tls-keys needs --pcap")


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_data_format_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--data-format``."""
    parser.add_argument(
        "--data-format",
        choices=("hex", "text", "auto"),
        default="hex",
        help="the payload format on the serial line (%(default)s)",
    )


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """Return a function that reads a whole number from ``least`` to ``most`` from an argument."""
    wanted = f"{least} or more" if most is None else f"{least} to {most}"

    def read(text: str) -> int:
        number = int(text) if text.isascii() and text.isdigit() else least - 1
        if number < least or (most is not None and number > most):
            raise argparse.ArgumentTypeError(f"must be a whole number, {wanted}, not {text!r}")

        return number

    return read


def seconds(text: str) -> float:
    """Read a time in seconds from an argument."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0

    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number of seconds, not {text!r}")

    return number


# Output


def print_line(line: str = "") -> None:
    """Print a line at once; see :func:`printable`.

    Raises:
        BrokenPipeError: the reader of standard output has closed it.
    """
    write(f"{printable(line)}\n")


def print_field(label: str, text: str, style: str = "") -> None:
    """Print a label and a text, which may have several lines, in two columns.

    Args:
        label: the label.
        text: the text.
        style: the style of the label on a terminal, as rich names it.
    """
    if is_terminal() and is_installed("rich"):
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=LABEL_WIDTH - 1)
        grid.add_column(overflow="fold")
        grid.add_row(Text(label, style or "bold"), Text("\n".join(map(printable, text.split("\n")))))
        Console(file=sys.stdout).print(grid)
        return

    for line in text.split("\n"):
        print_line(f"{label:{LABEL_WIDTH}}{line}")
        label = ""


def print_json(value: Any, *, indent: int | None = 2) -> None:
    """Print a value as JSON at once."""
    write(f"{json.dumps(value, indent=indent)}\n")


def write(text: str) -> None:
    """Print text unchanged, at once."""
    # sys.stdout is None if the caller has closed standard output.
    if sys.stdout is not None:
        sys.stdout.write(text)
        sys.stdout.flush()


def print_error(message: str) -> None:
    """Print a line on standard error."""
    if sys.stderr is not None:
        sys.stderr.write(f"bc260y-aio: {printable(message)}\n")
        sys.stderr.flush()


def is_terminal() -> bool:
    """Return whether standard output is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def error_text(exc: BaseException) -> str:
    """Return the message of an exception, in one line."""
    match exc:
        case OSError(strerror=str(text), filename=str(name)):
            return f"{name}: {text}"
        case OSError(strerror=str(text)):
            return text
        case TimeoutError() if not str(exc):
            return "it took too long"
        case _:
            return " ".join(str(exc).split()) or type(exc).__name__


# Tasks


async def run_until_first(*works: Coroutine[Any, Any, None]) -> None:
    """Run coroutines concurrently until the first of them ends, and cancel the others.

    Raises:
        Exception: the exception of the first one, or else of another one while it was cancelled.
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
