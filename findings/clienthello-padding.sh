#!/bin/sh
# Every ClientHello of Python's ssl whose length is 256 to 511 bytes is padded to 512, and 5 bytes of record header:
# 517 on the wire. The option is 0x10 of OpenSSL (SSL_OP_TLSEXT_PADDING), which is a part of ssl.OP_ALL and has no
# name in the ssl module; `context.options &= ~0x10` saves nearly half. It was made for load balancers of 2014.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" - <<'EOF'
import ssl
import sys


def client_hello(padded, name):
    context = ssl.create_default_context()
    # One small group, so that the post-quantum share of OpenSSL 3.5 does not hide the padding.
    context.set_ecdh_curve("X25519")
    if not padded:
        context.options &= ~0x10
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = context.wrap_bio(incoming, outgoing, server_hostname=name)
    try:
        connection.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return len(outgoing.read())


print(f"Python {sys.version.split()[0]}, {ssl.OPENSSL_VERSION}")
is_so = not hasattr(ssl, "OP_TLSEXT_PADDING") and bool(ssl.OP_ALL & 0x10)
for name in ("a.example", "a-longer-name.of-a-host.example"):
    padded, plain = client_hello(True, name), client_hello(False, name)
    print(f"ClientHello to {name}: {padded} bytes, and {plain} without option 0x10")
    is_so = is_so and padded == 517 and plain < 330

sys.exit(0 if is_so else 1)
EOF
