"""``bc260y-aio demo``: five sockets upload at once, and both ends compare what they have."""

import argparse
import asyncio
import contextlib
import errno
import random
import socket
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..at.syntax import is_text
from ..modem.modem import Modem
from ..transports.base import SocketTransport, Traffic
from ..transports.delivery import modem_transport
from .common import (
    EXIT_FAILURE,
    Subparsers,
    add_data_format_option,
    add_port_options,
    add_trace_options,
    complain,
    opened,
    reason,
    say,
    until_first,
    wait_for_network,
    whole_number,
    write,
)
from .demo_peers import DIGEST_SIZE, Archive, DatagramArchive, digest_of, read_missing, report_on, split_datagrams

EMULATED: Final = "emulator://?baudrate=115200&latency=0.05"
LOOPBACK: Final = "127.0.0.1"
# Three streams and two datagram sockets: all that a module has.
SERVICES: Final = ("TCP", "TCP", "TCP", "UDP", "UDP")

# How often progress is shown on a terminal, and elsewhere, in seconds.
_REDRAWN: Final = 0.25
_REPORTED: Final = 2.0
# How long to wait for the other end's word on what it received, in seconds, and how often to ask.
_VERDICT_TIMEOUT: Final = 20.0
_ROUNDS: Final = 5
_WRITE_SIZE: Final = 4096
# What fits into one AT+QISEND as hex.
_DATAGRAM_SIZE: Final = 512
_BITS_PER_BYTE: Final = 10
# How often to look for a port that is free for TCP and for UDP.
_PORT_ATTEMPTS: Final = 10
_PRINTABLE: Final = range(0x20, 0x7F)


def add_to(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "demo",
        help="upload over five sockets at once, and check every byte at both ends",
        description="Start a TCP and a UDP server on this machine, upload to them over five sockets of the module at "
        "once, and compare what was sent with what arrived. Without a port, an emulated module is used. With a real "
        "one, the network must be able to reach this machine: name it with --host, and let the servers listen on an "
        "address that leads here.",
    )
    add_port_options(parser, emulated=EMULATED)
    add_trace_options(parser)
    parser.add_argument(
        "--host", default=LOOPBACK, help="the name or address by which the module reaches this machine (%(default)s)"
    )
    parser.add_argument(
        "--listen", default=LOOPBACK, metavar="ADDRESS", help="where the servers listen (%(default)s); 0.0.0.0 for all"
    )
    parser.add_argument(
        "--server-port", type=whole_number(0, 65535), default=0, metavar="PORT", help="on which port; any by default"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--size", type=whole_number(0), default=8192, metavar="BYTES", help="random bytes per socket (%(default)s)"
    )
    what.add_argument("--file", type=Path, metavar="PATH", help="a file to upload instead, a share over each socket")
    parser.add_argument("--seed", type=int, help="where the random bytes begin, to have the same ones again")
    add_data_format_option(parser)
    parser.set_defaults(run=run)


@dataclass(slots=True)
class Upload:
    """One socket's share of the work.

    Attributes:
        number: which of the five it is.
        service: ``"TCP"`` or ``"UDP"``.
        data: what is uploaded.
        transport: what it goes over, once there is one.
        seconds: how long it took.
        result: what came of it: ``"ok"``, or what went wrong.
    """

    number: int
    service: str
    data: bytes
    transport: SocketTransport | None = None
    seconds: float = 0.0
    result: str = "not finished"

    @property
    def name(self) -> str:
        """What it is called."""
        return f"{self.number} {self.service}"

    @property
    def is_complete(self) -> bool:
        """Whether the other end has every byte."""
        return self.result == "ok"

    @property
    def traffic(self) -> Traffic:
        """What the socket has sent so far."""
        return Traffic(0, 0, 0, 0) if self.transport is None else self.transport.traffic

    @property
    def progress(self) -> float:
        """How much of the data the module has taken, 0 to 1."""
        return min(1.0, self.traffic.sent / len(self.data)) if self.data else float(self.is_complete)


async def run(options: argparse.Namespace) -> int:
    """Upload, show how it goes, and tell how it went."""
    uploads = _shares(options)
    if options.port == EMULATED:
        say(f"no port was named: this is an emulated module ({EMULATED})")

    async with _servers(options.listen, options.server_port) as (port, archive, datagrams):
        say(f"servers are listening on {options.listen}, port {port}, for TCP and UDP")
        async with opened(
            Modem(options.port, baudrate=options.baudrate, data_format=options.data_format), options
        ) as modem:
            rate = modem.baudrate
            say(f"the module is on {options.port}" + (f" at {rate} baud" if rate else ""))
            if options.host == LOOPBACK and not options.port.startswith("emulator:"):
                complain(f"unless this is an emulated module, it does not find the servers on {LOOPBACK}: see --host")

            await wait_for_network(modem)
            started = time.monotonic()
            try:
                await until_first(_upload_all(modem, uploads, options.host, port), _show_progress(uploads))
            finally:
                _end_progress(uploads)

            seconds = time.monotonic() - started

    for upload in uploads:
        received = archive.received if upload.service == "TCP" else datagrams.received
        if upload.is_complete and received.get(upload.number) != upload.data:
            upload.result = "the other end has something else"

    _show_table(uploads, seconds, rate)
    return 0 if all(upload.is_complete for upload in uploads) else EXIT_FAILURE


