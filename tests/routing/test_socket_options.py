"""Which options of sockets leave this machine; what is done about them is in tests/leaks."""

import socket
import sys

import pytest

from bc260y_aio.routing.socket_options import leaving

GROUP = socket.inet_aton("224.0.1.187")
GROUP_6 = socket.inet_pton(socket.AF_INET6, "ff05::fd")
ANY, LOOPBACK, WIRE = (socket.inet_aton(address) for address in ("0.0.0.0", "127.0.0.1", "192.0.2.1"))
MEMBERSHIP = "membership of a multicast group"


def index(name: str) -> bytes:
    return (socket.if_nametoindex(name) if name else 0).to_bytes(4, sys.byteorder)


@pytest.mark.parametrize("interface", [ANY, WIRE, ANY + bytes(4), WIRE + bytes(4)])
def test_a_membership_of_a_group_is_announced(interface: bytes) -> None:
    assert leaving(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, GROUP + interface) == MEMBERSHIP
    assert leaving(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, GROUP_6 + bytes(4)) == MEMBERSHIP


@pytest.mark.skipif(sys.platform != "linux", reason="the names and numbers are Linux's")
def test_on_the_loopback_interface_it_is_not() -> None:
    for interface in (LOOPBACK, LOOPBACK + bytes(4), ANY + index("lo")):
        assert leaving(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, GROUP + interface) is None

    assert leaving(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, GROUP_6 + index("lo")) is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the option")
@pytest.mark.parametrize(
    ("value", "what"),
    [
        (b"wlan0", "a socket of the interface wlan0"),
        (b"eth0\0", "a socket of the interface eth0"),
        (b"lo", None),
        (b"", None),
    ],
)
def test_a_socket_may_be_of_the_loopback_interface_only(value: bytes, what: str | None) -> None:
    assert leaving(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, value) == what


def test_values_that_make_no_sense_are_left_to_the_system_or_refused() -> None:
    assert leaving(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, 1) == MEMBERSHIP
    assert leaving(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, b"") == MEMBERSHIP
    assert leaving(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1) is None
