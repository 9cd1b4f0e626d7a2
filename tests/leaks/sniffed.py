"""Run a command in a network namespace with one unconnected interface, and report the packets sent on it.

    python -m tests.leaks.sniffed REPORT COMMAND ...

The namespace has a loopback interface, with a TCP and a UDP echo server on it (their port is in ECHO_PORT), and an
interface `wire0` with the default route and a name server behind it. The report is JSON: the exit status, and a line
for each packet on the wire.
"""

import fcntl
import ipaddress
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Final

from bc260y_aio.bridge.isolation import namespaces

NAME_SERVER: Final = "203.0.113.53"
# if_tun.h: a device of packets, without a header of its own.
_TUNSETIFF: Final = 0x400454CA
_IFF_TUN_NO_PI: Final = 0x1001
_ETH_P_ALL: Final = 3


def main() -> None:
    report, *command = sys.argv[1:]
    namespaces.enter()
    namespaces.bring_up("lo")
    wire = _make_wire()
    port = _serve()
    with tempfile.TemporaryDirectory() as folder:
        for path, content in (
            ("/etc/resolv.conf", f"nameserver {NAME_SERVER}\noptions timeout:1 attempts:1\n"),
            ("/etc/hosts", "127.0.0.1 localhost\n"),
        ):
            stand_in = Path(folder, Path(path).name)
            stand_in.write_text(content)
            namespaces.bind_over(path, str(stand_in))

        with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ALL)) as sniffer:
            sniffer.bind(("wire0", 0))
            status = subprocess.run(command, env={**os.environ, "ECHO_PORT": str(port)}, check=False).returncode
            sniffer.setblocking(False)
            packets = _read(sniffer)

    os.close(wire)
    Path(report).write_text(json.dumps({"status": status, "packets": packets}))


def _make_wire() -> int:
    wire = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(wire, _TUNSETIFF, struct.pack("16sH22x", b"wire0", _IFF_TUN_NO_PI))
    # The kernel's own solicitations would be packets on the wire.
    disable = Path("/proc/sys/net/ipv6/conf/wire0/disable_ipv6")
    if disable.exists():
        disable.write_text("1")

    namespaces.set_address("wire0", "192.0.2.1", "255.255.255.0")
    namespaces.bring_up("wire0")
    namespaces.add_default_route("wire0")
    return wire


def _read(sniffer: socket.socket) -> list[str]:
    packets: list[str] = []
    while True:
        try:
            packet = sniffer.recv(2048)
        except BlockingIOError:
            return packets

        protocol, destination = packet[9], ipaddress.ip_address(packet[16:20])
        (port,) = struct.unpack_from("!H", packet, (packet[0] & 15) * 4 + 2)
        packets.append(f"{ {6: 'TCP', 17: 'UDP'}.get(protocol, protocol) } {destination}:{port}")


def _serve() -> int:
    streams = socket.create_server(("127.0.0.1", 0))
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(streams.getsockname())
    threading.Thread(target=_serve_streams, args=(streams,), daemon=True).start()
    threading.Thread(target=_serve_datagrams, args=(datagrams,), daemon=True).start()
    port: int = streams.getsockname()[1]
    return port


def _serve_streams(server: socket.socket) -> None:
    while True:
        connection, _ = server.accept()
        threading.Thread(target=_echo, args=(connection,), daemon=True).start()


def _echo(connection: socket.socket) -> None:
    with connection:
        while data := connection.recv(4096):
            connection.sendall(data)


def _serve_datagrams(server: socket.socket) -> None:
    while True:
        data, address = server.recvfrom(4096)
        server.sendto(data, address)


if __name__ == "__main__":
    main()
