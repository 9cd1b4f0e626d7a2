#!/bin/sh
# SSLSession.timeout is 7200 whatever the server says: the lifetime of a ticket is in ticket_lifetime_hint. A client
# that keeps sessions for as long as `timeout` offers expired tickets to a server with 300 s, and throws away valid
# ones of a server with a day. (Python, ssl module; the server is pyOpenSSL.)
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'pyOpenSSL==26.4.0' 'trustme==1.2.1'
"$folder/venv/bin/python" - <<'EOF'
import socket
import ssl
import sys
import threading

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL

authority = trustme.CA()
issued = authority.issue_cert("peer.example")
client_context = ssl.create_default_context()
authority.configure_trust(client_context)


def serve(lifetime, version):
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.use_certificate(x509.load_pem_x509_certificate(issued.cert_chain_pems[0].bytes()))
    context.use_privatekey(load_pem_private_key(issued.private_key_pem.bytes(), None))
    context.set_session_id(b"finding")
    context.set_timeout(lifetime)
    context.set_max_proto_version(version)
    listener = socket.create_server(("127.0.0.1", 0))

    def answer():
        raw, _ = listener.accept()
        connection = SSL.Connection(context, raw)
        connection.set_accept_state()
        connection.do_handshake()
        connection.send(b"hello")
        try:
            connection.recv(1)
        except SSL.Error:
            pass
        raw.close()

    threading.Thread(target=answer, daemon=True).start()
    return listener.getsockname()[1]


def read(lifetime, version):
    with (
        socket.create_connection(("127.0.0.1", serve(lifetime, version))) as raw,
        client_context.wrap_socket(raw, server_hostname="peer.example") as wrapped,
    ):
        wrapped.recv(5)  # the tickets of TLS 1.3 come before it
        session = wrapped.session
        return wrapped.version(), session.timeout, session.ticket_lifetime_hint


print(f"Python {sys.version.split()[0]}, {ssl.OPENSSL_VERSION}")
is_so = True
for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
    for lifetime in (300, 86400):
        name, timeout, hint = read(lifetime, version)
        print(f"{name}, server says {lifetime} s: timeout {timeout}, ticket_lifetime_hint {hint}")
        is_so = is_so and (timeout, hint) == (7200, lifetime)

sys.exit(0 if is_so else 1)
EOF
