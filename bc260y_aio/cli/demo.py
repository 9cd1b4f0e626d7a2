"""``bc260y-aio demo``: five sockets upload at once, and both ends compare what they have."""

import argparse
import asyncio
import contextlib
import hashlib
import os
import socket
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

from ..modem import Modem
from ..transports.base import SocketTransport, Traffic
from .common import EXIT_FAILURE, Subparsers, add_port_options, say
from .demo_peers import DIGEST_SIZE, Archive, DatagramArchive, report_on, split_datagrams

EMULATED: Final = "emulator://?baudrate=115200&latency=0.05"
# Three streams and two datagram sockets: all that a module has.
SERVICES: Final = ("TCP", "TCP", "TCP", "UDP", "UDP")
_PROGRESS_INTERVAL: Final = 0.5
# How long to wait for the other end's word on what it received, in seconds.
_VERDICT_TIMEOUT: Final = 30.0
_WRITE_SIZE: Final = 4096
# How often datagrams that did not arrive are sent again.
_ROUNDS: Final = 5
_BITS_PER_BYTE: Final = 10


def add_to(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "demo",
        help="upload over five sockets at once, and check every byte at both ends",
        description=(
            "Start a TCP and a UDP server on this machine, upload to them over five sockets of the module at once, and "
            "compare what was sent with what arrived. Without a port, an emulated module is used. With a real one, the "
            "network must be able to reach this machine: name it with --host."
        ),
    )
    add_port_options(parser, emulated=EMULATED)
    parser.add_argument("--host", default="127.0.0.1", help="under which name the module reaches this machine")
    parser.add_argument(
        "--listen", default=None, metavar="ADDRESS", help="where the servers listen; loopback by default"
    )
    parser.add_argument("--server-port", type=int, default=0, metavar="PORT", help="on which port; any by default")
    parser.add_argument("--size", type=int, default=8192, help="random bytes to upload per socket (%(default)s)")
    parser.add_argument("--file", type=Path, help="a file to upload instead, a share over each socket")
    parser.add_argument("--data-format", choices=("hex", "text", "auto"), default="hex", help="(%(default)s)")
    parser.set_defaults(run=run)


@dataclass
class Upload:
    """One socket's share of the work."""

    number: int
    service: str
    data: bytes
    transport: SocketTransport | None = None
    seconds: float = 0.0
    result: str = ""
    started: float = field(default_factory=time.monotonic)

    @property
    def is_complete(self) -> bool:
        """Whether the other end has every byte."""
        return self.result == "ok"

    @property
    def traffic(self) -> Traffic:
        """What the socket has sent so far."""
        return Traffic(0, 0, 0) if self.transport is None else self.transport.traffic

    @property
    def share(self) -> float:
        """How much of the data the module has taken."""
        return min(1.0, self.traffic.sent / len(self.data)) if self.data else 1.0


async def run(options: argparse.Namespace) -> int:
    """Upload, show how it goes, and tell how it went."""
    uploads = _shares(options)
    if options.port == EMULATED:
        say(f"no port was named: this is an emulated module ({EMULATED})")

    listen = options.listen or "127.0.0.1"
    async with _servers(listen, options.server_port) as (port, archive, datagrams):
        say(f"servers are listening on {listen}, port {port}, for TCP and UDP")
        modem = Modem(options.port, baudrate=options.baudrate, data_format=options.data_format)
        async with modem:
            rate = modem.baudrate
            say(f"the module is on {options.port}" + (f" at {rate} baud" if rate else ""))
            progress = asyncio.create_task(_show_progress(uploads), name="demo.progress")
            started = time.monotonic()
            try:
                await asyncio.gather(*(_upload(modem, upload, options.host, port) for upload in uploads))
            finally:
                seconds = time.monotonic() - started
                progress.cancel()
                await asyncio.wait([progress])

            rate = modem.baudrate

    for upload in uploads:
        if upload.is_complete and not _arrived(upload, archive, datagrams):
            upload.result = "damaged"

    _show_table(uploads, seconds, rate)
    return 0 if all(upload.is_complete for upload in uploads) else EXIT_FAILURE