def _shares(options: argparse.Namespace) -> list[Upload]:
    """Return what each socket is to upload.

    Raises:
        OSError: the file cannot be read.
        ValueError: it cannot be sent in this format.
    """
    if options.file is None:
        dice = random.Random(options.seed)
        make = dice.randbytes if options.data_format != "text" else lambda size: bytes(dice.choices(_PRINTABLE, k=size))
        return [Upload(number, service, make(options.size)) for number, service in enumerate(SERVICES)]

    data = options.file.read_bytes()
    if options.data_format == "text" and not is_text(data):
        raise ValueError(f"{options.file} holds bytes outside 0x20 to 0x7E: text cannot carry them")

    size = -(-len(data) // len(SERVICES))
    return [
        Upload(number, service, data[number * size : (number + 1) * size]) for number, service in enumerate(SERVICES)
    ]


# The servers


@contextlib.asynccontextmanager
async def _servers(host: str, port: int) -> AsyncIterator[tuple[int, Archive, DatagramArchive]]:
    """Serve TCP and UDP on one port."""
    loop = asyncio.get_running_loop()
    archive = Archive()
    for attempt in range(_PORT_ATTEMPTS):
        server = await asyncio.start_server(archive.serve, host, port, family=socket.AF_INET)
        found: int = server.sockets[0].getsockname()[1]
        try:
            transport, datagrams = await loop.create_datagram_endpoint(DatagramArchive, local_addr=(host, found))
            break
        except OSError as exc:
            server.close()
            if port or exc.errno != errno.EADDRINUSE or attempt + 1 == _PORT_ATTEMPTS:
                raise

    try:
        yield found, archive, datagrams
    finally:
        transport.close()
        server.close()
        archive.close()
        await server.wait_closed()


# The uploads


async def _upload_all(modem: Modem, uploads: list[Upload], host: str, port: int) -> None:
    await asyncio.gather(*(_upload(modem, upload, host, port) for upload in uploads))


async def _upload(modem: Modem, upload: Upload, host: str, port: int) -> None:
    started = time.monotonic()
    try:
        work = _upload_stream if upload.service == "TCP" else _upload_datagrams
        is_right = await work(modem, upload, host, port)
        upload.result = "ok" if is_right else "the digests differ"
    except asyncio.IncompleteReadError:
        upload.result = "the other end closed without a word"
    except OSError as exc:
        upload.result = reason(exc)
    finally:
        upload.seconds = time.monotonic() - started


async def _upload_stream(modem: Modem, upload: Upload, host: str, port: int) -> bool:
    """Upload by TCP; return whether the other end's digest is right."""
    reader, writer = await modem.open_connection(host, port)
    upload.transport = modem_transport(writer)
    try:
        writer.write(report_on(upload.number, len(upload.data)))
        for start in range(0, len(upload.data), _WRITE_SIZE):
            writer.write(upload.data[start : start + _WRITE_SIZE])
            await writer.drain()

        await upload.transport.drained()
        async with asyncio.timeout(_VERDICT_TIMEOUT):
            digest = await reader.readexactly(DIGEST_SIZE)

        writer.close()
        await writer.wait_closed()
    except BaseException:
        writer.transport.abort()
        raise

    return digest == digest_of(upload.data)


async def _upload_datagrams(modem: Modem, upload: Upload, host: str, port: int) -> bool:
    """Upload by UDP, sending again what did not arrive; return whether the other end's digest is right.

    Raises:
        TimeoutError: it did not say, however often it was asked.
    """
    datagrams = split_datagrams(upload.number, upload.data, _DATAGRAM_SIZE)
    endpoint = await modem.open_datagram_endpoint(host, port)
    upload.transport = endpoint.transport
    try:
        missing = list(range(len(datagrams)))
        for _ in range(_ROUNDS):
            for index in missing:
                await endpoint.send(datagrams[index])

            await endpoint.send(report_on(upload.number, len(datagrams)))
            await endpoint.transport.drained()
            answer = b""
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_VERDICT_TIMEOUT):
                    answer = await endpoint.receive()

            missing = [index for index in read_missing(answer) if index < len(datagrams)]
            if len(answer) == DIGEST_SIZE:
                endpoint.close()
                await endpoint.wait_closed()
                return answer == digest_of(upload.data)
    except BaseException:
        endpoint.transport.abort()
        raise

    endpoint.close()
    raise TimeoutError(f"{len(missing)} datagrams did not arrive" if missing else "the other end did not answer")


# What is shown


async def _show_progress(uploads: list[Upload]) -> None:
    is_terminal = _is_terminal()
    while True:
        await asyncio.sleep(_REDRAWN if is_terminal else _REPORTED)
        line = _progress(uploads)
        write(f"\r{line}" if is_terminal else f"{line}\n")


def _end_progress(uploads: list[Upload]) -> None:
    if _is_terminal():
        write(f"\r{_progress(uploads)}\n")


def _is_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


def _progress(uploads: list[Upload]) -> str:
    return "  |  ".join(f"{upload.name} {upload.progress:4.0%}" for upload in uploads)


def _show_table(uploads: list[Upload], seconds: float, rate: int | None) -> None:
    say()
    say(f"{'socket':8}{'bytes':>8}{'seconds':>10}{'QISENDs':>9}{'wire bytes':>12}{'line rate':>11}  result")
    for upload in uploads:
        _show_row(upload.name, len(upload.data), upload.seconds, upload.traffic, rate, upload.result)

    traffic = Traffic(*(sum(getattr(upload.traffic, name) for upload in uploads) for name in Traffic.__slots__))
    size = sum(len(upload.data) for upload in uploads)
    good = sum(upload.is_complete for upload in uploads)
    _show_row("all", size, seconds, traffic, rate, f"{good} of {len(uploads)} ok")


def _show_row(name: str, size: int, seconds: float, traffic: Traffic, rate: int | None, result: str) -> None:
    share = f"{traffic.wire_bytes * _BITS_PER_BYTE / rate / seconds:.1%}" if rate and seconds else "-"
    say(f"{name:8}{size:8}{seconds:10.2f}{traffic.sends:9}{traffic.wire_bytes:12}{share:>11}  {result}")
