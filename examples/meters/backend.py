"""The collector of the meters: scripted hosts for the virtual clock, real servers for the real one.

``python backend.py`` serves HTTP and MQTT on this machine until Ctrl-C, and then says how many readings arrived.
"""

import asyncio
import contextlib
import os
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from aiohttp import web
from iotcore import Broker
from meter import COLLECTOR, HTTP_PORT, MQTT_PORT

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
    """Serve HTTP and MQTT on this machine, and yield what is counted."""
    counted: Counter[str] = Counter()

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
            await web.TCPSite(runner, "127.0.0.1", HTTP_PORT).start()
            yield counted
        finally:
            await runner.cleanup()


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
