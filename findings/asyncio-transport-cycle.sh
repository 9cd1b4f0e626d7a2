#!/bin/sh
# Before Python 3.12, a stream transport of asyncio that was closed is a reference cycle: it keeps one of its own methods,
# _read_ready_cb, also after connection_lost(). Programs with gc.disable() or gc.freeze(), which shorten the longest
# pauses, grow with each connection. Datagram transports have no such cycle.
# Seen with CPython 3.11.7; not with 3.12.1 and 3.13.0.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" - <<'EOF'
import asyncio
import gc
import platform
import sys

CONNECTIONS = 100


class Closing(asyncio.Protocol):
    def connection_made(self, transport):
        transport.close()


async def connect():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
    for _ in range(CONNECTIONS):
        await loop.create_connection(Closing, *server.sockets[0].getsockname())
    await asyncio.sleep(0.2)
    server.close()


async def send():
    loop = asyncio.get_running_loop()
    for _ in range(CONNECTIONS):
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, ("127.0.0.1", 0))
        transport.close()
    del transport
    await asyncio.sleep(0.2)


def transports():
    names = [type(one).__name__ for one in gc.get_objects()]
    return sum(name in ("_SelectorSocketTransport", "_SelectorDatagramTransport") for name in names)


def left(program):
    gc.collect()
    gc.disable()
    asyncio.run(program())
    found = transports()
    gc.enable()
    gc.collect()
    return found, transports()


streams, after = left(connect)
datagrams, _ = left(send)
print(f"CPython {platform.python_version()}, asyncio, {CONNECTIONS} connections that were opened and closed, gc disabled")
print(f"stream transports that are still there: {streams}, after gc.collect(): {after}")
print(f"datagram transports that are still there: {datagrams}")
expected = 2 * CONNECTIONS if sys.version_info < (3, 12) else 0
is_so = (streams, after, datagrams) == (expected, 0, 0)
print("as described" if is_so else "changed")
sys.exit(not is_so)
EOF
