"""Sessions of several protocols at once over a module with faults, captured; by themselves, a hundred of them:

python -m tests.capture.sessions
"""

import argparse
import asyncio
import contextlib
import random
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from bc260y_aio import Modem
from bc260y_aio.capture import Capture, LineCapture
from bc260y_aio.emulator import Emulator, PeerConnection
from bc260y_aio.recording import Recorder
from bc260y_aio.testing import virtual_clock
from tests.contract.certificates import NAMES, server_context, trusting_context

from .judge import complaints, protocols

NAME: Final = NAMES[0]
THINGS: Final = "things.example"

# One of these faults, or none, strikes each session.
FAULTS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"send_fail_taken": 0.2},
    {"send_fail_dropped": 0.2},
    {"send_ok_lost": 0.1},
    {"answer_lost": 0.05},
    {"open_lost": 0.2},
    {"close_ok_lost": 0.3},
    {"answer_late": 0.1},
    {"urc_inside": 0.3},
    {"closed": 0.1},
    {"broken_receiving": 0.1},
    {"broken_sending": 0.1},
    {"session_lost": 0.1},
    {"restart": 0.0003},
    {"stalled": 0.1},
    {"noise_split": 0.2},
)

# The servers


async def serve_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer an HTTP request."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2000\r\n\r\n" + b"21.5" * 500)
        await reader.read()

    writer.close()


async def serve_mqtt(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accept an MQTT client, and acknowledge what it publishes."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        await reader.readexactly(2 + 12)
        writer.write(b"\x20\x02\x00\x00")
        publish = await reader.readexactly(2 + 2 + 4 + 2 + 4)
        writer.write(b"\x40\x02" + publish[8:10])
        await reader.read()

    writer.close()


async def serve_coap(connection: PeerConnection) -> None:
    """Answer CoAP requests with a reading."""
    while request := await connection.receive():
        connection.send(b"\x60\x45" + request[2:4] + b"\xff21.5")


# The clients


async def get(streams: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
    """Get something by HTTP."""
    reader, writer = streams
    try:
        writer.write(b"GET /reading HTTP/1.1\r\nHost: peer.example\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(2000)
    finally:
        writer.close()

    await writer.wait_closed()


async def publish(streams: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
    """Publish a reading by MQTT, with QoS 1."""
    reader, writer = streams
    try:
        writer.write(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00")
        await reader.readexactly(4)
        writer.write(b"\x32\x0c\x00\x04temp\x00\x0121.5")
        await reader.readexactly(4)
        writer.write(b"\xe0\x00")
    finally:
        writer.close()

    await writer.wait_closed()


async def ask(modem: Modem) -> None:
    """Ask for a reading by CoAP."""
    async with await modem.open_datagram_endpoint(THINGS, 5683) as endpoint:
        await endpoint.send(b"\x40\x01\x00\x01\xb4temp")
        await endpoint.receive()


async def try_all(modem: Modem) -> Counter[str]:
    """Run all clients at once; return how many succeeded, and why others did not."""
    ends: Counter[str] = Counter()

    async def attempt(work: Awaitable[Any]) -> None:
        try:
            async with asyncio.timeout(600):
                await work
            ends["ok"] += 1
        except (OSError, asyncio.IncompleteReadError) as exc:
            ends[type(exc).__name__] += 1

    async def over_stream(client: Callable[..., Awaitable[None]], port: int, **options: Any) -> None:
        await client(await modem.open_connection(NAME, port, **options))

    await asyncio.gather(
        attempt(over_stream(get, 80)),
        attempt(over_stream(get, 443, ssl=trusting_context())),
        attempt(over_stream(publish, 1883)),
        attempt(ask(modem)),
    )
    return ends


# A session


@contextlib.asynccontextmanager
async def network(emulator: Emulator) -> AsyncIterator[None]:
    """Start the servers, and make them known by the usual ports."""
    web = await asyncio.start_server(serve_http, "127.0.0.1", 0)
    tls = await asyncio.start_server(serve_http, "127.0.0.1", 0, ssl=server_context())
    broker = await asyncio.start_server(serve_mqtt, "127.0.0.1", 0)
    ports = {port: server.sockets[0].getsockname()[1] for port, server in ((80, web), (443, tls), (1883, broker))}
    emulator.network.add_host(NAME, ports=ports)
    emulator.network.add_host(THINGS, serve_coap)
    async with web, tls, broker:
        yield


async def capture_session(path: Path, seed: int, *, by_line: bool = False, **faults: Any) -> Counter[str]:
    """Capture a session; return how its connections ended.

    Args:
        path: the capture to write.
        seed: of the faults.
        by_line: capture the bytes of the line rather than the modem's events.
        faults: the faults of the emulated module.
    """
    keys = path.with_suffix(".keys")
    async with Emulator(line="memory", seed=seed, latency=0.2, **faults) as emulator, network(emulator):
        if not by_line:
            async with Modem(emulator.url, close_timeout=20.0) as modem:
                with modem.capture(path, tls_keys=keys):
                    return await try_all(modem)

        recorder = Recorder(emulator.url, path.with_suffix(".txt"))
        with Capture(path, tls_keys=keys) as capture:
            line = LineCapture(capture)
            recorder.watch = lambda data, by_dte: line.feed(data, by_dte=by_dte)
            async with recorder, Modem(recorder.url, close_timeout=20.0) as modem:
                modem.tls_sessions.keylog_filename = str(keys)
                return await try_all(modem)


def run_session(path: Path, seed: int) -> Counter[str]:
    """Capture the session of a seed, by a clock that jumps; return how its connections ended."""
    faults = FAULTS[seed % len(FAULTS)]
    random.seed(seed)
    with asyncio.Runner(loop_factory=virtual_clock()) as runner:
        return runner.run(capture_session(path, seed, by_line=seed % 3 == 2, **faults))


def main() -> None:
    """Capture sessions, and let tshark judge them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    count = parser.parse_args().count
    ends: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(count):
            path = Path(folder) / f"{seed}.pcapng"
            ends += run_session(path, seed)
            seen += protocols(path)
            if found := complaints(path):
                wrong += 1
                sys.stdout.write(f"seed {seed}, {FAULTS[seed % len(FAULTS)]}: {found}\n")

    sys.stdout.write(f"{count} sessions, {wrong} with complaints of tshark\n")
    sys.stdout.write(f"connections: {dict(ends.most_common())}\npackets: {dict(seen.most_common())}\n")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
