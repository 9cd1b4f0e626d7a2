#!/bin/sh
# gurux_dlms 1.0.203, DLMS/COSEM: `autoIncreaseInvokeID = True` has no effect. It sets another attribute of the settings than
# the one that requests are made with, so each request has invoke id 1, `client.invokeID` always says 1, and getData() takes
# whatever answer comes. A reader that repeats a request after its time limit, as it must over UDP, so reads each register of
# the meter as the one asked for before, and has nothing to tell by. With `client.settings.invokeId` set by hand before each
# request, the ids differ and the reader can compare `reply.invokeId & 15`.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'gurux-dlms==1.0.203'
"$folder/venv/bin/python" - <<'EOF'
import importlib.metadata
import itertools
import socket
import struct
import sys
import threading

from gurux_dlms.enums import Authentication, InterfaceType
from gurux_dlms.GXDLMSClient import GXDLMSClient
from gurux_dlms.GXReplyData import GXReplyData
from gurux_dlms.objects import GXDLMSRegister

PATIENCE, LATE, ANSWER = 0.6, 1.0, 0.25


class Meter:
    """A meter on UDP, in the wrapper of IEC 62056-4-7: register 1.0.N.8.0.255 holds 100 times N. The first answer is late."""

    def __init__(self):
        self.ids = []
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            request, address = self.sock.recvfrom(1024)
            version, source, destination, _ = struct.unpack(">4H", request[:8])
            # get-request-normal: tag, kind, invoke id and priority, class, instance, attribute
            _, _, invoke_id, _, obis, attribute, _ = struct.unpack(">BBBH6sBB", request[8:])
            assert attribute == 2, request
            self.ids.append(invoke_id & 15)
            # get-response-normal with a double-long-unsigned
            answer = b"\xc4\x01" + bytes([invoke_id, 0, 6]) + (100 * obis[2]).to_bytes(4)
            frame = struct.pack(">4H", version, destination, source, len(answer)) + answer
            threading.Timer(LATE if len(self.ids) == 1 else ANSWER, self.sock.sendto, (frame, address)).start()


def read(client, sock, register, checked):
    """Read a register: ask again after each time limit, as over any network that loses datagrams."""
    [request] = client.read(register, 2)
    for _ in range(3):
        sock.send(bytes(request))
        try:
            while True:
                reply = GXReplyData()
                client.getData(sock.recv(1024), reply)
                if not checked or reply.invokeId & 15 == client.settings.invokeId:
                    return reply.value
        except TimeoutError:
            pass

    return None


def read_four(name, by_hand):
    meter = Meter()
    client = GXDLMSClient(True, 16, 1, Authentication.NONE, None, InterfaceType.WRAPPER)
    client.autoIncreaseInvokeID = True
    values, told = [], []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE)
        sock.connect(meter.sock.getsockname())
        for number, invoke_id in zip(range(1, 5), itertools.count(2)):
            if by_hand:
                client.settings.invokeId = invoke_id

            values.append(read(client, sock, GXDLMSRegister(f"1.0.{number}.8.0.255"), by_hand))
            told.append(client.invokeID)

    print(f"{name}: registers 1 to 4 are {values}; invoke ids sent {meter.ids}, client.invokeID {told}")
    return values, meter.ids


print(f"gurux_dlms {importlib.metadata.version('gurux-dlms')}, Python {sys.version.split()[0]}")
print(f"the first answer after {LATE} s, each other one after {ANSWER} s, asked again after {PATIENCE} s")
automatic = read_four("autoIncreaseInvokeID", by_hand=False)
by_hand = read_four("settings.invokeId", by_hand=True)
expected = ([100, 100, 200, 300], [1] * 5), ([100, 200, 300, 400], [2, 2, 3, 4, 5])
sys.exit(0 if (automatic, by_hand) == expected else 1)
EOF
