"""An interface that leads nowhere, with the default route of this network namespace, and the packets sent on it."""

import fcntl
import ipaddress
import os
import socket
import struct
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from bc260y_aio.bridge.isolation import namespaces

NAME_SERVER: Final = "203.0.113.53"

_NAME: Final = "wire0"
# if_tun.h: a device of packets, without a header of its own.
_TUNSETIFF: Final = 0x400454CA
_IFF_TUN_NO_PI: Final = 0x1001
_ETH_P_ALL: Final = 3
_PROTOCOLS: Final = {6: "TCP", 17: "UDP"}


class Wire:
    """The interface, until the block ends. This process must be in a network namespace of its own."""

    def __enter__(self) -> Self:
        self._device = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(self._device, _TUNSETIFF, struct.pack("16sH22x", _NAME.encode(), _IFF_TUN_NO_PI))
        # The kernel's own solicitations would be packets on the wire.
        disable = Path(f"/proc/sys/net/ipv6/conf/{_NAME}/disable_ipv6")
        if disable.exists():
            disable.write_text("1")

        namespaces.set_address(_NAME, "192.0.2.1", "255.255.255.0")
        namespaces.bring_up(_NAME)
        namespaces.add_default_route(_NAME)
        self._sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ALL))
        self._sniffer.bind((_NAME, 0))
        self._sniffer.setblocking(False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._sniffer.close()
        os.close(self._device)

    def packets(self) -> list[str]:
        """Return what was sent since the last call, such as `UDP 198.51.100.1:7`."""
        packets: list[str] = []
        while True:
            try:
                packet = self._sniffer.recv(2048)
            except BlockingIOError:
                return packets

            protocol, destination = packet[9], ipaddress.ip_address(packet[16:20])
            (port,) = struct.unpack_from("!H", packet, (packet[0] & 15) * 4 + 2)
            packets.append(f"{_PROTOCOLS.get(protocol, protocol)} {destination}:{port}")


def replace_resolver(folder: Path) -> None:
    """Let the C library know this machine's name, and a name server behind the interface. The files are made."""
    for path, content in (
        ("/etc/resolv.conf", f"nameserver {NAME_SERVER}\noptions timeout:1 attempts:1\n"),
        ("/etc/hosts", "127.0.0.1 localhost\n"),
    ):
        stand_in = folder / Path(path).name
        stand_in.write_text(content)
        namespaces.bind_over(path, str(stand_in))
