"""Packets of IPv4 and IPv6 with TCP and UDP in them, as bytes."""

import enum
import ipaddress
import struct
from dataclasses import dataclass
from typing import Final

_TCP: Final = 6
_UDP: Final = 17
_HOPS: Final = 64
# With the scale below, more than any amount of data that is not acknowledged.
WINDOW: Final = 0xFFFF
# Options of a SYN: the largest segment, the largest window scale (RFC 7323), and a NOP to fill the word.
_SYN_OPTIONS: Final = bytes((2, 4, *(1400).to_bytes(2), 3, 3, 14, 1))

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Flag(enum.IntFlag):
    """The flags of a TCP segment."""

    FIN = 1
    SYN = 2
    RST = 4
    PSH = 8
    ACK = 16


@dataclass(frozen=True, slots=True)
class End:
    """One end of a conversation.

    Attributes:
        address: its address; both ends have one of the same version.
        port: its port.
    """

    address: Address
    port: int


def tcp(source: End, target: End, flags: Flag, sequence: int, acknowledged: int, data: bytes = b"") -> bytes:
    """Return a TCP segment in its IP packet.

    Args:
        source: the sender.
        target: the receiver.
        flags: its flags.
        sequence: the number of its first byte.
        acknowledged: the number of the byte that is expected next.
        data: its payload.
    """
    options = _SYN_OPTIONS if flags & Flag.SYN else b""
    offset = (20 + len(options)) // 4 << 4
    numbers = source.port, target.port, sequence % (1 << 32), acknowledged % (1 << 32)
    header = struct.pack(">HHIIBBHHH", *numbers, offset, flags, WINDOW, 0, 0)
    segment = header + options + data
    check = _checksum(_pseudo_header(source, target, _TCP, len(segment)) + segment)
    return _ip(source, target, _TCP, segment[:16] + struct.pack(">H", check) + segment[18:])


def udp(source: End, target: End, data: bytes) -> bytes:
    """Return a UDP datagram in its IP packet.

    Args:
        source: the sender.
        target: the receiver.
        data: its payload.
    """
    header = struct.pack(">HHHH", source.port, target.port, 8 + len(data), 0)
    check = _checksum(_pseudo_header(source, target, _UDP, 8 + len(data)) + header + data)
    return _ip(source, target, _UDP, header[:6] + struct.pack(">H", check or 0xFFFF) + data)


def _ip(source: End, target: End, protocol: int, payload: bytes) -> bytes:
    addresses = source.address.packed + target.address.packed
    if source.address.version == 6:
        return struct.pack(">IHBB", 6 << 28, len(payload), protocol, _HOPS) + addresses + payload

    # Not to be fragmented, and so without an identification (RFC 6864).
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0x4000, _HOPS, protocol, 0) + addresses
    return header[:10] + struct.pack(">H", _checksum(header)) + header[12:] + payload


def _pseudo_header(source: End, target: End, protocol: int, size: int) -> bytes:
    addresses = source.address.packed + target.address.packed
    return addresses + struct.pack(">IHBB", size, 0, 0, protocol)


def _checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    data += bytes(len(data) % 2)
    # A sum of 16-bit words modulo 65535, which is that of ones' complement.
    total = int.from_bytes(data) % 0xFFFF
    return (0xFFFF - total) if total or not any(data) else 0
