#!/bin/sh
# SSLObject.session is documented to be None when there is no session. From the ClientHello to the end of a TLS 1.3
# handshake, and after a handshake that failed, reading it raises ValueError("i2d() failed") instead.
# Seen with CPython 3.11.7, 3.12.1 and 3.13.0 and OpenSSL 3.0.19.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" - <<'EOF'
import ssl
import sys

incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="peer.example")


def session():
    try:
        return repr(client.session)
    except ValueError as error:
        return repr(error)


seen = [session()]
try:
    client.do_handshake()
except ssl.SSLWantReadError:
    seen.append(session())

incoming.write_eof()
try:
    client.do_handshake()
except ssl.SSLEOFError:
    seen.append(session())

print(sys.version.split()[0], ssl.OPENSSL_VERSION)
for when, what in zip(("before", "during", "after it failed"), seen, strict=True):
    print(f"{when}: {what}")

sys.exit(seen != ["None", "ValueError('i2d() failed')", "ValueError('i2d() failed')"])
EOF
