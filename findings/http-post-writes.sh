#!/bin/sh
# How many writes, and so TCP segments, a POST of four bytes takes: httpx 0.28.1, requests 2.34.2, niquests 3.21.2 and
# urllib.request write the head and the body apart; aiohttp 3.14.5 writes once. Where each segment is a command on a
# serial line, and a turn on the radio, that doubles the cost of a reading.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'httpx==0.28.1' 'requests==2.34.2' 'niquests==3.21.2' 'aiohttp==3.14.5'
"$folder/venv/bin/python" - <<'EOF'
import asyncio
import importlib.metadata
import re
import socket
import sys
import threading
import urllib.request

import aiohttp
import httpx
import niquests
import requests

writes = []


def answer(client):
    """Be an HTTP server that notes what each read brings. TCP_NODELAY of the clients keeps their writes apart."""
    received = b""
    while data := client.recv(65536):
        writes.append(len(data))
        received += data
        head, end, body = received.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        if end and length and len(body) >= int(length[1]):
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            received = b""


def serve(listener):
    while True:
        threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()


async def with_httpx():
    async with httpx.AsyncClient(trust_env=False) as client:
        await client.post(url, content=b"21.5")


async def with_aiohttp():
    async with aiohttp.ClientSession() as session, session.post(url, data=b"21.5") as response:
        await response.read()


listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=serve, args=(listener,), daemon=True).start()
url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
clients = {
    "httpx": lambda: asyncio.run(with_httpx()),
    "requests": lambda: requests.post(url, data=b"21.5", proxies={"http": ""}),
    "niquests": lambda: niquests.post(url, data=b"21.5"),
    "urllib.request": lambda: urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, b"21.5").read(),
    "aiohttp": lambda: asyncio.run(with_aiohttp()),
}
seen = {}
for name, post in clients.items():
    # The kernel may join two writes of a busy moment, so the most of five tries counts.
    tries = []
    for _ in range(5):
        writes.clear()
        post()
        tries.append(list(writes))
    most = max(tries, key=len)
    seen[name] = len(most)
    version = sys.version.split()[0] if name == "urllib.request" else importlib.metadata.version(name)
    print(f"{name} {version}: {len(most)} writes, of {most} bytes")

sys.exit(0 if seen == {"httpx": 2, "requests": 2, "niquests": 2, "urllib.request": 2, "aiohttp": 1} else 1)
EOF
