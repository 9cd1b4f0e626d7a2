#!/bin/sh
# dlms-cosem 25.1.0: `DlmsClient(timeout=60)` and `TcpTransport(timeout=60)` are never read; only `BlockingTcpIO(timeout=)` is,
# 10 s. An answer that takes longer raises CommunicationError and ends the client for good: the answer is still expected, so
# each later get() is refused before it is sent. `with client.session()` neither releases the association nor closes the
# connection when an exception passes it; connect() then says that there is one, and after disconnect() and connect()
# associate() is refused as well. So call disconnect() in a `finally`, and make a DlmsClient for each attempt.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'dlms-cosem==25.1.0'
"$folder/venv/bin/python" - <<'EOF'
import importlib.metadata
import logging
import socket
import struct
import sys
import threading
import time

import structlog
from dlms_cosem import cosem, enumerations, utils
from dlms_cosem.client import DlmsClient
from dlms_cosem.io import BlockingTcpIO, TcpTransport
from dlms_cosem.security import NoSecurityAuthentication

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
PATIENCE, LATE = 0.5, 1.0
AARQ, RLRQ, GET = 0x60, 0x62, 0xC0
# Accepted: long names, no ciphering.
AARE = bytes.fromhex("6129a109060760857405080101a203020100a305a103020100be10040e0800065f1f0400001e1d04c80007")


class Meter:
    """A meter on TCP, in the wrapper of IEC 62056-4-7: register 1.0.N.8.0.255 holds 100 times N. That of 2 comes late."""

    def __init__(self):
        self.asked = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            sock, _ = self.listener.accept()
            self.asked.append("connect")
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        while head := sock.recv(8, socket.MSG_WAITALL):
            version, source, destination, size = struct.unpack(">4H", head)
            request = sock.recv(size, socket.MSG_WAITALL)
            number = request[7] if request[0] == GET else 0
            self.asked.append({AARQ: "AARQ", RLRQ: "RLRQ", GET: f"get {number}"}[request[0]])
            answer = {AARQ: AARE, RLRQ: b"\x63\x03\x80\x01\x00"}.get(request[0])
            answer = answer or b"\xc4\x01" + request[2:3] + b"\x00\x06" + (100 * number).to_bytes(4)
            time.sleep(LATE if number == 2 else 0)
            sock.sendall(struct.pack(">4H", version, destination, source, len(answer)) + answer)

        self.asked.append("closed")


meter = Meter()
io = BlockingTcpIO("127.0.0.1", meter.listener.getsockname()[1], timeout=PATIENCE)
client = DlmsClient(TcpTransport(16, 1, io, timeout=60), NoSecurityAuthentication(), timeout=60)
outcomes = []


def get(number):
    obis = cosem.Obis(1, 0, number, 8, 0)
    data = client.get(cosem.CosemAttribute(enumerations.CosemInterface.REGISTER, obis, 2))
    return utils.parse_as_dlms_data(data)


def attempt(name, call):
    try:
        outcome = call()
        outcomes.append((name, outcome if isinstance(outcome, int) else "ok"))
    except Exception as exc:
        outcomes.append((name, type(exc).__name__))
        return exc


print(f"dlms-cosem {importlib.metadata.version('dlms-cosem')}, Python {sys.version.split()[0]}")
print(f"the answer of register 2 after {LATE} s; timeout={PATIENCE} of BlockingTcpIO, 60 of TcpTransport and DlmsClient")
try:
    with client.session():
        attempt("get 1", lambda: get(1))
        late = attempt("get 2", lambda: get(2))
        time.sleep(LATE)
        attempt("get 3", lambda: get(3))
        raise late
except Exception:
    time.sleep(0.2)
    asked_in_session = list(meter.asked)

attempt("connect", client.connect)
attempt("disconnect", client.disconnect)
attempt("connect", client.connect)
attempt("associate", client.associate)
client.disconnect()
for outcome in outcomes:
    print(*outcome)

print(f"asked while in session(), and after it: {asked_in_session}")
refused = "LocalDlmsProtocolError"
expected = [
    ("get 1", 100),
    ("get 2", "CommunicationError"),
    ("get 3", refused),
    ("connect", "RuntimeError"),
    ("disconnect", "ok"),
    ("connect", "ok"),
    ("associate", refused),
]
sys.exit(0 if outcomes == expected and asked_in_session == ["connect", "AARQ", "get 1", "get 2"] else 1)
EOF
