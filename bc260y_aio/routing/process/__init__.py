"""A whole process over one modem: all event loops that it makes, in all threads.

The modem belongs to a loop in a thread of its own. Loops that begin and end, that are cancelled to the last task or
that stand still between two runs do it no harm, and data that a program wrote is sent also after the program's loop has
ended, as a kernel does it.

1. TCP connections are real sockets of this machine, on the loopback interface, with the bridge behind them. The loop
   makes its own transports of them, so TLS, flow control and raw sockets are the loop's own affair. They report the
   module's local address and the peer's.
2. The UDP endpoints of event loops pass datagrams from thread to thread, with their addresses.
3. UDP sockets of a program's own, connected or not, blocking or not, send to loopback sockets, one for each peer, which
   the modem's thread reads (see :mod:`.udp`).
4. A blocking ``connect``, and the functions that resolve, go over the modem as well. This machine's own names are
   answered from its hosts file.
5. Whatever cannot be carried is refused before it reaches the host's network or its resolver: a non-blocking
   ``connect`` outside of an event loop, raw sockets and those of packets, broadcast, multicast and its memberships,
   and SO_BINDTODEVICE. See :mod:`..socket_calls` for what that can see.

It depends on a protocol, :class:`ProcessModem`, rather than on the modem, so it lies below that like all of routing.
Child processes are not part of it, nor are libraries in C that make system calls by themselves.
"""

from .policy import route_process
from .thread import ModemThread

__all__ = ["ModemThread", "route_process"]
