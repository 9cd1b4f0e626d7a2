#!/bin/sh
# redis-py 8.1.0: a command whose answer takes longer than `socket_timeout` (5 s) is sent again, on a new connection, and
# again: 11 times, whatever it is. One `incr()` counts to 11 and then raises TimeoutError, after a minute. The library
# has no list of what may be repeated. `Redis(retry=Retry(NoBackoff(), 0))` sends a command once.
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
import time

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

TIMEOUT, ANSWER = 1, 1.3
count = 0


async def serve(reader, writer):
    """A Redis server whose INCRBY takes a while; it knows RESP 3."""
    global count
    try:
        while True:
            words = []
            for _ in range(int((await reader.readline())[1:])):
                size = int((await reader.readline())[1:])
                words.append((await reader.readexactly(size + 2))[:-2])

            if words[0] == b"HELLO":
                writer.write(b"%1\r\n$5\r\nproto\r\n:3\r\n")
            elif words[0] == b"INCRBY":
                count += 1
                asyncio.get_running_loop().call_later(ANSWER, writer.write, b":%d\r\n" % count)
            else:
                writer.write(b"+OK\r\n")
    except (ValueError, OSError, asyncio.IncompleteReadError):
        writer.close()


async def increment(port, **options):
    global count
    count, started = 0, time.monotonic()
    async with redis.asyncio.Redis(port=port, socket_timeout=TIMEOUT, **options) as client:
        try:
            outcome = await client.incr("readings")
        except redis.exceptions.TimeoutError as exc:
            outcome = type(exc).__name__

    print(f"  {sorted(options) or 'as it is'}: {outcome} after {time.monotonic() - started:.0f} s; the server counts {count}")
    return outcome, count


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(f"redis-py {redis.__version__}, Python {sys.version.split()[0]}: socket_timeout={TIMEOUT}, an answer after {ANSWER} s")
    results = await increment(port), await increment(port, retry=Retry(NoBackoff(), 0))
    return results == (("TimeoutError", 11), ("TimeoutError", 1))


sys.exit(0 if asyncio.run(main()) else 1)
EOF
