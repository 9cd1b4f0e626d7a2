#!/bin/sh
# The same URL, socks5://, means two things. httpx 0.28.1 and aiohttp-socks 0.12.0 send the host's name to the proxy;
# requests, niquests and websockets resolve it on this machine and send an address. For those it is socks5h:// that
# leaves the name to the proxy, and aiohttp-socks refuses that scheme with ValueError.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'httpx[socks]==0.28.1' 'aiohttp==3.14.5' 'aiohttp-socks==0.12.0' 'requests[socks]==2.34.2' 'websockets==17.4' 'python-socks[asyncio]==3.2.1' 'niquests==3.21.2'
"$folder/venv/bin/python" - <<'EOF'
import asyncio
import importlib.metadata
import os
import socket
import sys
import threading

import aiohttp
import httpx
import niquests
import requests
import websockets
from aiohttp_socks import ProxyConnector

for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[name]

asked = []


def answer(client):
    """Be a SOCKS5 proxy up to the request, which is noted and refused."""
    greeting = client.recv(2)
    if len(greeting) == 2:
        client.recv(greeting[1])
        client.sendall(b"\5\0")
        kind = client.recv(4)[3]
        if kind == 3:
            asked.append("name " + client.recv(client.recv(1)[0]).decode())
        else:
            asked.append("address " + socket.inet_ntop({1: socket.AF_INET, 4: socket.AF_INET6}[kind], client.recv({1: 4, 4: 16}[kind])))
        client.recv(2)
        client.sendall(b"\5\5\0\1" + bytes(6))
    client.close()


def serve(listener):
    while True:
        threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()


async def with_httpx(url):
    async with httpx.AsyncClient(proxy=url) as client:
        await client.get("http://localhost:81/")


async def with_aiohttp(url):
    async with aiohttp.ClientSession(connector=ProxyConnector.from_url(url)) as session:
        await session.get("http://localhost:81/")


async def with_websockets(url):
    async with websockets.connect("ws://localhost:81/", proxy=url):
        pass


listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=serve, args=(listener,), daemon=True).start()
port = listener.getsockname()[1]
clients = {
    "httpx": lambda url: asyncio.run(with_httpx(url)),
    "aiohttp-socks": lambda url: asyncio.run(with_aiohttp(url)),
    "requests": lambda url: requests.get("http://localhost:81/", proxies={"http": url}),
    "niquests": lambda url: niquests.get("http://localhost:81/", proxies={"http": url}),
    "websockets": lambda url: asyncio.run(with_websockets(url)),
}
seen = {}
for name, get in clients.items():
    for scheme in ("socks5", "socks5h"):
        asked.clear()
        try:
            get(f"{scheme}://127.0.0.1:{port}")
        except Exception as exc:
            problem = type(exc).__name__
        seen[name, scheme] = asked[0].split()[0] if asked else problem
    print(f"{name} {importlib.metadata.version(name)}: socks5 {seen[name, 'socks5']}, socks5h {seen[name, 'socks5h']}")

expected = {
    "httpx": ("name", "name"),
    "aiohttp-socks": ("name", "ValueError"),
    "requests": ("address", "name"),
    "niquests": ("address", "name"),
    "websockets": ("address", "name"),
}
sys.exit(0 if all(seen[name, "socks5"] == a and seen[name, "socks5h"] == b for name, (a, b) in expected.items()) else 1)
EOF
