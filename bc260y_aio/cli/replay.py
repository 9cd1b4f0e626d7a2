"""``bc260y-aio replay``: play the module of a transcript to any program that opens a serial port."""

import argparse
import asyncio
import math
from typing import Final

from ..recording import Replay
from .common import Subparsers, add_capture_options, print_error
from .serving import add_line_options, add_tcp_port_option, captured, check_link, serve

# How long the line stays open after the last byte, so that the program can read it, in seconds.
_LINGER: Final = 1.0


def add_to(commands: Subparsers, summary: str) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "replay",
        help=summary,
        description="Serve a line to another program, print the name of the line, and play the module of a transcript "
        "that `record` has written. The program must write the bytes of the transcript, in order. The first difference "
        "ends the replay, is printed with its line, and makes the exit status 1; so does an early end. One second "
        "after the last line the replay ends with exit status 0.",
    )
    add_line_options(parser)
    add_tcp_port_option(parser)
    _add_how_options(parser)
    add_capture_options(parser, "that the program writes")
    parser.add_argument("file", metavar="FILE", help="the transcript")
    parser.set_defaults(run=run, match="strict")


def _add_how_options(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--by-socket",
        dest="match",
        action="store_const",
        const="by-socket",
        help="compare the order of commands for each connectID separately: the order of several sockets varies",
    )
    what.add_argument(
        "--lenient",
        dest="match",
        action="store_const",
        const="lenient",
        help="answer each command line as in the transcript, whenever and however often it comes, and others with "
        "ERROR; until Ctrl-C or SIGTERM",
    )
    when = parser.add_mutually_exclusive_group()
    when.add_argument(
        "--speed",
        type=_factor,
        default=1.0,
        metavar="FACTOR",
        help="speed relative to the recording (%(default)g)",
    )
    when.add_argument(
        "--no-wait", dest="speed", action="store_const", const=None, help="answer without the recorded delays"
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
    """Play until the end of the transcript, a mismatch, or a signal."""
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
    with captured(options) as replay.watch:
        await _serve(replay, options)

    for unknown in replay.unknown:
        print_error(f"the transcript does not contain {unknown}")

    return 0


async def _serve(replay: Replay, options: argparse.Namespace) -> None:
    async with replay:
        await serve(replay.url, options.link, f"playing the module of {options.file}", _play(replay))


async def _play(replay: Replay) -> None:
    await replay.wait_finished()
    await asyncio.sleep(_LINGER)
