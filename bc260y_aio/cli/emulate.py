"""``bc260y-aio emulate``: a module for any program that can open a serial port."""

import argparse
import asyncio
import contextlib
import signal

from ..emulator import Emulator, Options
from .common import Subparsers, say


def add_to(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "emulate",
        help="serve an emulated module on a pty or a TCP port",
        description="Serve an emulated module until interrupted. Its sockets are real ones on this machine's loopback.",
    )
    parser.add_argument("--line", choices=("pty", "tcp"), default="pty", help="what to serve it on (%(default)s)")
    parser.add_argument("--link", metavar="PATH", help="a symbolic link to make to the pty")
    parser.add_argument(
        "url",
        nargs="?",
        default="emulator://",
        metavar="URL",
        help='such as "emulator://?baudrate=9600&latency=0.3"',
    )
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)

    settings = {"line": options.line} if options.link is None else {"line": options.line, "link": options.link}
    async with Emulator(Options.from_url(options.url), **settings) as emulator:
        say(f"a BC260Y-CN is on {options.link or emulator.url}; Ctrl-C ends it")
        await stop.wait()

    return 0
