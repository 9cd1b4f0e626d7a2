#!/bin/sh
# pyserial 3.5, socket:// URLs: in_waiting is 1 with 300 bytes to be read (it says whether, not how many), a rate is
# accepted and has no effect, and close() sleeps for 0.3 s, which holds an event loop up. Code that reads in_waiting
# bytes reads one byte at a time.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'pyserial==3.5'
"$folder/venv/bin/python" - <<'EOF'
import socket
import sys
import time

import serial

listener = socket.create_server(("127.0.0.1", 0))
port = serial.serial_for_url(f"socket://127.0.0.1:{listener.getsockname()[1]}", timeout=1, baudrate=115200)
peer, _ = listener.accept()
peer.sendall(bytes(300))
time.sleep(0.2)
waiting = port.in_waiting
port.baudrate = 9600
read = len(port.read(300))
start = time.monotonic()
port.close()
took = time.monotonic() - start
print(f"pyserial {serial.__version__}, socket://: in_waiting {waiting} with {read} bytes to be read, close() took {took:.1f} s")
sys.exit(0 if (waiting, read) == (1, 300) and 0.25 < took < 1 else 1)
EOF
