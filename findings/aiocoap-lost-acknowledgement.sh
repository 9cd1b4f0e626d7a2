#!/bin/sh
# aiocoap 0.4.17, client: a response that comes before its request was acknowledged (the empty ACK was lost; RFC 7252,
# 5.2.2, lets it stand for the ACK) is given to the program, and the request is retransmitted all the same. The next request
# to that server waits until a retransmission is acknowledged. If none is, it ends in ConRetransmitsExceeded, by default
# after 62 to 93 s, without ever having been sent; so does an observation of the same server. Here ACK_TIMEOUT is 0.2 s.
#
# Exits with 0 as long as that is so, and with 1 when it has changed. See README.md in this folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'aiocoap==0.4.17'
"$folder/venv/bin/python" - <<'EOF'
import asyncio
import importlib.metadata
import logging
import sys

import aiocoap

logging.disable(logging.CRITICAL)
CONFIRMABLE, ACKNOWLEDGEMENT = 0, 2


class Tuning(aiocoap.numbers.TransportTuning):
    ACK_TIMEOUT = 0.2


class Server(asyncio.DatagramProtocol):
    """Answer the first request by a separate response whose ACK was lost; acknowledge its repetitions, or not."""

    def __init__(self, acknowledges):
        self.acknowledges = acknowledges
        self.requests = []

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        if data[0] >> 4 & 3 != CONFIRMABLE:
            return

        token = data[4 : 4 + (data[0] & 15)]
        identifier, path = data[2:4], data[4 + len(token) :].decode("latin-1")[1:]
        repeated = (identifier, path) in self.requests
        self.requests.append((identifier, path))
        if path != "first":
            self.send(ACKNOWLEDGEMENT, 0x45, identifier, token, address)
        elif not repeated:
            self.send(CONFIRMABLE, 0x45, b"\x70\x01", token, address)
        elif self.acknowledges:
            self.send(ACKNOWLEDGEMENT, 0, identifier, b"", address)

    def send(self, kind, code, identifier, token, address):
        payload = b"\xffanswer" if code else b""
        self.transport.sendto(bytes([0x40 | kind << 4 | len(token), code]) + identifier + token + payload, address)


async def get(client, port, path):
    """Return how a GET ended, and after how many seconds."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    request = aiocoap.Message(code=aiocoap.GET, uri=f"coap://127.0.0.1:{port}/{path}", transport_tuning=Tuning())
    try:
        outcome = (await client.request(request).response).payload.decode()
    except aiocoap.error.ConRetransmitsExceeded as error:
        outcome = type(error).__name__

    return outcome, loop.time() - started


async def main():
    holds = True
    for acknowledges in (True, False):
        loop = asyncio.get_running_loop()
        transport, server = await loop.create_datagram_endpoint(lambda: Server(acknowledges), local_addr=("127.0.0.1", 0))
        port = transport.get_extra_info("sockname")[1]
        client = await aiocoap.Context.create_client_context()
        first, _ = await get(client, port, "first")
        second, waited = await get(client, port, "second")
        await client.shutdown()
        transport.close()
        paths = [path for _, path in server.requests]
        print(f"repetitions are acknowledged: {acknowledges}")
        print(f"  first request: {first}, sent {paths.count('first')} times")
        print(f"  second request: {second} after {waited:.1f} s, sent {paths.count('second')} times")
        expected = (2, "answer", 1) if acknowledges else (5, "ConRetransmitsExceeded", 0)
        seen = (paths.count("first"), second, paths.count("second"))
        holds = holds and first == "answer" and waited > 0.15 and seen == expected

    return holds


print("aiocoap", importlib.metadata.version("aiocoap"))
sys.exit(0 if asyncio.run(main()) else 1)
EOF
