"""The module's sockets for programs that know nothing of asyncio.

- A real descriptor, for blocking clients, threads and ``select``: :meth:`bc260y_aio.Modem.open_socket`.
- A SOCKS5 front, for other programs: :class:`SocksServer`.

Both move bytes between a socket of this machine and a connection of the module, with backpressure both ways. The event
loop does that: a blocking client belongs in a thread, or it waits for itself.

What no bridge can hide:

- A module cannot close one direction of a connection only. A program that ends its sending has its connection closed:
  what it wrote goes out first, and is acknowledged. ``shutdown(SHUT_WR)`` on a descriptor is refused for that reason; a
  client of the SOCKS front cannot be refused it, and gets what the peer still sends, until that is silent for a while.
- The kernel of this machine takes what a program writes before the module does, some 20 kilobytes of it.
- Why a connection was lost is a reset (ECONNRESET) to the program, and a sentence in the log.
"""

from .descriptor import BridgedSocket, DescriptorOwner
from .local import LocalStream
from .opening import open_ends, open_socket
from .relay import Remote, relay
from .server import SocksServer

__all__ = [
    "BridgedSocket",
    "DescriptorOwner",
    "LocalStream",
    "Remote",
    "SocksServer",
    "open_ends",
    "open_socket",
    "relay",
]
