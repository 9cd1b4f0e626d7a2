#!/bin/sh
# asyncua 2.1.0: Client(timeout=60) loses its connection where an answer takes longer than 1 s. From its start it reads the
# server's state every `watchdog_intervall` (1 s), and that interval is also how long it waits for the answer: then it ends
# the session, and reads fail with ConnectionError("client is disconnected"). With watchdog_intervall=60 it stays.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'asyncua==2.1.0'
"$folder/venv/bin/python" - <<'EOF'
import asyncio
import importlib.metadata
import logging
import socket
import sys

from asyncua import Client, Server, ua

logging.disable(logging.CRITICAL)


async def forward(reader, writer, delay, seen):
    loop = asyncio.get_running_loop()
    try:
        while data := await reader.read(65536):
            seen.append(data)
            loop.call_later(delay, writer.write, data)
    except OSError:
        pass

    loop.call_later(delay, writer.close)


async def read_thrice(server_port, delay, **options):
    """Read a variable three times, 2 s apart; return what came, and how often the client wrote meanwhile."""
    sent, tasks = [], []

    async def line(reader, writer):
        beyond_reader, beyond_writer = await asyncio.open_connection("127.0.0.1", server_port)
        tasks.append(asyncio.create_task(forward(beyond_reader, writer, delay, [])))
        await forward(reader, beyond_writer, 0, sent)

    between = await asyncio.start_server(line, "127.0.0.1", 0)
    port = between.sockets[0].getsockname()[1]
    outcomes = []
    try:
        async with Client(f"opc.tcp://127.0.0.1:{port}/", timeout=60, **options) as client:
            sent.clear()
            for _ in range(3):
                try:
                    outcomes.append(await client.get_node("ns=2;i=7").read_value())
                except ConnectionError as exc:
                    outcomes.append(str(exc))

                await asyncio.sleep(2)

            return outcomes, len(sent)
    finally:
        between.close()


async def main():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]

    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    await server.nodes.objects.add_variable("ns=2;i=7", "meter", 21.5)
    print(f"asyncua {importlib.metadata.version('asyncua')}, Python {sys.version.split()[0]}")
    results = []
    async with server:
        for delay, options in ((0, {}), (1.5, {}), (1.5, {"watchdog_intervall": 60})):
            outcomes, writes = await read_thrice(port, delay, **options)
            print(f"answers after {delay} s, timeout=60 {options or ''}: {outcomes}, in {writes} requests")
            results.append((outcomes, writes))

    lost = [21.5, *["client is disconnected"] * 2]
    (fast, fast_writes), (slow, _), (patient, patient_writes) = results
    return fast == patient == [21.5] * 3 and slow == lost and fast_writes > 6 and patient_writes == 3


sys.exit(0 if asyncio.run(main()) else 1)
EOF
