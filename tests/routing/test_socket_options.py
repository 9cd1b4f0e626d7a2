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


@pytest.mark.skipif(sys.platform != "linux", reason="the numbers are Linux's")
@pytest.mark.parametrize("option", [39, 42, 46])
def test_memberships_that_python_has_no_names_for_are_announced_too(option: int) -> None:
    # IP_ADD_SOURCE_MEMBERSHIP, MCAST_JOIN_GROUP and MCAST_JOIN_SOURCE_GROUP.
    for level in (socket.IPPROTO_IP, socket.IPPROTO_IPV6):
        assert leaving(level, option, GROUP + ANY + WIRE) == MEMBERSHIP


def test_other_options_are_left_alone_whatever_their_values() -> None:
    for level, option in (
        (socket.SOL_SOCKET, socket.SO_LINGER),
        (socket.SOL_SOCKET, socket.IP_ADD_MEMBERSHIP),
        (socket.IPPROTO_IP, socket.IP_DROP_MEMBERSHIP),
        (socket.IPPROTO_IP, socket.IPV6_JOIN_GROUP),
        (socket.IPPROTO_IPV6, socket.IPV6_LEAVE_GROUP),
        (socket.IPPROTO_TCP, getattr(socket, "SO_BINDTODEVICE", 25)),
    ):
        assert leaving(level, option, GROUP + WIRE) is None


@pytest.mark.skipif(sys.platform != "linux", reason="the names and numbers are Linux's")
def test_a_membership_is_of_the_interface_that_it_names_last() -> None:
    # The index of a struct ip_mreqn comes before its address; a struct ip_mreq has none.
    assert leaving(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, GROUP + WIRE + index("lo")) is None
    for interface in (WIRE[:3], ANY + index("lo")[:3], index("lo"), ANY + (9999).to_bytes(4, sys.byteorder)):
        assert leaving(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, GROUP + interface) == MEMBERSHIP

    for number in (index("lo")[:3], (9999).to_bytes(4, sys.byteorder)):
        assert leaving(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, GROUP_6 + number) == MEMBERSHIP

    for view in (bytearray(GROUP + LOOPBACK), memoryview(GROUP + LOOPBACK)):
        assert leaving(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, view) is None


def test_without_a_loopback_interface_no_membership_is_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(name: str) -> int:
        raise OSError("no such device")

    monkeypatch.setattr(socket, "if_nametoindex", none)
    assert leaving(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, GROUP_6 + bytes(4)) == MEMBERSHIP
    assert leaving(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, GROUP_6 + bytes([1, 0, 0, 0])) == MEMBERSHIP


def test_values_that_make_no_sense_are_left_to_the_system_or_refused() -> None:
    assert leaving(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, 1) == MEMBERSHIP
    assert leaving(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, b"") == MEMBERSHIP
    assert leaving(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1) is None
