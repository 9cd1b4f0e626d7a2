#!/bin/sh
# aiostomp 1.7.3 writes a heart-beat every second by default, to a broker that accepts them, and asks it for one a second; but
# it does not miss those. A broker that has gone without a word, as behind a NAT that has forgotten the connection, is not
# noticed, and send() goes on without an error. So the heart-beats cost, and detect nothing: `heartbeat=False` is as good.
# stomp.py 9.0.0 has none by default; with heartbeats=(1000, 1000) it notices after 1.5 s, and send() raises.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'aiostomp==1.7.3' 'stomp.py==9.0.0'
"$folder/venv/bin/python" - <<'EOF'
import asyncio
import contextlib
import importlib.metadata
import logging
import sys

import aiostomp
import stomp

logging.disable(logging.CRITICAL)
ALIVE, GONE = 3, 5


class Broker:
    """A broker of STOMP 1.1 that takes and sends heart-beats, and after a while says nothing more."""

    def __init__(self):
        self.asked, self.beats, self.frames = None, 0, []

    async def __call__(self, reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                byte = await reader.readexactly(1)
                if byte == b"\n":
                    self.beats += 1
                    continue

                frame = (byte + await reader.readuntil(b"\0")).decode()
                command, *headers = frame.partition("\n\n")[0].splitlines()
                self.frames.append(command)
                if command in ("CONNECT", "STOMP"):
                    self.asked = dict(header.split(":", 1) for header in headers).get("heart-beat", "none")
                    beat = "heart-beat:1000,1000\n" if self.asked != "none" else ""
                    writer.write(f"CONNECTED\nversion:1.1\n{beat}\n\0\n".encode())
                    asyncio.get_running_loop().create_task(self.beat(writer, bool(beat)))

    async def beat(self, writer, is_wanted):
        for _ in range(ALIVE if is_wanted else 0):
            writer.write(b"\n")
            await asyncio.sleep(1)


async def by_aiostomp(port):
    client = aiostomp.AioStomp("127.0.0.1", port, reconnect_max_attempts=1)
    await client.connect()
    await asyncio.sleep(ALIVE + GONE)
    try:
        client.send("/queue/readings", body="21.5")
        outcome = "sent"
    except Exception as exc:
        outcome = type(exc).__name__

    await asyncio.sleep(0.3)
    client.close()
    return outcome


async def by_stomp(port, **options):
    client = stomp.Connection11([("127.0.0.1", port)], reconnect_attempts_max=1, **options)
    await asyncio.to_thread(client.connect, wait=True)
    await asyncio.sleep(ALIVE + GONE)
    try:
        await asyncio.to_thread(client.send, "/queue/readings", "21.5")
        outcome = "sent"
    except Exception as exc:
        outcome = type(exc).__name__

    await asyncio.sleep(0.3)
    with contextlib.suppress(Exception):
        await asyncio.to_thread(client.disconnect)

    return outcome


async def main():
    print(f"a broker that goes silent after {ALIVE} s, and send() {GONE} s after that; Python {sys.version.split()[0]}")
    clients = {
        "aiostomp": by_aiostomp,
        "stomp.py": by_stomp,
        "stomp.py, heartbeats=(1000, 1000)": lambda port: by_stomp(port, heartbeats=(1000, 1000)),
    }
    results = {}
    for name, client in clients.items():
        server = await asyncio.start_server(broker := Broker(), "127.0.0.1", 0)
        outcome = await client(server.sockets[0].getsockname()[1])
        server.close()
        version = importlib.metadata.version(name.partition(",")[0])
        print(f"{name} ({version}): asks for heart-beat {broker.asked}, wrote {broker.beats}, send() after the silence: {outcome}")
        results[name] = broker.asked, broker.beats >= ALIVE + GONE, outcome

    *_, (_, _, noticed) = results.values()
    return noticed != "sent" and list(results.values())[:2] == [("1000,1000", True, "sent"), ("none", False, "sent")]


sys.exit(0 if asyncio.run(main()) else 1)
EOF
