"""``bc260y-aio replay``: the module of a transcript, for any program that can open a serial port."""

import argparse
import asyncio
import math
from typing import Final

from ..recording import Replay
from .common import Subparsers, complain
from .serving import add_line_options, add_tcp_port_option, check_link, serve

# How long the line stays after the last byte, for the program to read it, in seconds.
_LINGER: Final = 1.0


def add_to(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "replay",
        help="play the module of a transcript",
        description="Serve a line to another program, print its name, and be the module of a transcript that `record` "
        "has written. What the program writes must be what stands there, byte for byte and in order. The first "
        "difference ends it, is told with its line, and makes the exit status 1; so does an end that comes too early. "
        "A second after the last line it ends, and the exit status is 0.",
    )
    add_line_options(parser)
    add_tcp_port_option(parser)
    _add_how_options(parser)
    parser.add_argument("file", metavar="FILE", help="the transcript")
    parser.set_defaults(run=run, match="strict")


def _add_how_options(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--by-socket",
        dest="match",
        action="store_const",
        const="by-socket",
        help="let the commands of one connectID come in another order beside those of others: with several sockets at "
        "work that is chance",
    )
    what.add_argument(
        "--lenient",
        dest="match",
        action="store_const",
        const="lenient",
        help="answer each command line as the transcript does, whenever it comes and as often as it comes; what is not "
        "there with ERROR. It goes on until Ctrl-C or SIGTERM",
    )
    when = parser.add_mutually_exclusive_group()
    when.add_argument(
        "--speed",
        type=_factor,
        default=1.0,
        metavar="FACTOR",
        help="how fast to answer, beside the recording (%(default)g)",
    )
    when.add_argument(
        "--no-wait", dest="speed", action="store_const", const=None, help="answer at once, whatever the transcript says"
    )


def _factor(text: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        factor = math.nan

    if not 0 < factor < math.inf:
        raise argparse.ArgumentTypeError(f"must be a positive number, not {text!r}")

    return factor


async def run(options: argparse.Namespace) -> int:
    """Play until the end of the transcript, a difference, or a signal."""
    line = options.line or "pty"
    check_link(options, line, options.link)
    replay = Replay(
        options.file,
        match=options.match,
        speed=options.speed,
        line=line,
        link=options.link,
        tcp_port=options.tcp_port,
    )
    async with replay:
        await serve(replay.url, options.link, f"this is the module of {options.file}", _play(replay))

    for unknown in replay.unknown:
        complain(f"the transcript does not have {unknown}")

    return 0


async def _play(replay: Replay) -> None:
    await replay.wait_finished()
    await asyncio.sleep(_LINGER)
