"""Options of sockets by which packets leave this machine: memberships of multicast groups, and interfaces."""

import socket
import struct
import sys
from typing import Any, Final

# A membership is announced on the network (IGMP, MLD). Python has no names for the other options of Linux.
_OTHERS: Final[set[int]] = {39, 42, 46} if sys.platform == "linux" else set()
_IPV4_JOINS: Final = frozenset({socket.IP_ADD_MEMBERSHIP, *_OTHERS})
_IPV6_JOINS: Final = frozenset({socket.IPV6_JOIN_GROUP, *_OTHERS})
_TO_DEVICE: Final = getattr(socket, "SO_BINDTODEVICE", None)


def leaving(level: int, optname: int, value: Any) -> str | None:
    """Return what an option does that leaves this machine; None if it does no such thing.

    Args:
        level: the option's level, as for ``setsockopt``.
        optname: the option.
        value: its value.
    """
    if level == socket.SOL_SOCKET and optname == _TO_DEVICE:
        name = bytes(value).rstrip(b"\0") if isinstance(value, bytes | bytearray | memoryview) else b""
        return None if name in (b"", b"lo") else f"a socket of the interface {name.decode(errors='replace')}"

    if level == socket.IPPROTO_IP and optname in _IPV4_JOINS:
        return None if _is_on_loopback(value, 4, 8) else "membership of a multicast group"

    if level == socket.IPPROTO_IPV6 and optname in _IPV6_JOINS:
        return None if _is_on_loopback(value, 16, None) else "membership of a multicast group"

    return None


def _is_on_loopback(value: Any, index_at: int, mreqn_index_at: int | None) -> bool:
    """Return whether a request for a membership names the loopback interface."""
    if not isinstance(value, bytes | bytearray | memoryview):
        return False

    data = bytes(value)
    if mreqn_index_at is not None and data[index_at : index_at + 1] == b"\x7f":
        return True

    at = index_at if mreqn_index_at is None else mreqn_index_at
    if len(data) < at + 4:
        return False

    index: int = struct.unpack_from("=I", data, at)[0]
    return index != 0 and index == _loopback_index()


def _loopback_index() -> int:
    try:
        return socket.if_nametoindex("lo")
    except OSError:
        return 0
