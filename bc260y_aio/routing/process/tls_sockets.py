"""Blocking TLS sockets of a program whose TCP connections go over a modem: their sessions resume, too."""

import ssl
from typing import Any

from ...tls import ResumingHandshake, TlsSessions
from .names import SocketNames


class RoutedSSLSocket(ssl.SSLSocket):
    """A TLS socket that offers an earlier session where its connection goes over a modem.

    Attributes:
        sessions: where sessions are kept; None for nowhere.
    """

    sessions: TlsSessions | None = None
    _handshake: ResumingHandshake | None = None
    _has_begun = False

    def do_handshake(self, block: bool = False) -> None:
        """Do what can be done of the handshake now."""
        if not self._has_begun:
            self._begin()

        try:
            super().do_handshake(block)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError:
            if self._handshake is not None:
                self._handshake.failed()

            raise

        if self._handshake is not None:
            self._handshake.succeeded(self)

    def _begin(self) -> None:
        self._has_begun = True
        names = SocketNames.of(self)
        # A program that has set a session has its own ways.
        if names is None or self.server_side or self.session is not None:
            return

        name = self.server_hostname
        self._handshake = ResumingHandshake(self.sessions, self.context, name, names.peername[1])
        self._handshake.begin(self)

    def read(self, len: int = 1024, buffer: Any = None) -> Any:
        """Read what has come."""
        try:
            return super().read(len, buffer)
        finally:
            if self._handshake is not None:
                self._handshake.keep(self)


def install(sessions: TlsSessions) -> None:
    """Have contexts that have no other class of TLS sockets make sockets that resume, as long as the process lasts.

    Args:
        sessions: where sessions are kept.
    """
    context_class: Any = ssl.SSLContext
    if context_class.sslsocket_class is not ssl.SSLSocket:
        return

    own_wrap = context_class.wrap_socket

    def wrap_socket(self: ssl.SSLContext, sock: Any, server_side: bool = False, *args: Any, **kwds: Any) -> Any:
        if not server_side and SocketNames.of(sock) is not None:
            sessions.prepare(self)

        return own_wrap(self, sock, server_side, *args, **kwds)

    RoutedSSLSocket.sessions = sessions
    context_class.sslsocket_class = RoutedSSLSocket
    context_class.wrap_socket = wrap_socket
