#!/bin/sh
# pynbntnmodem 0.6.16: PsmConfig.seconds_to_tau() does not use the unit of ten minutes. From 31 min 1 s to 59 min 59 s it
# returns 00100000, which is zero hours, though 00000011 to 00000101 are 30 to 50 minutes (TS 24.008, 10.5.5.7.4a); 90 min
# become 60. EdrxConfig.seconds_to_edrx_cycle() offers the cycles of LTE: of those, NB-IoT lacks 0100, 0110, 0111 and 1000,
# and takes them for 20.48 s (10.5.5.32), so 143.36 s is seven times shorter on the network; 81.92 s would have been there.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'pynbntnmodem==0.6.16' 'pyatcommand==0.5.3' 'pyserial==3.5'
"$folder/venv/bin/python" - <<'EOF'
import importlib.metadata
import sys

from pynbntnmodem import EdrxConfig, PsmConfig

# The cycles of NB-S1 mode, from the standard; all other values are read as 0010 there.
NARROWBAND = {
    "0010": 20.48,
    "0011": 40.96,
    "0101": 81.92,
    "1001": 163.84,
    "1010": 327.68,
    "1011": 655.36,
    "1100": 1310.72,
    "1101": 2621.44,
    "1110": 5242.88,
    "1111": 10485.76,
}

print("pynbntnmodem", importlib.metadata.version("pynbntnmodem"))
periodic = {minutes: PsmConfig.seconds_to_tau(minutes * 60) for minutes in (30, 31, 32, 40, 50, 59, 60, 90)}
read = {minutes: PsmConfig.tau_seconds(bits) // 60 for minutes, bits in periodic.items()}
for minutes, bits in periodic.items():
    print(f"T3412 of {minutes} min: {bits}, which it reads as {read[minutes]} min")

cycles = {seconds: EdrxConfig.seconds_to_edrx_cycle(seconds) for seconds in (20.48, 61.44, 81.92, 102.4, 122.88, 143.36, 163.84)}
network = {seconds: NARROWBAND.get(bits, 20.48) for seconds, bits in cycles.items()}
for seconds, bits in cycles.items():
    print(f"eDRX of {seconds} s: {bits}, which is {network[seconds]} s in NB-S1 mode")

zero = [minutes for minutes in read if periodic[minutes] == "00100000"]
short = [seconds for seconds in network if network[seconds] == 20.48]
sys.exit(0 if zero == [32, 40, 50, 59] and read[90] == 60 and short == [20.48, 61.44, 102.4, 122.88, 143.36] else 1)
EOF
