#!/bin/sh
# attila 1.2.2: exec() takes the answer for complete once the line has been quiet for the time of ten bytes, 10 ms at
# 9600 baud, and throws away what comes later. A modem that echoes at once and answers 30 ms later (V.250 gives it as
# long as it needs) is therefore heard as its echo alone: no information, no result code, and no error.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'attila==1.2.2' 'pyserial==3.5'
"$folder/venv/bin/python" - <<'EOF'
import importlib.metadata
import os
import pty
import sys
import threading
import time
import tty

from attila.atcommunicator import ATCommunicator


def serve(master, delay):
    """Echo each line at once, and answer it so much later."""
    line = b""
    while True:
        try:
            line += os.read(master, 1)
        except OSError:
            return

        if line.endswith(b"\r"):
            os.write(master, line)
            time.sleep(delay)
            os.write(master, b"\r\n+CSQ: 23,0\r\n\r\nOK\r\n")
            line = b""


def answer(delay):
    master, slave = pty.openpty()
    tty.setraw(slave)
    threading.Thread(target=serve, args=(master, delay), daemon=True).start()
    modem = ATCommunicator(os.ttyname(slave), 9600, 5, "\r")
    modem.open()
    lines, _ = modem.exec("AT+CSQ", 5)
    modem.close()
    return [line for line in lines if line]


at_once, later = answer(0.0), answer(0.03)
print(f"attila {importlib.metadata.version('attila')}, Python {sys.version.split()[0]}")
print(f"the answer comes at once: {at_once}")
print(f"it comes 30 ms after the echo, of 5 s allowed: {later}")
sys.exit(0 if at_once[-1:] == ["OK"] and later == ["AT+CSQ"] else 1)
EOF
