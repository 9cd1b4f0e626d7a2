#!/bin/sh
# atlib 0.6.0: get_available_operators() takes the modes and formats at the end of AT+COPS=? for operators, unless they
# are written exactly (0,1,2,3,4) and (0,1,2). V.250 (5.4.3) lets a modem write a range, (0-4), and modules with a
# single format write (2): either ends in an exception, though the operators before it are well.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'atlib==0.6.0' 'pyserial==3.5'
"$folder/venv/bin/python" - <<'EOF'
import importlib.metadata
import os
import pty
import sys
import threading
import tty

from atlib import GSM_Device

OPERATOR = '(2,"Example Mobile","Example","00101",9)'


def serve(master, modes):
    """Echo each line and answer OK; AT+COPS=? by one operator, and the modes and formats."""
    line = b""
    while True:
        try:
            line += os.read(master, 1)
        except OSError:
            return

        if line.endswith(b"\n"):
            found = f"\r\n+COPS: {OPERATOR},,{modes}\r\n".encode() if line.startswith(b"AT+COPS=?") else b""
            os.write(master, line.strip() + b"\r\n" + found + b"\r\nOK\r\n")
            line = b""


def operators(modes):
    master, slave = pty.openpty()
    tty.setraw(slave)
    threading.Thread(target=serve, args=(master, modes), daemon=True).start()
    try:
        return str(GSM_Device(os.ttyname(slave)).get_available_operators())
    except Exception as exc:
        return repr(exc)


listed, ranged, single = (operators(modes) for modes in ("(0,1,2,3,4),(0,1,2)", "(0-4),(0-2)", "(0,1,2,3,4),(2)"))
print(f"atlib {importlib.metadata.version('atlib')}, Python {sys.version.split()[0]}")
print(f"(0,1,2,3,4),(0,1,2): {listed}")
print(f"(0-4),(0-2): {ranged}")
print(f"(0,1,2,3,4),(2): {single}")
sys.exit(0 if "Example Mobile" in listed and "ValueError" in ranged and "IndexError" in single else 1)
EOF
