"""Handshakes of OpenSSL, in whole, byte by byte, and cut anywhere."""

import contextlib
import random
import ssl
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import pytest

from bc260y_aio.usage import TlsRecords
from tests.contract.certificates import NAMES, server_context, trusting_context

VERSIONS: Final = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
Flights = list[tuple[str, bytes]]


def connect(
    client: ssl.SSLContext, server: ssl.SSLContext, session: ssl.SSLSession | None = None
) -> tuple[Flights, Any]:
    """Make a connection in memory, and exchange a line.

    Returns:
        What each side sent, in order: the handshake first, then the line, there and back; and the client's end.
    """
    flights: Flights = []
    to_client, to_server, from_client, from_server = (ssl.MemoryBIO() for _ in range(4))
    client_end = client.wrap_bio(to_client, from_client, server_hostname=NAMES[0])
    server_end = server.wrap_bio(to_server, from_server, server_side=True)
    if session is not None:
        client_end.session = session

    def pass_on(*steps: Callable[[], Any]) -> None:
        for step in steps:
            with contextlib.suppress(ssl.SSLWantReadError):
                step()

            if up := from_client.read():
                flights.append(("up", up))
                to_server.write(up)

            if down := from_server.read():
                flights.append(("down", down))
                to_client.write(down)

    for _ in range(3):
        pass_on(client_end.do_handshake, server_end.do_handshake)

    pass_on(lambda: client_end.write(b"question"), lambda: server_end.read(8))
    pass_on(lambda: server_end.write(b"answer"), lambda: client_end.read(6))
    return flights, client_end


def pieces(data: bytes, generator: random.Random | None) -> Iterator[bytes]:
    """Cut data at random places, or into single bytes."""
    while data:
        size = 1 if generator is None else generator.randint(1, len(data))
        yield data[:size]
        data = data[size:]


def read(flights: Flights, cut: Callable[[bytes], Iterator[bytes]]) -> tuple[int, int, str | None, bool, bool, bool]:
    records = TlsRecords()
    for direction, data in flights:
        for piece in cut(data):
            (records.take_sent if direction == "up" else records.take_received)(piece)

    return records.sent, records.received, records.version, records.offered, records.resumed, records.is_over


def handshake_of(flights: Flights) -> tuple[int, int]:
    """Return the bytes of the handshake as the types of the records have them, up and down: an independent count."""
    kinds = [(direction, data[at], size) for direction, data in flights for at, size in records_in(data)]
    is_new = any(kind == 23 for direction, kind, _ in kinds if direction == "up") and kinds[-1][1] == 23
    assert is_new
    up = down = 0
    finished = False
    for direction, kind, size in kinds:
        if direction == "up":
            if finished:
                break

            up += size
            finished = kind == 23
        elif not finished:
            down += size

    return up, down


def records_in(data: bytes) -> Iterator[tuple[int, int]]:
    at = 0
    while at < len(data):
        size = 5 + int.from_bytes(data[at + 3 : at + 5], "big")
        yield at, size
        at += size


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
def test_a_full_and_a_resumed_handshake_are_read_alike_however_they_are_cut(version: ssl.TLSVersion) -> None:
    client, server = trusting_context(), server_context(maximum_version=version)
    full, end = connect(client, server)
    resumed, _ = connect(client, server, end.session)
    refused, _ = connect(client, server_context(maximum_version=version, num_tickets=1), end.session)
    name = version.name.replace("_", ".")
    for flights, offered, is_resumed in ((full, False, False), (resumed, True, True), (refused, True, False)):
        found = read(flights, lambda data: iter([data]))
        assert found[2:] == (name, offered, is_resumed, True)
        assert read(flights, partial(pieces, generator=None)) == found
        for seed in range(20):
            generator = random.Random(seed)
            assert read(flights, partial(pieces, generator=generator)) == found

    sizes = [read(flights, lambda data: iter([data]))[:2] for flights in (full, resumed, refused)]
    # The certificate makes the difference; how large the rest is depends on the key shares of this OpenSSL.
    assert sizes[1][1] < sizes[0][1] - 500
    assert sizes[2][1] > sizes[1][1] + 500


def test_the_handshake_of_tls_1_3_ends_with_the_clients_finished() -> None:
    flights, _ = connect(trusting_context(), server_context())
    assert read(flights, lambda data: iter([data]))[:2] == handshake_of(flights)


def test_the_handshake_of_tls_1_2_is_every_record_before_the_data() -> None:
    flights, _ = connect(trusting_context(), server_context(maximum_version=ssl.TLSVersion.TLSv1_2))
    handshake = [(direction, size) for direction, data in flights for at, size in records_in(data) if data[at] != 23]
    up, down = (sum(size for way, size in handshake if way == one) for one in ("up", "down"))
    assert read(flights, lambda data: iter([data]))[:2] == (up, down)


def test_what_is_no_tls_ends_the_reading() -> None:
    records = TlsRecords()
    records.take_sent(b"\x16\x03\x01\x00\x05abcde" + b"GET / HTTP/1.1\r\n")
    assert (records.is_over, records.sent, records.version) == (True, 10, None)


def test_random_bytes_behind_a_header_raise_nothing() -> None:
    generator = random.Random(7)
    for _ in range(300):
        records = TlsRecords()
        for take in (records.take_sent, records.take_received):
            body = bytes([generator.choice((1, 2, 11))]) + (40).to_bytes(3, "big") + generator.randbytes(40)
            take(b"\x16\x03\x03" + len(body).to_bytes(2, "big") + body)

        assert records.sent == records.received == 49
