"""Destinations as programs write them, and calls that are given to the loop's own methods."""

import asyncio
import contextvars
import ipaddress
import socket
from typing import Any

import pytest

from bc260y_aio.routing.arguments import (
    is_modems_transport,
    is_name,
    is_pair,
    suits_a_connected_socket,
    unconnected_datagram_address,
)
from bc260y_aio.routing.destinations import bound_address, host_text, literal, port_number
from bc260y_aio.routing.host_calls import comparable, host_call, on_host


@pytest.mark.parametrize(
    ("host", "text"),
    [
        ("Peer.example", "Peer.example"),
        (b"peer.example", "peer.example"),
        (bytearray(b"peer.example"), "peer.example"),
        (b"p\xe9er", "p\\xe9er"),
    ],
)
def test_a_host_in_bytes_is_compared_as_text(host: Any, text: str) -> None:
    assert host_text(host) == text


@pytest.mark.parametrize(
    ("port", "number"),
    [
        *((80, 80), ("80", 80), (b"80", 80), ("http", 80), (b"http", 80)),
        *((None, 0), ("", 0), ("no-such-service", 0), (b"\xff", 0), ("8.0", 0), ("²", 0), (8.0, 0)),
    ],
)
def test_a_port_may_be_a_number_or_a_service_and_is_0_otherwise(port: Any, number: int) -> None:
    assert port_number(port) == number


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("198.51.100.1", "198.51.100.1"),
        ("198.51.1", "198.51.0.1"),
        ("0xc6.0x33.0x64.1", "198.51.100.1"),
        ("3325256705", "198.51.100.1"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_an_address_may_be_written_in_any_form_that_the_c_library_takes(host: str, address: str) -> None:
    assert literal(host) == ipaddress.ip_address(address)
    assert not is_name(host)
    assert not is_name(host.encode())


@pytest.mark.parametrize("host", ["peer.example", "é.example", "1.2.3.4.5", "256.1.1.1", "fe80:::1"])
def test_anything_else_is_a_name(host: str) -> None:
    assert literal(host) is None
    assert is_name(host)
    assert is_name(host.encode())


@pytest.mark.parametrize("host", [None, 7, ("peer.example", 7)])
def test_what_is_no_text_is_no_name(host: Any) -> None:
    assert not is_name(host)


def test_what_is_no_transport_is_not_the_modems() -> None:
    class Lookalike:
        def get_extra_info(self, name: str) -> Any:
            raise AssertionError(name)

    assert not is_modems_transport(Lookalike())
    assert not is_modems_transport(asyncio.Transport())


def test_an_address_is_a_pair() -> None:
    assert is_pair(("peer.example", 7))
    assert [is_pair(one) for one in ((), ("a",), ("a", 1, 2), ["a", 1], "ab", None)] == [False] * 6


@pytest.mark.parametrize(
    ("kwds", "suits"),
    [
        ({}, True),
        ({"ssl": None, "server_hostname": None, "ssl_handshake_timeout": None}, True),
        ({"family": 0, "proto": 0, "flags": 0, "local_addr": None, "interleave": 1, "all_errors": True}, True),
        ({"happy_eyeballs_delay": 0.25, "sock": None}, True),
        ({"ssl": True, "server_hostname": "peer.example"}, True),
        ({"ssl": True, "server_hostname": "", "ssl_handshake_timeout": 5.0, "ssl_shutdown_timeout": 5.0}, True),
        ({"ssl": True}, False),
        ({"ssl": True, "ssl_shutdown_timeout": 5.0}, False),
        ({"server_hostname": "peer.example"}, False),
        ({"ssl": False, "ssl_handshake_timeout": 5.0}, False),
        ({"ssl_shutdown_timeout": 5.0}, False),
        ({"wings": 2}, False),
    ],
)
def test_arguments_that_asyncio_refuses_with_a_connected_socket_do_not_suit(kwds: dict[str, Any], suits: bool) -> None:
    assert suits_a_connected_socket(kwds) is suits


def test_a_socket_has_the_address_that_its_owner_bound() -> None:
    with socket.socket() as one, socket.socket(socket.AF_INET6) as two, socket.socket(socket.AF_UNIX) as three:
        assert [bound_address(sock) for sock in (one, two, three)] == [None, None, None]
        one.bind(("127.0.0.1", 0))
        two.bind(("::1", 0))
        assert bound_address(one) == one.getsockname()
        assert bound_address(two) == two.getsockname()[:2]

    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.bind(("::", 0))
        # Any address of either family.
        assert bound_address(sock) == ("", sock.getsockname()[1])


def test_only_an_internet_datagram_socket_without_a_peer_can_become_an_endpoint_for_any_peer() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        assert unconnected_datagram_address(sock) == ("0.0.0.0", 0)
        sock.bind(("127.0.0.1", 0))
        assert unconnected_datagram_address(sock) == sock.getsockname()
        sock.connect(sock.getsockname())
        assert unconnected_datagram_address(sock) is None

    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        assert unconnected_datagram_address(sock) == ("::", 0)

    for family, kind in ((socket.AF_INET, socket.SOCK_STREAM), (socket.AF_UNIX, socket.SOCK_DGRAM)):
        with socket.socket(family, kind) as sock:
            assert unconnected_datagram_address(sock) is None

    assert unconnected_datagram_address(object()) is None


# The loop's own calls


def test_what_is_no_destination_is_comparable_to_none() -> None:
    assert comparable((b"peer.example", "http", 0, 0)) == ("peer.example", 80)
    for other in (None, "peer.example", ("peer.example",), (7, 80), b"path"):
        assert comparable(other) is None


def test_a_call_that_the_host_makes_is_not_asked_about_again_while_it_lasts() -> None:
    assert host_call(("127.0.0.1", 80)) is None
    with on_host(("peer.example", 80), None, ("127.0.0.1", 0)) as call:
        for same in (("peer.example", 80), (b"peer.example", "80"), ("127.0.0.1", 0), ("peer.example", 80, 0, 0)):
            assert host_call(same) is call

        for other in (("peer.example", 81), ("other.example", 80), ("127.0.0.1", 80), ("peer.example", None)):
            assert host_call(other) is None

        call.extend(["192.0.2.1", "2001:db8::1"], "http")
        assert host_call(("192.0.2.1", 80)) is call
        assert host_call(("2001:db8::1", 80, 0, 0)) is call
        assert host_call(("192.0.2.1", 81)) is None
        later = contextvars.copy_context()
        assert later.run(host_call, ("peer.example", 80)) is call
        with on_host(("inner.example", 80)) as inner:
            assert host_call(("inner.example", 80)) is inner
            assert host_call(("peer.example", 80)) is None

        assert host_call(("peer.example", 80)) is call
        assert host_call(("inner.example", 80)) is None

    assert host_call(("peer.example", 80)) is None
    # A callback that was made within it runs after it.
    assert later.run(host_call, ("peer.example", 80)) is None
