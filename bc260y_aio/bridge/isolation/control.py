"""The messages between the process that has the modem and the one inside the namespaces."""

import array
import contextlib
import json
import os
import socket
from typing import Any, Final

# How long a message may be, in bytes.
_LONGEST: Final = 4096


class Control:
    """One end of the connection between the two processes. A message is a dictionary, and may carry a descriptor."""

    def __init__(self, sock: socket.socket) -> None:
        """Take an end of a pair of AF_UNIX sockets that keep the bounds of packets."""
        self._sock = sock

    @classmethod
    def pair(cls) -> tuple["Control", "Control"]:
        """Return both ends."""
        one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return cls(one), cls(other)

    def fileno(self) -> int:
        """Return its descriptor."""
        return self._sock.fileno()

    def setblocking(self, blocks: bool) -> None:
        """Set whether :meth:`receive` waits."""
        self._sock.setblocking(blocks)

    def send(self, message: dict[str, Any], descriptor: int | None = None) -> None:
        """Send a message; nothing happens if the other process has ended."""
        descriptors = [] if descriptor is None else [array.array("i", [descriptor])]
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, one) for one in descriptors]
        was_blocking = self._sock.getblocking()
        self._sock.setblocking(True)
        try:
            with contextlib.suppress(ConnectionError):
                self._sock.sendmsg([json.dumps(message).encode()], ancillary)
        finally:
            self._sock.setblocking(was_blocking)

    def receive(self) -> tuple[dict[str, Any], int] | None:
        """Return the next message, and the descriptor that came with it or -1; None when the other process has ended.

        Raises:
            BlockingIOError: there is none now.
        """
        try:
            data, descriptors, _, _ = socket.recv_fds(self._sock, _LONGEST, 1)
        except ConnectionError:
            return None

        if not data:
            return None

        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)

        return json.loads(data), descriptors[0] if descriptors else -1

    def close(self) -> None:
        """Close this end."""
        self._sock.close()
