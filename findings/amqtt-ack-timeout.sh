#!/bin/sh
# amqtt 0.12.1, client: publish(..., ack_timeout=60) gives up after 5 s, a number in its code, and raises TimeoutError for a
# message that arrived: of QoS 1 it is there twice when the program sends it again. Of QoS 2 it is there not at all: the late
# PUBREC belongs to nothing by then, so no PUBREL follows, and the broker, amqtt's own here, keeps the message to itself.
# `ack_timeout` can only make it shorter. No option makes the 5 s longer, so QoS 1 and 2 need acknowledgements within them.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'amqtt==0.12.1'
"$folder/venv/bin/python" - <<'EOF'
import asyncio
import contextlib
import importlib.metadata
import logging
import sys
import time

from amqtt.broker import Broker
from amqtt.client import MQTTClient

logging.disable(logging.CRITICAL)
SLOW = 6.0
ANONYMOUS = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
KINDS = {3: "PUBLISH", 4: "PUBACK", 5: "PUBREC", 6: "PUBREL", 7: "PUBCOMP"}


class Line:
    """What is between a client and the broker: packets to the broker at once, and those to the client late, once it is slow."""

    def __init__(self, broker_port):
        self.broker_port, self.delay, self.seen = broker_port, 0.0, []

    async def __call__(self, reader, writer):
        beyond_reader, beyond_writer = await asyncio.open_connection("127.0.0.1", self.broker_port)
        back = asyncio.create_task(self.forward(beyond_reader, writer, is_back=True))
        await self.forward(reader, beyond_writer, is_back=False)
        await back

    async def forward(self, reader, writer, is_back):
        loop = asyncio.get_running_loop()
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                head = await reader.readexactly(2)
                packet = head + await reader.readexactly(head[1])
                if name := KINDS.get(head[0] >> 4):
                    self.seen.append(name)

                loop.call_later(self.delay if is_back else 0, writer.write, packet)

        loop.call_later(self.delay if is_back else 0, writer.close)


async def publish(broker_port, qos):
    """Publish a message with a slow acknowledgement; return what came of it, what a subscriber has, and the packets."""
    server = await asyncio.start_server(line := Line(broker_port), "127.0.0.1", 0)
    got, config = [], {"auto_reconnect": False}
    subscriber, client = MQTTClient(client_id=f"subscriber{qos}", config=config), MQTTClient(client_id=f"meter{qos}", config=config)
    await subscriber.connect(f"mqtt://127.0.0.1:{broker_port}/")
    await subscriber.subscribe([(f"reading{qos}", 0)])

    async def receive():
        while True:
            got.append(bytes((await subscriber.deliver_message()).data))

    task = asyncio.create_task(receive())
    await client.connect(f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    line.delay = SLOW
    start = time.monotonic()
    try:
        await client.publish(f"reading{qos}", b"21.5", qos=qos, ack_timeout=60)
        outcome = "acknowledged"
    except TimeoutError:
        outcome = "TimeoutError"

    took = round(time.monotonic() - start)
    await asyncio.sleep(SLOW)
    line.delay = 0.0
    task.cancel()
    await client.disconnect()
    await subscriber.disconnect()
    server.close()
    print(f"QoS {qos}: {outcome} after {took} s; the subscriber has {got}; packets {line.seen}")
    return outcome, took, got, line.seen


async def main():
    print(f"amqtt {importlib.metadata.version('amqtt')}, Python {sys.version.split()[0]}")
    print(f"what the broker sends arrives {SLOW} s later; ack_timeout=60")
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    broker = Broker({"listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}}, "plugins": ANONYMOUS})
    await broker.start()
    found = [await publish(port, qos) for qos in (1, 2)]
    await broker.shutdown()
    return found == [
        ("TimeoutError", 5, [b"21.5"], ["PUBLISH", "PUBACK"]),
        ("TimeoutError", 5, [], ["PUBLISH", "PUBREC"]),
    ]


sys.exit(0 if asyncio.run(main()) else 1)
EOF
