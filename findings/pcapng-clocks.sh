#!/bin/sh
# One pcapng file whose interfaces have different clocks, as mergecap makes of a capture in microseconds and one in
# nanoseconds. dpkt 1.9.8 reads every packet with the clock of the first interface: those of the second are in the year
# 55840. scapy 2.8.0 and python-pcapng 2.1.1 go by each interface's resolution, and both leave out its offset
# (if_tsoffset): packets of a board that counts from its start are in 1970. None of them raises or warns.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'dpkt==1.9.8' 'scapy==2.8.0' 'python-pcapng==2.1.1'
"$folder/venv/bin/python" - "$folder/clocks.pcapng" <<'EOF'
import importlib.metadata
import logging
import struct
import sys

import dpkt
import pcapng

logging.disable(logging.CRITICAL)
from scapy.utils import rdpcap

START = 1_700_000_000
RAW_IP = 101
PACKET = bytes.fromhex("4500001d00010000401100007f0000017f00000116331634000900") + b"\x00x"


def block(kind, body):
    length = 12 + len(body)
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


def interface(*options):
    """Describe an interface, with options: if_tsresol is 9, and if_tsoffset is 14."""
    body = struct.pack("<HHI", RAW_IP, 0, 0)
    for code, value in options:
        body += struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)

    return block(1, body + bytes(4))


def packet(interface, ticks):
    head = struct.pack("<IIIII", interface, ticks >> 32, ticks & 0xFFFFFFFF, len(PACKET), len(PACKET))
    return block(6, head + PACKET + bytes(-len(PACKET) % 4))


# Three packets of the same moment, 0.5 s after START.
content = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
content += interface() + interface((9, b"\x09")) + interface((14, struct.pack("<q", START)))
content += packet(0, START * 10**6 + 500_000) + packet(1, START * 10**9 + 500_000_000) + packet(2, 500_000)
with open(sys.argv[1], "wb") as file:
    file.write(content)

with open(sys.argv[1], "rb") as file:
    by_dpkt = [time for time, _ in dpkt.pcapng.Reader(file)]

with open(sys.argv[1], "rb") as file:
    by_pcapng = [float(one.timestamp) for one in pcapng.FileScanner(file) if isinstance(one, pcapng.blocks.EnhancedPacket)]

times = {"dpkt": by_dpkt, "scapy": [float(one.time) for one in rdpcap(sys.argv[1])], "python-pcapng": by_pcapng}
print(f"three packets, each of {START + 0.5}: in microseconds, in nanoseconds, and in microseconds from an offset")
for name, seen in times.items():
    print(f"{name} {importlib.metadata.version(name)}: {seen}")

right = START + 0.5
expected = {"dpkt": [right, right * 1000, 0.5], "scapy": [right, right, 0.5], "python-pcapng": [right, right, 0.5]}
sys.exit(0 if times == expected else 1)
EOF
