#!/bin/sh
# aiocoap 0.4.17: remote.maximum_block_size_exp = 4 does not limit what a GET brings: the first block is sized by the
# server (1024 bytes), and only the later ones are asked for with 256. It also outlives its message, for a remote is
# shared: a later PUT to the same server is cut to 256. `opt.block2 = (0, False, 4)` on the request limits the first
# block, too. And a payload up to 1024 bytes is not cut at all.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'aiocoap==0.4.17'
"$folder/venv/bin/python" - <<'EOF'
import asyncio
import importlib.metadata
import sys

import aiocoap
import aiocoap.resource

sizes = []


class Big(aiocoap.resource.Resource):
    async def render_get(self, request):
        return aiocoap.Message(payload=bytes(3000))

    async def render_put(self, request):
        return aiocoap.Message(code=aiocoap.CHANGED)


class Relay(asyncio.DatagramProtocol):
    """Pass datagrams between a client and the server, and note their sizes."""

    def __init__(self, server):
        self.server = server

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        if address == self.server:
            sizes.append(("down", len(data)))
            self.transport.sendto(data, self.client)
        else:
            self.client = address
            sizes.append(("up", len(data)))
            self.transport.sendto(data, self.server)


def largest(way):
    return max(size for name, size in sizes if name == way)


async def main():
    site = aiocoap.resource.Site()
    site.add_resource(["big"], Big())
    probe, _ = await asyncio.get_running_loop().create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
    address = probe.get_extra_info("sockname")
    probe.close()
    await asyncio.sleep(0.1)
    server = await aiocoap.Context.create_server_context(site, bind=address, transports=["simplesocketserver"])
    relay, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: Relay(address), local_addr=("127.0.0.1", 0))
    uri = f"coap://127.0.0.1:{relay.get_extra_info('sockname')[1]}/big"
    client = await aiocoap.Context.create_client_context(transports=["simple6"])
    seen = {}

    async def request(title, way, message):
        sizes.clear()
        response = await client.request(message).response
        assert response.code.is_successful(), response
        seen[title] = [size for name, size in sizes if name == way]
        print(f"{title}: datagrams {way} of {seen[title]} bytes")

    await request("PUT of 1024 bytes", "up", aiocoap.Message(code=aiocoap.PUT, uri=uri, payload=bytes(1024)))
    message = aiocoap.Message(code=aiocoap.GET, uri=uri)
    message.remote.maximum_block_size_exp = 4
    await request("GET with maximum_block_size_exp = 4", "down", message)
    await request("a later PUT of 1024 bytes", "up", aiocoap.Message(code=aiocoap.PUT, uri=uri, payload=bytes(1024)))
    message = aiocoap.Message(code=aiocoap.GET, uri=uri)
    message.opt.block2 = (0, False, 4)
    await request("GET with opt.block2 = (0, False, 4)", "down", message)
    await client.shutdown()
    await server.shutdown()
    relay.close()
    put, get, later, limited = seen.values()
    return len(put) == 1 and put[0] > 1024 and get[0] > 1024 and max(get[1:]) < 300 and max(later) < 300 and max(limited) < 300


print(f"aiocoap {importlib.metadata.version('aiocoap')}")
sys.exit(0 if asyncio.run(asyncio.wait_for(main(), 30)) else 1)
EOF
