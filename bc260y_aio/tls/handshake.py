"""One handshake of a client: it offers an earlier session, and keeps the one that it receives."""

import ssl
from typing import Any, Protocol, cast

from .sessions import Resumption, TlsSessions


class TlsEnd(Protocol):
    """A client's end of a TLS connection: an ``ssl.SSLObject`` or an ``ssl.SSLSocket``."""

    @property
    def session(self) -> ssl.SSLSession | None:
        """The session."""

    @session.setter
    def session(self, session: ssl.SSLSession) -> None: ...

    @property
    def session_reused(self) -> bool | None:
        """Whether the handshake resumed a session."""

    def version(self) -> str | None:
        """Return the version of TLS."""


class ResumingHandshake:
    """The handshake of one connection, and what it leaves for the next one.

    Attributes:
        resumption: how it went about resuming.
    """

    def __init__(
        self, sessions: TlsSessions | None, context: ssl.SSLContext, server_hostname: str | None, port: int
    ) -> None:
        """Describe it.

        Args:
            sessions: where sessions are kept; None to keep and offer none.
            context: the client's context.
            server_hostname: the name that the certificate must bear.
            port: the peer's port.
        """
        self.resumption = Resumption.OFF
        self._sessions = sessions
        self._peer = context, server_hostname, port
        self._offered: ssl.SSLSession | None = None
        self._has_succeeded = self._has_kept = False

    def begin(self, tls: TlsEnd) -> None:
        """Offer a session, if there is one; before the handshake."""
        if self._sessions is None:
            return

        self._offered, self.resumption = self._sessions.take(*self._peer)
        if self._offered is not None:
            tls.session = self._offered

    def succeeded(self, tls: TlsEnd) -> None:
        """Take note that the handshake is done."""
        self._has_succeeded = True
        if self._sessions is not None and tls.session_reused:
            self.resumption = Resumption.RESUMED

        self.keep(tls)

    def failed(self) -> None:
        """Take note that it failed: what is kept of this peer is of no use, or not to be trusted."""
        if self._sessions is not None:
            # The session of the connection must not be asked for: that may raise ValueError ("i2d() failed").
            self._sessions.forget(*self._peer)

    def keep(self, tls: TlsEnd) -> None:
        """Keep what can be resumed: in TLS 1.3 a ticket comes with a read, or never."""
        # Before the end of a handshake, the session cannot be asked for.
        if not self._has_succeeded or self._has_kept or self._sessions is None:
            return

        if (session := tls.session) is not None and session != self._offered:
            self._has_kept = self._sessions.keep(tls, *self._peer)


class ResumingEnd:
    """A class to put before ``ssl.SSLObject`` or ``ssl.SSLSocket``: its handshake offers an earlier session."""

    _handshake: ResumingHandshake | None = None
    _has_begun = False

    def begin_handshake(self) -> ResumingHandshake | None:
        """Return the handshake, with what it offers; None for one that resumes nothing."""
        raise NotImplementedError

    def do_handshake(self, *args: bool) -> None:
        """Do what can be done of the handshake now."""
        if not self._has_begun:
            self._has_begun = True
            self._handshake = self.begin_handshake()

        try:
            super().do_handshake(*args)  # type: ignore[misc]
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError:
            if self._handshake is not None:
                self._handshake.failed()

            raise

        if self._handshake is not None:
            self._handshake.succeeded(cast("TlsEnd", self))

    def read(self, len: int = 1024, buffer: Any = None) -> Any:
        """Read what has come."""
        try:
            return super().read(len, buffer)  # type: ignore[misc]
        finally:
            if self._handshake is not None:
                self._handshake.keep(cast("TlsEnd", self))
