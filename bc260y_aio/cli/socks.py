"""``bc260y-aio socks``: a SOCKS5 proxy that connects over the module."""

import argparse
import asyncio
import ipaddress
from typing import Final

from ..bridge import LINGER, SocksServer
from ..modem.modem import Modem
from .common import (
    EXIT_FAILURE,
    Subparsers,
    add_data_format_option,
    add_port_options,
    add_trace_options,
    print_error,
    print_line,
    seconds,
)
from .device import opened
from .reporting import add_report_options

_LISTEN: Final = "127.0.0.1:1080"
# How often to check that the module is still open, in seconds.
_CHECK_INTERVAL: Final = 1.0


_DESCRIPTION: Final = """\
Serve a SOCKS5 proxy for any program that can use one: TCP connections (CONNECT), and UDP datagrams (UDP ASSOCIATE).
Ctrl-C or SIGTERM ends it; if the module is lost, the exit status is 1.
"""

# Tried with curl 7.88.1, git 2.39.5, requests 2.34.2, urllib3 2, websockets 17.4, httpx 0.28.1, python-socks 3.2.1,
# aiohttp-socks 0.12.0, and OpenSSH 9.2 with OpenBSD's netcat.
_EPILOG: Final = """\
The module resolves the names that it is given. Whether a client gives it names, or asks the host's resolver first:
  curl                --socks5-hostname HOST:PORT, or ALL_PROXY=socks5h://HOST:PORT; not --socks5, not socks5://
  git                 http.proxy socks5h://HOST:PORT; not socks5://
  ssh                 ProxyCommand nc -X 5 -x HOST:PORT %h %p
  requests, urllib3   socks5h://HOST:PORT; not socks5://
  websockets          proxy="socks5h://HOST:PORT", or SOCKS_PROXY=socks5h://HOST:PORT; not socks5://, not ALL_PROXY
  httpx               socks5://HOST:PORT or socks5h://HOST:PORT
  python-socks        socks5://HOST:PORT, and so for aiohttp-socks
  wget                none: it connects past the proxy, whatever the environment says

There is no password: every program that can reach the proxy can use the module. It therefore listens on the loopback
interface by default; see --listen.
"""


def add_to(commands: Subparsers, summary: str) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "socks",
        help=summary,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    add_port_options(parser)
    add_trace_options(parser)
    add_report_options(parser)
    parser.add_argument(
        "--listen",
        type=address,
        default=_LISTEN,
        metavar="ADDRESS:PORT",
        help="where to listen; an IPv6 address in brackets, port 0 for any free port (%(default)s)",
    )
    parser.add_argument(
        "--linger",
        type=seconds,
        default=LINGER,
        metavar="SECONDS",
        help="after a client has ended its sending, close its connection when the host has been silent for this long "
        "(%(default)s)",
    )
    add_data_format_option(parser)
    parser.set_defaults(run=run)


def address(text: str) -> tuple[str, int]:
    """Read a numeric address, or ``localhost``, and a port from an argument."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if ":" in host else host
    try:
        host = "127.0.0.1" if host == "localhost" else str(ipaddress.ip_address(host))
        number = int(port) if port.isascii() and port.isdigit() else -1
    except ValueError:
        number = -1

    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"must be a numeric address and a port, such as {_LISTEN}, not {text!r}")

    return host, number


async def run(options: argparse.Namespace) -> int:
    """Serve until a signal ends it, or the module is lost."""
    modem = Modem(options.port, baudrate=options.baudrate, data_format=options.data_format)
    host, port = options.listen
    async with opened(modem, options), SocksServer(modem, host, port, linger=options.linger) as server:
        print_line(f"SOCKS5 on {f'[{host}]' if ':' in host else host}:{server.port}")
        await _until_lost(modem)

    print_error("the module was lost")

    return EXIT_FAILURE


async def _until_lost(modem: Modem) -> None:
    while True:
        await asyncio.sleep(_CHECK_INTERVAL)
        if not modem.is_open:
            return
