"""``bc260y-aio ping``: find out whether a host answers, and how fast."""

import argparse
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from ..at.completions import PingReply
from ..modem.ping import PingLost
from .common import EXIT_FAILURE, Subparsers, add_port_options, add_trace_options, print_json, print_line, whole_number
from .device import opened, wait_for_network
from .observer import Observer

# How much longer than the timeout of a packet the module needs to finish AT+QPING, in seconds.
_GRACE: Final = 6


def add_to(commands: Subparsers, summary: str) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "ping",
        help=summary,
        description="Ping a host, one packet after another, and show each reply as it comes. The exit status is 1 if "
        "there was no reply.",
    )
    add_port_options(parser)
    add_trace_options(parser)
    parser.add_argument("host", metavar="HOST", help="name or address")
    parser.add_argument(
        "-c", "--count", type=whole_number(1), default=4, metavar="N", help="how many packets (%(default)s)"
    )
    parser.add_argument(
        "-W",
        "--timeout",
        type=whole_number(1, 255),
        default=20,
        metavar="SECONDS",
        help="how long to wait for each reply: 1 to 255 (%(default)s); a slow network needs many seconds",
    )
    parser.add_argument(
        "-s",
        "--size",
        type=whole_number(32, 1500),
        default=32,
        metavar="BYTES",
        help="size of each packet: 32 to 1500, before firmware R01A03 to 200 (%(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print a line of JSON for each packet, and a last one")
    parser.set_defaults(run=run)


@dataclass(slots=True)
class Statistics:
    """The results of the packets so far."""

    sent: int = 0
    times_ms: list[int] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the statistics for JSON."""
        times = self.times_ms
        return {
            "sent": self.sent,
            "received": len(times),
            "lost": self.sent - len(times),
            "min_ms": min(times, default=None),
            "avg_ms": round(sum(times) / len(times)) if times else None,
            "max_ms": max(times, default=None),
        }

    def __str__(self) -> str:
        found = self.as_dict()
        text = f"{self.sent} sent, {found['received']} received, {found['lost'] / self.sent:.0%} lost"
        if not self.times_ms:
            return text

        return f"{text}; round trip min/avg/max {found['min_ms']}/{found['avg_ms']}/{found['max_ms']} ms"


async def run(options: argparse.Namespace) -> int:
    """Ping, and show each result."""
    statistics = Statistics()
    leave = float(options.timeout + _GRACE)
    async with opened(
        Observer(options.port, baudrate=options.baudrate, stays_awake=True, close_timeout=leave), options
    ) as modem:
        await wait_for_network(modem)
        address = (await modem.resolve(options.host))[0]
        if not options.json:
            print_line(f"pinging {options.host} ({address}) with {options.size} bytes")

        try:
            await _ping(modem, address, options, statistics)
        finally:
            if statistics.sent:
                _close(options, statistics)

    return 0 if statistics.times_ms else EXIT_FAILURE


async def _ping(modem: Observer, address: str, options: argparse.Namespace, statistics: Statistics) -> None:
    # One packet per command: the module accepts no other command, not even the last ones, while it pings.
    for number in range(1, options.count + 1):
        async for outcome in modem.ping_replies(address, timeout=options.timeout, count=1, size=options.size):
            statistics.sent += 1
            if isinstance(outcome, PingReply):
                statistics.times_ms.append(outcome.rtt_ms)

            _show(number, outcome, as_json=options.json)


def _show(number: int, outcome: PingReply | PingLost, *, as_json: bool) -> None:
    match outcome:
        case _ if as_json:
            print_json({"packet": number, **asdict(outcome)}, indent=None)
        case PingReply(address=address, size=size, rtt_ms=rtt_ms, ttl=ttl):
            print_line(
                f"{number}: {size} bytes from {address} in {rtt_ms} ms" + ("" if ttl is None else f", TTL {ttl}")
            )
        case _:
            print_line(f"{number}: lost")


def _close(options: argparse.Namespace, statistics: Statistics) -> None:
    if options.json:
        print_json(statistics.as_dict(), indent=None)
    else:
        print_line(f"{options.host}: {statistics}")
