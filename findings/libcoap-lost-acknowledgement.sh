#!/bin/sh
# libcoap 4.3.1 (Debian 12, libcoap3-bin=4.3.1-1), client: a notification that is repeated, as after one lost ACK, is not
# acknowledged again (RFC 7252, 4.2, asks for that). The server repeats it four times, takes the observer for gone, and
# sends no more; the client waits on and is told nothing. Here aiocoap 0.4.17 is the server, with an ACK_TIMEOUT of 0.1 s.
# Where no ACK is lost, each notification arrives. Fixed in later releases of libcoap.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'aiocoap==0.4.17'
(cd "$folder" && apt-get --quiet --quiet download 'libcoap3-bin=4.3.1-1' 'libcoap3=4.3.1-1')
for package in "$folder"/*.deb; do dpkg-deb --extract "$package" "$folder"; done
"$folder/venv/bin/python" - "$folder" <<'EOF'
import asyncio
import logging
import os
import pathlib
import socket
import subprocess
import sys

import aiocoap
import aiocoap.resource

logging.disable(logging.CRITICAL)
folder = pathlib.Path(sys.argv[1])
LIBRARIES = ":".join(map(str, (folder / "usr/lib").glob("*-linux-gnu*")))
READINGS = 4


class Tuning(aiocoap.numbers.TransportTuning):
    ACK_TIMEOUT = 0.1


class Meter(aiocoap.resource.ObservableResource):
    reading = 0
    observers = 0

    async def render_get(self, request):
        return aiocoap.Message(payload=b"<%d>" % self.reading, transport_tuning=Tuning())

    def update_observation_count(self, count):
        self.observers = count

    def read(self):
        self.reading += 1
        self.updated_state()


class Side(asyncio.DatagramProtocol):
    """One side of a relay, which can lose one acknowledgement of the client."""

    def __init__(self, loses=False):
        self.loses = loses
        self.address = None
        self.acknowledgements = 0

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.address = address
        acknowledges = data[0] >> 4 & 3 == 2
        self.acknowledgements += acknowledges
        if acknowledges and self.loses:
            self.loses = False
        else:
            self.other.transport.sendto(data, self.other.address)


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


async def observe(loses):
    """Return what the client printed, how often it acknowledged, and how many observers there are in the end."""
    loop, meter, site, port = asyncio.get_running_loop(), Meter(), aiocoap.resource.Site(), free_port()
    site.add_resource(["meter"], meter)
    server = await aiocoap.Context.create_server_context(site, bind=("127.0.0.1", port))
    client_side, server_side = Side(loses), Side()
    client_side.other, server_side.other = server_side, client_side
    listening, _ = await loop.create_datagram_endpoint(lambda: client_side, local_addr=("127.0.0.1", 0))
    connected, _ = await loop.create_datagram_endpoint(lambda: server_side, remote_addr=("127.0.0.1", port))
    url = f"coap://127.0.0.1:{listening.get_extra_info('sockname')[1]}/meter"
    client = await asyncio.create_subprocess_exec(
        folder / "usr/bin/coap-client-notls", "-s", "60", "-m", "get", url,
        env=os.environ | {"LD_LIBRARY_PATH": LIBRARIES}, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        while not meter.observers:
            await asyncio.sleep(0.05)

        await asyncio.sleep(0.5)
        for _ in range(READINGS):
            meter.read()
            # Longer than four repetitions take: 31 times 0.1 to 0.15 s.
            await asyncio.sleep(6)
    finally:
        client.kill()

    printed = (await client.communicate())[0].decode()
    observers = meter.observers
    listening.close()
    connected.close()
    await server.shutdown()
    return printed, client_side.acknowledgements, observers


async def main():
    well, lost = await asyncio.gather(observe(False), observe(True))
    print("libcoap 4.3.1-1")
    for what, (printed, acknowledged, observers) in {"none": well, "one": lost}.items():
        print(f"acknowledgements lost: {what}; printed: {printed}; acknowledged: {acknowledged}; observers in the end: {observers}")

    return well == ("<0><1><2><3><4>", READINGS, 1) and lost == ("<0><1>", 1, 0)


sys.exit(0 if asyncio.run(asyncio.wait_for(main(), 60)) else 1)
EOF
