#!/bin/sh
# gnokii 0.6.30 (Debian 12, gnokii-cli=0.6.30+dfsg-1.3) shows area and cell as 0000 on some modems that report them: it
# reads in AT+CREG=? whether the modem has mode 2, and understands only some of the ways in which V.250 (5.4.3) lets a
# modem write its modes. (0-2) and (0,1,2,3) are understood, (0,1,2) and (0-3) are not, and AT+CREG? is then not asked.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
libraries="libxpm4 libbluetooth3 libusb-0.1-4 libical3 libpcsclite1 libglib2.0-0 libx11-6 libxcb1 libxau6 libxdmcp6 libbsd0 libmd0
libicu72 libreadline8"
(cd "$folder" && apt-get --quiet --quiet download 'gnokii-cli=0.6.30+dfsg-1.3' 'libgnokii6=0.6.30+dfsg-1.3' $libraries)
for package in "$folder"/*.deb; do dpkg-deb --extract "$package" "$folder"; done
"${PYTHON:-python3}" - "$folder" <<'EOF'
import os
import pathlib
import pty
import subprocess
import sys
import threading
import tty

FOLDER = pathlib.Path(sys.argv[1])
LIBRARIES = ":".join(str(path) for top in ("lib", "usr/lib") for path in (FOLDER / top).glob("*-linux-gnu*"))
ANSWERS = {
    "AT+GMM": "Modem",
    "AT+CGMI": "Maker",
    "AT+CREG?": '+CREG: 2,1,"5A31","0C2F7A12",9',
    "AT+COPS?": '+COPS: 0,2,"00101",9',
    "AT+CSQ": "+CSQ: 23,0",
}
OK = ("ATZ", "ATE1", "AT+CMEE=1", "AT+CREG=2", "AT+COPS=3,2")


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
            body = f"{answer}\r\n\r\nOK" if answer else "OK" if command in OK else "ERROR"
            os.write(master, line + f"\r\n{body}\r\n".encode())
            line = b""


def monitored(modes):
    asked = []
    master, slave = pty.openpty()
    tty.setraw(slave)
    answers = ANSWERS | {"AT+CREG=?": f"+CREG: {modes}"}
    threading.Thread(target=serve, args=(master, answers, asked), daemon=True).start()
    settings = FOLDER / "gnokii.conf"
    settings.write_text(f"[global]\nmodel = AT\nport = {os.ttyname(slave)}\nconnection = serial\n")
    command = [FOLDER / "usr/bin/gnokii", "--config", settings, "--monitor", "once"]
    environment = os.environ | {"LD_LIBRARY_PATH": LIBRARIES}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    shown = next((line for line in (done.stdout + done.stderr).splitlines() if "LAC" in line), "no LAC")
    return shown, "AT+CREG?" in asked


print("gnokii 0.6.30+dfsg-1.3")
results = {modes: monitored(modes) for modes in ("(0-2)", "(0,1,2,3)", "(0,1,2)", "(0-3)")}
for modes, (shown, is_asked) in results.items():
    print(f"AT+CREG=? answered by {modes}: {shown}; AT+CREG? was asked: {is_asked}")

understood = [("5a31" in shown, is_asked) for shown, is_asked in results.values()]
sys.exit(0 if understood == [(True, True)] * 2 + [(False, False)] * 2 else 1)
EOF
