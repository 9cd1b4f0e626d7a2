"""TLS that clients do by themselves, with ``SSLContext.wrap_bio``, over a connection of a modem: its sessions resume.

httpx does that, as everything on anyio does, and so do the loops themselves. A client tells the SSL object only the
name of the server; which modem it is, and which port, is known from the last connection to that name on the running
loop.
"""

import asyncio
import ssl
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from ..tls import ResumingEnd, ResumingHandshake, TlsSessions

# How many peers of a loop are remembered.
_MOST: Final = 256

_Peers = OrderedDict[str, tuple[TlsSessions, int]]

_lock: Final = threading.Lock()

# The peers of each loop.
_peers: Final[weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Peers]] = weakref.WeakKeyDictionary()


def remember_peer(loop: asyncio.AbstractEventLoop, names: list[str], router: object, port: Any) -> None:
    """Note that a connection was opened over a modem.

    Args:
        loop: the client's loop.
        names: what the host is called: its address, and the name that was resolved to it.
        router: what it goes over; what has no TLS sessions is ignored.
        port: the remote port.
    """
    sessions = getattr(router, "tls_sessions", None)
    if not isinstance(sessions, TlsSessions) or not isinstance(port, int):
        return

    with _lock:
        peers = _peers.setdefault(loop, OrderedDict())

    for name in names:
        peers[name] = sessions, port
        peers.move_to_end(name)
        if len(peers) > _MOST:
            peers.popitem(last=False)


def _find_peer(name: str | bytes | None) -> tuple[TlsSessions, int] | None:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None

    with _lock:
        peers = _peers.get(loop)

    text = name.decode("ascii", "replace") if isinstance(name, bytes) else name
    return peers.get(text) if peers and text else None


class RoutedSSLObject(ResumingEnd, ssl.SSLObject):
    """An SSL object that offers an earlier session where its peer is reached over a modem.

    Attributes:
        resumes_by_itself: False where another layer does that.
    """

    resumes_by_itself = True

    def begin_handshake(self) -> ResumingHandshake | None:
        """Offer a session; none of a client that has set one, for it has its own ways."""
        if self.server_side or not self.resumes_by_itself or self.session is not None:
            return None

        if (peer := _find_peer(self.server_hostname)) is None:
            return None

        sessions, port = peer
        handshake = ResumingHandshake(sessions, self.context, self.server_hostname, port)
        handshake.begin(self)
        return handshake


# Installing

_installed: list[Callable[[], None]] = []
_users = 0


def install() -> None:
    """Have all contexts that have no other class of SSL objects make those of this module, until :func:`remove`."""
    global _users
    with _lock:
        _users += 1
        context_class: Any = ssl.SSLContext
        own_class, own_wrap = context_class.sslobject_class, context_class.wrap_bio

        def wrap_bio(
            self: ssl.SSLContext,
            incoming: ssl.MemoryBIO,
            outgoing: ssl.MemoryBIO,
            server_side: bool = False,
            server_hostname: str | bytes | None = None,
            session: ssl.SSLSession | None = None,
        ) -> ssl.SSLObject:
            if not server_side and (peer := _find_peer(server_hostname)) is not None:
                peer[0].prepare(self)

            return own_wrap(self, incoming, outgoing, server_side, server_hostname, session)  # type: ignore[no-any-return]

        def restore() -> None:
            context_class.sslobject_class = own_class
            if context_class.wrap_bio is wrap_bio:
                context_class.wrap_bio = own_wrap

        if own_class is ssl.SSLObject:
            context_class.sslobject_class = RoutedSSLObject
            context_class.wrap_bio = wrap_bio
            _installed.append(restore)


def remove() -> None:
    """End one :func:`install`."""
    global _users
    with _lock:
        _users -= 1
        if not _users and _installed:
            _installed.pop()()
