#!/bin/sh
# A TLS 1.3 client should use a ticket once (RFC 8446, C.4), and OpenSSL's, nginx's and mosquitto's servers send a new one
# on each connection. node sends none on a connection that has resumed, so that a client that uses each ticket once makes
# a full handshake every other time. Seen with node 18.4.0 and 20.20.2.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check 'nodejs-bin==18.4.0a4' 'trustme==1.2.1'
"$folder/venv/bin/python" - "$folder" <<'EOF'
import pathlib
import socket
import ssl
import subprocess
import sys

import nodejs
import trustme

SERVER = """
const fs = require("fs");
const options = { cert: fs.readFileSync(process.argv[2]), key: fs.readFileSync(process.argv[3]) };
const server = require("https").createServer(options, (request, response) => response.end("hello"));
server.listen(0, "127.0.0.1", () => console.log(server.address().port, process.version, process.versions.openssl));
"""

folder = pathlib.Path(sys.argv[1])
authority = trustme.CA()
issued = authority.issue_cert("peer.example")
certificate, key, script = folder / "certificate", folder / "key", folder / "server.js"
certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
key.write_bytes(issued.private_key_pem.bytes())
script.write_text(SERVER)
context = ssl.create_default_context()
authority.configure_trust(context)


def connect(port, session):
    """Return whether the session was resumed, and the session after the answer."""
    raw = socket.create_connection(("127.0.0.1", port))
    with context.wrap_socket(raw, server_hostname="peer.example", session=session) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: peer.example\r\nConnection: close\r\n\r\n")
        while sock.recv(4096):
            pass
        return sock.session_reused, sock.session


server = nodejs.node.Popen([str(script), str(certificate), str(key)], stdout=subprocess.PIPE, text=True)
try:
    port, node, openssl = server.stdout.readline().split()
    print(f"node {node} with OpenSSL {openssl}; {sys.version.split()[0]} {ssl.OPENSSL_VERSION}")
    first, ticket = connect(int(port), None)
    second, after = connect(int(port), ticket)
finally:
    server.kill()
    server.wait()

print(f"first connection: resumed {first}, a ticket came: {ticket.has_ticket}")
print(f"second connection: resumed {second}, another ticket came: {after != ticket}")
sys.exit(0 if ticket.has_ticket and second and after == ticket else 1)
EOF
