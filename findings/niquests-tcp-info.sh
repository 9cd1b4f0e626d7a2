#!/bin/sh
# niquests 3.21.2 asks getsockopt(IPPROTO_TCP, TCP_INFO) for the state of an idle connection before each request, and
# opens a new one unless it is ESTABLISHED. A socket that answers with zeros, as facades and emulations of sockets do,
# makes it connect for each request, without a word; one that raises OSError does not.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'niquests==3.21.2'
"$folder/venv/bin/python" - <<'EOF'
import importlib.metadata
import socket
import sys
import threading

import niquests

connections = 0
asked = 0
mode = "kernel"
own = socket.socket.getsockopt


def getsockopt(self, level, option, *size):
    global asked
    if (level, option) == (socket.IPPROTO_TCP, socket.TCP_INFO):
        asked += 1
        if mode == "zeros":
            return bytes(*size)
        if mode == "refused":
            raise OSError("no such option")
    return own(self, level, option, *size)


def answer(client):
    received = b""
    while data := client.recv(65536):
        received += data
        if b"\r\n\r\n" in received:
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            received = b""
    client.close()


def serve(listener):
    global connections
    while True:
        client, _ = listener.accept()
        connections += 1
        threading.Thread(target=answer, args=(client,), daemon=True).start()


socket.socket.getsockopt = getsockopt
listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=serve, args=(listener,), daemon=True).start()
seen = {}
print(f"niquests {importlib.metadata.version('niquests')}, five requests in a session")
for mode in ("kernel", "zeros", "refused"):
    connections = asked = 0
    with niquests.Session() as session:
        for _ in range(5):
            session.get(f"http://127.0.0.1:{listener.getsockname()[1]}/")
    seen[mode] = connections
    print(f"TCP_INFO as the {mode} case: asked for {asked} times, {connections} connection(s)")

sys.exit(0 if seen["kernel"] == 1 and seen["zeros"] == 5 and asked else 1)
EOF
