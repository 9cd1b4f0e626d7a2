"""The names of the module's sockets behind sockets of this machine."""

import os
import socket
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

Identity = tuple[int, int]


def identity(sock: socket.socket) -> Identity | None:
    """Return what identifies an open socket, whatever object and descriptor number it has."""
    try:
        status = os.fstat(sock.fileno())
    except (OSError, ValueError):
        return None

    return status.st_dev, status.st_ino


# How many sockets have names; the oldest lose theirs.
_MOST: Final = 1024

_names: Final[OrderedDict[Identity, "SocketNames"]] = OrderedDict()


@dataclass(frozen=True, slots=True)
class SocketNames:
    """The local address and the peer's of a module's socket.

    Attributes:
        sockname: the local address.
        peername: the peer's address, as the program gave it.
    """

    sockname: tuple[Any, ...]
    peername: tuple[Any, ...]

    @staticmethod
    def of(sock: socket.socket) -> "SocketNames | None":
        """Return the names behind a socket, if it leads to a module."""
        if not _names or (key := identity(sock)) is None:
            return None

        return _names.get(key)

    def set_for(self, key: Identity) -> None:
        """Set them for a socket."""
        _names[key] = self
        if len(_names) > _MOST:
            _names.popitem(last=False)
