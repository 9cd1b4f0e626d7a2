#!/bin/sh
# redis-py 8.1.0 sends five commands for the first SET of a connection: HELLO 3, CLIENT MAINT_NOTIFICATIONS (a feature
# of Redis Enterprise, asked of every server), CLIENT SETINFO twice, and SET. 254 bytes instead of 27. protocol=2 and
# driver_info=None leave one; lib_name=None does too, with a DeprecationWarning.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'redis==8.1.0'
"$folder/venv/bin/python" - <<'EOF'
import asyncio
import sys
import warnings

import redis
import redis.asyncio

HELLO = b"%7\r\n+server\r\n+redis\r\n+version\r\n+7.4.0\r\n+proto\r\n:3\r\n+id\r\n:1\r\n+mode\r\n+standalone\r\n+role\r\n+master\r\n+modules\r\n*0\r\n"
received = []


async def serve(reader, writer):
    """Be a Redis server of one connection: note each command, and agree."""
    while head := await reader.readline():
        words, size = [], len(head)
        for _ in range(int(head[1:])):
            length = await reader.readline()
            word = await reader.readexactly(int(length[1:]) + 2)
            words.append(word[:-2].decode())
            size += len(length) + len(word)
        received.append((" ".join(words), size))
        writer.write(HELLO if words[0] == "HELLO" else b"+OK\r\n")
    writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    seen = []
    for options in ({}, {"protocol": 2}, {"protocol": 2, "driver_info": None}):
        received.clear()
        client = redis.asyncio.Redis(host="127.0.0.1", port=port, **options)
        await client.set("k", "v")
        await client.aclose()
        seen.append((len(received), sum(size for _, size in received)))
        print(f"Redis({options}): {seen[-1][0]} commands, {seen[-1][1]} bytes: {[command for command, _ in received]}")
    server.close()
    return seen


print(f"redis-py {redis.__version__}")
warnings.simplefilter("error", DeprecationWarning)
sys.exit(0 if asyncio.run(main()) == [(5, 254), (3, 137), (1, 27)] else 1)
EOF
