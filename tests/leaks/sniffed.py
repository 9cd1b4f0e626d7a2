"""Run a command in a network namespace with one unconnected interface, and report the packets sent on it.

    python -m tests.leaks.sniffed REPORT COMMAND ...

The namespace has a loopback interface, with a TCP and a UDP echo server on it (their port is in ECHO_PORT), and an
interface `wire0` with the default route and a name server behind it. The report is JSON: the exit status, and a line
for each packet on the wire.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from bc260y_aio.bridge.isolation import namespaces

from .wire import Wire, replace_resolver


def main() -> None:
    report, *command = sys.argv[1:]
    namespaces.enter()
    namespaces.bring_up("lo")
    port = _serve()
    with tempfile.TemporaryDirectory() as folder, Wire() as wire:
        replace_resolver(Path(folder))
        status = subprocess.run(command, env={**os.environ, "ECHO_PORT": str(port)}, check=False).returncode
        packets = wire.packets()

    Path(report).write_text(json.dumps({"status": status, "packets": packets}))


def _serve() -> int:
    streams = socket.create_server(("127.0.0.1", 0))
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(streams.getsockname())
    threading.Thread(target=_serve_streams, args=(streams,), daemon=True).start()
    threading.Thread(target=_serve_datagrams, args=(datagrams,), daemon=True).start()
    port: int = streams.getsockname()[1]
    return port


def _serve_streams(server: socket.socket) -> None:
    while True:
        connection, _ = server.accept()
        threading.Thread(target=_echo, args=(connection,), daemon=True).start()


def _echo(connection: socket.socket) -> None:
    with connection:
        while data := connection.recv(4096):
            connection.sendall(data)


def _serve_datagrams(server: socket.socket) -> None:
    while True:
        data, address = server.recvfrom(4096)
        server.sendto(data, address)


if __name__ == "__main__":
    main()
