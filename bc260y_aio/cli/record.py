"""``bc260y-aio record``: stand between a program and a port, and write down what passes."""

import argparse

from ..recording import Recorder
from .common import Subparsers, add_port_options
from .serving import add_line_options, add_tcp_port_option, check_link, serve


def add_to(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "record",
        help="stand between a program and a port, and write a transcript",
        description="Open the module's port, serve a line to another program, and print its name. What passes between "
        "them is passed on unchanged and at once, and written to a file with the time in seconds: a line a line. "
        "Ctrl-C or SIGTERM ends it, and the exit status is 0. `replay` plays the file.",
        epilog="The rate of the port is what the program sets its pty to, unless --baudrate tells it.",
    )
    add_port_options(parser)
    add_line_options(parser)
    add_tcp_port_option(parser)
    parser.add_argument(
        "--mask",
        action="store_true",
        help="put other digits in the place of IMEI, IMSI, ICCID and addresses, so that the file may be shown; payload "
        "and names stay",
    )
    parser.add_argument("file", metavar="FILE", help="the transcript; one that is there is overwritten")
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace) -> int:
    """Record until a signal ends it, or the port goes away."""
    line = options.line or "pty"
    check_link(options, line, options.link)
    recorder = Recorder(
        options.port,
        options.file,
        baudrate=options.baudrate,
        line=line,
        link=options.link,
        tcp_port=options.tcp_port,
        mask=options.mask,
    )
    async with recorder:
        what = f"{options.port} is recorded to {options.file}"
        await serve(recorder.url, options.link, what, recorder.wait_ended())

    return 0
