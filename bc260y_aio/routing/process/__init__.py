"""A whole process over one modem, whatever event loops it makes, and in whatever threads.

The modem belongs to a loop in a thread of its own: loops that come and go, that are cancelled to the last task or that
stand still between two runs do it no harm, and what a program wrote is sent also after the program's loop has ended, as
a kernel does it.

1. TCP connections are real sockets of this machine, on the loopback interface, with the bridge behind them. The loop
   makes its own transports of them, so that TLS, flow control and raw sockets are the loop's own affair.
2. Datagrams are passed from thread to thread, with their addresses.
3. A blocking ``connect`` and ``socket.getaddrinfo`` go the same way, so that blocking clients work as well.
4. What cannot be carried is refused rather than let out to the host's network: a non-blocking ``connect`` outside of
   a loop, ``sendto`` on a raw socket, a resolver other than ``getaddrinfo``.

Child processes are not part of it, nor is what a library written in C does by itself.
"""

from .sockets import route_process
from .thread import ModemThread

__all__ = ["ModemThread", "route_process"]
