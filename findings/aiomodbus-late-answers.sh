#!/bin/sh
# aiomodbus 0.6.0: an answer that comes after its request was given up (`default_timeout`, 0.2 s) ends the connection: its
# transaction number is looked up in vain, and the parser goes on to the next header, which is not there. It connects anew by
# itself, but each other request that is under way ends with CancelledError although nobody cancelled it: a TaskGroup takes
# that for a task that was cancelled, and says nothing. So of four registers one fails and two are missing without an error.
# With `default_timeout=60` all four are read on one connection.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'aiomodbus==0.6.0'
"$folder/venv/bin/python" - <<'EOF'
import asyncio
import contextlib
import importlib.metadata
import logging
import struct
import sys

from aiomodbus.tcp import ModbusTCPClient

logging.disable(logging.CRITICAL)
LATE, ANSWER = 0.4, 0.1


class Device:
    """A device whose registers hold their own numbers; that of register 100 comes late."""

    def __init__(self):
        self.connections, self.tasks = 0, []

    async def __call__(self, reader, writer):
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                number, _, size, unit = struct.unpack(">HHHB", await reader.readexactly(7))
                function, address, _ = struct.unpack(">BHH", await reader.readexactly(size - 1))
                answer = struct.pack(">HHHBBBH", number, 0, 5, unit, function, 2, address)
                asyncio.get_running_loop().call_later(LATE if address == 100 else ANSWER, writer.write, answer)

        writer.close()


async def read_four(**options):
    """Read register 100, and three others a little before its answer comes; return what the group of tasks has."""
    server = await asyncio.start_server(device := Device(), "127.0.0.1", 0)
    client = ModbusTCPClient("127.0.0.1", server.sockets[0].getsockname()[1], **options)
    await client.connect()
    values = {}

    async def read(address, after):
        await asyncio.sleep(after)
        try:
            [values[address]] = await client.read_holding_registers(address, 1)
        except TimeoutError:
            values[address] = "TimeoutError"

    group_error = None
    try:
        async with asyncio.TaskGroup() as group:
            for address, after in ((100, 0), (200, 0.1), (300, LATE - 0.05), (400, LATE - 0.05)):
                group.create_task(read(address, after))
    except BaseException as exc:
        group_error = exc

    await asyncio.sleep(0.5)
    client.stop()
    server.close()
    print(f"{options}: {values}, error of the group: {group_error}, connections: {device.connections}")
    return values, group_error, device.connections


async def main():
    print(f"aiomodbus {importlib.metadata.version('aiomodbus')}, Python {sys.version.split()[0]}")
    print(f"register 100 is answered after {LATE} s, each other one after {ANSWER} s")
    by_default = await read_four()
    patient = await read_four(default_timeout=60)
    return by_default == ({100: "TimeoutError", 200: 200}, None, 2) and patient == (
        {200: 200, 100: 100, 300: 300, 400: 400},
        None,
        1,
    )


sys.exit(0 if asyncio.run(main()) else 1)
EOF
