"""``bc260y-aio nc``: connect standard input and output to a socket of the module."""

import argparse
import asyncio
import socket
from collections.abc import AsyncIterator, Coroutine
from typing import Any, Final

from ..modem.modem import Modem
from ..sockets.rai import RAI
from ..transports.delivery import modem_transport
from .common import (
    Subparsers,
    add_data_format_option,
    add_port_options,
    add_trace_options,
    run_until_first,
    seconds,
    whole_number,
)
from .device import opened, wait_for_network
from .reporting import add_report_options
from .stdio import Input, Output

_RAIS: Final = {"none": RAI.NONE, "no-further-data": RAI.NO_FURTHER_DATA, "one-reply": RAI.ONE_REPLY}
_READ_SIZE: Final = 16 * 1024
# The most payload of one AT+QISEND, for any bytes (guide 2.2.5).
_DATAGRAM_SIZE: Final = {"hex": 512, "text": 1024, "auto": 512}


def port_or_service(text: str) -> int:
    """Read a port number or the name of a service from an argument."""
    try:
        return whole_number(1, 65535)(text) if text.isascii() and text.isdigit() else socket.getservbyname(text)
    except OSError:
        raise argparse.ArgumentTypeError(f"must be 1 to 65535, or the name of a service, not {text!r}") from None


def add_to(commands: Subparsers, summary: str) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "nc",
        help=summary,
        description="Send standard input to a host and write the received data to standard output, both at once and "
        "unchanged. It ends when the host closes the connection, or after --wait. The exit status is 1 if not all data "
        "was sent and acknowledged.",
        epilog="A module cannot close only one direction of a connection: a host that waits for the end of its input "
        "waits until --wait closes the connection.",
    )
    add_port_options(parser)
    add_trace_options(parser)
    add_report_options(parser)
    parser.add_argument("host", metavar="HOST", help="name or address")
    parser.add_argument("remote_port", type=port_or_service, metavar="PORT", help="a number, or the name of a service")
    parser.add_argument("-u", "--udp", action="store_true", help="send each line, or each read of input, as a datagram")
    parser.add_argument("-q", "--wait", type=seconds, metavar="SECONDS", help="close this long after the end of input")
    parser.add_argument(
        "-p", "--local-port", type=whole_number(1, 65535), default=0, metavar="PORT", help="local port; any by default"
    )
    add_data_format_option(parser)
    parser.add_argument(
        "--rai",
        choices=tuple(_RAIS),
        default="none",
        help="release assistance for the last data before a pause: the network may release the radio at once, or after "
        "one reply (%(default)s)",
    )
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace) -> int:
    """Connect, and relay until one side ends."""
    source, sink = Input(), Output()
    async with opened(
        Modem(options.port, baudrate=options.baudrate, data_format=options.data_format), options
    ) as modem:
        await wait_for_network(modem)
        await (_relay_datagrams if options.udp else _relay_stream)(modem, options, source, sink)

    return 0


class BufferedReader(asyncio.StreamReader):
    """A stream reader that returns the data received before an error, and then raises the error.

    asyncio's own discards the buffered data: the last data of a peer that resets the connection would be lost.
    """

    _error: Exception | None = None

    def exception(self) -> Exception | None:
        """Return the error, or None."""
        return self._error

    def set_exception(self, exc: Exception) -> None:
        """Keep the error: no more data follows."""
        self._error = exc
        self.feed_eof()

    async def read(self, n: int = -1) -> bytes:
        data = await super().read(n)
        if not data and self._error is not None:
            raise self._error

        return data


async def _connect(modem: Modem, options: argparse.Namespace) -> tuple[BufferedReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    reader = BufferedReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await modem.create_connection(
        lambda: protocol, options.host, options.remote_port, local_addr=("", options.local_port)
    )
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def _relay_stream(modem: Modem, options: argparse.Namespace, source: Input, sink: Output) -> None:
    reader, writer = await _connect(modem, options)
    transport = modem_transport(writer)

    async def send() -> None:
        async for data, rai in _chunks(source, _READ_SIZE, _RAIS[options.rai]):
            transport.write(data, rai=rai)
            try:
                await writer.drain()
            except OSError:
                # The reader raises the error, after the data that preceded it.
                await _wait_forever()

        await transport.drained()

    async def receive() -> None:
        while data := await reader.read(_READ_SIZE):
            await sink.write(data)

    try:
        await _relay(send(), receive(), options.wait)
        writer.close()
        await writer.wait_closed()
    except BaseException:
        transport.abort()
        raise


async def _relay_datagrams(modem: Modem, options: argparse.Namespace, source: Input, sink: Output) -> None:
    endpoint = await modem.open_datagram_endpoint(
        options.host, options.remote_port, local_addr=("", options.local_port)
    )

    async def send() -> None:
        size = _DATAGRAM_SIZE[options.data_format]
        async for data, rai in _chunks(source, size, _RAIS[options.rai]):
            await endpoint.send(data, rai=rai)

        await endpoint.transport.drained()

    async def receive() -> None:
        async for data in endpoint:
            await sink.write(data)

    try:
        await _relay(send(), receive(), options.wait)
    except BaseException:
        endpoint.transport.abort()
        raise

    endpoint.close()
    await endpoint.wait_closed()


async def _chunks(source: Input, size: int, rai: RAI) -> AsyncIterator[tuple[bytes, RAI]]:
    """Yield the input as it comes; the last chunk before a pause, or before the end, has the RAI."""
    data = await source.read(size)
    while data:
        following = await source.read(size) if source.is_ready() else None
        yield data, RAI.NONE if following else rai
        data = await source.read(size) if following is None else following


async def _relay(sending: Coroutine[Any, Any, None], receiving: Coroutine[Any, Any, None], wait: float | None) -> None:
    """Send and receive until the peer closes, or until ``wait`` seconds after everything was sent."""

    async def send() -> None:
        await sending
        await (_wait_forever() if wait is None else asyncio.sleep(wait))

    await run_until_first(send(), receiving)


async def _wait_forever() -> None:
    await asyncio.get_running_loop().create_future()
