#!/bin/sh
# uvloop 0.23.0 refuses three documented arguments of loop.create_connection with TypeError: happy_eyeballs_delay,
# interleave (Python 3.8) and all_errors (Python 3.12). asyncio.open_connection passes them on, so a program that
# names one of them runs on asyncio and fails on uvloop.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'uvloop==0.23.0'
"$folder/venv/bin/python" - <<'EOF'
import asyncio
import importlib.metadata
import sys

import uvloop

ARGUMENTS = {"happy_eyeballs_delay": 0.25, "interleave": 1, "all_errors": True}


async def close(reader, writer):
    writer.close()


async def main():
    server = await asyncio.start_server(close, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    refused = []
    for name, value in ARGUMENTS.items():
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port, **{name: value})
            writer.close()
        except TypeError as exc:
            print(f"  {exc}")
            refused.append(name)
    server.close()
    return refused


print(f"uvloop {importlib.metadata.version('uvloop')}, Python {sys.version.split()[0]}")
seen = {}
for name, factory in {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}.items():
    with asyncio.Runner(loop_factory=factory) as runner:
        seen[name] = runner.run(main())
    print(f"refused on {name}: {seen[name]}")

known = [] if sys.version_info >= (3, 12) else ["all_errors"]
sys.exit(0 if seen == {"asyncio": known, "uvloop": list(ARGUMENTS)} else 1)
EOF
