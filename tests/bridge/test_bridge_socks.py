"""The words of SOCKS5: bytes in, events out, and nothing raised."""

import itertools
from collections.abc import Iterable
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bc260y_aio.bridge.socks import (
    NEED_DATA,
    NO_AUTHENTICATION_REPLY,
    Associate,
    Code,
    Connect,
    Datagram,
    Event,
    Greeting,
    Negotiation,
    Refusal,
    reply,
)

GREETING = b"\x05\x01\x00"
REFUSED_GREETING = b"\x05\xff"


def events_of(*pieces: bytes) -> tuple[list[Event], bytes]:
    """Feed a negotiation piece by piece; return what it says, its last word once, and what is left over."""
    negotiation = Negotiation()
    events: list[Event] = []
    for piece in pieces:
        negotiation.receive_data(piece)
        while (event := negotiation.next_event()) is not NEED_DATA and event not in events:
            events.append(event)

    return events, negotiation.trailing_data


def request(address: bytes, *, command: int = 1, port: int = 80) -> bytes:
    return b"\x05" + bytes([command]) + b"\x00" + address + port.to_bytes(2)


def named(name: bytes) -> bytes:
    return b"\x03" + bytes([len(name)]) + name


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


# Input of clients

SAID: Final[dict[str, tuple[bytes, list[Event]]]] = {
    "an IPv4 address": (GREETING + request(b"\x01\xc6\x33\x64\x07"), [Greeting(), Connect("198.51.100.7", 80)]),
    "a name": (
        b"\x05\x03\x02\x01\x00" + request(named(b"example.com"), port=8883),
        [Greeting(), Connect("example.com", 8883)],
    ),
    "an IPv6 address": (
        GREETING + request(b"\x04\x20\x01\x0d\xb8" + bytes(11) + b"\x01"),
        [Greeting(), Connect("2001:db8::1", 80)],
    ),
    "a name in UTF-8": (
        GREETING + request(named("bücher.example".encode())),
        [Greeting(), Connect("bücher.example", 80)],
    ),
    "the longest name": (GREETING + request(named(b"a" * 255)), [Greeting(), Connect("a" * 255, 80)]),
    "no way to do without a password": (
        b"\x05\x02\x01\x02",
        [Refusal(REFUSED_GREETING, "it insists on authentication")],
    ),
    "no way at all": (b"\x05\x00", [Refusal(REFUSED_GREETING, "it insists on authentication")]),
    "SOCKS4": (b"\x04\x01\x00\x50\xc6\x33\x64\x07\x00", [Refusal(b"\x00\x5b" + bytes(6), "it speaks SOCKS4")]),
    "HTTP": (b"GET / HTTP/1.1\r\n", [Refusal(b"", "it does not speak SOCKS")]),
    "BIND": (
        GREETING + request(named(b"example.com"), command=2),
        [Greeting(), Refusal(reply(Code.COMMAND_NOT_SUPPORTED), "it asks for BIND")],
    ),
    "UDP ASSOCIATE": (
        GREETING + request(b"\x01" + bytes(4), command=3),
        [Greeting(), Associate(80)],
    ),
    "another command": (
        GREETING + request(b"\x01" + bytes(4), command=0x80),
        [Greeting(), Refusal(reply(Code.COMMAND_NOT_SUPPORTED), "it asks for command 128")],
    ),
    "another kind of address": (
        GREETING + request(b"\x02"),
        [Greeting(), Refusal(reply(Code.ADDRESS_TYPE_NOT_SUPPORTED), "it names an address of type 2")],
    ),
    "no name": (
        GREETING + request(named(b"")),
        [Greeting(), Refusal(reply(Code.GENERAL_FAILURE), "it names the host b'\\x00'")],
    ),
    "a name that is no text": (
        GREETING + request(named(b"\xff")),
        [Greeting(), Refusal(reply(Code.GENERAL_FAILURE), "it names the host b'\\x01\\xff'")],
    ),
    "another version in its request": (
        GREETING + b"\x04\x01",
        [Greeting(), Refusal(reply(Code.GENERAL_FAILURE), "it changed its version")],
    ),
}


