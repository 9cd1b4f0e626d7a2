#!/bin/sh
# aiomqtt 2.5.1: Client(timeout=20) ends after 5 s when a TLS handshake is slow. `timeout` is for the answers of the
# broker; the connection is made by paho-mqtt, whose own connect_timeout of 5 s applies, and which aiomqtt has no
# argument for. Without TLS the same timeout is kept.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'aiomqtt==2.5.1' 'paho-mqtt==2.2.0'
"$folder/venv/bin/python" - <<'EOF'
import asyncio
import importlib.metadata
import ssl
import sys
import time

import aiomqtt


class Silent(asyncio.Protocol):
    """Accept, and never answer."""


async def measure(port, timeout, context):
    start = time.monotonic()
    try:
        async with aiomqtt.Client("127.0.0.1", port, timeout=timeout, tls_context=context):
            pass
    except aiomqtt.MqttError as exc:
        return round(time.monotonic() - start), str(exc)
    return 0, "connected"


async def main():
    server = await asyncio.get_running_loop().create_server(Silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(f"aiomqtt {importlib.metadata.version('aiomqtt')}, a server that accepts and never answers")
    with_tls = await measure(port, 20, ssl.create_default_context())
    print(f"Client(timeout=20) with TLS: {with_tls[1]!r} after {with_tls[0]} s")
    without = await measure(port, 8, None)
    print(f"Client(timeout=8) without TLS: {without[1]!r} after {without[0]} s")
    server.close()
    return with_tls[0] == 5 and without[0] == 8


sys.exit(0 if asyncio.run(main()) else 1)
EOF
