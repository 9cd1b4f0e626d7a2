"""Hosts, ports and addresses as asyncio programs pass them."""

import errno
import socket
from typing import Any

import pytest

from bc260y_aio.sockets.addresses import check_family, host_name, local_port, port_number, readable_address

# Hosts


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("example.com", "example.com"),
        (b"example.com", "example.com"),
        (bytearray(b"192.0.2.1"), "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("x" * 150, "x" * 150),
    ],
)
def test_a_host_goes_to_the_module_as_ascii(host: str | bytes | bytearray, name: str) -> None:
    assert host_name(host) == name


@pytest.mark.parametrize(
    ("address", "readable"),
    [
        ("32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.7", "2001:db8::7"),
        ("32.1.13.184.0.0.0.0.0.0.0.0.0.0.7", "32.1.13.184.0.0.0.0.0.0.0.0.0.0.7"),
        ("256.1.13.184.0.0.0.0.0.0.0.0.0.0.0.7", "256.1.13.184.0.0.0.0.0.0.0.0.0.0.0.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("198.51.100.7", "198.51.100.7"),
        ("a.example", "a.example"),
        ("", ""),
    ],
)
def test_an_address_of_sixteen_numbers_is_read_as_ipv6_and_any_other_as_it_is(address: str, readable: str) -> None:
    assert readable_address(address) == readable


@pytest.mark.parametrize(
    "host",
    [
        "",
        b"",
        'a"b',
        "a\rAT+QICLOSE=0",
        "a\nb",
        "a\0b",
        "a\x7fb",
        b"a\x1bb",
        "x" * 151,
        b"x" * 151,
        b"b\xfccher",
        "ü" * 150,
        "a..ü",
        "\udc80",
    ],
)
def test_a_host_that_could_never_work_is_a_value_error(host: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        host_name(host)


@pytest.mark.parametrize("host", ["a..ü", "ü" * 150, "\udc80"])
def test_a_host_that_has_no_form_in_ascii_is_named(host: str) -> None:
    with pytest.raises(ValueError, match=r"^a host must be a valid name: '"):
        host_name(host)


@pytest.mark.parametrize("host", [None, 7, ("a", "b")])
def test_a_host_that_is_not_text_is_a_type_error(host: Any) -> None:
    with pytest.raises(TypeError):
        host_name(host)


# Ports


@pytest.mark.parametrize(
    ("port", "number"), [(1, 1), (65535, 65535), ("7", 7), (b"8080", 8080), ("http", 80), (b"https", 443)]
)
def test_a_port_is_a_number_or_the_name_of_a_service(port: int | str | bytes, number: int) -> None:
    assert port_number(port, "TCP") == number


@pytest.mark.parametrize("port", [0, -1, 65536, "0", "65536", "99999999999"])
def test_a_port_out_of_range_is_a_value_error(port: int | str) -> None:
    with pytest.raises(ValueError, match=r"^a remote port must be 1 to 65535, not "):
        port_number(port, "TCP")


@pytest.mark.parametrize("port", ["", "no-such-service", "-7", "7 ", "²"])
def test_an_unknown_service_is_a_gaierror_as_it_is_for_asyncio(port: str) -> None:
    with pytest.raises(socket.gaierror) as caught:
        port_number(port, "TCP")

    assert caught.value.errno == socket.EAI_SERVICE


@pytest.mark.parametrize("port", [True, 7.0, None])
def test_a_port_that_is_no_number_is_a_type_error(port: Any) -> None:
    with pytest.raises(TypeError):
        port_number(port, "TCP")


# Families


def test_a_numeric_host_must_be_of_the_family_that_is_asked_for() -> None:
    for host in ("192.0.2.1", "2001:db8::1", "example.com"):
        check_family(host, socket.AF_UNSPEC)

    check_family("192.0.2.1", socket.AF_INET)
    check_family("2001:db8::1", socket.AF_INET6)
    check_family("example.com", socket.AF_INET)
    for host, family in (("192.0.2.1", socket.AF_INET6), ("2001:db8::1", socket.AF_INET)):
        with pytest.raises(socket.gaierror, match="Address family for hostname not supported"):
            check_family(host, family)


def test_a_family_that_no_module_has_is_a_value_error() -> None:
    with pytest.raises(ValueError, match=r"^a module has no sockets of family"):
        check_family("example.com", socket.AF_UNIX)


# Local addresses


def test_a_local_address_asks_for_a_port_and_nothing_else() -> None:
    assert local_port(None) == 0
    for host in ("", "0.0.0.0", None):
        assert local_port((host, 50000)) == 50000
        assert local_port((host, 0)) == 0


def test_a_particular_local_address_is_not_available() -> None:
    with pytest.raises(OSError, match="Cannot assign requested address") as caught:
        local_port(("192.0.2.1", 0))

    assert (caught.value.errno, caught.value.filename) == (errno.EADDRNOTAVAIL, "192.0.2.1")


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_local_port_out_of_range_is_a_value_error(port: int) -> None:
    with pytest.raises(ValueError, match=r"^a local port must be 0 to 65535"):
        local_port(("", port))
