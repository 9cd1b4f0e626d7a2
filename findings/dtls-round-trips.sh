#!/bin/sh
# A DTLS 1.2 handshake with OpenSSL (4.0.3 in cryptography 50.0.2, by pyOpenSSL 26.4.0; 3.0.22 of Debian likewise) over a
# round trip of 3 s takes 10 datagrams up and 16 down instead of 2 and 2: its timer starts with 1 s again for each flight,
# whatever the one before took, and a flight of one datagram is repeated as one for each message: 133 bytes as 58, 14 and 61.
# A program that never calls DTLSv1_handle_timeout(), and do_handshake() only when data has come, repeats each flight too,
# at the moment when the answer to it is there: do_handshake() sees to the timer before it reads.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'pyOpenSSL==26.4.0' 'cryptography==50.0.2' 'trustme==1.2.1'
"$folder/venv/bin/python" - <<'EOF'
import importlib.metadata
import select
import socket
import sys
import threading
import time

import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL

ROUND_TRIP = 3.0
LASTS = 12.0
issued = trustme.CA().issue_cert("peer.example")


def connection(sock, server):
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_options(SSL.OP_NO_QUERY_MTU)
    if server:
        context.use_certificate(x509.load_pem_x509_certificate(issued.cert_chain_pems[0].bytes()))
        context.use_privatekey(load_pem_private_key(issued.private_key_pem.bytes(), None))

    made = SSL.Connection(context, sock)
    made.set_ciphertext_mtu(1400)
    (made.set_accept_state if server else made.set_connect_state)()
    return made


def shake(made, sock, handles_timeouts, done):
    """Make the handshake, and answer what the peer repeats, until the time is over."""
    end = time.monotonic() + LASTS
    readable = [sock]
    while time.monotonic() < end:
        if readable:
            try:
                if made not in done:
                    made.do_handshake()
                    done.append(made)
                else:
                    made.recv(1)
            except SSL.WantReadError:
                pass

        readable, _, _ = select.select([sock], [], [], 0.2)
        if handles_timeouts:
            made.DTLSv1_handle_timeout()


def relay(source, target, sizes):
    """Pass datagrams on, half a round trip later, and note their sizes."""
    source.settimeout(0.2)
    end = time.monotonic() + LASTS
    while time.monotonic() < end:
        try:
            data = source.recv(4096)
        except (TimeoutError, ConnectionRefusedError):
            continue

        sizes.append(len(data))
        timer = threading.Timer(ROUND_TRIP / 2, target.send, (data,))
        timer.daemon = True
        timer.start()


def run(handles_timeouts):
    """Return whether both sides ended the handshake, and the sizes of the datagrams up and down."""
    client, near, far, server = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(4))
    for sock in (client, near, far, server):
        sock.bind(("127.0.0.1", 0))

    for one, other in ((client, near), (far, server)):
        one.connect(other.getsockname())
        other.connect(one.getsockname())
        one.setblocking(False)
        other.setblocking(False)

    up, down, done = [], [], []
    sides = [connection(client, False), connection(server, True)]
    threads = [threading.Thread(target=relay, args=parts) for parts in ((near, far, up), (far, near, down))]
    threads += [threading.Thread(target=shake, args=(*parts, handles_timeouts, done)) for parts in zip(sides, (client, server))]
    for thread in threads:
        thread.start()

    for thread in threads:
        thread.join()

    return all(side in done for side in sides), up, down


print("pyOpenSSL", importlib.metadata.version("pyOpenSSL"), SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode())
holds = True
for handles_timeouts in (True, False):
    ended, up, down = run(handles_timeouts)
    print(f"DTLSv1_handle_timeout() is called: {handles_timeouts}; the handshake ended: {ended}")
    print(f"  {len(up)} datagrams up, of these sizes: {up}")
    print(f"  {len(down)} datagrams down: {down}")
    # The first one on each way, and the last flight; all others are repetitions, that of the change of cipher with 14 bytes.
    holds = holds and ended and len(up) >= 6 and len(down) >= 8 and 14 in up

sys.exit(0 if holds else 1)
EOF
