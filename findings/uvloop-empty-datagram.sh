#!/bin/sh
# uvloop 0.23.0 drops an empty datagram without an error. Since Python 3.13 asyncio's own transport.sendto(b"") sends
# one (before, it dropped it as well), and a kernel socket always did. Protocols that use an empty datagram as a
# keepalive or a probe are silent on uvloop.
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


class Keep(asyncio.DatagramProtocol):
    def __init__(self):
        self.received = []

    def datagram_received(self, data, address):
        self.received.append(data)


async def main():
    loop = asyncio.get_running_loop()
    receiver, kept = await loop.create_datagram_endpoint(Keep, local_addr=("127.0.0.1", 0))
    sender, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=receiver.get_extra_info("sockname")
    )
    sender.sendto(b"")
    sender.sendto(b"after")
    async with asyncio.timeout(5):
        while b"after" not in kept.received:
            await asyncio.sleep(0.01)
    sender.close()
    receiver.close()
    return kept.received


seen = {}
for name, factory in {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}.items():
    with asyncio.Runner(loop_factory=factory) as runner:
        seen[name] = runner.run(main())

print(f"uvloop {importlib.metadata.version('uvloop')}, Python {sys.version.split()[0]}")
for name, what in seen.items():
    print(f'received of sendto(b"") and sendto(b"after") on {name}: {what}')

own = [b"", b"after"] if sys.version_info >= (3, 13) else [b"after"]
sys.exit(0 if seen == {"asyncio": own, "uvloop": [b"after"]} else 1)
EOF
