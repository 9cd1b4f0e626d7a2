"""``bc260y-aio dns``: what the module's resolver knows, and whom it asks."""

import argparse
from dataclasses import asdict
from typing import Final

from ..at.information import DnsServers
from ..errors import ResolutionError
from .common import (
    EXIT_FAILURE,
    Subparsers,
    add_json_option,
    add_port_options,
    add_trace_options,
    complain,
    opened,
    reason,
    say,
    say_json,
    wait_for_network,
)
from .observer import Observer

# A primary and a secondary one (guide 2.2.7).
_MOST_SERVERS: Final = 2


def add_to(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "dns",
        help="resolve names, show or set the DNS servers",
        description="Resolve names with the module's resolver, or show or set the servers that it asks.",
    )
    add_port_options(parser)
    add_trace_options(parser)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a name to resolve")
    parser.add_argument("--servers", action="store_true", help="show the DNS servers")
    parser.add_argument("--set", nargs="+", metavar=("PRIMARY", "SECONDARY"), help="set the DNS servers")
    add_json_option(parser)
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace) -> int:
    """Do the one thing of three that the options ask for."""
    if bool(options.names) + options.servers + (options.set is not None) != 1:
        options.refuse("names to resolve, or --servers, or --set: one of them")

    if options.set is not None and len(options.set) > _MOST_SERVERS:
        options.refuse("--set takes a primary and a secondary DNS server")

    async with opened(Observer(options.port, baudrate=options.baudrate, stays_awake=True), options) as observer:
        await wait_for_network(observer)
        if options.names:
            return await _resolve(observer, options)

        if options.set is not None:
            await observer.set_dns_servers(*options.set)

        _show_servers(await observer.dns_servers(), as_json=options.json)
        return 0


async def _resolve(observer: Observer, options: argparse.Namespace) -> int:
    found: dict[str, list[str] | None] = {}
    for name in options.names:
        try:
            found[name] = addresses = await observer.resolve(name)
        except ResolutionError as exc:
            found[name] = None
            complain(reason(exc))
            continue

        if not options.json:
            for address in addresses:
                say(f"{name} {address}")

    if options.json:
        say_json(found)

    return 0 if all(found.values()) else EXIT_FAILURE


def _show_servers(servers: DnsServers, *, as_json: bool) -> None:
    found = {name: address or None for name, address in asdict(servers).items() if name != "context_id"}
    if as_json:
        say_json(found)
        return

    for name, address in found.items():
        rank, _, version = name.partition("_")
        say(f"{rank:10}{version.replace('ip', 'IP'):6}{address or '-'}")
