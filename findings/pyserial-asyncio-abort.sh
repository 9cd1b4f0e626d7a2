#!/bin/sh
# pyserial-asyncio 0.6: close() and then abort() on a serial transport, which asyncio's own transports allow, ends in
# an AttributeError in the event loop: the port is flushed a second time when it is None already. connection_lost has
# been called by then, so a program sees nothing but the log, or a test fails by its exception handler.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'pyserial==3.5' 'pyserial-asyncio==0.6'
"$folder/venv/bin/python" - <<'EOF'
import asyncio
import importlib.metadata
import os
import pty
import sys

import serial_asyncio


class Port(asyncio.Protocol):
    def __init__(self):
        self.lost = 0

    def connection_lost(self, exc):
        self.lost += 1


async def close_and_abort(transport, protocol):
    errors = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: errors.append(repr(context["exception"])))
    transport.close()
    transport.abort()
    await asyncio.sleep(0.5)
    return protocol.lost, errors


async def on_serial():
    master, slave = pty.openpty()
    try:
        made = await serial_asyncio.create_serial_connection(
            asyncio.get_running_loop(), Port, os.ttyname(slave), baudrate=9600
        )
        return await close_and_abort(*made)
    finally:
        os.close(master)
        os.close(slave)


async def on_tcp():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
    made = await loop.create_connection(Port, "127.0.0.1", server.sockets[0].getsockname()[1])
    server.close()
    return await close_and_abort(*made)


print(f"pyserial-asyncio {importlib.metadata.version('pyserial-asyncio')}, Python {sys.version.split()[0]}")
serial, tcp = asyncio.run(on_serial()), asyncio.run(on_tcp())
for name, (lost, errors) in {"serial": serial, "TCP": tcp}.items():
    print(f"close() and abort() on {name}: connection_lost {lost} time(s), in the exception handler: {errors}")

sys.exit(0 if serial[0] == 1 and "'flush'" in "".join(serial[1]) and tcp == (1, []) else 1)
EOF
