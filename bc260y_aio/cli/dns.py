"""``bc260y-aio dns``: resolve names with the module, and show or set its DNS servers."""

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
    error_text,
    print_error,
    print_json,
    print_line,
)
from .device import opened, wait_for_network
from .observer import Observer

# A primary and a secondary one (guide 2.2.7).
_MOST_SERVERS: Final = 2


def add_to(commands: Subparsers, summary: str) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "dns",
        help=summary,
        description="Resolve names with the module's resolver, or show or set its DNS servers.",
    )
    add_port_options(parser)
    add_trace_options(parser)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a name to resolve")
    parser.add_argument("--servers", action="store_true", help="show the DNS servers")
    parser.add_argument("--set", nargs="+", metavar=("PRIMARY", "SECONDARY"), help="set the DNS servers")
    add_json_option(parser)
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace) -> int:
    """Resolve names, show the servers, or set them."""
    if bool(options.names) + options.servers + (options.set is not None) != 1:
        options.refuse("give either names to resolve, or --servers, or --set")

    if options.set is not None and len(options.set) > _MOST_SERVERS:
        options.refuse("--set takes a primary and a secondary DNS server")

    async with opened(Observer(options.port, baudrate=options.baudrate, stays_awake=True), options) as modem:
        await wait_for_network(modem)
        if options.names:
            return await _resolve(modem, options)

        if options.set is not None:
            await modem.set_dns_servers(*options.set)

        _show_servers(await modem.dns_servers(), as_json=options.json)
        return 0


async def _resolve(modem: Observer, options: argparse.Namespace) -> int:
    found: dict[str, list[str] | None] = {}
    for name in options.names:
        try:
            found[name] = addresses = await modem.resolve(name)
        except ResolutionError as exc:
            found[name] = None
            print_error(error_text(exc))
            continue

        if not options.json:
            for address in addresses:
                print_line(f"{name} {address}")

    if options.json:
        print_json(found)

    return 0 if all(found.values()) else EXIT_FAILURE


def _show_servers(servers: DnsServers, *, as_json: bool) -> None:
    found = {name: address or None for name, address in asdict(servers).items() if name != "context_id"}
    if as_json:
        print_json(found)
        return

    for name, address in found.items():
        rank, _, version = name.partition("_")
        print_line(f"{rank:10}{version.replace('ip', 'IP'):6}{address or '-'}")
