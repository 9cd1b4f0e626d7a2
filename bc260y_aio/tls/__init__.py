"""TLS where every byte costs time and energy: sessions that resume, and a context with small handshakes."""

from .context import make_narrowband, narrowband_context
from .handshake import ResumingEnd, ResumingHandshake
from .sessions import Resumption, TlsSession, TlsSessions

__all__ = [
    "ResumingEnd",
    "ResumingHandshake",
    "Resumption",
    "TlsSession",
    "TlsSessions",
    "make_narrowband",
    "narrowband_context",
]
