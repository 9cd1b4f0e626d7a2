"""What HTTPS requests of unmodified clients cost the radio, as JSON: one row for each request.

It runs on its own, so that an earlier build of the package can be measured in the same run:

    PYTHONPATH=/path/to/the/earlier/checkout python benchmarks/tls_requests.py httpx average

The server is in this process, and its answer has 11 bytes. Each request has a connection of its own. The clock is
virtual, and the energy is that of the emulator's radio ledger, up to the release of the radio.
"""

import argparse
import asyncio
import contextlib
import functools
import importlib.util
import json
import re
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import trustme

from bc260y_aio import Modem
from bc260y_aio.testing import virtual_clock

NAME: Final = "api.example"
BODY: Final = b"hello there"
# How long between two requests, in seconds.
PERIOD: Final = 120.0
_QUERY: Final = re.compile(r"AT\+QISEND=\d,0")

Fetch = Callable[[str], Awaitable[bytes]]


@dataclass
class Request:
    """What a request cost.

    Attributes:
        seconds: from its begin until its connection is closed.
        up: bytes that the client sent from the begin of the handshake to its end, with the headers of TCP and IP.
        down: bytes that it received meanwhile.
        total_up: all bytes that it sent.
        total_down: all bytes that it received.
        queries: how many AT+QISEND asked for acknowledgements.
        sends: how many AT+QISEND sent data.
        energy: of the radio, in mWh.
        connected: how long the radio was connected, in seconds.
        error: why it failed; empty when it did not.
    """

    seconds: float = 0.0
    up: int = 0
    down: int = 0
    total_up: int = 0
    total_down: int = 0
    queries: int = 0
    sends: int = 0
    energy: float = 0.0
    connected: float = 0.0
    error: str = ""


# The server


def key_types() -> dict[str, Any]:
    """Return the kinds of certificates by name."""
    return {"RSA": trustme.KeyType.RSA, "ECDSA": trustme.KeyType.ECDSA}


class Server:
    """An HTTPS server in this process, which counts what its handshakes cost.

    Attributes:
        authority: the root of its certificate.
        port: its port on 127.0.0.1.
    """

    def __init__(self, keys: str, chain: int, *, maximum_version: ssl.TLSVersion, keeps_sessions: bool) -> None:
        """Make the certificates: ``chain`` of them are sent.

        Args:
            keys: the kind of certificates.
            chain: how many of them are sent.
            maximum_version: the latest version of TLS.
            keeps_sessions: keep sessions at the server, so that a ticket is but a number of 32 bytes.
        """
        kind = key_types()[keys]
        self.authority = issuer = trustme.CA(key_type=kind)
        for _ in range(chain - 1):
            issuer = issuer.create_child_ca(key_type=kind)

        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.maximum_version = maximum_version
        if keeps_sessions:
            self._context.options |= ssl.OP_NO_TICKET

        issuer.issue_cert(NAME, key_type=kind).configure_cert(self._context)
        self.port = 0

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve for a block."""
        server = await asyncio.start_server(_answer, "127.0.0.1", 0, ssl=self._context, ssl_handshake_timeout=3600)
        async with server:
            self.port = server.sockets[0].getsockname()[1]
            yield


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        head = await reader.readuntil(b"\r\n\r\n")
        closing = b"connection: close" in head.lower()
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n" % len(BODY)
        writer.write(answer + (b"Connection: close\r\n" if closing else b"") + b"\r\n" + BODY)
        await writer.drain()
        if not closing:
            await reader.read()

    writer.close()


# The clients


@contextlib.asynccontextmanager
async def httpx_client(context: ssl.SSLContext) -> AsyncIterator[Fetch]:
    """Unmodified httpx; each request has a connection of its own."""
    import httpx

    limits = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(verify=context, limits=limits, timeout=300, trust_env=False) as client:

        async def fetch(url: str) -> bytes:
            return (await client.get(url)).content

        yield fetch


@contextlib.asynccontextmanager
async def aiohttp_client(context: ssl.SSLContext) -> AsyncIterator[Fetch]:
    """Unmodified aiohttp; each request has a connection of its own."""
    import aiohttp

    connector = aiohttp.TCPConnector(ssl=context, force_close=True)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=300)) as session:

        async def fetch(url: str) -> bytes:
            async with session.get(url) as response:
                return await response.read()

        yield fetch


@contextlib.asynccontextmanager
async def streams_client(context: ssl.SSLContext) -> AsyncIterator[Fetch]:
    """Asyncio's streams: a GET that is read to its end, and a close."""

    async def fetch(url: str) -> bytes:
        port = int(url.rpartition(":")[2].rstrip("/"))
        reader, writer = await asyncio.open_connection(NAME, port, ssl=context)
        writer.write(b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % NAME.encode())
        await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(len(BODY))
        writer.close()
        await writer.wait_closed()
        return body

    yield fetch


