"""``bc260y-aio ntp``: ask an NTP server for the time."""

import argparse

from .common import (
    Subparsers,
    add_json_option,
    add_port_options,
    add_trace_options,
    print_json,
    print_line,
    whole_number,
)
from .device import opened, wait_for_network
from .observer import Observer


def add_to(commands: Subparsers, summary: str) -> None:
    """Add the command."""
    parser = commands.add_parser("ntp", help=summary, description="Let the module ask an NTP server for the time.")
    add_port_options(parser)
    add_trace_options(parser)
    parser.add_argument("server", metavar="SERVER", help="name or address of the server")
    parser.add_argument(
        "server_port",
        metavar="PORT",
        nargs="?",
        type=whole_number(1, 65535),
        default=123,
        help="port of the server (%(default)s)",
    )
    parser.add_argument("--set-clock", action="store_true", help="set the clock of the module")
    add_json_option(parser)
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace) -> int:
    """Ask for the time, and show it."""
    async with opened(Observer(options.port, baudrate=options.baudrate, stays_awake=True), options) as modem:
        await wait_for_network(modem)
        time = await modem.ntp_time(options.server, options.server_port, set_clock=options.set_clock)
        clock = await modem.clock() if options.set_clock else None

    if options.json:
        print_json({"time": time.isoformat(), "clock": None if clock is None else clock.isoformat()})
        return 0

    print_line(time.isoformat(" "))
    if clock is not None:
        print_line(f"the module's clock is {clock.isoformat(' ')}")

    return 0
