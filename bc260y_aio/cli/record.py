"""``bc260y-aio record``: relay between a program and a port, and write a transcript."""

import argparse

from ..recording import Recorder
from .common import Subparsers, add_capture_options, add_port_options
from .serving import add_line_options, add_tcp_port_option, captured, check_link, serve


def add_to(commands: Subparsers, summary: str) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "record",
        help=summary,
        description="Open the module's port, serve a line to another program, and print the name of the line. The "
        "bytes are relayed unchanged and at once, and each command line and response is written to a file with its "
        "time in seconds. Ctrl-C or SIGTERM ends it, and the exit status is 0. `replay` plays the file.",
        epilog="The rate of the port is the rate that the program sets on its pty, unless --baudrate is given.",
    )
    add_port_options(parser)
    add_line_options(parser)
    add_tcp_port_option(parser)
    add_capture_options(parser, "that the program writes")
    parser.add_argument(
        "--mask",
        action="store_true",
        help="replace the digits of identities, cells, numbers, addresses, APNs and credentials, so that the file can "
        "be published; payload and host names stay",
    )
    parser.add_argument("file", metavar="FILE", help="the transcript; an existing file is replaced")
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace) -> int:
    """Record until a signal, or until the port is lost."""
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
    with captured(options) as recorder.watch:
        return await _record(recorder, options)


async def _record(recorder: Recorder, options: argparse.Namespace) -> int:
    async with recorder:
        what = f"recording {options.port} to {options.file}"
        await serve(recorder.url, options.link, what, recorder.wait_ended())

    return 0