CLIENTS: Final = {"httpx": httpx_client, "aiohttp": aiohttp_client, "streams": streams_client}


# The measurement


def client_context(server: Server, *, narrowband: bool) -> ssl.SSLContext:
    """Make the context of a client that trusts a server."""
    if narrowband:
        from bc260y_aio.tls import narrowband_context

        context = narrowband_context()
    else:
        context = ssl.create_default_context()

    server.authority.configure_trust(context)
    return context


def _emulator_of(checkout: Path | None) -> Any:
    """Return the emulator of this build, or that of another checkout."""
    name = "bc260y_aio"
    if checkout is not None:
        name = "bc260y_aio_of_the_ledger"
        folder = checkout / "bc260y_aio"
        spec = importlib.util.spec_from_file_location(name, folder / "__init__.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)

    return importlib.import_module(f"{name}.emulator").Emulator


async def run(options: argparse.Namespace) -> list[Request]:
    """Make the requests, and return what each cost."""
    maximum_version = ssl.TLSVersion[options.tls]
    server = Server(options.keys, options.chain, maximum_version=maximum_version, keeps_sessions=options.keeps_sessions)
    # TCP, for an emulator of another build has a memory line of its own.
    line = "memory" if options.emulator is None else "tcp"
    emulator_class = _emulator_of(options.emulator)
    emulated = emulator_class(line=line, baudrate=115200, network=options.network, seed=1, **options.module)
    async with server.serving(), emulated as emulator, Modem(emulator.url, **options.modem) as modem:
        context = client_context(server, narrowband=options.narrowband)
        with modem.route(match=lambda host, port: True):
            async with CLIENTS[options.client](context) as fetch:
                return [await _measure(fetch, emulator, modem, server.port) for _ in range(options.requests)]


async def _measure(fetch: Fetch, emulator: Any, modem: Modem, port: int) -> Request:
    await asyncio.sleep(PERIOD)
    loop = asyncio.get_running_loop()
    request = Request()
    end_counting = modem.trace(functools.partial(_count, request))
    began = loop.time()

    def note(sign: int) -> None:
        usage = emulator.radio.usage
        request.up += sign * usage.sent
        request.down += sign * usage.received

    handshakes = _note_handshakes(note)
    with emulator.radio.measure() as span:
        try:
            with handshakes:
                assert await fetch(f"https://{NAME}:{port}/") == BODY
        except Exception as exc:
            request.error = f"{type(exc).__name__}: {exc}"

        request.seconds = loop.time() - began
        # The connections of some clients are closed after their requests.
        await asyncio.sleep(PERIOD / 2)

    request.total_up, request.total_down = span.bytes_sent, span.bytes_received
    request.energy, request.connected = span.energy_mwh, span.connected_seconds
    end_counting()
    return request


def _count(request: Request, event: Any) -> None:
    if type(event).__name__ == "CommandSent" and event.name == "+QISEND":
        is_query = _QUERY.fullmatch(event.command) is not None
        request.queries += is_query
        request.sends += not is_query


@contextlib.contextmanager
def _note_handshakes(note: Callable[[int], None]) -> Any:
    """Call back with -1 when the handshake of a client begins, and with 1 when it has ended."""
    own = ssl.SSLObject.do_handshake
    begun: set[int] = set()

    def do_handshake(self: ssl.SSLObject) -> None:
        if not self.server_side and id(self) not in begun:
            begun.add(id(self))
            note(-1)

        own(self)
        if not self.server_side:
            note(1)

    ssl.SSLObject.do_handshake = do_handshake  # type: ignore[method-assign]
    try:
        yield
    finally:
        ssl.SSLObject.do_handshake = own  # type: ignore[method-assign]


def main(arguments: list[str]) -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("client", choices=CLIENTS)
    parser.add_argument("network", choices=("good", "average", "edge"))
    parser.add_argument("--keys", choices=key_types(), default="RSA")
    parser.add_argument("--chain", type=int, default=2)
    parser.add_argument("--tls", default="TLSv1_3", choices=("TLSv1_2", "TLSv1_3"))
    parser.add_argument("--narrowband", action="store_true")
    parser.add_argument("--keeps-sessions", action="store_true", help="tickets are numbers of the server's cache")
    parser.add_argument("--requests", type=int, default=3)
    parser.add_argument("--module", type=json.loads, default={}, metavar="JSON", help="options of the emulated module")
    parser.add_argument("--modem", type=json.loads, default={}, metavar="JSON", help="arguments of the modem")
    parser.add_argument("--emulator", type=Path, metavar="CHECKOUT", help="the emulator of another build")
    options = parser.parse_args(arguments)
    with asyncio.Runner(loop_factory=virtual_clock()) as runner:
        requests = runner.run(run(options))

    json.dump([asdict(one) for one in requests], sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
