"""``bc260y-aio ntp``: the time, asked for over the radio."""

import argparse

from .common import (
    Subparsers,
    add_json_option,
    add_port_options,
    add_trace_options,
    opened,
    say,
    say_json,
    wait_for_network,
    whole_number,
)
from .observer import Observer


def add_to(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "ntp", help="ask an NTP server for the time", description="Let the module ask an NTP server for the time."
    )
    add_port_options(parser)
    add_trace_options(parser)
    parser.add_argument("server", metavar="SERVER", help="its name or address")
    parser.add_argument(
        "server_port",
        metavar="PORT",
        nargs="?",
        type=whole_number(1, 65535),
        default=123,
        help="its port (%(default)s)",
    )
    parser.add_argument("--set-clock", action="store_true", help="set the module's clock by it")
    add_json_option(parser)
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace) -> int:
    """Ask, and show the time."""
    async with opened(Observer(options.port, baudrate=options.baudrate, stays_awake=True), options) as observer:
        await wait_for_network(observer)
        time = await observer.ntp_time(options.server, options.server_port, set_clock=options.set_clock)
        clock = await observer.clock() if options.set_clock else None

    if options.json:
        say_json({"time": time.isoformat(), "clock": None if clock is None else clock.isoformat()})
        return 0

    say(time.isoformat(" "))
    if clock is not None:
        say(f"the module's clock is {clock.isoformat(' ')}")

    return 0
