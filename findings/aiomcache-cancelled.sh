#!/bin/sh
# aiomcache 0.8.2: a command that is cancelled while it waits, as asyncio.wait_for() does to a late one, gives its connection
# back to the pool, with the answer on the way. From then on each command there returns the answer to the one before: incr()
# another counter's number, get() None, a miss, for what is there. emcache 1.3.3 closes such a connection.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'aiomcache==0.8.2' 'emcache==1.3.3'
"$folder/venv/bin/python" - <<'EOF'
import asyncio
import contextlib
import importlib.metadata
import sys

import aiomcache
import emcache

ANSWER, PATIENCE = 1.0, 0.5


class Server:
    """A memcached whose counters and values are a second away."""

    def __init__(self):
        self.counters = {b"water": 100, b"gas": 200, b"heat": 300}

    async def __call__(self, reader, writer):
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while words := (await reader.readline()).split():
                if words[0] == b"incr":
                    self.counters[words[1]] += int(words[2])
                    answer = b"%d\r\n" % self.counters[words[1]]
                elif words[0] in (b"get", b"gets"):
                    cas = b" 1" if words[0] == b"gets" else b""
                    answer = b"VALUE %s 0 4%s\r\nopen\r\nEND\r\n" % (words[1], cas)
                else:
                    raise SystemExit(words)

                loop.call_later(ANSWER, writer.write, answer)

        writer.close()


async def after_one_is_cancelled(command, *arguments):
    """Give up on the first of three commands, and return the results of the two others."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(command(b"water", *arguments), PATIENCE)

    results = [await command(key, *arguments) for key in (b"gas", b"heat")]
    return [getattr(result, "value", result) for result in results]


async def connected(name, port):
    if name == "aiomcache":
        return aiomcache.Client("127.0.0.1", port, pool_size=1)

    address = emcache.MemcachedHostAddress("127.0.0.1", port)
    return await emcache.create_client([address], timeout=None, max_connections=1)


async def main():
    print(f"an answer after {ANSWER} s, the first of three given up after {PATIENCE} s; Python {sys.version.split()[0]}")
    results = {}
    for name in ("aiomcache", "emcache"):
        results[name] = []
        for command in ("incr", "get"):
            server = await asyncio.start_server(Server(), "127.0.0.1", 0)
            client = await connected(name, server.sockets[0].getsockname()[1])
            if command == "get":
                found = await after_one_is_cancelled(client.get)
            else:
                found = await after_one_is_cancelled(client.incr if name == "aiomcache" else client.increment, 1)

            await client.close()
            server.close()
            print(f"{name} {importlib.metadata.version(name)}, {command} gas, heat: {found}")
            results[name].append(found)

    return results == {"aiomcache": [[101, 201], [None, None]], "emcache": [[201, 301], [b"open", b"open"]]}


sys.exit(0 if asyncio.run(main()) else 1)
EOF
