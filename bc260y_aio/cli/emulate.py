"""``bc260y-aio emulate``: a module for any program that can open a serial port."""

import argparse
from typing import Any

from ..emulator import Emulator, Options
from .common import Subparsers
from .serving import add_line_options, announce, check_link, stopped


def add_to(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "emulate",
        help="serve an emulated module on a pty or a TCP port",
        description="Serve an emulated module to any program that opens serial ports, and print the name of its port. "
        "Its sockets are real ones on this machine's loopback interface. Ctrl-C or SIGTERM ends it, and the exit "
        "status is 0.",
    )
    add_line_options(parser, "what the URL says, or else a pty")
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
    async with Emulator(emulated) as emulator:
        announce(emulator.url, emulated.link, "this is an emulated BC260Y-CN")
        await stopped()

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
    check_link(options, emulated.line, emulated.link)
    return emulated
