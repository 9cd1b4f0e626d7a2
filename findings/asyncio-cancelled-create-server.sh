#!/bin/sh
# loop.create_server() listens before it suspends for the last time. When it is cancelled there, nothing closes the
# listening socket: the port stays bound until the garbage collector finds the socket, with a ResourceWarning.
# Seen with CPython 3.11.7, 3.12.1 and 3.13.0.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" - <<'EOF'
import asyncio
import gc
import sys
import warnings


async def main():
    loop = asyncio.get_running_loop()
    creating = asyncio.create_task(loop.create_server(asyncio.Protocol, "127.0.0.1", 0))
    steps = 0
    while not gc_finds_listeners():
        await asyncio.sleep(0)
        steps += 1
        assert steps < 1000 and not creating.done()

    creating.cancel()
    await asyncio.wait({creating})
    assert creating.cancelled()


def gc_finds_listeners():
    import socket

    return [one for one in gc.get_objects() if isinstance(one, socket.socket) and is_listening(one)]


def is_listening(one):
    import socket

    try:
        return one.fileno() >= 0 and one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError:
        return False


with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    asyncio.run(main())
    gc.collect()

unclosed = [str(one.message) for one in caught if one.category is ResourceWarning and "socket" in str(one.message)]
print(sys.version.split()[0])
print("\n".join(unclosed) or "nothing was left open")
sys.exit(not unclosed)
EOF
