#!/bin/sh
# socat 1.7.4.4 (Debian 12) in front of a serial port, TCP-LISTEN with `fork` as its manual shows: a second program is served
# as well, and the modem's lines go to either of the two. With `max-children=1` it is connected and not served; but what it
# wrote before it gave up is kept, and goes to the modem when the first program leaves. Without `fork` it is refused.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(cd "$folder" && apt-get --quiet --quiet download 'socat=1.7.4.4-2' 'libwrap0=7.6.q-32')
for package in "$folder"/*.deb; do dpkg-deb --extract "$package" "$folder"; done
"${PYTHON:-python3}" - "$folder" <<'EOF'
import os
import pathlib
import pty
import socket
import subprocess
import sys
import threading
import time
import tty

FOLDER = pathlib.Path(sys.argv[1])
ENVIRONMENT = os.environ | {"LD_LIBRARY_PATH": ":".join(map(str, FOLDER.glob("usr/lib/*-linux-gnu*")))}
LINES = [b"+QIURC: %d" % number for number in range(100)]


def answer(master, commands):
    """Answer each command by OK, as a modem does."""
    line = b""
    while True:
        try:
            line += os.read(master, 1)
        except OSError:
            return

        if line.endswith(b"\r"):
            commands.append(line.strip().decode())
            os.write(master, b"\r\nOK\r\n")
            line = b""


def received(program, seconds):
    """Return what a program gets within this time."""
    data, until = b"", time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        program.settimeout(left)
        try:
            part = program.recv(4096)
        except TimeoutError:
            break

        if not part:
            break

        data += part

    return data


def connect(port):
    for _ in range(50):
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            time.sleep(0.1)

    raise SystemExit("socat does not listen")


def two_programs(options):
    """One program uses the modem; another one tries to switch its radio off, and gives up after a second."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]

    commands = []
    master, slave = pty.openpty()
    tty.setraw(slave)
    threading.Thread(target=answer, args=(master, commands), daemon=True).start()
    listen = ",".join([f"TCP-LISTEN:{port}", "bind=127.0.0.1", "reuseaddr", *options])
    device = f"FILE:{os.ttyname(slave)},b9600,raw,echo=0"
    socat = subprocess.Popen([FOLDER / "usr/bin/socat", listen, device], env=ENVIRONMENT, stderr=subprocess.DEVNULL)
    try:
        with connect(port) as first:
            first.sendall(b"AT\r")
            received(first, 0.5)
            try:
                second = socket.create_connection(("127.0.0.1", port))
            except ConnectionRefusedError:
                second = None
            else:
                second.sendall(b"AT+CFUN=0\r")
                received(second, 1)

            before = list(commands)
            for line in LINES:
                os.write(master, line + b"\r\n")
                time.sleep(0.01)

            lines = received(first, 1).split(b"\r\n")
            share = sum(line in lines for line in LINES)
            if second is not None:
                second.close()

            time.sleep(1)

        time.sleep(2)
        return second is not None, before[1:], commands[len(before) :], share
    finally:
        socat.kill()
        socat.wait()


print("socat 1.7.4.4; a program uses the modem, and a second one writes AT+CFUN=0")
results = []
for options in (["fork"], ["fork", "max-children=1"], []):
    connected, at_once, later, share = two_programs(options)
    print(
        f"{','.join(['TCP-LISTEN', *options])}: the second is {'connected' if connected else 'refused'}; the modem is sent"
        f" {at_once} at once and {later} when both are gone; the first gets {share} of {len(LINES)} lines"
    )
    results.append((connected, at_once, later, share == len(LINES)))

expected = [(True, ["AT+CFUN=0"], [], False), (True, [], ["AT+CFUN=0"], True), (False, [], [], True)]
sys.exit(0 if results == expected else 1)
EOF
