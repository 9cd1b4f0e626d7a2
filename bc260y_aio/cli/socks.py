"""``bc260y-aio socks``: a SOCKS5 proxy whose connections go over the module."""

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
    complain,
    opened,
    say,
    seconds,
)

_LISTEN: Final = "127.0.0.1:1080"
# How often to look whether the module is still there, in seconds.
_LOOK_INTERVAL: Final = 1.0


_DESCRIPTION: Final = """\
Serve a SOCKS5 proxy for any program that can use one: TCP connections (CONNECT), and UDP datagrams (UDP ASSOCIATE).
Ctrl-C or SIGTERM ends it; when the module is lost, the exit status is 1.
"""

# By the documentation of curl 7.88, requests 2.32 with PySocks, websockets 15, httpx 0.28 and python-socks 2.
_EPILOG: Final = """\
The module resolves the names that it is given. Whether a client gives it names, or asks the host's resolver first:
  curl                --socks5-hostname HOST:PORT, or ALL_PROXY=socks5h://HOST:PORT; not --socks5, not socks5://
  requests, urllib3   socks5h://HOST:PORT; not socks5://
  websockets          proxy="socks5h://HOST:PORT"; not socks5://
  httpx, python-socks socks5://HOST:PORT
  ssh                 ProxyCommand nc -X 5 -x HOST:PORT %%h %%p
  git                 http.proxy socks5h://HOST:PORT

There is no password: who can reach the proxy can use the module, which is why it listens on this machine's loopback
interface unless --listen says otherwise.
"""


def add_to(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "socks",
        help="serve a SOCKS5 proxy that connects over the module",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    add_port_options(parser)
    add_trace_options(parser)
    parser.add_argument(
        "--listen",
        type=address,
        default=_LISTEN,
        metavar="ADDRESS:PORT",
        help="where to listen; an IPv6 address in brackets, and port 0 for any that is free (%(default)s)",
    )
    parser.add_argument(
        "--linger",
        type=seconds,
        default=LINGER,
        metavar="SECONDS",
        help="how long a host must have been silent before the connection of a client that has ended its sending, and "
        "may still read, is closed (%(default)s)",
    )
    add_data_format_option(parser)
    parser.set_defaults(run=run)


def address(text: str) -> tuple[str, int]:
    """Read an argument that is an address in digits, or ``localhost``, and a port."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if ":" in host else host
    try:
        host = "127.0.0.1" if host == "localhost" else str(ipaddress.ip_address(host))
        number = int(port) if port.isascii() and port.isdigit() else -1
    except ValueError:
        number = -1

    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"must be an address in digits and a port, such as {_LISTEN}, not {text!r}")

    return host, number


async def run(options: argparse.Namespace) -> int:
    """Serve until a signal ends it, or the module is lost."""
    modem = Modem(options.port, baudrate=options.baudrate, data_format=options.data_format)
    host, port = options.listen
    async with opened(modem, options), SocksServer(modem, host, port, linger=options.linger) as server:
        say(f"SOCKS5 on {f'[{host}]' if ':' in host else host}:{server.port}")
        await _until_lost(modem)

    complain("the module is lost")

    return EXIT_FAILURE


async def _until_lost(modem: Modem) -> None:
    while True:
        await asyncio.sleep(_LOOK_INTERVAL)
        if not modem.is_open:
            return
