#!/bin/sh
# zmqtt 0.2.5: a subscription that was given up, as by asyncio.timeout() or wait_for(), which its README advises for request(),
# takes the client with it when its SUBACK comes. The packet identifier is unknown by then, that counts as a violation of the
# protocol, and those end the client for good: the reader of another subscription gets MQTTProtocolError, publish() raises
# MQTTDisconnectedError, and `reconnect`, which is on, does nothing. aiomqtt 2.5.1 ignores the late SUBACK and goes on.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'zmqtt==0.2.5' 'aiomqtt==2.5.1'
"$folder/venv/bin/python" - <<'EOF'
import asyncio
import contextlib
import importlib.metadata
import logging
import sys

import aiomqtt
import zmqtt

logging.disable(logging.CRITICAL)
PATIENCE, LATE = 0.5, 1.0


class Broker:
    """A broker of MQTT 3.1.1 that answers the first subscription at once, and each other one late; it echoes what is published."""

    def __init__(self):
        self.connections, self.published, self.subscribed = 0, [], 0

    async def __call__(self, reader, writer):
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                kind, size = await reader.readexactly(2)
                body = await reader.readexactly(size)
                match kind >> 4:
                    case 1:
                        writer.write(b"\x20\x02\x00\x00")
                    case 3:
                        self.published.append(body[-4:])
                        writer.write(bytes([kind, size]) + body)
                    case 8:
                        self.subscribed += 1
                        later = asyncio.get_running_loop().call_later
                        later(0 if self.subscribed == 1 else LATE, writer.write, b"\x90\x03" + body[:2] + b"\x00")
                    case 14:
                        break

        writer.close()


async def by_zmqtt(port):
    got, outcomes = [], []
    client = zmqtt.create_client("127.0.0.1", port, client_id="meter")
    await client.connect()
    valve = client.subscribe("valve")
    await valve.start()

    async def receive():
        try:
            while True:
                got.append((await valve.get_message()).payload)
        except zmqtt.MQTTProtocolError as exc:
            got.append(f"MQTTProtocolError: {exc}")

    task = asyncio.create_task(receive())
    outcomes.append("published" if await client.publish("valve", b"open") is None else "")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            await client.subscribe("price").start()

    for _ in range(2):
        # Longer than the first delay of `reconnect`, 1 s.
        await asyncio.sleep(LATE + 1.5)
        try:
            await client.publish("valve", b"shut")
            outcomes.append("published")
        except zmqtt.MQTTError as exc:
            outcomes.append(type(exc).__name__)

    with contextlib.suppress(zmqtt.MQTTError):
        await client.disconnect()

    await asyncio.wait_for(task, 5)
    return got, outcomes


async def by_aiomqtt(port):
    got, outcomes = [], []
    async with aiomqtt.Client("127.0.0.1", port, identifier="meter") as client:
        await client.subscribe("valve")

        async def receive():
            async for message in client.messages:
                got.append(message.payload)

        task = asyncio.create_task(receive())
        await client.publish("valve", b"open")
        outcomes.append("published")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await client.subscribe("price")

        for _ in range(2):
            await asyncio.sleep(LATE + 1.5)
            await client.publish("valve", b"shut")
            outcomes.append("published")

        await asyncio.sleep(0.5)
        task.cancel()

    return got, outcomes


async def main():
    print(f"a SUBACK after {LATE} s, given up after {PATIENCE} s; Python {sys.version.split()[0]}")
    results = {}
    for name, client in {"zmqtt": by_zmqtt, "aiomqtt": by_aiomqtt}.items():
        server = await asyncio.start_server(broker := Broker(), "127.0.0.1", 0)
        got, outcomes = await client(server.sockets[0].getsockname()[1])
        server.close()
        print(f"{name} {importlib.metadata.version(name)}: publish() {outcomes}, got {got}, connections: {broker.connections}")
        results[name] = outcomes, got, broker.published, broker.connections

    lost = "MQTTDisconnectedError"
    return results == {
        "zmqtt": (["published", lost, lost], [b"open", "MQTTProtocolError: SUBACK for unknown packet_id 1"], [b"open"], 1),
        "aiomqtt": (["published"] * 3, [b"open", b"shut", b"shut"], [b"open", b"shut", b"shut"], 1),
    }


sys.exit(0 if asyncio.run(main()) else 1)
EOF
