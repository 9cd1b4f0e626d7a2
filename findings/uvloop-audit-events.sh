#!/bin/sh
# uvloop 0.23.0 raises no audit event for what it connects, sends or resolves. A hook of sys.addaudithook sees
# socket.getaddrinfo and socket.connect of asyncio's own loop, and nothing at all of uvloop's: a guard that stands on
# audit events lets a program on uvloop pass.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'uvloop==0.23.0'
"$folder/venv/bin/python" - <<'EOF'
import asyncio
import importlib.metadata
import sys

import uvloop

events = []
sys.addaudithook(lambda name, _: events.append(name) if name.startswith("socket.") else None)


async def close(reader, writer):
    writer.close()


async def main():
    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(close, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    events.clear()
    _, writer = await asyncio.open_connection("localhost", port)
    writer.close()
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=("127.0.0.1", port))
    transport.sendto(b"x")
    transport.close()
    server.close()
    return [name for name in events if name in ("socket.getaddrinfo", "socket.connect", "socket.sendto")]


seen = {}
for name, factory in {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}.items():
    with asyncio.Runner(loop_factory=factory) as runner:
        seen[name] = runner.run(main())

print(f"uvloop {importlib.metadata.version('uvloop')}, Python {sys.version.split()[0]}")
for name, what in seen.items():
    print(f"audit events of an open_connection and a datagram endpoint on {name}: {what}")

sys.exit(0 if seen["uvloop"] == [] and {"socket.getaddrinfo", "socket.connect"} <= set(seen["asyncio"]) else 1)
EOF
