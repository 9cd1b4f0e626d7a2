#!/bin/sh
# Sparkplug B: an NDEATH bears the bdSeq of the NBIRTH before it (3.0, tck-id-payloads-ndeath-bdseq), so that a host can drop the
# late will of an earlier connection. In pysparkplug 0.6.1 the NDEATH of disconnect() bears the next number; its will is right.
# In mqtt-spb-wrapper 2.1.2 the will bears the number before, since `--bdSeq` decrements nothing in Python; its disconnect() is
# right. At a host that compares them, the first stays online when it goes, and the second when its connection is lost.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for name in one two; do "${PYTHON:-python3}" -m venv "$folder/$name"; done
"$folder/one/bin/pip" install --quiet --disable-pip-version-check 'pysparkplug==0.6.1' 'paho-mqtt==1.6.1'
"$folder/two/bin/pip" install --quiet --disable-pip-version-check 'mqtt-spb-wrapper==2.1.2' 'paho-mqtt==1.6.1'
cat >"$folder/one.py" <<'EOF'
import logging
import os
import sys
import time

import pysparkplug

logging.disable(logging.CRITICAL)
metric = pysparkplug.Metric(timestamp=0, name="reading", datatype=pysparkplug.DataType.DOUBLE, value=21.5)
node = pysparkplug.EdgeNode("meters", "one", [metric])
node.connect("127.0.0.1", port=int(sys.argv[1]))
time.sleep(1)
if sys.argv[2] == "disconnect":
    node.disconnect()

os._exit(0)
EOF
cat >"$folder/two.py" <<'EOF'
import logging
import os
import sys
import time

from mqtt_spb_wrapper import MqttSpbEntityEdgeNode

logging.disable(logging.CRITICAL)
node = MqttSpbEntityEdgeNode("meters", "two")
node.data.set_value("reading", 21.5)
node.connect("127.0.0.1", int(sys.argv[1]))
node.publish_birth()
time.sleep(1)
if sys.argv[2] == "disconnect":
    node.disconnect()

os._exit(0)
EOF
"$folder/one/bin/python" - "$folder" <<'EOF'
import asyncio
import contextlib
import pathlib
import subprocess
import sys

from pysparkplug import Message
from paho.mqtt.client import MQTTMessage

FOLDER = pathlib.Path(sys.argv[1])


def of_string(data, at):
    size = int.from_bytes(data[at : at + 2])
    return data[at + 2 : at + 2 + size], at + 2 + size


class Broker:
    """A broker of MQTT 3.1.1 that publishes a will, where its client is lost; it records what it has of Sparkplug."""

    def __init__(self):
        self.seen = []

    async def __call__(self, reader, writer):
        will = None
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                kind, size, shift = *await reader.readexactly(2), 0
                size, more = size & 127, size > 127
                while more:
                    shift += 7
                    [byte] = await reader.readexactly(1)
                    size, more = size | (byte & 127) << shift, byte > 127

                body = await reader.readexactly(size)
                match kind >> 4:
                    case 1:
                        # The protocol's name, its level, flags and keepalive come before.
                        _, at = of_string(body, 10)
                        topic, at = of_string(body, at)
                        will = topic, of_string(body, at)[0]
                        writer.write(b"\x20\x02\x00\x00")
                    case 3:
                        topic, at = of_string(body, 0)
                        self.record(topic, body[at + 2 * bool(kind & 6) :])
                    case 8:
                        writer.write(b"\x90\x03" + body[:2] + b"\x00")
                    case 12:
                        writer.write(b"\xd0\x00")
                    case 14:
                        will = None
                        break

        if will is not None:
            self.record(*will)

        writer.close()

    def record(self, topic, payload):
        message = MQTTMessage(topic=topic)
        message.payload = payload
        payload = Message.from_mqtt_message(message).payload
        metrics = payload.metrics if hasattr(payload, "metrics") else [payload.bd_seq_metric]
        [number] = [metric.value for metric in metrics if metric.name == "bdSeq"]
        self.seen.append((topic.split(b"/")[2].decode(), number))


async def run(name, how):
    server = await asyncio.start_server(broker := Broker(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    program = await asyncio.create_subprocess_exec(FOLDER / name / "bin/python", FOLDER / f"{name}.py", str(port), how)
    await program.wait()
    await asyncio.sleep(0.5)
    server.close()
    (birth, born), (death, dead) = broker.seen
    assert (birth, death) == ("NBIRTH", "NDEATH"), broker.seen
    print(f"{name}, {how}: NBIRTH with bdSeq {born}, NDEATH with {dead}")
    return born, dead


async def main():
    for name in ("one", "two"):
        lines = subprocess.run([FOLDER / name / "bin/pip", "list", "--disable-pip-version-check"], capture_output=True, text=True)
        print(name, *[" ".join(line.split()) for line in lines.stdout.splitlines() if line.startswith(("pyspark", "mqtt", "paho"))], sep=", ")

    print(f"Python {sys.version.split()[0]}")
    found = {(name, how): await run(name, how) for name in ("one", "two") for how in ("disconnect", "lost")}
    return {key: dead - born for key, (born, dead) in found.items()} == {
        ("one", "disconnect"): 1,
        ("one", "lost"): 0,
        ("two", "disconnect"): 0,
        ("two", "lost"): -1,
    }


sys.exit(0 if asyncio.run(main()) else 1)
EOF
