"""TLS sessions of one modem: kept when a connection has received one, offered by the next connection to the same peer.

A resumed handshake sends no certificates: over NB-IoT that saves seconds. A session stands for a verification that was
made once, so it is only offered by the same context object, with the same verification settings, to the same name and
port. The ssl module itself refuses a session of another context.

How long a ticket lives is what the server says (``ticket_lifetime_hint``); ``SSLSession.timeout`` is OpenSSL's own
default, whatever the server says. An expired ticket is not offered, for it only makes the ClientHello longer.
"""

import enum
import ssl
import threading
import time
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from .context import make_narrowband

# A peer that gets this many connections at once has as many tickets waiting, each to be used once.
_SESSIONS_PER_PEER: Final = 5


class Resumption(enum.Enum):
    """How a handshake went about resuming an earlier session."""

    RESUMED = "resumed"
    NONE_KEPT = "none kept"
    EXPIRED = "expired"
    REFUSED = "refused by the server"
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSession:
    """A session that is kept.

    Attributes:
        server_hostname: the name that was verified; None if there was none.
        port: the port of the peer.
        version: ``TLSv1.3``, or an earlier version.
        received: when it was received, in seconds since the epoch.
        lifetime: how long the server keeps it, in seconds; 0 if the server did not say.
    """

    server_hostname: str | None
    port: int
    version: str
    received: float
    lifetime: float


class Connected(Protocol):
    """An end of a TLS connection: an ``ssl.SSLObject`` or an ``ssl.SSLSocket``."""

    @property
    def session(self) -> ssl.SSLSession | None:
        """The session."""

    def version(self) -> str | None:
        """Return the version of TLS."""


# A session is offered again only for the same context and key: the peer, and the verification settings.
_Key = tuple[str | None, int, int, bool, int, tuple[tuple[str, int], ...]]
_Kept = tuple[TlsSession, ssl.SSLSession]
_Peers = OrderedDict[_Key, deque[_Kept]]

# Sessions are an attribute of their context: a session refers to its context, so even a weak mapping from contexts to
# sessions would keep every context alive.
_PLACE: Final = "_bc260y_aio_tls_sessions"


