#!/bin/sh
# pynbntnmodem 0.6.16, in its class for any modem: ip_address asks with AT+GCPADDR, which is no command (AT+CGPADDR is),
# and then looks into AT+CGDCONT?, where TS 27.007 lets the address be empty, so it is "" on a modem that has one.
# get_cme_mode() raises ValueError on every answer of the form of TS 27.007, "+CMEE: 0".
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'pynbntnmodem==0.6.16' 'pyatcommand==0.5.3' 'pyserial==3.5'
"$folder/venv/bin/python" - <<'EOF'
import importlib.metadata
import os
import pty
import sys
import threading
import tty

from pynbntnmodem import NbntnModem

ANSWERS = {
    b"AT": b"",
    b"ATE1": b"",
    b"ATV1": b"",
    b"AT+CMEE?": b"+CMEE: 0",
    b"AT+CGPADDR": b'+CGPADDR: 0,"10.46.18.102"',
    b"AT+CGDCONT?": b'+CGDCONT: 0,"IP","example.apn",""',
}
asked = []


def serve(master):
    """Echo each line and answer it; ERROR where there is no answer."""
    line = b""
    while True:
        try:
            line += os.read(master, 1)
        except OSError:
            return

        if line.endswith(b"\r"):
            asked.append(line.strip())
            answer = ANSWERS.get(line.strip())
            body = b"ERROR" if answer is None else answer + b"\r\n\r\nOK" if answer else b"OK"
            os.write(master, line + b"\r\n" + body + b"\r\n")
            line = b""


master, slave = pty.openpty()
tty.setraw(slave)
threading.Thread(target=serve, args=(master,), daemon=True).start()
modem = NbntnModem(port=os.ttyname(slave))
modem.connect()
address = modem.ip_address
try:
    mode = modem.get_cme_mode()
except ValueError as exc:
    mode = repr(exc)

modem.disconnect()
print(f"pynbntnmodem {importlib.metadata.version('pynbntnmodem')}, Python {sys.version.split()[0]}")
print(f"ip_address: {address!r}, asked with {b' and '.join(asked[3:5]).decode()}")
print(f"get_cme_mode(): {mode}")
sys.exit(0 if address == "" and b"AT+GCPADDR" in asked and "ValueError" in str(mode) else 1)
EOF
