"""``bc260y-aio nc``: standard input to a socket of the module, and what comes back to standard output."""

import argparse
import asyncio
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
    opened,
    seconds,
    until_first,
    wait_for_network,
    whole_number,
)
from .stdio import Input, Output

_RAIS: Final = {"none": RAI.NONE, "no-further-data": RAI.NO_FURTHER_DATA, "one-reply": RAI.ONE_REPLY}
_READ_SIZE: Final = 16 * 1024
# What fits into one AT+QISEND whatever it is (guide 2.2.5).
_DATAGRAM_SIZE: Final = {"hex": 512, "text": 1024, "auto": 512}


def add_to(commands: Subparsers) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "nc",
        help="connect standard input and output to a host",
        description="Send standard input to a host, and write what comes back to standard output, byte for byte and "
        "both at once. It ends when the host closes the connection, or as --wait tells. The exit status is 1 when not "
        "everything was sent and acknowledged.",
        epilog="A module cannot close one direction only: a host that waits for the end of its input waits for ever, "
        "unless --wait ends it.",
    )
    add_port_options(parser)
    add_trace_options(parser)
    parser.add_argument("host", metavar="HOST", help="name or address")
    parser.add_argument("remote_port", metavar="PORT", help="a number, or the name of a service")
    parser.add_argument("-u", "--udp", action="store_true", help="send each piece of input, or line, as a datagram")
    parser.add_argument(
        "-q", "--wait", type=seconds, metavar="SECONDS", help="close this long after the end of input, and not later"
    )
    parser.add_argument(
        "-p", "--local-port", type=whole_number(1, 65535), default=0, metavar="PORT", help="any by default"
    )
    add_data_format_option(parser)
    parser.add_argument(
        "--rai",
        choices=tuple(_RAIS),
        default="none",
        help="what the last piece of input before a pause tells the network: that it may release the radio at once, or "
        "after one reply (%(default)s)",
    )
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace) -> int:
    """Connect, and relay until one side has had enough."""
    source, sink = Input(), Output()
    async with opened(
        Modem(options.port, baudrate=options.baudrate, data_format=options.data_format), options
    ) as modem:
        await wait_for_network(modem)
        await (_relay_datagrams if options.udp else _relay_stream)(modem, options, source, sink)

    return 0


class PatientReader(asyncio.StreamReader):
    """A stream reader that hands out what came before an error, and tells the error then.

    Unlike asyncio's own, which forgets what is buffered: what a peer says before it hangs up on a sender would be lost.
    """

    _error: Exception | None = None

    def exception(self) -> Exception | None:
        """Return the error, if there was one."""
        return self._error

    def set_exception(self, exc: Exception) -> None:
        """Take the error: nothing comes any more."""
        self._error = exc
        self.feed_eof()

    async def read(self, n: int = -1) -> bytes:
        data = await super().read(n)
        if not data and self._error is not None:
            raise self._error

        return data


async def _connect(modem: Modem, options: argparse.Namespace) -> tuple[PatientReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    reader = PatientReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await modem.create_connection(
        lambda: protocol, options.host, options.remote_port, local_addr=("", options.local_port)
    )
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def _relay_stream(modem: Modem, options: argparse.Namespace, source: Input, sink: Output) -> None:
    reader, writer = await _connect(modem, options)
    transport = modem_transport(writer)

    async def send() -> None:
        async for data, rai in _pieces(source, _READ_SIZE, _RAIS[options.rai]):
            transport.write(data, rai=rai)
            try:
                await writer.drain()
            except OSError:
                # The reader tells, after what came before.
                await _for_ever()

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
        async for data, rai in _pieces(source, size, _RAIS[options.rai]):
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


async def _pieces(source: Input, size: int, rai: RAI) -> AsyncIterator[tuple[bytes, RAI]]:
    """Yield the input as it comes; the last piece before a pause, or before the end, has the RAI."""
    data = await source.read(size)
    while data:
        following = await source.read(size) if source.is_ready() else None
        yield data, RAI.NONE if following else rai
        data = await source.read(size) if following is None else following


async def _relay(sending: Coroutine[Any, Any, None], receiving: Coroutine[Any, Any, None], wait: float | None) -> None:
    """Send and receive until the peer closes, or until ``wait`` seconds after everything was sent."""

    async def send() -> None:
        await sending
        await (_for_ever() if wait is None else asyncio.sleep(wait))

    await until_first(send(), receiving)


async def _for_ever() -> None:
    await asyncio.get_running_loop().create_future()
