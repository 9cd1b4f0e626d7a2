"""``bc260y-aio emulate``: a module for any program that can open a serial port."""

import argparse
import textwrap
from collections.abc import Callable
from typing import Any, Final

from ..emulator import Emulator, Options
from ..emulator.describe import described
from ..emulator.network.coverage import COVERAGES
from .common import Subparsers, complain, say
from .serving import add_line_options, check_link, serve

# How the options are listed.
_INDENT: Final = " " * 6
_WIDTH: Final = 100
# The options of the module, among those of the command line.
_PREFIX: Final = "option "


def add_to(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "emulate",
        help="serve an emulated module on a pty or a TCP port",
        description="Serve an emulated module to any program that opens serial ports, and print the name of its port. "
        "Its sockets are real ones on this machine's loopback interface. Ctrl-C or SIGTERM ends it, and the exit "
        "status is 0.",
        epilog="What stands in the URL goes before what --network brings. The options of a URL, with what they mean: "
        "bc260y-aio emulate --options.",
    )
    add_line_options(parser, "what the URL says, or else a pty")
    parser.add_argument(
        "--network",
        choices=tuple(COVERAGES),
        help="the coverage: latency, loss, rates and set-up times as of NB-IoT at coupling losses of 144, 154, 164 dB",
    )
    parser.add_argument("--ledger", action="store_true", help="tell at the end what the radio did, on standard error")
    parser.add_argument("--options", action="store_true", help="list the options that a URL may have, and end")
    parser.add_argument(
        "url",
        nargs="?",
        default="emulator://",
        metavar="URL",
        help='how the module is, such as "emulator://?baudrate=9600&latency=0.3"',
    )
    group = parser.add_argument_group(
        "options", "the same by name, and before what the URL says; bc260y_aio.emulator.Options and Faults explain them"
    )
    for name, reader in Options.readers().items():
        if name not in ("line", "link", "network"):
            group.add_argument(_flag(name), dest=_PREFIX + name, type=_checked(reader), metavar="VALUE")

    parser.set_defaults(run=run)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _checked(reader: Callable[[str], Any]) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            return reader(text)
        except ValueError as exc:
            raise argparse.ArgumentTypeError(f"cannot be {text!r}") from exc

    return read


async def run(options: argparse.Namespace) -> int:
    """Serve until a signal ends it."""
    if options.options:
        _list_options()
        return 0

    emulated = _emulated(options)
    async with Emulator(emulated) as emulator:
        await serve(emulator.url, emulated.link, "this is an emulated BC260Y-CN")

    if options.ledger:
        complain(f"the radio: {emulator.radio.usage}")

    return 0


def _list_options() -> None:
    """Print every option of a URL: its name, its default, and what it means."""
    group = ""
    for one in described():
        if one.group != group:
            if group:
                say("")

            group = one.group
            say(group)

        say(f"  {one.name}={one.default}")
        for line in textwrap.wrap(one.meaning, _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT):
            say(line)


def _emulated(options: argparse.Namespace) -> Options:
    """Return what is to be emulated.

    Raises:
        ValueError: it cannot be.
    """
    url: str = options.url
    if options.network is not None:
        # Put first, so that it is read as part of the URL: what stands there goes before it.
        scheme, _, query = url.partition("?")
        url = f"{scheme}?network={options.network}" + (f"&{query}" if query else "")

    emulated = Options.from_url(url)
    named = {name.removeprefix(_PREFIX): value for name, value in vars(options).items() if name.startswith(_PREFIX)}
    settings: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
    if options.line is not None or emulated.line == "memory":
        settings["line"] = options.line or "pty"

    if options.link is not None:
        settings["link"] = options.link

    emulated = emulated.with_settings(**settings)
    check_link(options, emulated.line, emulated.link)
    return emulated
