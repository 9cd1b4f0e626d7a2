#!/bin/sh
# xknx 4.0.0, KNX/IP tunnelling: it waits 1 s for the answer to CONNECT_REQUEST, which the specification gives 10 s, and no option
# changes that. Where the answer takes longer no attempt can succeed, and each one, made every 4 s by `auto_reconnect`, leaves
# a tunnel open in the gateway for 2 minutes: it is not closed when the answer comes. So the gateway soon has none left for
# anybody: knxd 0.14.54.1 (Debian 12) with four answers E_NO_MORE_CONNECTIONS to a client beside it. It begins with the first
# write of a tunnel that was open, and whose ACK takes longer than the two times 1 s that the specification gives that.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'xknx==4.0.0'
(cd "$folder" && apt-get --quiet --quiet download 'knxd=0.14.54.1+b1' libev4 libfmt9 libusb-1.0-0)
for package in "$folder"/*.deb; do dpkg-deb --extract "$package" "$folder"; done
# knxd listens on every interface: here it has loopback alone, and a route from which it reads its own address.
unshare --map-root-user --net sh -c '
    ip link set lo up
    ip route add default dev lo src 127.0.0.1
    exec "$@"' - "$folder/venv/bin/python" - "$folder" <<'EOF'
import asyncio
import importlib.metadata
import logging
import os
import pathlib
import socket
import subprocess
import sys

from xknx import XKNX
from xknx.dpt import DPTBinary
from xknx.exceptions import XKNXException
from xknx.io import ConnectionConfig, ConnectionType
from xknx.telegram import GroupAddress, Telegram
from xknx.telegram.apci import GroupValueWrite

logging.disable(logging.CRITICAL)
FOLDER = pathlib.Path(sys.argv[1])
LIBRARIES = ":".join(str(path) for root in ("lib", "usr/lib") for path in (FOLDER / root).glob("*-linux-gnu*"))
SLOW, TUNNELS = 2.5, 4
CONNECT_REQUEST, TUNNELLING_REQUEST = 0x0205, 0x0420
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.bind(("127.0.0.1", 0))
    PORT = sock.getsockname()[1]

(FOLDER / "knxd.ini").write_text(f"""
[main]
addr = 0.0.1
client-addrs = 0.0.2:{TUNNELS}
connections = server,dummy
[server]
server = ets_router
interface = lo
port = {PORT}
tunnel = tunnel
[tunnel]
[dummy]
driver = dummy
""")


class Line(asyncio.DatagramProtocol):
    """What is between a client and the gateway: answers come later, once it is slow."""

    def connection_made(self, transport):
        self.transport, self.delay, self.client, self.sent = transport, 0, None, []

    def datagram_received(self, data, address):
        if address[1] == PORT:
            asyncio.get_running_loop().call_later(self.delay, self.transport.sendto, data, self.client)
        else:
            self.client = address
            self.sent.append(int.from_bytes(data[2:4]))
            self.transport.sendto(data, ("127.0.0.1", PORT))


def client_of(port):
    config = ConnectionConfig(
        connection_type=ConnectionType.TUNNELING,
        gateway_ip="127.0.0.1",
        gateway_port=port,
        local_ip="127.0.0.1",
        route_back=True,
    )
    return XKNX(connection_config=config)


async def beside():
    """Open a tunnel by a client that is next to the gateway, and close it; return how that went."""
    client = client_of(PORT)
    try:
        await client.start()
        return "opened"
    except XKNXException as exc:
        return str(exc.__cause__).partition("ErrorCode.")[2]
    finally:
        await client.stop()


async def main():
    print(f"xknx {importlib.metadata.version('xknx')}, knxd with {TUNNELS} tunnels, Python {sys.version.split()[0]}")
    transport, line = await asyncio.get_running_loop().create_datagram_endpoint(Line, local_addr=("127.0.0.1", 0))
    for _ in range(20):
        await asyncio.sleep(0.5)
        if (before := await beside()) == "opened":
            break
    else:
        sys.exit(f"no tunnel of knxd: {before}")

    client = client_of(transport.get_extra_info("sockname")[1])
    await client.start()
    line.delay, line.sent = SLOW, []
    write = Telegram(destination_address=GroupAddress("1/2/3"), payload=GroupValueWrite(DPTBinary(1)))
    client.telegrams.put_nowait(write)
    # Two requests of 1 s, and then an attempt every 4 s.
    await asyncio.sleep(2 + 4 * TUNNELS + 1)
    after = await beside()
    writes, attempts = (line.sent.count(kind) for kind in (TUNNELLING_REQUEST, CONNECT_REQUEST))
    print(f"answers after {SLOW} s: {writes} requests for one write, {attempts} attempts to connect again")
    print(f"a client beside it: {before} before, {after} after that")
    return (before, after, writes) == ("opened", "E_NO_MORE_CONNECTIONS", 2) and attempts >= TUNNELS


environment = {**os.environ, "LD_LIBRARY_PATH": LIBRARIES}
daemon = subprocess.Popen([FOLDER / "usr/bin/knxd", FOLDER / "knxd.ini"], env=environment)
try:
    is_so = asyncio.new_event_loop().run_until_complete(asyncio.wait_for(main(), 60))
finally:
    daemon.kill()
    daemon.wait()

# The client's stop(), and its tasks, would wait for the write to be sent.
sys.stdout.flush()
os._exit(0 if is_so else 1)
EOF
