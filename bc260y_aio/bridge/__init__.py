"""The module's sockets for programs that know nothing of asyncio.

- A real descriptor, for blocking clients, threads and ``select``: :meth:`bc260y_aio.Modem.open_socket`.
- A SOCKS5 proxy, for other programs: :class:`SocksServer`.

Both move bytes between a socket of this machine and a connection of the module, with backpressure both ways. The event
loop does that, so a blocking client belongs in a thread; in the loop's own it waits for itself.

Differences that no bridge can hide:

- A module cannot close one direction of a connection only. When a program ends its sending (``shutdown(SHUT_WR)``),
  everything it wrote is sent, the peer is not notified, and its data is passed on until it closes: nothing is
  lost, and most protocols work. A peer that waits for the end of input before it answers waits until the program closes
  its socket. Refusing ``shutdown`` would break more programs than that, and closing would lose the answer.
- The kernel of this machine takes what a program writes before the module does, some 20 kilobytes of it.
- A connection that was lost is a reset (ECONNRESET) to the program; the reason is in the log.
"""

from .descriptor import BridgedSocket, DescriptorOwner
from .local import LocalStream
from .opening import open_ends, open_socket
from .relay import Remote, relay
from .server import LINGER, SocksServer

__all__ = [
    "LINGER",
    "BridgedSocket",
    "DescriptorOwner",
    "LocalStream",
    "Remote",
    "SocksServer",
    "open_ends",
    "open_socket",
    "relay",
]
