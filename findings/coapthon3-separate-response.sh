#!/bin/sh
# CoAPthon3 1.0.2, HelperClient: a separate response, which has a message ID of its own (RFC 7252, 5.2.2), is acknowledged
# and then thrown away: get() returns None after its timeout, and never without one. aiocoap's server answers so as soon as
# a resource takes more than 0.1 s, and CoAPthon3's own client waits in vain for it. A NON response is let through.
# With observe() each notification is acknowledged twice, a repeated and an outdated one are handed on, and so is a NON one.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'CoAPthon3==1.0.2' 'aiocoap==0.4.17'
"$folder/venv/bin/python" - <<'EOF'
import asyncio
import importlib.metadata
import socket
import sys
import threading

import aiocoap
import aiocoap.resource
from coapthon.client.helperclient import HelperClient

NOTIFICATIONS = [(9001, 2, b"two"), (9001, 2, b"two"), (9002, 4, b"four"), (9003, 3, b"three")]


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Slow(aiocoap.resource.Resource):
    def __init__(self, seconds):
        super().__init__()
        self.seconds = seconds

    async def render_get(self, request):
        await asyncio.sleep(self.seconds)
        return aiocoap.Message(payload=b"answer")


async def serve(port, ready):
    site = aiocoap.resource.Site()
    site.add_resource(["quick"], Slow(0))
    site.add_resource(["slow"], Slow(0.5))
    await aiocoap.Context.create_server_context(site, bind=("127.0.0.1", port))
    ready.set()
    await asyncio.Event().wait()


def get(port, path):
    client = HelperClient(server=("127.0.0.1", port))
    response = client.get(path, timeout=4)
    client.stop()
    return response and response.payload


def notify(sock, acknowledgements):
    """Be an observed server: the response, and four confirmable notifications, of which one is repeated and one late."""
    request, address = sock.recvfrom(2048)
    token = request[4 : 4 + (request[0] & 15)]
    sock.sendto(bytes([0x60 | len(token), 0x45]) + request[2:4] + token + b"\x61\x01\xffone", address)
    sock.settimeout(0.5)
    for identifier, number, payload in NOTIFICATIONS:
        head = bytes([0x40 | len(token), 0x45]) + identifier.to_bytes(2, "big")
        sock.sendto(head + token + b"\x61" + bytes([number]) + b"\xff" + payload, address)
        try:
            while True:
                acknowledgements.append(int.from_bytes(sock.recv(2048)[2:4], "big"))
        except TimeoutError:
            pass


print("CoAPthon3", importlib.metadata.version("CoAPthon3"), "with aiocoap", importlib.metadata.version("aiocoap"))
port, ready = free_port(), threading.Event()
threading.Thread(target=lambda: asyncio.run(serve(port, ready)), daemon=True).start()
ready.wait()
quick, slow = get(port, "quick"), get(port, "slow")
print(f"a resource that answers at once: {quick!r}; one that takes 0.5 s: {slow!r}, after 4 s")

received, acknowledgements = [], []
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.bind(("127.0.0.1", 0))
    client = HelperClient(server=sock.getsockname())
    observe = lambda: client.observe("readings", lambda response: received.append(response and response.payload))
    threading.Thread(target=observe, daemon=True).start()
    notify(sock, acknowledgements)
    seen = list(received)
    client.stop()

print(f"notifications sent: {[payload.decode() for _, _, payload in NOTIFICATIONS]}; handed on: {seen}")
print(f"acknowledgements: {acknowledgements}")
observed = seen == ["one", "two", "two", "four", "three"] and len(acknowledgements) == 2 * len(NOTIFICATIONS)
sys.exit(0 if quick == "answer" and slow is None and observed else 1)
EOF
