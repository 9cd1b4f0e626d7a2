"""``bc260y-aio ping``: whether a host answers, and how fast."""

import argparse
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from ..at.completions import PingReply
from ..modem.ping import PingLost
from .common import (
    EXIT_FAILURE,
    Subparsers,
    add_port_options,
    add_trace_options,
    opened,
    say,
    say_json,
    wait_for_network,
    whole_number,
)
from .observer import Observer

# How much longer than a packet may take the module needs to come to the end of one, in seconds.
_GRACE: Final = 6


def add_to(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "ping",
        help="ping a host",
        description="Ping a host, one packet after another, and show each reply as it comes. The exit status is 1 when "
        "nothing came back.",
    )
    add_port_options(parser)
    add_trace_options(parser)
    parser.add_argument("host", metavar="HOST", help="name or address")
    parser.add_argument("--count", type=whole_number(1), default=4, metavar="N", help="how many packets (%(default)s)")
    parser.add_argument(
        "--timeout",
        type=whole_number(1, 255),
        default=20,
        metavar="SECONDS",
        help="how long to wait for each reply: 1 to 255 (%(default)s)",
    )
    parser.add_argument(
        "--size",
        type=whole_number(32, 1500),
        default=32,
        metavar="BYTES",
        help="of each packet: 32 to 1500, before firmware R01A03 to 200 (%(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print a line of JSON for each packet, and one at the end")
    parser.set_defaults(run=run)


@dataclass(slots=True)
class Statistics:
    """What came of the packets so far."""

    sent: int = 0
    times_ms: list[int] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return them for JSON."""
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
    """Ping, and show what comes."""
    statistics = Statistics()
    leave = float(options.timeout + _GRACE)
    async with opened(
        Observer(options.port, baudrate=options.baudrate, stays_awake=True, close_timeout=leave), options
    ) as observer:
        await wait_for_network(observer)
        address = (await observer.resolve(options.host))[0]
        if not options.json:
            say(f"pinging {options.host} ({address}) with {options.size} bytes")

        try:
            await _ping(observer, address, options, statistics)
        finally:
            if statistics.sent:
                _close(options, statistics)

    return 0 if statistics.times_ms else EXIT_FAILURE


async def _ping(observer: Observer, address: str, options: argparse.Namespace, statistics: Statistics) -> None:
    # A packet a command: the module does nothing else while a command is under way, not even to be let go.
    for number in range(1, options.count + 1):
        async for outcome in observer.ping_replies(address, timeout=options.timeout, count=1, size=options.size):
            statistics.sent += 1
            if isinstance(outcome, PingReply):
                statistics.times_ms.append(outcome.rtt_ms)

            _show(number, outcome, as_json=options.json)


def _show(number: int, outcome: PingReply | PingLost, *, as_json: bool) -> None:
    match outcome:
        case _ if as_json:
            say_json({"packet": number, **asdict(outcome)}, indent=None)
        case PingReply(address=address, size=size, rtt_ms=rtt_ms, ttl=ttl):
            say(f"{number}: {size} bytes from {address} in {rtt_ms} ms" + ("" if ttl is None else f", TTL {ttl}"))
        case _:
            say(f"{number}: lost")


def _close(options: argparse.Namespace, statistics: Statistics) -> None:
    if options.json:
        say_json(statistics.as_dict(), indent=None)
    else:
        say(f"{options.host}: {statistics}")
