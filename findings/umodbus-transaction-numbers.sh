#!/bin/sh
# uModbus 1.0.4 and async-modbus 0.2.3, Modbus TCP: each request has a transaction number of its own, and any answer is taken
# for the one that is waited for. After one answer that came later than the program's time limit, each register reads as
# the one asked for before, without an error, and so on while the connection is used. pyModbusTCP 0.3.1 compares the number,
# and connects anew after a late answer.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'uModbus==1.0.4' 'async-modbus==0.2.3' 'pyModbusTCP==0.3.1'
"$folder/venv/bin/python" - <<'EOF'
import asyncio
import contextlib
import importlib.metadata
import socket
import struct
import sys

import async_modbus
from pyModbusTCP.client import ModbusClient
from umodbus.client import tcp

PATIENCE, LATE, ANSWER = 0.7, 1.2, 0.3


class Device:
    """A device whose registers hold their own numbers, and whose first answer is late."""

    def __init__(self):
        self.numbers, self.connections = [], 0

    async def __call__(self, reader, writer):
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                number, _, size, unit = struct.unpack(">HHHB", await reader.readexactly(7))
                function, address, *_ = struct.unpack(">BHH", await reader.readexactly(size - 1))
                self.numbers.append(number)
                answer = struct.pack(">BBBH", unit, function, 2, address)
                await asyncio.sleep(LATE if len(self.numbers) == 1 else ANSWER)
                writer.write(struct.pack(">HHH", number, 0, len(answer)) + answer)

        writer.close()


async def by_async_modbus(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    client = async_modbus.AsyncTCPClient((reader, writer))
    values = {}
    for address in (100, 200, 300, 400):
        try:
            async with asyncio.timeout(PATIENCE):
                [value] = await client.read_holding_registers(1, address, 1)
                values[address] = int(value)
        except TimeoutError:
            values[address] = "TimeoutError"

    writer.close()
    return values


def by_umodbus(port):
    values = {}
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sock:
        for address in (100, 200, 300, 400):
            try:
                [value] = tcp.send_message(tcp.read_holding_registers(1, address, 1), sock)
                values[address] = int(value)
            except TimeoutError:
                values[address] = "TimeoutError"

    return values


def by_pymodbustcp(port):
    client = ModbusClient("127.0.0.1", port, timeout=PATIENCE)
    values = {}
    for address in (100, 200, 300, 400):
        values[address] = (client.read_holding_registers(address, 1) or [client.last_error_as_txt])[0]

    client.close()
    return values


async def main():
    print(f"the first answer after {LATE} s, given up after {PATIENCE} s; each other one after {ANSWER} s; Python {sys.version.split()[0]}")
    clients = {
        "async-modbus": by_async_modbus,
        "uModbus": lambda port: asyncio.to_thread(by_umodbus, port),
        "pyModbusTCP": lambda port: asyncio.to_thread(by_pymodbustcp, port),
    }
    results = {}
    for name, read in clients.items():
        server = await asyncio.start_server(device := Device(), "127.0.0.1", 0)
        values = await read(server.sockets[0].getsockname()[1])
        server.close()
        print(f"{name} {importlib.metadata.version(name)}: {values}, {len(set(device.numbers))} numbers, {device.connections} connections")
        results[name] = list(values.values()), len(set(device.numbers)) > 1, device.connections

    before = ["TimeoutError", 100, 200, 300]
    return results == {
        "async-modbus": (before, True, 1),
        "uModbus": (before, True, 1),
        "pyModbusTCP": (["recv timeout occur", 200, 300, 400], True, 2),
    }


sys.exit(0 if asyncio.run(main()) else 1)
EOF
