"""The command line: ``bc260y-aio`` and ``python -m bc260y_aio``."""

# The module of a command is imported when the command is used: `--help` and a completion script need none of them, and
# `nc` does not need the doctor.

import argparse
import asyncio
import contextlib
import importlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from .common import (
    EXIT_FAILURE,
    EXIT_INTERRUPTED,
    EXIT_USAGE,
    PORT_VARIABLE,
    error_text,
    print_error,
    print_line,
    write,
)
from .extras import MissingExtra, require

__all__ = ["build_parser", "main", "run_command"]

logger = logging.getLogger(__name__)

# Each command is a module of this package, with `add_to(commands, summary)`.
COMMANDS: Final = {
    "demo": "upload over five sockets at once, and check every byte at both ends",
    "info": "show the identity, network, sockets and settings of a module",
    "ping": "ping a host",
    "dns": "resolve names, show or set the DNS servers",
    "ntp": "ask an NTP server for the time",
    "nc": "connect standard input and output to a host",
    "at": "send AT commands: from the command line, from standard input, or at a prompt",
    "run": "run a Python script with every connection over the module",
    "socks": "serve a SOCKS5 proxy that connects over the module",
    "emulate": "serve an emulated module on a pty or a TCP port",
    "record": "relay between a program and a port, and write a transcript",
    "replay": "play the module of a transcript to a program",
    "doctor": "check a module against the assumptions of this package",
    "fleet": "run many emulated devices, on all cores or on a cluster",
}
_LEVELS: Final = (logging.WARNING, logging.INFO, logging.DEBUG)
_SIGNALLED: Final = 128
# These signals end a command as Ctrl-C does.
_ENDINGS: Final = (signal.SIGTERM, signal.SIGHUP)


def build_parser(names: Iterable[str] = tuple(COMMANDS)) -> argparse.ArgumentParser:
    """Return the parser of the command line.

    Args:
        names: the commands whose arguments it knows; of the others it knows only the name. All by default.
    """
    parser = argparse.ArgumentParser(
        prog="bc260y-aio",
        description="asyncio sockets over a Quectel BC260Y-CN NB-IoT module",
        epilog=f"--port, or the variable {PORT_VARIABLE}, names the port of the module; emulator:// is a module "
        "emulated in this process. Exit status: 0 success, 1 failure, 2 wrong usage, 3 differences found by doctor, "
        "130 interrupted.",
    )
    parser.add_argument("--version", action=_ShowVersion, nargs=0, help="show the version, and exit")
    parser.add_argument(
        "--print-completion",
        action=_PrintCompletion,
        choices=("bash", "zsh", "tcsh"),
        help="print a completion script for this shell, and exit",
    )
    _add_verbosity(parser, 0)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        if name in names:
            importlib.import_module(f".{name}", __package__).add_to(commands, summary)
        else:
            commands.add_parser(name, help=summary, add_help=False)

    for subparser in commands.choices.values():
        _add_verbosity(subparser, argparse.SUPPRESS)
        subparser.set_defaults(refuse=subparser.error)

    return parser


class _ShowVersion(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        import importlib.metadata

        print_line(f"{parser.prog} {importlib.metadata.version('bc260y-aio')}")
        parser.exit()


class _PrintCompletion(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, _: Any, shell: Any, __: Any = None) -> None:
        try:
            require("shtab", "a completion script")
        except MissingExtra as exc:
            parser.exit(EXIT_FAILURE, f"{parser.prog}: {exc}\n")

        import shtab

        write(shtab.complete(build_parser(), shell))
        parser.exit()


def _add_verbosity(parser: argparse.ArgumentParser, default: int | str) -> None:
    parser.add_argument(
        "-v", "--verbose", action="count", default=default, help="log to standard error; twice for more"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    Returns:
        0 for success, 1 for a failure, 2 for wrong usage, 3 if the doctor found differences, 130 if interrupted.

    Raises:
        SystemExit: the arguments are wrong, or ask for help.
    """
    options = parse(sys.argv[1:] if arguments is None else arguments)
    if hasattr(options, "execute"):
        # A script has this process to itself, as without this package.
        status: int = options.execute(options)
        return status

    # A character that the terminal's encoding does not have is not a reason to fail.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")

    level = _LEVELS[min(options.verbose, len(_LEVELS) - 1)]
    logging.basicConfig(level=level, format="%(asctime)s %(name)s %(message)s", stream=sys.stderr)
    try:
        return asyncio.run(run_command(options))
    except KeyboardInterrupt:
        # The terminal has printed ^C on the current line.
        if sys.stderr is not None and sys.stderr.isatty():
            sys.stderr.write("\n")

        return EXIT_INTERRUPTED


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the arguments, with the parser of the one command that they name.

    Raises:
        SystemExit: they are wrong, or ask for help.
    """
    named = next((one for one in arguments if not one.startswith("-")), "")
    options, unknown = build_parser([named]).parse_known_args(arguments)
    if unknown:
        options.refuse(f"unrecognized arguments: {' '.join(unknown)}")

    if getattr(options, "port", "named") in (None, ""):
        options.refuse(f"no port was named: use --port, or the variable {PORT_VARIABLE}{_port_hint(options)}")

    return options


def _port_hint(options: argparse.Namespace) -> str:
    """Return what to do where ``--port`` was given to the script of ``run`` instead of to ``run``."""
    of_script = [*(getattr(options, "script", None) or ()), *(getattr(options, "module", None) or ())]
    if not any(one.partition("=")[0] == "--port" for one in of_script):
        return ""

    return "; --port after the script is an argument of the script: bc260y-aio run --port PORT SCRIPT"


async def run_command(options: argparse.Namespace) -> int:
    """Run the command that the arguments name, and return its exit status."""
    try:
        with _cancelled_by_signals() as received:
            status: int = await options.run(options)
    except asyncio.CancelledError:
        if received:
            return _SIGNALLED + received[0]

        raise
    except BrokenPipeError:
        _discard_output()
        return EXIT_FAILURE
    except (OSError, ValueError, MissingExtra) as exc:
        logger.debug("%r", exc, exc_info=exc)
        print_error(error_text(exc))
        return EXIT_USAGE if isinstance(exc, ValueError) else EXIT_FAILURE

    return status


@contextlib.contextmanager
def _cancelled_by_signals() -> Iterator[list[int]]:
    """Cancel this task on SIGTERM and SIGHUP, so that the module is left in order; yield the list of those received."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    received: list[int] = []
    assert task is not None

    def cancel(number: int) -> None:
        received.append(number)
        task.cancel()

    # nohup ignores one of them, and only the main thread can have handlers.
    is_main = threading.current_thread() is threading.main_thread()
    numbers = [number for number in _ENDINGS if is_main and signal.getsignal(number) is signal.SIG_DFL]
    for number in numbers:
        loop.add_signal_handler(number, cancel, number)

    try:
        yield received
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _discard_output() -> None:
    """Redirect standard output to nowhere, so that Python's flush at exit does not fail."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
