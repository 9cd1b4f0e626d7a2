"""The blocks of a pcapng file (draft-ietf-opsawg-pcapng), as bytes."""

import struct
from collections.abc import Iterable
from typing import Final

# Raw IP: a packet begins with the header of IPv4 or IPv6 (LINKTYPE_RAW).
LINK_TYPE: Final = 101

_SECTION: Final = 0x0A0D0D0A
_INTERFACE: Final = 1
_NAMES: Final = 4
_STATISTICS: Final = 5
_PACKET: Final = 6
_SECRETS: Final = 10
_MAGIC: Final = 0x1A2B3C4D
_TLS_KEY_LOG: Final = 0x544C534B

# Options, by the block that they are in.
_END: Final = 0
_COMMENT: Final = 1
_INTERFACE_NAME: Final = 2
_APPLICATION: Final = 4
_LONGEST_OPTION: Final = 0xFFFF

_MICROSECONDS: Final = 1_000_000


def section(application: str) -> bytes:
    """Return the block that begins a file.

    Args:
        application: what wrote it.
    """
    body = struct.pack("<IHHq", _MAGIC, 1, 0, -1)
    return _block(_SECTION, body + _options([(_APPLICATION, application)]))


def interface(name: str) -> bytes:
    """Return the description of an interface; the first one has the number 0.

    Args:
        name: its name.
    """
    return _block(_INTERFACE, struct.pack("<HHI", LINK_TYPE, 0, 0) + _options([(_INTERFACE_NAME, name)]))


def packet(time: float, data: bytes, comments: Iterable[str] = ()) -> bytes:
    """Return a packet of the interface 0.

    Args:
        time: when, in seconds since the epoch.
        data: the packet, from its IP header on.
        comments: comments on it.
    """
    high, low = divmod(round(time * _MICROSECONDS), 1 << 32)
    body = struct.pack("<IIIII", 0, high, low, len(data), len(data)) + _padded(data)
    return _block(_PACKET, body + _options((_COMMENT, comment) for comment in comments))


def names(known: Iterable[tuple[bytes, str]]) -> bytes:
    """Return the names of addresses.

    Args:
        known: addresses of 4 or 16 bytes, each with its name.
    """
    body = b""
    for address, name in known:
        value = address + name.encode() + b"\0"
        body += struct.pack("<HH", 1 if len(address) == 4 else 2, len(value)) + _padded(value)

    return _block(_NAMES, body + bytes(4))


def secrets(key_log: bytes) -> bytes:
    """Return TLS secrets; they have to come before the packets that need them.

    Args:
        key_log: lines of a key log (SSLKEYLOGFILE).
    """
    return _block(_SECRETS, struct.pack("<II", _TLS_KEY_LOG, len(key_log)) + _padded(key_log))


def statistics(time: float, comments: Iterable[str]) -> bytes:
    """Return the statistics of the interface 0, which are but comments on it.

    Args:
        time: when, in seconds since the epoch.
        comments: the comments.
    """
    high, low = divmod(round(time * _MICROSECONDS), 1 << 32)
    return _block(_STATISTICS, struct.pack("<III", 0, high, low) + _options((_COMMENT, one) for one in comments))


def _block(kind: int, body: bytes) -> bytes:
    size = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + size + body + size


def _options(options: Iterable[tuple[int, str]]) -> bytes:
    written = b""
    for code, text in options:
        value = text.encode()[:_LONGEST_OPTION].decode(errors="ignore").encode()
        written += struct.pack("<HH", code, len(value)) + _padded(value)

    return written + struct.pack("<HH", _END, 0) if written else b""


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
