"""An SSL context whose handshakes are small."""

import ssl
from typing import Any, Final

# SSL_OP_TLSEXT_PADDING of OpenSSL, for which the ssl module has no name. It is one of SSL_OP_ALL, which the ssl module
# sets: a ClientHello of 256 to 511 bytes is padded to 512, for the sake of servers that have long been mended.
_PADDING: Final = 0x10
# The small key shares, in order of preference: 32 and 65 bytes.
_GROUPS: Final = ("X25519", "P-256")


def narrowband_context(
    *, cafile: str | None = None, capath: str | None = None, cadata: str | bytes | None = None
) -> ssl.SSLContext:
    """Return a client context that verifies as :func:`ssl.create_default_context` does, with a smaller handshake.

    See :func:`make_narrowband` for what is smaller, and what is given up for it.

    Args:
        cafile: a file of certificates to trust, instead of the system's.
        capath: a folder of such files.
        cadata: such certificates, PEM as text or DER as bytes.

    Raises:
        OSError: a file cannot be read.
        ssl.SSLError: it holds no certificates.
    """
    return make_narrowband(ssl.create_default_context(cafile=cafile, capath=capath, cadata=cadata))


def make_narrowband(context: ssl.SSLContext) -> ssl.SSLContext:
    """Make the handshakes of a client context smaller, and return that same context.

    - The ClientHello is not padded.
    - One small key share is sent: X25519, 32 bytes. Since OpenSSL 3.5 the default is a post-quantum hybrid of 1.2 KB.
      Given up: what is recorded today may be read by a future quantum computer.
    - Nothing is sent that disguises TLS 1.3 as an earlier version: a session ID of 32 bytes, and a record in front of
      what is encrypted (RFC 8446, D.4). Given up: some firewalls let it pass only so; cellular networks have none.

    Before Python 3.15 the ssl module can name one group only, so a server that has no X25519 refuses the handshake;
    from then on P-256 is the second choice. Verification stays unchanged.
    """
    context.options &= ~(_PADDING | ssl.OP_ENABLE_MIDDLEBOX_COMPAT)
    any_version: Any = context
    if hasattr(context, "set_groups"):
        any_version.set_groups(":".join(_GROUPS))
    else:
        context.set_ecdh_curve(_GROUPS[0])

    return context
