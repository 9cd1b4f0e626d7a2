#!/bin/sh
# pymodbus 3.16.1, Modbus RTU in TCP, as in front of a meter: where one answer takes longer than `timeout` (3 s), the request
# is sent again, and the second answer to it is returned for the next request. RTU has no transaction number, and what is
# left over is not dropped: register 200 reads as 100, 300 as 200, and so on, without an error, while the connection is
# used, however quick it is by then. With `retries=0` one request fails, and the next one reads as it. Modbus TCP is well.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'pymodbus==3.16.1'
"$folder/venv/bin/python" - <<'EOF'
import asyncio
import contextlib
import logging
import struct
import sys

import pymodbus
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.framer import FramerType

logging.disable(logging.CRITICAL)
TIMEOUT, WAKING, ANSWER = 1.5, 1.8, 0.4


def with_crc(frame):
    crc = 0xFFFF
    for byte in frame:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1

    return frame + crc.to_bytes(2, "little")


async def read_registers(framer, retries):
    """Read registers 100, 200 ... each of which holds its own number; what answers is asleep at first."""
    asked = []

    async def serve(reader, writer):
        await asyncio.sleep(WAKING)
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                head = await reader.readexactly(6) if framer is FramerType.SOCKET else b""
                unit, function, address, _ = struct.unpack(">BBHH", await reader.readexactly(6))
                asked.append(address)
                answer = struct.pack(">BBBH", unit, function, 2, address)
                if head:
                    answer = head[:4] + len(answer).to_bytes(2) + answer
                else:
                    await reader.readexactly(2)
                    answer = with_crc(answer)

                await asyncio.sleep(ANSWER)
                writer.write(answer)

        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = AsyncModbusTcpClient("127.0.0.1", port=port, framer=framer, timeout=TIMEOUT, retries=retries)
    await client.connect()
    values = {}
    for address in (100, 200, 300, 400, 500):
        try:
            [values[address]] = (await client.read_holding_registers(address, count=1)).registers
        except pymodbus.ModbusException as exc:
            values[address] = type(exc).__name__

    client.close()
    server.close()
    print(f"{framer.value}, retries={retries}: {values}, asked for {asked}")
    return values


async def main():
    print(f"pymodbus {pymodbus.__version__}, Python {sys.version.split()[0]}")
    print(f"timeout={TIMEOUT}; the first answer comes after {WAKING + ANSWER} s, each other one after {ANSWER} s")
    rtu = await read_registers(FramerType.RTU, 3)
    once = await read_registers(FramerType.RTU, 0)
    tcp = await read_registers(FramerType.SOCKET, 3)
    return (
        rtu == {100: 100, 200: 100, 300: 200, 400: 300, 500: 400}
        and once == {100: "ModbusIOException", 200: 100, 300: 200, 400: 300, 500: 400}
        and tcp == {address: address for address in range(100, 501, 100)}
    )


sys.exit(0 if asyncio.run(main()) else 1)
EOF
