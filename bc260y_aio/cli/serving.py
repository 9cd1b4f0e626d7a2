"""Code shared by the commands that serve a line to another program: its kind, its name, and its end."""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final

from ..capture import Capture, LineCapture
from ..emulator.line import check_link as check_pty_link
from .common import check_capture_options, print_error, print_line, run_until_first, whole_number

# These signals end a command without a failure.
_ENDINGS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def add_line_options(parser: argparse.ArgumentParser, default: str = "a pty") -> None:
    """Add ``--line`` and ``--link``.

    Args:
        parser: the command's parser.
        default: the default kind of line, in words.
    """
    parser.add_argument("--line", choices=("pty", "tcp"), help=f"the kind of line; by default {default}")
    parser.add_argument("--link", metavar="PATH", help="create a symbolic link to the pty, and remove it at the end")


@contextlib.contextmanager
def captured(options: argparse.Namespace) -> Iterator[Callable[[bytes, bool], None]]:
    """Capture a line for a block, if ``--pcap`` was given.

    Yields:
        What takes its bytes, and whether they are the program's.

    Raises:
        OSError: the file cannot be written.
    """
    check_capture_options(options)
    if options.pcap is None:
        yield lambda data, by_dte: None
        return

    with Capture(options.pcap, tls_keys=options.tls_keys) as capture:
        line = LineCapture(capture)
        yield lambda data, by_dte: line.feed(data, by_dte=by_dte)


def add_tcp_port_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--tcp-port``."""
    parser.add_argument(
        "--tcp-port",
        type=whole_number(0, 65535),
        default=0,
        metavar="PORT",
        help="the port of a TCP line, on 127.0.0.1; any free port by default",
    )


def check_link(options: argparse.Namespace, line: str, link: str | None) -> None:
    """Check that a link can be created.

    Raises:
        SystemExit: the line is not a pty.
        FileExistsError: the path exists, also as a link of another program.
    """
    if link is None:
        return

    if line != "pty":
        options.refuse("only a pty has a link")

    check_pty_link(link)


async def serve(url: str, link: str | None, what: str, *works: Coroutine[Any, Any, None]) -> None:
    """Print the name of the line, and wait for a signal or for the end of one of these coroutines.

    Args:
        url: the URL of the line.
        link: the link to it, or None.
        what: what is served, for a message on a terminal.
        works: coroutines to run meanwhile.
    """
    stop = asyncio.Event()
    # A process that was started in the background ignores some of them.
    for number in _ENDINGS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                asyncio.get_running_loop().add_signal_handler(number, stop.set)

    print_line(link or url)
    if sys.stderr is not None and sys.stderr.isatty():
        at = f" ({url})" if link else ""
        print_error(f"{what}{at}; Ctrl-C ends it")

    await run_until_first(_wait_for(stop), *works)


async def _wait_for(event: asyncio.Event) -> None:
    await event.wait()
