"""Measuring in a network namespace with one more interface, which leads nowhere and is watched."""

import argparse
import asyncio
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, NoReturn

from bc260y_aio.bridge.isolation import namespaces
from tests.leaks.wire import Wire

from .common import Table, replace_section

PAGE: Final = Path(__file__).parents[1] / "docs" / "pages" / "howto" / "isolated.md"

_ADDRESS: Final = "198.51.100.1"

Measure = Callable[[Wire, str], Awaitable[tuple[Table, bool]]]


def script(module: str, measure: Measure, description: str | None, section: str) -> None:
    """Run the command line of a benchmark inside such a namespace.

    Args:
        module: its module.
        measure: gets the interface and the text by which rows are chosen; returns a table, and whether all went well.
        description: its docstring.
        section: the name of the table in the guide.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chosen", nargs="?", default="", metavar="TEXT", help="only the rows with this in their title")
    parser.add_argument("--write", action="store_true", help="write the table into the guide")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not arguments.inside:
        _become([sys.executable, "-m", module, "--inside", *sys.argv[1:]])

    namespaces.bring_up("lo")
    with Wire() as wire:
        _check_that_packets_are_seen(wire)
        table, is_well = asyncio.run(_run(measure, wire, arguments.chosen))

    print(table)
    if not is_well:
        sys.exit("something failed, or sent packets past the module: see above")

    if arguments.write:
        write(table, section)


async def _run(measure: Measure, wire: Wire, chosen: str) -> tuple[Table, bool]:
    return await measure(wire, chosen)


def _become(command: list[str]) -> NoReturn:
    """Run a command in network and mount namespaces of its own instead of this process."""
    options = ["--net", "--mount"]
    if os.geteuid() != 0:
        options += ["--user", "--map-current-user", "--keep-caps"]

    os.execvp("unshare", ["unshare", *options, *command])


def _check_that_packets_are_seen(wire: Wire) -> None:
    """Send one packet past the module, to show that the interface is watched.

    Raises:
        RuntimeError: it is not.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"x", (_ADDRESS, 9))

    if (packets := wire.packets()) != [f"UDP {_ADDRESS}:9"]:
        raise RuntimeError(f"the interface is not watched: {packets}")


def write(table: Table, section: str) -> None:
    """Write a table, without its title, into the guide."""
    body = str(table).partition("\n\n")[2]
    replace_section(PAGE, section, f"\n{body}\n\n")
