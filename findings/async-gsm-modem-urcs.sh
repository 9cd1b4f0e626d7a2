#!/bin/sh
# async-gsm-modem 0.1.2: URCs are no longer received after the first command. A command cancels the read that is under
# way, which the loop for URCs awaits; the cancellation ends that loop, without a word, and nothing starts it again.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'async-gsm-modem==0.1.2' 'pyserial-asyncio==0.6' 'smspdudecoder==2.2.0'
"$folder/venv/bin/python" - <<'EOF'
import asyncio
import importlib.metadata
import os
import pty
import sys
import threading
import tty

from async_gsm_modem.base import ATModem, Command


def serve(master):
    """Answer each line with OK."""
    line = b""
    while True:
        try:
            line += os.read(master, 1)
        except OSError:
            return

        if line.endswith(b"\r"):
            os.write(master, b"\r\nOK\r\n")
            line = b""


class Modem(ATModem):
    heard = 0

    async def urc_handler(self, response):
        self.heard += 1


async def main():
    master, slave = pty.openpty()
    tty.setraw(slave)
    threading.Thread(target=serve, args=(master,), daemon=True).start()
    modem = Modem(os.ttyname(slave), 9600, urc=[(b"+NEWS", 1)])
    await modem.connect()
    os.write(master, b"\r\n+NEWS: 1\r\n")
    await asyncio.sleep(1)
    before = modem.heard
    await modem.send_command(Command(b"AT"))
    os.write(master, b"\r\n+NEWS: 2\r\n")
    await asyncio.sleep(1)
    return before, modem.heard - before, modem.read_loop_task.cancelled()


before, after, is_ended = asyncio.run(main())
print(f"async-gsm-modem {importlib.metadata.version('async-gsm-modem')}, Python {sys.version.split()[0]}")
print(f"URCs heard: {before} of 1 before a command, {after} of 1 after it; the loop for URCs was cancelled: {is_ended}")
sys.exit(0 if (before, after, is_ended) == (1, 0, True) else 1)
EOF
