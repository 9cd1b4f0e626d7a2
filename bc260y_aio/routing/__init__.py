"""asyncio's own calls, sent over a modem: ``with modem.route():``.

The routed calls are ``loop.create_connection`` (and with it ``asyncio.open_connection``), ``create_datagram_endpoint``,
``getaddrinfo``, ``getnameinfo``, ``sock_connect`` and what a client then does with its socket, and ``start_tls`` and
``sendfile`` on their transports. ``sock_sendto`` from a socket that is not connected is refused, for a module has no
such sockets. Everything else the loop does by itself, as always.

The rules:

1. A route holds for the code inside its block, and for the tasks and callbacks that inherit the block's context; with
   ``scope="loop"`` for everything on the loop. It ends with the block, for all of them.
2. Where blocks are nested, the inner route is asked first, then the one around it; those of the loop come last. Each
   decides whether it takes a destination. A destination that none takes is reached over the host's network.
3. Destinations on this machine stay on it, for no radio leads there; ``match`` replaces that rule. It is asked about
   the name that a program resolved, also when the program then connects to the address it got.
4. Listening sockets are on the host: a module has none.
5. A name resolves to one address, for there are too few sockets to race several.
6. The loop's own methods call each other; a destination that one of them was given is not asked about again.
"""

from .destinations import bound_address, is_local, literal
from .loops import RoutedLoop
from .new_loops import route_new_loops
from .route import Route, Scope, routed
from .rules import Match, Router

__all__ = [
    "Match",
    "Route",
    "RoutedLoop",
    "Router",
    "Scope",
    "bound_address",
    "is_local",
    "literal",
    "route_new_loops",
    "routed",
]
