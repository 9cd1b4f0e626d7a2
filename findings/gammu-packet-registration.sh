#!/bin/sh
# gammu 1.45.1 (in python-gammu 3.5.1; 1.42.0 in Debian 12 likewise): GetNetworkInfo() fails with ERR_UNKNOWN, "Unknown
# error.", on a modem that has AT+CREG and no AT+CGREG. TS 27.007 has AT+CGREG for GPRS and AT+CEREG for EPS, and a
# module for LTE or NB-IoT alone does without the former. State, area and cell, which AT+CREG? reports, are not asked.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'python-gammu==3.5.1'
"$folder/venv/bin/python" - <<'EOF'
import os
import pty
import sys
import threading
import tty

import gammu

ANSWERS = {
    "AT": "",
    "ATE1": "",
    "AT+CMEE=1": "",
    "AT+CFUN=1": "",
    "AT+CGMI": "Maker",
    "AT+CGMM": "Modem",
    "AT+CGMR": "1.0",
    "AT+CREG=2": "",
    "AT+CREG?": '+CREG: 2,1,"5A31","0C2F7A12",9',
    "AT+CGATT?": "+CGATT: 1",
    "AT+COPS=3,2": "",
    "AT+COPS?": '+COPS: 0,2,"46000",9',
}
PACKET = {"AT+CGREG=2": "", "AT+CGREG?": '+CGREG: 2,1,"5A31","0C2F7A12",9'}


def serve(master, answers, asked):
    """Echo each line and answer it; ERROR where there is no answer."""
    line = b""
    while True:
        try:
            line += os.read(master, 1)
        except OSError:
            return

        if line.endswith(b"\r"):
            asked.append(command := line.strip().decode("latin-1"))
            answer = answers.get(command)
            body = "ERROR" if answer is None else f"{answer}\r\n\r\nOK" if answer else "OK"
            os.write(master, line + f"\r\n{body}\r\n".encode())
            line = b""


def network_info(answers):
    asked = []
    master, slave = pty.openpty()
    tty.setraw(slave)
    threading.Thread(target=serve, args=(master, answers, asked), daemon=True).start()
    phone = gammu.StateMachine()
    phone.SetConfig(0, {"Device": os.ttyname(slave), "Connection": "at9600"})
    phone.Init()
    try:
        info = phone.GetNetworkInfo()
        outcome = {name: info[name] for name in ("State", "LAC", "CID", "NetworkCode")}
    except gammu.GSMError as exc:
        outcome = type(exc).__name__, exc.args[0]["Text"]

    return outcome, "AT+CREG?" in asked


both, alone = network_info(ANSWERS | PACKET), network_info(ANSWERS)
print(f"gammu {gammu.Version()[0]}, python-gammu {gammu.Version()[1]}, Python {sys.version.split()[0]}")
print(f"with AT+CGREG: {both[0]}; AT+CREG? was asked: {both[1]}")
print(f"without: {alone[0]}; AT+CREG? was asked: {alone[1]}")
sys.exit(0 if both[1] and both[0]["LAC"] == "5A31" and alone == (("ERR_UNKNOWN", "Unknown error."), False) else 1)
EOF
