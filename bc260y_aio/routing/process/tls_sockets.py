"""Blocking TLS sockets of a program whose TCP connections go over a modem: their sessions resume, too."""

import ssl
from typing import Any

from ...tls import ResumingEnd, ResumingHandshake, TlsSessions
from .names import SocketNames


class RoutedSSLSocket(ResumingEnd, ssl.SSLSocket):
    """A TLS socket that offers an earlier session where its connection goes over a modem.

    Attributes:
        sessions: where sessions are kept; None for nowhere.
    """

    sessions: TlsSessions | None = None

    def begin_handshake(self) -> ResumingHandshake | None:
        """Offer a session; none of a program that has set one, for it has its own ways."""
        names = SocketNames.of(self)
        if names is None or self.server_side or self.session is not None:
            return None

        handshake = ResumingHandshake(self.sessions, self.context, self.server_hostname, names.peername[1])
        handshake.begin(self)
        return handshake


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
