#!/bin/sh
# psycopg-binary 3.3.9 brings an OpenSSL of its own, which offers a post-quantum key share: its ClientHello has more than
# 1500 bytes, where that of Python's ssl with the system's OpenSSL below 3.5 has some 500. Nothing in the documentation
# of psycopg says so; on a narrowband link the handshake costs more than twice the bytes.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'psycopg[binary]==3.3.9'
"$folder/venv/bin/python" - <<'EOF'
import socket
import ssl
import sys
import threading

import psycopg
from psycopg import pq

sizes = []


def hello(client):
    """Be a PostgreSQL server up to the ClientHello, whose size is noted."""
    with client:
        while len(start := client.recv(8)) == 8 and start[4:] == (80877104).to_bytes(4, "big"):
            # GSSAPI is refused.
            client.sendall(b"N")
        client.sendall(b"S")
        head = client.recv(5, socket.MSG_WAITALL)
        sizes.append(5 + int.from_bytes(head[3:5], "big"))


listener = socket.create_server(("127.0.0.1", 0))
port = listener.getsockname()[1]
server = threading.Thread(target=lambda: hello(listener.accept()[0]))
server.start()
try:
    psycopg.connect(host="127.0.0.1", port=port, user="meter", sslmode="require", connect_timeout=10)
except psycopg.OperationalError:
    pass
server.join()

incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
context = ssl.create_default_context()
tls = context.wrap_bio(incoming, outgoing, server_hostname="peer.example")
try:
    tls.do_handshake()
except ssl.SSLWantReadError:
    pass
own = len(outgoing.read())

print(f"Python {sys.version.split()[0]}, {ssl.OPENSSL_VERSION}: ClientHello of {own} bytes")
print(f"psycopg-binary {psycopg.__version__}, libpq {pq.version()}: ClientHello of {sizes[0]} bytes")
sys.exit(0 if sizes[0] > 1500 and (own < 700 or ssl.OPENSSL_VERSION_INFO >= (3, 5)) else 1)
EOF
