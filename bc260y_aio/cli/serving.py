"""What the commands share that serve a line to another program: which line, under which name, and until when."""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Coroutine
from typing import Any, Final

from ..emulator.line import check_link as check_pty_link
from .common import complain, say, until_first, whole_number

# What ends it, and is no failure.
_ENDINGS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def add_line_options(parser: argparse.ArgumentParser, default: str = "a pty") -> None:
    """Add ``--line`` and ``--link``.

    Args:
        parser: the command's parser.
        default: what the line is by default, in words.
    """
    parser.add_argument("--line", choices=("pty", "tcp"), help=f"what to serve it on; by default {default}")
    parser.add_argument("--link", metavar="PATH", help="a symbolic link to make to the pty, and to remove at the end")


def add_tcp_port_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--tcp-port``."""
    parser.add_argument(
        "--tcp-port",
        type=whole_number(0, 65535),
        default=0,
        metavar="PORT",
        help="the port of a TCP line, on 127.0.0.1; any by default",
    )


def check_link(options: argparse.Namespace, line: str, link: str | None) -> None:
    """Check that a link can be made.

    Raises:
        SystemExit: only a pty has one.
        FileExistsError: the name is taken, also by a link that another program made.
    """
    if link is None:
        return

    if line != "pty":
        options.refuse("only a pty has a link")

    check_pty_link(link)


async def serve(url: str, link: str | None, what: str, *works: Coroutine[Any, Any, None]) -> None:
    """Print the name of the line, and wait until a signal ends it, or one of these coroutines does.

    Args:
        url: the line.
        link: the link to it, if there is one.
        what: what a person is told about it.
        works: run meanwhile.
    """
    stop = asyncio.Event()
    # Whoever has read the name may end it, and what was started in the background is to ignore some of them.
    for number in _ENDINGS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                asyncio.get_running_loop().add_signal_handler(number, stop.set)

    say(link or url)
    if sys.stderr is not None and sys.stderr.isatty():
        at = f" ({url})" if link else ""
        complain(f"{what}{at}; Ctrl-C ends it")

    await until_first(_come(stop), *works)


async def _come(event: asyncio.Event) -> None:
    await event.wait()
