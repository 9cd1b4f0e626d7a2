#!/bin/sh
# pyatcommand 0.5.3: URCs that come within 0.1 s after an OK are lost, half of them or more. After a result code the reader waits
# up to 0.1 s for one more byte before it hands the result on. The first byte of such a URC ends the wait, so the rest
# of the URC is read while the command still counts as pending, and is then no URC; it stays in the receive buffer,
# which the next send_command() clears. Modules of the kind that answers "OK" and reports the outcome 50 ms later
# (+QIOPEN, SEND OK) lose most outcomes so. A URC that comes later than 0.1 s is never lost.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'pyatcommand==0.5.3' 'pyserial==3.5'
"$folder/venv/bin/python" - <<'EOF'
import importlib.metadata
import os
import pty
import sys
import threading
import time
import tty

from pyatcommand import AtClient

ROUNDS = 10


def serve(master, delay):
    """Answer each line with OK, and AT+NEWS with a URC that long after its OK as well."""
    line = b""
    while True:
        try:
            line += os.read(master, 1)
        except OSError:
            return

        if line.endswith(b"\r"):
            os.write(master, line + b"\r\nOK\r\n")
            if line == b"AT+NEWS\r":
                time.sleep(delay)
                os.write(master, b"\r\n+NEWS: 1\r\n")

            line = b""


def received(delay):
    master, slave = pty.openpty()
    tty.setraw(slave)
    threading.Thread(target=serve, args=(master, delay), daemon=True).start()
    client = AtClient()
    client.connect(port=os.ttyname(slave), baudrate=9600)
    urcs = []
    for _ in range(ROUNDS):
        assert client.send_command("AT+NEWS", timeout=5).ok
        urcs.append(client.get_urc(timeout=1))

    while urc := client.get_urc(timeout=1):
        urcs.append(urc)

    client.disconnect()
    return urcs.count("+NEWS: 1")


early, late = received(0.05), received(0.3)
print(f"pyatcommand {importlib.metadata.version('pyatcommand')}, Python {sys.version.split()[0]}")
print(f"{ROUNDS} URCs, 50 ms after their OK: {early} received; 300 ms after it: {late} received")
sys.exit(0 if early < ROUNDS and late == ROUNDS else 1)
EOF
