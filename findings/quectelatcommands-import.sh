#!/bin/sh
# quectelatcommands 1.0.20 cannot be imported: the module that opens the serial port has been replaced by a script that
# reads a packet capture of its author's home folder with scapy, which the package does not require. 1.0.19 is well.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --target "$folder/old" 'quectelatcommands==1.0.19'
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --target "$folder/new" 'quectelatcommands==1.0.20'
"$folder/venv/bin/python" - "$folder" <<'EOF'
import os
import pathlib
import subprocess
import sys

folder = pathlib.Path(sys.argv[1])


def last_line(name):
    command = [sys.executable, "-c", "import quectelatcommands; print('imported')"]
    environment = os.environ | {"PYTHONPATH": str(folder / name)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    return (done.stdout + done.stderr).strip().splitlines()[-1]


(module,) = (folder / "new").rglob("quectelSerial.py")
first = module.read_text().splitlines()[0]
old, new = last_line("old"), last_line("new")
print(f"quectelatcommands 1.0.19: {old}")
print(f"quectelatcommands 1.0.20: {new}; {module.name} begins with {first!r}")
sys.exit(0 if old == "imported" and "No module named 'scapy'" in new else 1)
EOF
