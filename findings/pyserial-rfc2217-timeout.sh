#!/bin/sh
# pyserial 3.5, `rfc2217://`: to set `timeout`, a matter of this side alone, sends the rate, the size, the parity, the stop
# bits and the flow control to the server and waits for its answers, also where nothing changes: two round trips and 38
# bytes each way, before each read of a program that sets it there. Opening takes seven. The setter of each attribute
# configures the port anew. `write_timeout` is not supported; once it was set, that exception comes from every setter.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'pyserial==3.5'
"$folder/venv/bin/python" - <<'EOF'
import queue
import socket
import sys
import threading
import time

import serial
import serial.rfc2217

ROUND_TRIP = 1.0
passed = {"up": 0, "down": 0}


def serve(connection):
    """Serve a port that echoes, by pyserial's own server."""

    class Writer:
        def write(self, data):
            connection.sendall(data)

    line = serial.serial_for_url("loop://", timeout=0)
    manager = serial.rfc2217.PortManager(line, Writer())
    while data := connection.recv(1024):
        line.write(b"".join(manager.filter(data)))
        if echoed := line.read(line.in_waiting):
            connection.sendall(b"".join(manager.escape(echoed)))


def delay(source, target, direction):
    """Pass on what comes, half a round trip later, and count it."""
    waiting = queue.SimpleQueue()

    def send():
        while data := waiting.get():
            time.sleep(max(0, data[0] - time.monotonic()))
            target.sendall(data[1])

    threading.Thread(target=send, daemon=True).start()
    try:
        while data := source.recv(4096):
            passed[direction] += len(data)
            waiting.put((time.monotonic() + ROUND_TRIP / 2, data))
    except OSError:
        pass


def listen():
    near, far = socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))

    def run():
        client, _ = near.accept()
        server = socket.create_connection(far.getsockname())
        served, _ = far.accept()
        for target, *arguments in ((serve, served), (delay, client, server, "up"), (delay, server, client, "down")):
            threading.Thread(target=target, args=arguments, daemon=True).start()

    threading.Thread(target=run, daemon=True).start()
    return near.getsockname()[1]


def measured(name, call):
    """Return how many round trips a call took, and the bytes up."""
    before, start = passed["up"], time.monotonic()
    result = call()
    trips = int((time.monotonic() - start) / ROUND_TRIP)
    print(f"{name}: {trips} round trips of {ROUND_TRIP:g} s, {passed['up'] - before} bytes up")
    return result, trips, passed["up"] - before


print(f"pyserial {serial.__version__}, Python {sys.version.split()[0]}")
port, opening, _ = measured("open", lambda: serial.serial_for_url(f"rfc2217://127.0.0.1:{listen()}", timeout=5))
time.sleep(2 * ROUND_TRIP)
_, same, size = measured("timeout = 5, as it was", lambda: setattr(port, "timeout", 5))
_, other, _ = measured("timeout = 6", lambda: setattr(port, "timeout", 6))
port.write(b"AT\r")
_, reading, _ = measured("what is echoed", lambda: port.read(3))
names = []
for name in ("write_timeout", "timeout"):
    try:
        setattr(port, name, 1)
    except NotImplementedError as exc:
        names.append(name)
        print(f"{name} = 1: NotImplementedError: {exc}")

well = (opening >= 6, same, other, size, reading, names) == (True, 2, 2, 38, 1, ["write_timeout", "timeout"])
sys.exit(0 if well else 1)
