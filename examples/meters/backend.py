"""The collector of the meters: scripted hosts for the virtual clock, real servers for the real one.

``python backend.py`` serves UDP, TCP, HTTP and MQTT on this machine until Ctrl-C, and then says what arrived.
"""

import asyncio
import contextlib
import os
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import cast

import gmqtt
from aiohttp import web
from iotcore import Broker
from meter import COLLECTOR, HTTP_PORT, MQTT_PORT, UDP_PORT

from bc260y_aio.emulator import HttpPeer, Network, PeerConnection

# The broker is rumqttd, from the package iotcore.
_BROKER = """
id = 0
[router]
max_connections = 20000
max_outgoing_packet_count = 200
max_segment_size = 1048576
max_segment_count = 10
[v5.1]
name = "mqtt-5"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
[v5.1.connections]
connection_timeout_ms = 60000
max_payload_size = 4096
max_inflight_count = 100
"""


def scripted(network: Network) -> Callable[[], Counter[str]]:
    """Add a collector that is simulated: datagrams are acknowledged by their echo, lines and posts are counted."""
    counted: Counter[str] = Counter()

    async def collect(connection: PeerConnection) -> None:
        while data := await connection.receive():
            if connection.service_type == "UDP":
                counted["datagrams"] += 1
                connection.send(data)
            else:
                counted["lines"] += data.count(b"\n")

    http = HttpPeer({"POST /readings": 204})
    network.add_host(COLLECTOR, collect, ports={HTTP_PORT: http})
    return lambda: counted + Counter(posts=len(http.requests))


@contextlib.asynccontextmanager
async def servers() -> AsyncIterator[Counter[str]]:
    """Serve UDP, TCP, HTTP and MQTT on this machine, and yield what is counted."""
    counted: Counter[str] = Counter()
    loop = asyncio.get_running_loop()
    datagrams, _ = await loop.create_datagram_endpoint(lambda: Acknowledging(counted), ("127.0.0.1", UDP_PORT))

    async def collect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            counted["lines"] += 1

        writer.close()

    async def post(request: web.Request) -> web.Response:
        await request.read()
        counted["posts"] += 1
        return web.Response(status=204)

    application = web.Application()
    application.router.add_post("/readings", post)
    runner = web.AppRunner(application)
    await runner.setup()
    with tempfile.TemporaryDirectory() as folder, Broker(config_path=_configuration(Path(folder))):
        try:
            async with await asyncio.start_server(collect, "127.0.0.1", UDP_PORT), counting_subscriber(counted):
                await web.TCPSite(runner, "127.0.0.1", HTTP_PORT).start()
                yield counted
        finally:
            datagrams.close()
            await runner.cleanup()


class Acknowledging(asyncio.DatagramProtocol):
    """Counts datagrams, and sends each one back."""

    def __init__(self, counted: Counter[str]) -> None:
        self._counted = counted
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self._counted["datagrams"] += 1
        self._transport.sendto(data, address)


@contextlib.asynccontextmanager
async def counting_subscriber(counted: Counter[str]) -> AsyncIterator[None]:
    """Count what the meters publish."""
    client = gmqtt.Client("collector")
    client.on_message = lambda *_: counted.update(["publications"])
    await client.connect("127.0.0.1", MQTT_PORT)
    client.subscribe("meters/#", qos=1)
    yield
    await client.disconnect()


def _configuration(folder: Path) -> str:
    file = folder / "rumqttd.toml"
    file.write_text(_BROKER.format(port=MQTT_PORT))
    return os.fspath(file)


async def main() -> None:
    """Serve until Ctrl-C."""
    async with servers() as counted:
        try:
            await asyncio.Event().wait()
        finally:
            print(f"arrived: {dict(counted)}")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
