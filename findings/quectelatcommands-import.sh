#!/bin/sh
# quectelatcommands 1.0.20 cannot be imported: the module that opens the serial port has been replaced by a script that
# reads a packet capture of its author's home folder with scapy, which the package does not require. 1.0.19 is well.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/old"
"${PYTHON:-python3}" -m venv "$folder/new"
"$folder/old/bin/pip" install --quiet --disable-pip-version-check 'quectelatcommands==1.0.19'
"$folder/new/bin/pip" install --quiet --disable-pip-version-check 'quectelatcommands==1.0.20'
"${PYTHON:-python3}" - "$folder" <<'EOF'
import pathlib
import subprocess
import sys

folder = pathlib.Path(sys.argv[1])


def last_line(name):
    command = [folder / name / "bin" / "python", "-c", "import quectelatcommands; print('imported')"]
    done = subprocess.run(command, capture_output=True, text=True)
    return (done.stdout + done.stderr).strip().splitlines()[-1]


(module,) = (folder / "new").rglob("quectelSerial.py")
first = module.read_text().splitlines()[0]
old, new = last_line("old"), last_line("new")
print(f"quectelatcommands 1.0.19: {old}")
print(f"quectelatcommands 1.0.20: {new}; {module.name} begins with {first!r}")
sys.exit(0 if old == "imported" and "No module named 'scapy'" in new else 1)
EOF
