"""The servers that the examples use without a port: on this machine, behind an emulated module.

With a real module, real servers take their place.
"""

import asyncio
import contextlib
import os
import ssl
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Final, TypeAlias

import trustme

EMULATED: Final = "emulator://?latency=0.1&baudrate=115200"
NAME: Final = "server.example"

Serving: TypeAlias = Callable[[], AbstractAsyncContextManager[tuple[Any, ...]]]


def run(main: Callable[..., Awaitable[None]], serving: Serving, usage: str) -> None:
    """Run an example with the arguments of the command line, or else against a server on this machine."""
    if len(sys.argv) > 1:
        asyncio.run(_named(main))
        return

    port = os.environ.get("BC260Y_PORT") or EMULATED
    if not port.startswith("emulator:"):
        sys.exit(f"a real module ({port}) needs a server: {usage}")

    print(f"this is an emulated module ({port})")
    asyncio.run(_on_emulator(main, serving, port))


async def _named(main: Callable[..., Awaitable[None]]) -> None:
    await main(*sys.argv[1:])


async def _on_emulator(main: Callable[..., Awaitable[None]], serving: Serving, port: str) -> None:
    async with serving() as arguments:
        await main(port, *arguments)


# TLS


@contextlib.contextmanager
def _certified() -> Any:
    """Make the TLS context of a server, and make this process trust its authority."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(NAME).configure_cert(context)
    with tempfile.TemporaryDirectory() as folder:
        trusted = Path(folder) / "authority.pem"
        authority.cert_pem.write_to_path(str(trusted))
        # The second is curl's.
        os.environ["SSL_CERT_FILE"] = os.environ["CURL_CA_BUNDLE"] = str(trusted)
        yield context


@contextlib.asynccontextmanager
async def _tls_server(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await serve(reader, writer)

        writer.close()

    with _certified() as context:
        server = await asyncio.start_server(serve_one, "127.0.0.1", 0, ssl=context)
        async with server:
            yield server.sockets[0].getsockname()[1]


# Servers


@contextlib.asynccontextmanager
async def web() -> AsyncIterator[tuple[str]]:
    """Serve a page by HTTPS, and yield its URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\nhello over NB-IoT, TLS")

    async with _tls_server(serve) as port:
        yield (f"https://{NAME}:{port}/",)


@contextlib.asynccontextmanager
async def broker() -> AsyncIterator[tuple[str, int]]:
    """Serve a broker of MQTT 5, and yield its name and port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            (head,) = await reader.readexactly(1)
            (size,) = await reader.readexactly(1)
            packet = await reader.readexactly(size)
            match head >> 4:
                case 1:
                    writer.write(b"\x20\x03\x00\x00\x00")
                case 3:
                    topic_size = int.from_bytes(packet[:2])
                    topic, rest = packet[2 : 2 + topic_size], packet[2 + topic_size :]
                    print(f"the broker got {topic.decode()}: {rest[3:].decode()}")
                    writer.write(b"\x40\x02" + rest[:2])
                case 14:
                    return

    async with _tls_server(serve) as port:
        yield NAME, port


class _Collector(asyncio.DatagramProtocol):
    """A CoAP server that acknowledges every request with 2.04 Changed."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        end = 4 + (data[0] & 15)
        token = data[4:end]
        # The payload follows the first 0xFF of the options; the message ID and the token may have one, too.
        print(f"the server got {data[end:].partition(bytes([255]))[2].decode()}")
        self.transport.sendto(bytes([0x60 | len(token), 0x44]) + data[2:4] + token + b"\xffthank you", addr)


@contextlib.asynccontextmanager
async def collector() -> AsyncIterator[tuple[str]]:
    """Serve CoAP, and yield a URI."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(_Collector, local_addr=("127.0.0.1", 0))
    try:
        yield (f"coap://{NAME}:{transport.get_extra_info('sockname')[1]}/meter/7",)
    finally:
        transport.close()
