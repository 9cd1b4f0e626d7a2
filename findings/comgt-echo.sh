#!/bin/sh
# comgt 0.32 (Debian 12, comgt=0.32-4): its scripts "sig" and "reg" count on the modem's echo and do not switch it on.
# With ATE0, which V.250 allows and some modems save, "sig" ends in an error of its own script, and "reg" prints
# "Failed to register", with exit status 1, though it has seen +CREG: 0,1.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(cd "$folder" && apt-get --quiet --quiet download 'comgt=0.32-4')
dpkg-deb --extract "$folder"/comgt_*.deb "$folder"
"${PYTHON:-python3}" - "$folder/usr/bin/comgt" <<'EOF'
import os
import pty
import subprocess
import sys
import threading
import tty

ANSWERS = {b"AT+CSQ": b"+CSQ: 23,0", b"AT+CREG?": b"+CREG: 0,1", b"AT+COPS?": b'+COPS: 0,2,"00101"'}


def serve(master, echo):
    """Answer each line; with the line before the answer, if the echo is on."""
    line = b""
    while True:
        try:
            line += os.read(master, 1)
        except OSError:
            return

        if line.endswith(b"\r"):
            answer = ANSWERS.get(line.strip())
            information = b"\r\n" + answer + b"\r\n" if answer else b""
            os.write(master, (line if echo else b"") + information + b"\r\nOK\r\n")
            line = b""


def run(script, echo):
    master, slave = pty.openpty()
    tty.setraw(slave)
    threading.Thread(target=serve, args=(master, echo), daemon=True).start()
    command = [sys.argv[1], "-d", os.ttyname(slave), script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    lines = (done.stdout + done.stderr).strip().splitlines()
    return done.returncode, lines[-1].strip()


print("comgt 0.32-4")
results = {(script, echo): run(script, echo) for script in ("sig", "reg") for echo in (True, False)}
for (script, echo), (status, last) in results.items():
    print(f"{script}, echo {'on' if echo else 'off'}: exit status {status}, {last!r}")

sig, reg = results["sig", False], results["reg", False]
well = [results[script, True][0] for script in ("sig", "reg")]
sys.exit(0 if well == [0, 0] and sig[0] == 7 and reg == (1, "Failed to register") else 1)
EOF