def _shares(options: argparse.Namespace) -> list[Upload]:
    count = len(SERVICES)
    if options.file is None:
        if options.size < 0:
            raise ValueError("--size must not be negative")

        return [Upload(number, service, os.urandom(options.size)) for number, service in enumerate(SERVICES)]

    data = options.file.read_bytes()
    size = -(-len(data) // count)
    return [
        Upload(number, service, data[number * size : (number + 1) * size]) for number, service in enumerate(SERVICES)
    ]


# The servers


@contextlib.asynccontextmanager
async def _servers(host: str, port: int) -> AsyncIterator[tuple[int, Archive, DatagramArchive]]:
    """Serve TCP and UDP on one port."""
    loop = asyncio.get_running_loop()
    archive = Archive()
    server = await asyncio.start_server(archive.serve, host, port, family=socket.AF_INET)
    port = server.sockets[0].getsockname()[1]
    transport, datagrams = await loop.create_datagram_endpoint(DatagramArchive, local_addr=(host, port))
    try:
        yield port, archive, datagrams
    finally:
        transport.close()
        server.close()
        await server.wait_closed()


def _arrived(upload: Upload, archive: Archive, datagrams: DatagramArchive) -> bool:
    received = archive.received if upload.service == "TCP" else datagrams.received
    return received.get(upload.number) == upload.data


# The uploads


async def _upload(modem: Modem, upload: Upload, host: str, port: int) -> None:
    upload.started = time.monotonic()
    try:
        await (_upload_stream if upload.service == "TCP" else _upload_datagrams)(modem, upload, host, port)
    except (OSError, TimeoutError) as exc:
        upload.result = f"failed: {exc}"

    upload.seconds = time.monotonic() - upload.started


async def _upload_stream(modem: Modem, upload: Upload, host: str, port: int) -> None:
    reader, writer = await modem.open_connection(host, port)
    upload.transport = cast("SocketTransport", writer.transport)
    try:
        writer.write(report_on(upload.number, len(upload.data)))
        for start in range(0, len(upload.data), _WRITE_SIZE):
            writer.write(upload.data[start : start + _WRITE_SIZE])
            await writer.drain()

        await upload.transport.drained()
        async with asyncio.timeout(_VERDICT_TIMEOUT):
            digest = await reader.readexactly(DIGEST_SIZE)

        upload.result = "ok" if digest == hashlib.sha256(upload.data).digest() else "the digests differ"
    finally:
        writer.close()
        await writer.wait_closed()


async def _upload_datagrams(modem: Modem, upload: Upload, host: str, port: int) -> None:
    datagrams = split_datagrams(upload.number, upload.data)
    async with await modem.open_datagram_endpoint(host, port) as endpoint:
        upload.transport = endpoint.transport
        missing = list(range(len(datagrams)))
        for _ in range(_ROUNDS):
            for index in missing:
                await endpoint.send(datagrams[index])

            await endpoint.send(report_on(upload.number, len(upload.data)))
            await endpoint.transport.drained()
            async with asyncio.timeout(_VERDICT_TIMEOUT):
                answer = await endpoint.receive()

            if len(answer) == DIGEST_SIZE:
                upload.result = "ok" if answer == hashlib.sha256(upload.data).digest() else "the digests differ"
                return

            missing = [index for index in DatagramArchive.missing(answer) if index < len(datagrams)]

        upload.result = f"{len(missing)} datagrams did not arrive"


# What is shown


async def _show_progress(uploads: list[Upload]) -> None:
    is_terminal = sys.stdout.isatty()
    while True:
        await asyncio.sleep(_PROGRESS_INTERVAL)
        parts = [f"{upload.number} {upload.service} {upload.share:4.0%}" for upload in uploads]
        line = "  |  ".join(parts)
        sys.stdout.write(f"\r{line}" if is_terminal else f"{line}\n")
        sys.stdout.flush()


def _show_table(uploads: list[Upload], seconds: float, rate: int | None) -> None:
    say()
    say(f"{'socket':8}{'bytes':>8}{'seconds':>10}{'QISENDs':>9}{'wire bytes':>12}{'line rate':>11}  result")
    for upload in uploads:
        _show_row(
            f"{upload.number} {upload.service}", len(upload.data), upload.seconds, upload.traffic, rate, upload.result
        )

    traffic = Traffic(*(sum(getattr(upload.traffic, name) for upload in uploads) for name in Traffic.__slots__))
    good = sum(upload.is_complete for upload in uploads)
    size = sum(len(upload.data) for upload in uploads)
    _show_row("all", size, seconds, traffic, rate, f"{good} of {len(uploads)} ok")


def _show_row(name: str, size: int, seconds: float, traffic: Traffic, rate: int | None, result: str) -> None:
    share = f"{traffic.wire_bytes * _BITS_PER_BYTE / rate / seconds:11.1%}" if rate and seconds else f"{'-':>11}"
    say(f"{name:8}{size:8}{seconds:10.2f}{traffic.sends:9}{traffic.wire_bytes:12}{share}  {result}")
