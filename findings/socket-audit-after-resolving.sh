#!/bin/sh
# CPython (seen on 3.11.7 and 3.12.1): connect(), sendto(), sendmsg() and bind() of a socket resolve a name before they
# raise their audit event, and raise none for the resolving. A hook that refuses other machines sees the event when the
# resolver has been asked already; with a name that has no address it sees nothing.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" - <<'EOF'
import socket
import sys

events = []
sys.addaudithook(lambda event, arguments: events.append(event) if event.startswith("socket.") else None)

# Too long for any resolver to be asked about, so that nobody is.
LONG = "a." * 200 + "example"

print("Python", sys.version.split()[0])
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    seen = {}
    for what, call in {
        "sendto": lambda: sock.sendto(b"", (LONG, 9)),
        "sendmsg": lambda: sock.sendmsg([b""], [], 0, (LONG, 9)),
        "connect": lambda: sock.connect((LONG, 9)),
        "bind": lambda: sock.bind((LONG, 0)),
        "sendto localhost": lambda: sock.sendto(b"", ("localhost", 9)),
        "getaddrinfo": lambda: socket.getaddrinfo(LONG, 9),
    }.items():
        events.clear()
        try:
            call()
            outcome = "done"
        except OSError as exc:
            outcome = type(exc).__name__

        seen[what] = list(events)
        print(f"{what:17} {outcome:9} {seen[what]}")

named = [seen[what] for what in ("sendto", "sendmsg", "connect", "bind")]
is_so = named == [[]] * 4 and seen["sendto localhost"] == ["socket.sendto"] and seen["getaddrinfo"]
sys.exit(0 if is_so else 1)
EOF
