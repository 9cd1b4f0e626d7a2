#!/bin/sh
# aioserial 1.3.1: a read that asyncio.wait_for() gives up takes what had come with it. Of an answer in two parts, "+CSQ: 2"
# and "3,0", the next line is "3,0". The thread's read returns the part, and nobody has it. auserial 1.0.1 keeps that part,
# but its reader stays registered after a read that was given up: what comes before the next one is read and thrown away,
# a whole URC here. serialx 1.15.1 and pyserial-asyncio-fast 0.16 lose nothing, as asyncio's own streams.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    'aioserial==1.3.1' 'auserial==1.0.1' 'serialx==1.15.1' 'pyserial-asyncio-fast==0.16' 'pyserial==3.5'
"$folder/venv/bin/python" - <<'EOF'
import asyncio
import contextlib
import importlib.metadata
import os
import pty
import sys
import termios
import tty

import aioserial
import auserial
import serial_asyncio_fast
import serialx


async def open_line(library, path, stack):
    """Return what reads a line."""
    if library == "aioserial":
        return stack.enter_context(contextlib.closing(aioserial.AioSerial(path, 9600))).readline_async

    if library == "auserial":
        port = await stack.enter_async_context(auserial.AUSerial(path, termios.B9600))
        return lambda: port.read_until(b"\n")

    if library == "serialx":
        port = serialx.async_serial_for_url(path, baudrate=9600)
        await port.open()
        stack.push_async_callback(port.close)
        return port.readline

    reader, writer = await serial_asyncio_fast.open_serial_connection(url=path, baudrate=9600)
    stack.callback(writer.close)
    return reader.readline


async def attempt(read_line):
    try:
        return (await asyncio.wait_for(read_line(), 0.5)).decode().strip()
    except TimeoutError:
        return None


async def play(library):
    """Return the line after a read that was given up in its middle, and the URCs after one that was given up."""
    module, port = pty.openpty()
    tty.setraw(port)
    async with contextlib.AsyncExitStack() as stack:
        read_line = await open_line(library, os.ttyname(port), stack)
        os.write(module, b"+CSQ: 2")
        assert await attempt(read_line) is None
        os.write(module, b"3,0\r\n")
        answer = await attempt(read_line)

        assert await attempt(read_line) is None
        os.write(module, b"+CEREG: 2\r\n")
        await asyncio.sleep(0.3)
        os.write(module, b"+CEREG: 1\r\n")
        return answer, await attempt(read_line), await attempt(read_line)


def show(library):
    seen = asyncio.run(play(library))
    print(f"{library} {importlib.metadata.version(library)}: {seen}")
    return seen


print("Python", sys.version.split()[0])
complete = ("+CSQ: 23,0", "+CEREG: 2", "+CEREG: 1")
lost_part = show("aioserial") == ("3,0", "+CEREG: 2", "+CEREG: 1")
lost_line = show("auserial") == ("+CSQ: 23,0", "+CEREG: 1", None)
others = [show(library) for library in ("serialx", "pyserial-asyncio-fast")]
sys.exit(0 if lost_part and lost_line and others == [complete, complete] else 1)
EOF
