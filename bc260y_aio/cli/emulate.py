"""``bc260y-aio emulate``: an emulated module for any program that opens a serial port."""

import argparse
import functools
import textwrap
import urllib.parse
from collections.abc import Callable
from typing import Any, Final

from ..emulator import Emulator, Options
from ..emulator.describe import describe_options
from ..emulator.network.coverage import COVERAGES
from .common import Subparsers, add_capture_options, print_error, print_line
from .serving import add_line_options, captured, check_link, serve

# The layout of the list of options.
_INDENT: Final = " " * 6
_WIDTH: Final = 100
# The times of a real module, in seconds: an answer comes after 20 to 40 ms, and a completion 50 ms after that. Programs
# that read too early, or take the answer and a URC for one, fail at a module that answers at once, or pass there only.
_DEFAULTS: Final = {"answer_delay": 0.02, "answer_jitter": 0.02, "completion_delay": 0.05}
# The prefix of the module's options among the parsed arguments.
_PREFIX: Final = "option "


def add_to(commands: Subparsers, summary: str) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "emulate",
        # The options of the module are too many for a usage line.
        usage="bc260y-aio emulate [-h] [-v] [--line {pty,tcp}] [--link PATH] [--network COVERAGE] [--ledger]\n"
        "                          [--pcap FILE [--tls-keys FILE]] [--OPTION VALUE ...] [URL]\n"
        "       bc260y-aio emulate --options",
        help=summary,
        description="Serve an emulated module to any program that opens serial ports, and print the name of its port. "
        "Its sockets are sockets on this machine's loopback interface. Ctrl-C or SIGTERM ends it, and the exit status "
        "is 0.",
        epilog="An option in the URL takes precedence over --network. Unlike a line in memory, the module answers "
        "after 20 to 40 ms, as real ones do (answer_delay, answer_jitter, completion_delay). `bc260y-aio emulate "
        "--options` lists all options with their defaults and meanings.",
    )
    add_line_options(parser, "the line of the URL, or else a pty")
    parser.add_argument(
        "--network",
        choices=tuple(COVERAGES),
        help="the coverage: latency, loss, rates and set-up times as of NB-IoT at coupling losses of 144, 154, 164 dB",
    )
    parser.add_argument(
        "--ledger", action="store_true", help="print the ledger of the radio on standard error at the end"
    )
    add_capture_options(parser, "that the programs write")
    parser.add_argument("--options", action="store_true", help="list the options of a URL, and exit")
    parser.add_argument(
        "url",
        nargs="?",
        default="emulator://",
        metavar="URL",
        help='the options of the module, such as "emulator://?baudrate=9600&latency=0.3"',
    )
    _add_module_options(parser)
    parser.set_defaults(run=run)


def _add_module_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "options of the module", "each takes precedence over the same option in the URL; `--options` explains them"
    )
    for name, reader in Options.readers().items():
        if name not in ("line", "link", "network"):
            group.add_argument(_flag(name), dest=_PREFIX + name, type=_checked(reader), metavar="VALUE")


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
    """Serve until a signal."""
    if options.options:
        _list_options()
        return 0

    emulated = _emulated(options)
    with captured(options) as watch:
        async with Emulator(emulated) as emulator:
            emulator.line.receive_filter = functools.partial(_watched, watch, by_dte=True)
            emulator.line.transmit_filter = functools.partial(_watched, watch, by_dte=False)
            await serve(emulator.url, emulated.link, f"serving an emulated {emulated.model}")

    if options.ledger:
        print_error(f"the radio: {emulator.radio.usage}")

    return 0


def _watched(watch: Callable[[bytes, bool], None], data: bytes, *, by_dte: bool) -> bytes:
    watch(data, by_dte)
    return data


def _list_options() -> None:
    """Print every option of a URL with its default and its meaning."""
    group = ""
    for one in describe_options():
        if one.group != group:
            if group:
                print_line("")

            group = one.group
            print_line(group)

        print_line(f"  {one.name}={one.default}")
        for line in textwrap.wrap(one.meaning, _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT):
            print_line(line)


def _defaults(url: str) -> dict[str, Any]:
    """Return the times of a real module that a URL does not name."""
    named = {name for name, _ in urllib.parse.parse_qsl(url.partition("?")[2], keep_blank_values=True)}
    return {name: value for name, value in _DEFAULTS.items() if name not in named}


def _emulated(options: argparse.Namespace) -> Options:
    """Return the options of the emulated module.

    Raises:
        ValueError: an option has a wrong value.
    """
    url: str = options.url
    if options.network is not None:
        # Put first, so that the options of the URL take precedence.
        scheme, _, query = url.partition("?")
        url = f"{scheme}?network={options.network}" + (f"&{query}" if query else "")

    emulated = Options.from_url(url)
    named = {name.removeprefix(_PREFIX): value for name, value in vars(options).items() if name.startswith(_PREFIX)}
    settings = _defaults(url) | {name: value for name, value in named.items() if value is not None}
    if options.line is not None or emulated.line == "memory":
        settings["line"] = options.line or "pty"

    if options.link is not None:
        settings["link"] = options.link

    emulated = emulated.with_settings(**settings)
    check_link(options, emulated.line, emulated.link)
    return emulated
