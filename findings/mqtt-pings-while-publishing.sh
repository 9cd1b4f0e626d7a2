#!/bin/sh
# paho-mqtt 2.2.0, and with it aiomqtt 2.5.1, and gmqtt 0.8.0 send a PINGREQ every keepalive although they publish all
# the time with QoS 0: they also count from the last packet *received*, and QoS 0 brings none. MQTT asks for a packet
# sent within the keepalive, and PUBLISH is one. On a metered radio each ping is a round trip for nothing.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'paho-mqtt==2.2.0' 'aiomqtt==2.5.1' 'gmqtt==0.8.0'
"$folder/venv/bin/python" - <<'EOF'
import asyncio
import importlib.metadata
import sys
import time

import aiomqtt
import gmqtt
import paho.mqtt.client as paho

CONNECT, PUBLISH, PINGREQ = 1, 3, 12
KEEPALIVE = 4
packets = []


async def broker(reader, writer):
    """Answer CONNECT and PINGREQ, and note when each packet of the client comes."""
    start = time.monotonic()
    try:
        while True:
            kind = (await reader.readexactly(1))[0] >> 4
            size = shift = 0
            while True:
                byte = (await reader.readexactly(1))[0]
                size |= (byte & 127) << shift
                shift += 7
                if not byte & 128:
                    break
            body = await reader.readexactly(size)
            packets.append((kind, time.monotonic() - start))
            if kind == CONNECT:
                writer.write(b"\x20\x03\0\0\0" if body[6] == 5 else b"\x20\x02\0\0")
            elif kind == PINGREQ:
                writer.write(b"\xd0\0")
    except asyncio.IncompleteReadError:
        writer.close()


def with_paho(port):
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port, keepalive=KEEPALIVE)
    client.loop_start()
    for _ in range(20):
        client.publish("meter/7", b"21.5", qos=0)
        time.sleep(0.5)
    client.disconnect()
    client.loop_stop()


async def with_aiomqtt(port):
    async with aiomqtt.Client("127.0.0.1", port, keepalive=KEEPALIVE) as client:
        for _ in range(20):
            await client.publish("meter/7", b"21.5", qos=0)
            await asyncio.sleep(0.5)


async def with_gmqtt(port):
    client = gmqtt.Client("finding")
    await client.connect("127.0.0.1", port, keepalive=KEEPALIVE)
    for _ in range(20):
        client.publish("meter/7", b"21.5", qos=0)
        await asyncio.sleep(0.5)
    await client.disconnect()


async def main():
    server = await asyncio.start_server(broker, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    runs = {
        "paho-mqtt": lambda: asyncio.to_thread(with_paho, port),
        "aiomqtt": lambda: with_aiomqtt(port),
        "gmqtt": lambda: with_gmqtt(port),
    }
    is_so = True
    for name, run in runs.items():
        packets.clear()
        await run()
        await asyncio.sleep(0.2)
        pings = [round(when, 1) for kind, when in packets if kind == PINGREQ]
        publishes = sum(kind == PUBLISH for kind, _ in packets)
        version = importlib.metadata.version(name)
        print(f"{name} {version}: {publishes} PUBLISH in 10 s, keepalive {KEEPALIVE} s, PINGREQ after {pings} s")
        is_so = is_so and publishes == 20 and len(pings) == 2
    server.close()
    return is_so


sys.exit(0 if asyncio.run(main()) else 1)
EOF