class TlsSessions:
    """The sessions of one modem, a bounded number of the most recently used peers; any thread may use them."""

    def __init__(
        self,
        limit: int = 64,
        *,
        narrowband: bool = False,
        close_notify: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Make an empty store.

        Args:
            limit: how many peers are remembered; with 0 nothing is kept and nothing is resumed.
            narrowband: :func:`make_narrowband` is applied to every context that is used.
            close_notify: end a connection with TLS's alert of that name, as RFC 8446, 6.1, demands. Without it a close
                sends nothing and waits for no answer; for a peer that knows by itself where the data ends, as of HTTP,
                MQTT and most others, that makes no difference.
            clock: returns seconds since the epoch.

        Raises:
            ValueError: the limit is negative.
        """
        if limit < 0:
            raise ValueError(f"the limit of TLS sessions must not be negative: {limit}")

        self._limit = limit
        self._narrowband = narrowband
        #: A file to which clients write their secrets; None for none.
        self.keylog_filename: str | None = None
        #: Whether a connection ends with TLS's alert that it does.
        self.close_notify = close_notify
        self._clock = clock
        self._lock = threading.RLock()
        self._contexts: weakref.WeakSet[ssl.SSLContext] = weakref.WeakSet()
        self._default_contexts: dict[bool, ssl.SSLContext] = {}

    def __repr__(self) -> str:
        return f"<TlsSessions {len(self)} of {self._limit}>"

    def __len__(self) -> int:
        """Return how many peers have a session kept."""
        with self._lock:
            return sum(len(self._peers(context)) for context in self._contexts)

    @property
    def is_on(self) -> bool:
        """Whether sessions are kept at all."""
        return self._limit > 0

    def kept(self) -> list[TlsSession]:
        """Return what is kept, the newest of each peer."""
        with self._lock:
            return [waiting[-1][0] for context in self._contexts for waiting in self._peers(context).values()]

    def clear(self) -> None:
        """Forget all sessions."""
        with self._lock:
            for context in self._contexts:
                self._peers(context).clear()

    # For the TLS layer

    def context(self, context: ssl.SSLContext | bool, server_hostname: str | None) -> ssl.SSLContext:
        """Return the context of a connection: for True, one that all such connections share.

        asyncio makes a new context for each of them, and no context can resume a session of another.
        """
        if isinstance(context, bool):
            check_hostname = bool(server_hostname)
            if check_hostname not in self._default_contexts:
                context = self._default_contexts[check_hostname] = ssl.create_default_context()
                context.check_hostname = check_hostname

            context = self._default_contexts[check_hostname]

        self.prepare(context)
        return context

    def prepare(self, context: ssl.SSLContext) -> None:
        """Make the handshakes of a client's context small, and have it write its secrets, if that is wanted."""
        if self.keylog_filename not in (None, context.keylog_filename):
            context.keylog_filename = self.keylog_filename

        if self._narrowband:
            make_narrowband(context)

    def take(
        self, context: ssl.SSLContext, server_hostname: str | None, port: int
    ) -> tuple[ssl.SSLSession | None, Resumption]:
        """Take a session to be offered to a peer; a TLS 1.3 ticket is given out once.

        Returns:
            The session, or None, and why there is none.
        """
        if not self.is_on:
            return None, Resumption.OFF

        with self._lock:
            peers = self._peers(context)
            key = _key(context, server_hostname, port)
            waiting = peers.get(key)
            if waiting is None:
                return None, Resumption.NONE_KEPT

            found: ssl.SSLSession | None = None
            while waiting and found is None:
                about, session = waiting.pop()
                if self._has_expired(about):
                    continue

                found = session
                if about.version != "TLSv1.3":
                    waiting.append((about, session))

            if not waiting:
                del peers[key]

        return found, Resumption.EXPIRED if found is None else Resumption.REFUSED

    def keep(self, tls: Connected, context: ssl.SSLContext, server_hostname: str | None, port: int) -> bool:
        """Keep the session of a connection, if it can be resumed.

        A TLS 1.3 ticket arrives after the handshake: the session has one only once the read that brought it is done.

        Returns:
            Whether there was one to keep.
        """
        session = tls.session
        version = tls.version() or ""
        if not self.is_on or session is None or not (session.has_ticket or (version != "TLSv1.3" and session.id)):
            return False

        about = TlsSession(
            server_hostname=server_hostname,
            port=port,
            version=version,
            received=self._clock(),
            lifetime=session.ticket_lifetime_hint,
        )
        with self._lock:
            self._contexts.add(context)
            peers = self._peers(context)
            key = _key(context, server_hostname, port)
            waiting = peers.setdefault(key, deque(maxlen=_SESSIONS_PER_PEER))
            if version != "TLSv1.3":
                waiting.clear()

            waiting.append((about, session))
            peers.move_to_end(key)
            self._forget_the_oldest()

        return True

    def forget(self, context: ssl.SSLContext, server_hostname: str | None, port: int) -> None:
        """Forget what is kept of a peer: a handshake with it has failed."""
        with self._lock:
            self._peers(context).pop(_key(context, server_hostname, port), None)

    def _peers(self, context: ssl.SSLContext) -> _Peers:
        by_store: weakref.WeakKeyDictionary[TlsSessions, _Peers]
        by_store = vars(context).setdefault(_PLACE, weakref.WeakKeyDictionary())
        return by_store.setdefault(self, OrderedDict())

    def _forget_the_oldest(self) -> None:
        while len(self) > self._limit:
            peers = min(
                (peers for peers in map(self._peers, self._contexts) if peers),
                key=lambda peers: next(iter(peers.values()))[-1][0].received,
            )
            peers.popitem(last=False)

    def _has_expired(self, about: TlsSession) -> bool:
        return about.lifetime > 0 and self._clock() >= about.received + about.lifetime


def _key(context: ssl.SSLContext, server_hostname: str | None, port: int) -> _Key:
    trusted = tuple(sorted(context.cert_store_stats().items()))
    return server_hostname, port, context.verify_mode, context.check_hostname, context.verify_flags, trusted
