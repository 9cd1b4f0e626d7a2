#!/bin/sh
# A TLS connection that is closed while its peer still sends is reported as failed by asyncio: connection_lost gets
# SSLError APPLICATION_DATA_AFTER_CLOSE_NOTIFY, though close() was called on purpose. On uvloop the same close is
# clean: None. Over a link with seconds of latency data is nearly always on its way.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'uvloop==0.23.0' 'trustme==1.2.1'
"$folder/venv/bin/python" - <<'EOF'
import asyncio
import ssl
import sys

import trustme
import uvloop

authority = trustme.CA()
server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
authority.issue_cert("peer.example").configure_cert(server_context)
client_context = ssl.create_default_context()
authority.configure_trust(client_context)


class Client(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.lost = asyncio.get_running_loop().create_future()

    def data_received(self, data):
        self.transport.close()

    def connection_lost(self, exc):
        self.lost.set_result(exc)


class Sender(asyncio.Protocol):
    def connection_made(self, transport):
        transport.write(b"x" * 1_000_000)


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Sender, "127.0.0.1", 0, ssl=server_context)
    port = server.sockets[0].getsockname()[1]
    _, protocol = await loop.create_connection(
        Client, "127.0.0.1", port, ssl=client_context, server_hostname="peer.example"
    )
    error = await asyncio.wait_for(protocol.lost, 20)
    server.close()
    await asyncio.sleep(0.1)
    return error


seen = {}
for name, factory in {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}.items():
    with asyncio.Runner(loop_factory=factory) as runner:
        seen[name] = runner.run(main())
    print(f"Python {sys.version.split()[0]}, {ssl.OPENSSL_VERSION}, {name}: connection_lost({seen[name]!r})")

is_error = "APPLICATION_DATA_AFTER_CLOSE_NOTIFY" in repr(seen["asyncio"])
sys.exit(0 if is_error and seen["uvloop"] is None else 1)
EOF
