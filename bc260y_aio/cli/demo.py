"""``bc260y-aio demo``: upload over five sockets at once, and compare the data at both ends."""

import argparse
import asyncio
import contextlib
import errno
import random
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from ..at.syntax import is_text
from ..modem.modem import Modem
from .common import (
    EXIT_FAILURE,
    Subparsers,
    add_data_format_option,
    add_port_options,
    add_trace_options,
    print_error,
    print_line,
    run_until_first,
    whole_number,
)
from .demo_peers import Archive, DatagramArchive
from .demo_uploads import Upload, upload_all
from .device import opened, wait_for_network
from .extras import require
from .reporting import add_report_options

EMULATED: Final = "emulator://?baudrate=115200&latency=0.05"
LOOPBACK: Final = "127.0.0.1"
# Three streams and two datagram sockets: all that a module has.
SERVICES: Final = ("TCP", "TCP", "TCP", "UDP", "UDP")

# How many ports to try until one is free for TCP and UDP.
_PORT_ATTEMPTS: Final = 10
_PRINTABLE: Final = range(0x20, 0x7F)


def add_to(commands: Subparsers, summary: str) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "demo",
        help=summary,
        description="Start a TCP and a UDP server on this machine, upload to them over five sockets of the module at "
        "once, and compare the received data with the sent data. Without a port, a module is emulated. A real module "
        "must be able to reach this machine over its network: see --host and --listen.",
    )
    add_port_options(parser, emulated=EMULATED)
    add_trace_options(parser)
    add_report_options(parser)
    parser.add_argument(
        "--host", default=LOOPBACK, help="the name or address at which the module reaches this machine (%(default)s)"
    )
    parser.add_argument(
        "--listen", default=LOOPBACK, metavar="ADDRESS", help="where the servers listen (%(default)s); 0.0.0.0 for all"
    )
    parser.add_argument(
        "--server-port",
        type=whole_number(0, 65535),
        default=0,
        metavar="PORT",
        help="the port of the servers; any free port by default",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--size", type=whole_number(0), default=8192, metavar="BYTES", help="random bytes per socket (%(default)s)"
    )
    what.add_argument("--file", type=Path, metavar="PATH", help="a file to upload instead, a part over each socket")
    parser.add_argument("--seed", type=int, help="the seed of the random bytes, to repeat them")
    add_data_format_option(parser)
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace) -> int:
    """Upload, show the progress, and show the results."""
    require("rich", "the demo")
    from .demo_display import show_progress, show_table

    uploads = _shares(options)
    if options.port == EMULATED:
        print_line(f"no port was named: this is an emulated module ({EMULATED})")

    async with _servers(options.listen, options.server_port) as (port, archive, datagrams):
        print_line(f"servers are listening on {options.listen}, port {port}, for TCP and UDP")
        async with opened(
            Modem(options.port, baudrate=options.baudrate, data_format=options.data_format), options
        ) as modem:
            rate = modem.baudrate
            print_line(f"the module is on {options.port}" + (f" at {rate} baud" if rate else ""))
            if options.host == LOOPBACK and not options.port.startswith("emulator:"):
                print_error(f"a real module cannot reach the servers on {LOOPBACK}: see --host and --listen")

            await wait_for_network(modem)
            started = time.monotonic()
            # The view has the progress, too.
            progress = [] if options.watch else [show_progress(uploads)]
            await run_until_first(upload_all(modem, uploads, options.host, port), *progress)
            seconds = time.monotonic() - started

    for upload in uploads:
        received = archive.received if upload.service == "TCP" else datagrams.received
        if upload.is_complete and received.get(upload.number) != upload.data:
            upload.result = "the server has different data"

    show_table(uploads, seconds, rate)
    return 0 if all(upload.is_complete for upload in uploads) else EXIT_FAILURE


def _shares(options: argparse.Namespace) -> list[Upload]:
    """Return the upload of each socket.

    Raises:
        OSError: the file cannot be read.
        ValueError: it cannot be sent in this format.
    """
    if options.file is None:
        generator = random.Random(options.seed)
        make = (
            generator.randbytes
            if options.data_format != "text"
            else lambda size: bytes(generator.choices(_PRINTABLE, k=size))
        )
        return [Upload(number, service, make(options.size)) for number, service in enumerate(SERVICES)]

    data = options.file.read_bytes()
    if options.data_format == "text" and not is_text(data):
        raise ValueError(f"{options.file} holds bytes outside 0x20 to 0x7E: text cannot carry them")

    size = -(-len(data) // len(SERVICES))
    return [
        Upload(number, service, data[number * size : (number + 1) * size]) for number, service in enumerate(SERVICES)
    ]


# The servers


@contextlib.asynccontextmanager
async def _servers(host: str, port: int) -> AsyncIterator[tuple[int, Archive, DatagramArchive]]:
    """Serve TCP and UDP on one port."""
    loop = asyncio.get_running_loop()
    archive = Archive()
    for attempt in range(_PORT_ATTEMPTS):
        server = await asyncio.start_server(archive.serve, host, port, family=socket.AF_INET)
        found: int = server.sockets[0].getsockname()[1]
        try:
            transport, datagrams = await loop.create_datagram_endpoint(DatagramArchive, local_addr=(host, found))
            break
        except OSError as exc:
            server.close()
            if port or exc.errno != errno.EADDRINUSE or attempt + 1 == _PORT_ATTEMPTS:
                raise

    try:
        yield found, archive, datagrams
    finally:
        transport.close()
        server.close()
        archive.close()
        await server.wait_closed()
