"""The command line: ``bc260y-aio`` and ``python -m bc260y_aio``."""

import argparse
import asyncio
import contextlib
import importlib.metadata
import io
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Final

from . import at, demo, dns, doctor, emulate, fleet, info, nc, ntp, ping, record, replay, run, socks
from .common import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_USAGE, PORT_VARIABLE, complain, reason

__all__ = ["main"]

logger = logging.getLogger(__name__)

_COMMANDS: Final = (demo, info, ping, dns, ntp, nc, at, run, socks, emulate, record, replay, doctor, fleet)
_LEVELS: Final = (logging.WARNING, logging.INFO, logging.DEBUG)
# Signals that end a command as Ctrl-C does: what is open is closed, and the module may sleep again.
_ENDINGS: Final = (signal.SIGTERM, signal.SIGHUP)
_SIGNALLED: Final = 128


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="bc260y-aio",
        description="asyncio sockets over a Quectel BC260Y-CN NB-IoT module",
        epilog=f"The module's port is named by --port, or by the variable {PORT_VARIABLE}; emulator:// is a module "
        "that is emulated in this process. Exit status: 0 success, 1 failure, 2 wrong usage, 130 interrupted.",
    )
    version = importlib.metadata.version("bc260y-aio")
    parser.add_argument("--version", action="version", version=f"%(prog)s {version}")
    _add_verbosity(parser, 0)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_to(commands)

    for subparser in commands.choices.values():
        _add_verbosity(subparser, argparse.SUPPRESS)
        subparser.set_defaults(refuse=subparser.error)

    return parser


def _add_verbosity(parser: argparse.ArgumentParser, default: int | str) -> None:
    parser.add_argument(
        "-v", "--verbose", action="count", default=default, help="log to standard error; twice for more"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0 success, 1 failure, 2 wrong usage, 130 interrupted.

    Raises:
        SystemExit: the arguments are wrong, or ask for help.
    """
    options = build_parser().parse_args(arguments)
    _check_port(options)
    if hasattr(options, "execute"):
        # A script has this process to itself, as it would without us.
        status: int = options.execute(options)
        return status

    for stream in (sys.stdout, sys.stderr):
        # A character that the terminal's encoding does not have is no reason to fail.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")

    level = _LEVELS[min(options.verbose, len(_LEVELS) - 1)]
    logging.basicConfig(level=level, format="%(asctime)s %(name)s %(message)s", stream=sys.stderr)
    try:
        return asyncio.run(run_command(options))
    except KeyboardInterrupt:
        # The terminal has written ^C into a line of its own making.
        if sys.stderr is not None and sys.stderr.isatty():
            sys.stderr.write("\n")

        return EXIT_INTERRUPTED


def _check_port(options: argparse.Namespace) -> None:
    if getattr(options, "port", "") is None:
        options.refuse(f"no port was named: use --port, or the variable {PORT_VARIABLE}")


async def run_command(options: argparse.Namespace) -> int:
    """Run the command that the arguments name, and return its exit status."""
    try:
        with _ended_by_signals() as received:
            status: int = await options.run(options)
    except asyncio.CancelledError:
        if received:
            return _SIGNALLED + received[0]

        raise
    except BrokenPipeError:
        _forget_output()
        return EXIT_FAILURE
    except (OSError, ValueError) as exc:
        logger.debug("%r", exc, exc_info=exc)
        complain(reason(exc))
        return EXIT_USAGE if isinstance(exc, ValueError) else EXIT_FAILURE

    return status


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[list[int]]:
    """Cancel this task when such a signal comes, and keep its number in the list."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    received: list[int] = []
    assert task is not None

    def end(number: int) -> None:
        received.append(number)
        task.cancel()

    # nohup has one of them ignored, and only the main thread can have handlers.
    is_main = threading.current_thread() is threading.main_thread()
    numbers = [number for number in _ENDINGS if is_main and signal.getsignal(number) is signal.SIG_DFL]
    for number in numbers:
        loop.add_signal_handler(number, end, number)

    try:
        yield received
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _forget_output() -> None:
    """Let what Python still wants to write at its end go nowhere."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
