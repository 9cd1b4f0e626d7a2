#!/bin/sh
# logging.handlers.SysLogHandler with socktype=SOCK_STREAM, which its documentation names beside rsyslog: it ends a
# record with NUL, which does not end a message in TCP (RFC 6587 has LF, or a length). rsyslog 8.2302.0 (Debian 12) shows
# nothing until the connection is closed, and then all of it as one message, with "#000<14>" in between. With
# `append_nul = False` and a Formatter whose format ends with "\n" each record is a message of its own, at once. Where the
# connection was lost, the handler does not connect again, other than SocketHandler: the rest of the program's log is lost.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(cd "$folder" && apt-get --quiet --quiet download 'rsyslog=8.2302.0-1+deb12u2' 'libestr0=0.1.11-1' 'libfastjson4=1.2304.0-1')
for package in "$folder"/*.deb; do dpkg-deb --extract "$package" "$folder"; done
"${PYTHON:-python3}" - "$folder" <<'EOF'
import logging
import logging.handlers
import os
import pathlib
import re
import socket
import subprocess
import sys
import time

FOLDER = pathlib.Path(sys.argv[1])
[LIBRARIES] = (FOLDER / "usr/lib").glob("*-linux-gnu*")
ENVIRONMENT = {**os.environ, "LD_LIBRARY_PATH": str(LIBRARIES), "RSYSLOG_MODDIR": str(LIBRARIES / "rsyslog")}
LOG = FOLDER / "log"
logging.raiseExceptions = False
with socket.create_server(("127.0.0.1", 0)) as sock:
    PORT = sock.getsockname()[1]

(FOLDER / "rsyslog.conf").write_text(f"""
module(load="imtcp")
input(type="imtcp" port="{PORT}" address="127.0.0.1")
template(name="message" type="string" string="%rawmsg%\\n")
action(type="omfile" file="{LOG}" template="message")
""")


def start():
    command = [FOLDER / "usr/sbin/rsyslogd", "-n", "-f", FOLDER / "rsyslog.conf", "-i", FOLDER / "pid"]
    daemon = subprocess.Popen(command, env=ENVIRONMENT)
    for _ in range(100):
        time.sleep(0.1)
        try:
            socket.create_connection(("127.0.0.1", PORT)).close()
            return daemon
        except ConnectionRefusedError:
            pass

    raise SystemExit("rsyslogd does not listen")


def stop(daemon):
    daemon.terminate()
    daemon.wait()


seen = []


def told():
    """Return the messages that rsyslog has written since it was asked last."""
    time.sleep(1)
    lines = LOG.read_text().splitlines() if LOG.exists() else []
    fresh = lines[len(seen) :]
    seen.extend(fresh)
    return fresh


def logger(name, by_line):
    handler = logging.handlers.SysLogHandler(("127.0.0.1", PORT), socktype=socket.SOCK_STREAM)
    if by_line:
        handler.append_nul = False
        handler.setFormatter(logging.Formatter("%(message)s\n"))

    log = logging.getLogger(name)
    log.propagate = False
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    return log, handler


def three(by_line):
    """Log three records; return what rsyslog has while the connection is open, and after its close."""
    log, handler = logger(f"by line {by_line}", by_line)
    for text in ("meter: 21.5", "meter: valve shut", "meter: 21.6"):
        log.info(text)

    found = told()
    handler.close()
    return found, told()


daemon = start()
version = subprocess.run([FOLDER / "usr/sbin/rsyslogd", "-v"], env=ENVIRONMENT, capture_output=True, text=True).stdout
print(f"rsyslog {re.search(r'[0-9.]+', version)[0]}, Python {sys.version.split()[0]}")
by_default, by_line = three(by_line=False), three(by_line=True)
print(f"by default: {by_default[0]} while open, {by_default[1]} after the close")
print(f"by line: {by_line[0]} while open, {by_line[1]} after the close")

log, handler = logger("lost", by_line=True)
log.info("meter: before")
before = told()
stop(daemon)
daemon = start()
for number in range(5):
    log.info("meter: after %d", number)
    time.sleep(0.3)

after = told()
stop(daemon)
print(f"around a restart of rsyslog: {before} before, {after} after, of 5 records")
messages = ["<14>meter: 21.5", "<14>meter: valve shut", "<14>meter: 21.6"]
expected = ([], ["#000".join(messages)]), (messages, []), ["<14>meter: before"], []
sys.exit(0 if (by_default, by_line, before, after) == expected else 1)
EOF
