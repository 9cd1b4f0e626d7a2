"""The guard of the tests, guard.py, refuses every address outside of the loopback interface."""

import asyncio
import socket
from collections.abc import Callable

import pytest

from tests.guard import LeftLoopback

# Addresses that are reserved for documentation: TEST-NET-1, and the IPv6 prefix.
ELSEWHERE = "192.0.2.1"
ELSEWHERE_IPV6 = "2001:db8::1"


def udp(family: int = socket.AF_INET) -> socket.socket:
    return socket.socket(family, socket.SOCK_DGRAM)


@pytest.mark.parametrize("host", [ELSEWHERE, "", "0.0.0.0", "255.255.255.255", "<broadcast>"])
def test_a_connection_to_another_host_is_refused(left_loopback: list[str], host: str) -> None:
    with socket.socket() as sock, pytest.raises(LeftLoopback):
        sock.connect((host, 9))

    assert left_loopback == [f"socket.connect was asked to leave the loopback interface for {host!r}"]


@pytest.mark.usefixtures("left_loopback")
def test_a_connection_over_ipv6_to_another_host_is_refused() -> None:
    with socket.socket(socket.AF_INET6) as sock, pytest.raises(LeftLoopback):
        sock.connect((ELSEWHERE_IPV6, 9, 0, 0))


@pytest.mark.usefixtures("left_loopback")
@pytest.mark.parametrize(
    "send",
    [
        lambda sock: sock.sendto(b"x", (ELSEWHERE, 9)),
        lambda sock: sock.sendmsg([b"x"], [], 0, (ELSEWHERE, 9)),
        lambda sock: sock.connect((ELSEWHERE, 9)),
    ],
    ids=["sendto", "sendmsg", "connect"],
)
def test_a_datagram_to_another_host_is_refused(send: Callable[[socket.socket], object]) -> None:
    with udp() as sock, pytest.raises(LeftLoopback):
        send(sock)


@pytest.mark.usefixtures("left_loopback")
@pytest.mark.parametrize("host", ["", "0.0.0.0", ELSEWHERE])
def test_a_listener_on_every_interface_is_refused(host: str) -> None:
    with socket.socket() as sock, pytest.raises(LeftLoopback):
        sock.bind((host, 0))


@pytest.mark.parametrize("host", ["", "0.0.0.0", "127.0.0.1", "127.9.9.9", "localhost"])
def test_a_datagram_socket_may_bind_the_wildcard_since_its_datagrams_are_checked(host: str) -> None:
    with udp() as sock:
        sock.bind((host, 0))


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "localhost")])
def test_loopback_is_left_alone(family: int, host: str) -> None:
    with udp(family) as receiver, udp(family) as sender:
        receiver.bind((host, 0))
        sender.sendto(b"by sendto", receiver.getsockname())
        sender.connect(receiver.getsockname())
        sender.sendmsg([b"by sendmsg"])

        assert [receiver.recv(99), receiver.recv(99)] == [b"by sendto", b"by sendmsg"]


def test_a_pair_of_unix_sockets_is_left_alone(tmp_path: object) -> None:
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
        listener.bind(f"{tmp_path}/socket")
        listener.listen()
        client.connect(f"{tmp_path}/socket")


@pytest.mark.usefixtures("left_loopback")
@pytest.mark.parametrize("host", ["example.com", b"example.com", "127.0.0.1.example.com"])
def test_a_name_is_not_looked_up(host: str | bytes) -> None:
    with pytest.raises(LeftLoopback):
        socket.getaddrinfo(host, 80)

    with pytest.raises(LeftLoopback):
        socket.gethostbyname(host)  # type: ignore[arg-type]


@pytest.mark.usefixtures("left_loopback")
def test_an_address_is_not_looked_up() -> None:
    with pytest.raises(LeftLoopback):
        socket.gethostbyaddr(ELSEWHERE)

    with pytest.raises(LeftLoopback):
        socket.getnameinfo((ELSEWHERE, 80), 0)


@pytest.mark.parametrize("host", [None, "localhost", "127.0.0.1", "::1", "::ffff:127.0.0.1", ELSEWHERE])
def test_resolver_answers_without_a_query_are_allowed(host: str | None) -> None:
    assert socket.getaddrinfo(host, 80, type=socket.SOCK_STREAM)


def test_a_refusal_that_the_code_suppresses_fails_the_test_all_the_same(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import contextlib, socket

        def test_swallow():
            with contextlib.suppress(AssertionError):
                socket.getaddrinfo("example.com", 80)

        def test_next():
            pass
        """
    )

    result = pytester.runpytest_inprocess("-p", "tests.conftest", "-p", "no:asyncio")

    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines("*socket.getaddrinfo was asked to leave the loopback interface for 'example.com'")


@pytest.mark.usefixtures("left_loopback")
async def test_the_loops_own_calls_are_seen() -> None:
    loop = asyncio.get_running_loop()

    with pytest.raises(LeftLoopback):
        await loop.getaddrinfo("example.com", 80)

    with pytest.raises(LeftLoopback):
        await asyncio.open_connection(ELSEWHERE, 80)

    with pytest.raises(LeftLoopback):
        await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=(ELSEWHERE, 80))