@pytest.mark.parametrize(("said", "events"), SAID.values(), ids=SAID)
def test_the_input_of_a_client_is_parsed_whole_and_byte_by_byte(said: bytes, events: list[Event]) -> None:
    assert events_of(said)[0] == events
    assert events_of(*(bytes([byte]) for byte in said))[0] == events


@given(said=st.sampled_from([said for said, _ in SAID.values()]), places=st.lists(st.integers(0, 300), max_size=5))
def test_it_does_not_matter_where_the_bytes_are_cut(said: bytes, places: list[int]) -> None:
    assert events_of(*cut(said, places))[0] == events_of(said)[0]


@pytest.mark.parametrize("said", [said for said, events in SAID.values() if isinstance(events[-1], Connect)])
def test_before_a_request_is_complete_there_is_no_event_for_it(said: bytes) -> None:
    assert events_of(said[:-1])[0] == [Greeting()]


@given(said=st.binary(max_size=600), places=st.lists(st.integers(0, 600), max_size=5))
def test_garbage_raises_nothing_and_is_held_within_bounds(said: bytes, places: list[int]) -> None:
    negotiation = Negotiation()
    for piece in cut(said, places):
        negotiation.receive_data(piece)
        while (event := negotiation.next_event()) is not NEED_DATA:
            if not isinstance(event, Greeting):
                return

        assert len(negotiation.trailing_data) <= 517


@given(behind=st.binary(max_size=100), places=st.lists(st.integers(0, 120), max_size=5))
def test_data_after_the_request_is_left_for_the_peer(behind: bytes, places: list[int]) -> None:
    said = GREETING + request(named(b"example.com")) + behind

    assert events_of(*cut(said, places)) == ([Greeting(), Connect("example.com", 80)], behind)


def test_the_last_event_is_returned_again() -> None:
    negotiation = Negotiation()
    negotiation.receive_data(b"GET")

    assert negotiation.next_event() == negotiation.next_event() == Refusal(b"", "it does not speak SOCKS")


def test_answers_have_the_bytes_of_the_rfc() -> None:
    assert NO_AUTHENTICATION_REPLY == b"\x05\x00"
    assert reply(Code.SUCCEEDED, ("0.0.0.0", 4000)) == b"\x05\x00\x00\x01\x00\x00\x00\x00\x0f\xa0"
    assert reply(Code.CONNECTION_REFUSED) == b"\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00"


# Datagrams

HOSTS: Final = st.one_of(st.ip_addresses().map(str), st.sampled_from(["example.com", "b\u00fccher.example", "a" * 255]))


@given(HOSTS, st.integers(1, 65535), st.binary(max_size=40))
def test_a_datagram_is_read_as_it_was_written(host: str, port: int, data: bytes) -> None:
    datagram = Datagram(host, port, data)
    assert Datagram.read(datagram.encode()) == datagram


@given(HOSTS, st.integers(1, 65535), st.integers(0, 300))
def test_the_beginning_of_a_datagrams_head_is_none(host: str, port: int, size: int) -> None:
    packet = Datagram(host, port, b"").encode()
    assert Datagram.read(packet[: size % len(packet)]) is None


@pytest.mark.parametrize(
    "packet",
    [
        b"\0\0\x01\x01" + bytes([192, 0, 2, 1]) + b"\0\x07data",
        b"\0\x01\0\x01" + bytes([192, 0, 2, 1]) + b"\0\x07data",
        b"\0\0\0\x02" + bytes([192, 0, 2, 1]) + b"\0\x07data",
        b"\0\0\0\x01" + bytes([192, 0, 2, 1]) + b"\0\0data",
        b"\0\0\0\x03\0\0\x07data",
        b"\0\0\0\x03\x01\xff\0\x07data",
    ],
    ids=["a fragment", "reserved", "address type", "port 0", "no name", "no text"],
)
def test_a_malformed_datagram_is_none(packet: bytes) -> None:
    assert Datagram.read(packet) is None


def test_an_answer_names_an_ipv6_address() -> None:
    assert reply(Code.SUCCEEDED, ("::1", 7)) == b"\x05\0\0\x04" + bytes(15) + b"\x01\0\x07"
