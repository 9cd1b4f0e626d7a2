"""Breaking a TCP connection of a program in this network namespace: sock_diag(7), SOCK_DESTROY.

The TCP stack behind the TUN device can end a connection, but not reset it. A program must not take a lost connection
for one that has ended.
"""

import errno
import os
import socket
import struct
from typing import Final

_NETLINK_SOCK_DIAG: Final = 4
_SOCK_DESTROY: Final = 21
_NLM_F_REQUEST_ACK: Final = 5
_ANY_STATE: Final = 0xFFFFFFFF
_NO_COOKIE: Final = 0xFFFFFFFF
_HEADER: Final = "=IHHII"

Address = tuple[str, int]


def destroy(local: Address, remote: Address) -> None:
    """Break a connection: for the program it is ECONNABORTED.

    Args:
        local: the program's IPv4 address and port.
        remote: the address and port that it has connected to.

    Raises:
        OSError: ENOENT, there is no such connection; EOPNOTSUPP, the kernel cannot (CONFIG_INET_DIAG_DESTROY).
    """
    identity = struct.pack("!HH", local[1], remote[1])
    identity += socket.inet_aton(local[0]).ljust(16, b"\0") + socket.inet_aton(remote[0]).ljust(16, b"\0")
    identity += struct.pack("=III", 0, _NO_COOKIE, _NO_COOKIE)
    body = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, _ANY_STATE) + identity
    size = struct.calcsize(_HEADER)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as netlink:
        netlink.settimeout(1.0)
        netlink.send(struct.pack(_HEADER, size + len(body), _SOCK_DESTROY, _NLM_F_REQUEST_ACK, 1, 0) + body)
        (code,) = struct.unpack_from("=i", netlink.recv(8192), size)

    if code:
        raise OSError(-code, os.strerror(-code))


def can_destroy() -> bool:
    """Return whether the kernel can break a connection here."""
    try:
        destroy(("127.0.0.1", 1), ("127.0.0.1", 1))
    except OSError as exc:
        return exc.errno == errno.ENOENT

    return True
