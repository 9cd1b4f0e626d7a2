#!/bin/sh
# ssl.OP_NO_TICKET is documented as preventing a client from requesting a session ticket. On a server of TLS 1.3 it does
# not prevent tickets: they become numbers of the server's session cache, and the ClientHello that offers one is some
# 180 bytes shorter. Without the option, a ClientHello that offers a ticket is twice as long as one that does not.
# Seen with CPython 3.11.7 and 3.13.0, and OpenSSL 3.0.22.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check 'trustme==1.2.1'
"$folder/venv/bin/python" - <<'EOF'
import contextlib
import ssl
import sys

import trustme

authority = trustme.CA()
client = ssl.create_default_context()
authority.configure_trust(client)
client.options &= ~0x10  # no padding
client.set_ecdh_curve("X25519")


def connect(server, session):
    """Return the size of the ClientHello, whether the session was resumed, and the next session."""
    to_client, to_server, from_client, from_server = (ssl.MemoryBIO() for _ in range(4))
    near = client.wrap_bio(to_client, from_client, server_hostname="peer.example", session=session)
    far = server.wrap_bio(to_server, from_server, server_side=True)
    size = 0
    for _ in range(4):
        with contextlib.suppress(ssl.SSLWantReadError):
            near.do_handshake()
        data = from_client.read()
        size = size or len(data)
        to_server.write(data)
        with contextlib.suppress(ssl.SSLWantReadError):
            far.do_handshake()
        to_client.write(from_server.read())
    far.write(b"answer")
    to_client.write(from_server.read())
    near.read(6)
    session = near.session
    # OpenSSL's cache forgets the session of a connection that is not closed on both sides.
    for end, bio, other in ((near, from_client, to_server), (far, from_server, to_client)):
        with contextlib.suppress(ssl.SSLWantReadError):
            end.unwrap()
        other.write(bio.read())
    return size, near.session_reused, session


seen = {}
for name, options in (("by default", 0), ("with OP_NO_TICKET", ssl.OP_NO_TICKET)):
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("peer.example").configure_cert(server)
    server.options |= options
    first, _, session = connect(server, None)
    second, is_reused, _ = connect(server, session)
    seen[name] = first, second, is_reused
    print(f"{name}: ClientHello of {first} bytes, then of {second}; resumed: {is_reused}")

print(sys.version.split()[0], ssl.OPENSSL_VERSION)
(first, usual, _), (_, small, is_reused) = seen.values()
sys.exit(0 if is_reused and usual > 1.9 * first and usual - small > 150 else 1)
EOF
