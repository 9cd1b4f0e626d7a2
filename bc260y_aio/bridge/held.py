"""Whether a program still has the other end of a TCP connection on this machine.

A program that has closed its socket and one that has only ended its sending look the same on the wire: a FIN. The table
of Linux distinguishes them: a socket that no process has any more is listed without an inode (proc(5), /proc/net/tcp).
"""

import ipaddress
import socket
import struct
from pathlib import Path
from typing import Any, Final

# The tables of this process's network namespace.
TABLES: Final = ("/proc/self/net/tcp", "/proc/self/net/tcp6")

# The columns of a table.
_LOCAL: Final = 1
_REMOTE: Final = 2
_STATE: Final = 3
_INODE: Final = 9

# The states of an end that has sent everything or is about to, and waits for the other end to close: FIN_WAIT1 and 2.
_ENDED: Final = ("04", "05")


def is_held(sock: socket.socket) -> bool | None:
    """Return whether a process still has the other end of a socket; None where that cannot be known.

    Args:
        sock: one end of a TCP connection. Its other end may be on another machine, and then nothing is known.
    """
    try:
        here, there = sock.getsockname(), sock.getpeername()
    except OSError:
        return False

    return find(there, here)


def find(end: tuple[Any, ...], other: tuple[Any, ...]) -> bool | None:
    """Return whether a process has a TCP connection's end of these addresses; None where that cannot be known.

    Args:
        end: the address and port of the end in question.
        other: those of the other end.
    """
    wanted = {(_row(end, version), _row(other, version)) for version in (4, 6)}
    is_known = False
    for table in TABLES:
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue

        is_known = True
        for line in lines:
            columns = line.split()
            if (columns[_LOCAL], columns[_REMOTE]) in wanted:
                return columns[_INODE] != "0"

    # An end that is not listed, on this machine, is closed; one on another machine never is.
    is_here = end[0] == other[0] or ipaddress.ip_address(end[0].partition("%")[0]).is_loopback
    return False if is_known and is_here else None


def has_ended(address: str) -> bool:
    """Return whether an end of a TCP connection that no process has any more waits for the other end to close.

    Args:
        address: the IPv4 address of the end.
    """
    prefix = _row((address, 0), 4).partition(":")[0] + ":"
    for line in Path(TABLES[0]).read_text().splitlines()[1:]:
        columns = line.split()
        if columns[_LOCAL].startswith(prefix) and columns[_INODE] == "0" and columns[_STATE] in _ENDED:
            return True

    return False


def _row(address: tuple[Any, ...], version: int) -> str:
    """Return an address and its port as a table has them: words in the byte order of the machine, in hex."""
    ip = ipaddress.ip_address(address[0].partition("%")[0])
    packed = ip.packed
    if version == 6 and ip.version == 4:
        packed = bytes(10) + b"\xff\xff" + packed
    elif version == 4 and isinstance(ip, ipaddress.IPv6Address):
        packed = ip.ipv4_mapped.packed if ip.ipv4_mapped is not None else packed

    words = struct.unpack(f"={len(packed) // 4}I", packed)
    return "".join(f"{word:08X}" for word in words) + f":{address[1]:04X}"
