#!/bin/sh
# serialx 1.15.1, also in the place of pyserial by serialx-compat 1.15.1: read_until() that runs out of time raises
# asyncio's IncompleteReadError, whose `partial` is empty, and what had come is gone: of "+CSQ: 2" and, later, "3,0", the
# next read gets "3,0". It reads byte by byte and drops its buffer with the exception, which is neither a SerialException
# nor a TimeoutError. pyserial 3.5 returns the part that has come; so do read() and readline() in both.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for package in 'pyserial==3.5' 'serialx-compat==1.15.1'; do
    "${PYTHON:-python3}" -m venv "$folder/${package%%=*}"
    "$folder/${package%%=*}/bin/pip" install --quiet --disable-pip-version-check "$package"
done
"${PYTHON:-python3}" - "$folder" <<'EOF'
import json
import subprocess
import sys

PROGRAM = """
import asyncio, json, os, pty, tty
import serial

def play(name, *arguments):
    module, line = pty.openpty()
    tty.setraw(line)
    with serial.serial_for_url(os.ttyname(line), baudrate=9600, timeout=0.3) as port:
        os.write(module, b"+CSQ: 2")
        try:
            first = getattr(port, name)(*arguments).decode()
        except asyncio.IncompleteReadError as exc:
            known = isinstance(exc, (serial.SerialException, TimeoutError))
            first = [type(exc).__name__, exc.partial.decode(), known]
        os.write(module, b"3,0")
        return first, port.read(3).decode()

names = {"read_until": [b"OK"], "readline": [], "read": [20]}
print(json.dumps([serial.__version__, {name: play(name, *arguments) for name, arguments in names.items()}]))
"""


def run(package):
    done = subprocess.run(
        [f"{sys.argv[1]}/{package}/bin/python", "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True
    )
    version, seen = json.loads(done.stdout)
    for name, (first, then) in seen.items():
        print(f"{package} {version}: {name}: {first}, then {then!r}")

    return seen


print("Python", sys.version.split()[0])
kept = ["+CSQ: 2", "3,0"]
pyserial, serialx = run("pyserial"), run("serialx-compat")
well = pyserial == {"read_until": kept, "readline": kept, "read": kept}
lost = serialx == {"read_until": [["IncompleteReadError", "", False], "3,0"], "readline": kept, "read": kept}
sys.exit(0 if well and lost else 1)
EOF
