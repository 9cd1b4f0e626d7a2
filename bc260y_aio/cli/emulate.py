"""``bc260y-aio emulate``: a module for any program that can open a serial port."""

import argparse
import asyncio
import contextlib
import errno
import os
import signal
import sys
from typing import Any, Final

from ..emulator import Emulator, Options
from .common import Subparsers, complain, say

# What ends it, and is no failure.
_ENDINGS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def add_to(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "emulate",
        help="serve an emulated module on a pty or a TCP port",
        description="Serve an emulated module to any program that opens serial ports, and print the name of its port. "
        "Its sockets are real ones on this machine's loopback interface. Ctrl-C or SIGTERM ends it, and the exit "
        "status is 0.",
    )
    parser.add_argument("--line", choices=("pty", "tcp"), help="what to serve it on; what the URL says, or else a pty")
    parser.add_argument("--link", metavar="PATH", help="a symbolic link to make to the pty, and to remove at the end")
    parser.add_argument(
        "url",
        nargs="?",
        default="emulator://",
        metavar="URL",
        help='how the module is, such as "emulator://?baudrate=9600&latency=0.3"',
    )
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace) -> int:
    """Serve until a signal ends it."""
    emulated = _emulated(options)
    stop = asyncio.Event()
    for number in _ENDINGS:
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)

    async with Emulator(emulated) as emulator:
        say(emulated.link or emulator.url)
        if sys.stderr is not None and sys.stderr.isatty():
            at = f" ({emulator.url})" if emulated.link else ""
            complain(f"this is an emulated BC260Y-CN{at}; Ctrl-C ends it")

        await stop.wait()

    return 0


def _emulated(options: argparse.Namespace) -> Options:
    """Return what is to be emulated.

    Raises:
        ValueError: it cannot be.
    """
    emulated = Options.from_url(options.url)
    settings: dict[str, Any] = {}
    if options.line is not None or emulated.line == "memory":
        settings["line"] = options.line or "pty"

    if options.link is not None:
        settings["link"] = options.link

    emulated = emulated.with_settings(**settings)
    if emulated.link is not None:
        if emulated.line != "pty":
            options.refuse("only a pty has a link")

        if os.path.lexists(emulated.link) and not os.path.islink(emulated.link):
            raise FileExistsError(errno.EEXIST, "there is something else than a symbolic link", emulated.link)

    return emulated
