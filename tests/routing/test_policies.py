"""What the socket module's calls show to a policy, and what they do by themselves; tests/leaks watches the wire."""

import _socket
import errno
import socket
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest

from bc260y_aio.routing import local_names, socket_calls

ADDRESS: Final = "198.51.100.1"
NAME: Final = "peer.example"
HOSTS: Final = """
127.0.0.1   localhost
::1         localhost
127.0.1.1   meter.example meter
127.0.1.2   meter
::2         six
"""

sockets = pytest.mark.parametrize("make", [socket.socket, lambda *kind: _socket.socket(*kind)], ids=["socket", "c"])


class Recorder:
    """A policy that notes what it is asked.

    Attributes:
        calls: what it was asked.
        applied: whether it holds.
        error: what `connect` raises.
        elsewhere: where datagrams are sent instead.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.applied = True
        self.error: BaseException | None = None
        self.elsewhere: Any = None

    def applies(self) -> bool:
        return self.applied

    def refusal(self, what: str) -> OSError:
        return OSError(errno.ENETUNREACH, what)

    def resolve(self, host: Any, port: Any, family: int, type: int, proto: int) -> list[Any]:
        self.calls.append(("resolve", host, port, family, type, proto))
        row = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*row, (ADDRESS, port)), (*row, (ADDRESS, port)), (*row, ("198.51.100.2", port))]

    def connect(self, sock: socket.socket, address: Any) -> None:
        self.calls.append(("connect", address))
        if self.error is not None:
            raise self.error

    def destination(self, sock: socket.socket, data: Any, address: Any) -> Any:
        self.calls.append(("destination", bytes(data), address))
        return self.elsewhere


@pytest.fixture(autouse=True)
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "hosts"
    path.write_text(HOSTS)
    monkeypatch.setattr(local_names, "HOSTS_FILE", str(path))
    monkeypatch.setattr(socket, "gethostname", lambda: "meter")
    return path


@pytest.fixture
def policy() -> Iterator[Recorder]:
    recorder = Recorder()
    socket_calls.install(recorder)
    try:
        yield recorder
    finally:
        socket_calls.uninstall(recorder)


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiving:
        receiving.bind(("127.0.0.1", 0))
        receiving.settimeout(5.0)
        yield receiving


# Connecting


@sockets
@pytest.mark.parametrize("host", [ADDRESS, NAME, NAME.encode(), bytearray(NAME.encode())])
def test_a_policy_connects_to_other_machines(policy: Recorder, make: Callable[..., Any], host: Any) -> None:
    sock = make()
    try:
        sock.connect((host, 7))
        assert sock.connect_ex((host, 7)) == 0
    finally:
        sock.close()

    assert policy.calls == [("connect", (host, 7))] * 2


@pytest.mark.parametrize(
    ("error", "number"), [(ConnectionRefusedError(111, "no"), 111), (OSError("no number"), errno.EAGAIN)]
)
def test_connect_ex_returns_the_number_of_an_error(policy: Recorder, error: OSError, number: int) -> None:
    policy.error = error
    with socket.socket() as sock:
        assert sock.connect_ex((ADDRESS, 7)) == number


def test_connect_ex_raises_what_a_resolver_says(policy: Recorder) -> None:
    policy.error = socket.gaierror(socket.EAI_NONAME, "nobody")
    with socket.socket() as sock, pytest.raises(socket.gaierror, match="nobody"):
        sock.connect_ex((NAME, 7))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "x.localhost", ""])
def test_this_machine_is_connected_to_without_the_policy(policy: Recorder, server: socket.socket, host: str) -> None:
    for connect in (socket.socket.connect, socket.socket.connect_ex):
        with socket.socket() as sock:
            assert not connect(sock, (host or "127.0.0.1", server.getsockname()[1]))
            assert sock.getpeername() == server.getsockname()

    assert policy.calls == []


def test_a_policy_that_does_not_hold_is_not_asked(policy: Recorder, receiver: socket.socket) -> None:
    policy.applied = False
    other = Recorder()
    socket_calls.install(other)
    try:
        with socket.socket() as sock:
            sock.connect((ADDRESS, 7))

        policy.applied = True
        with socket.socket() as sock:
            sock.connect((ADDRESS, 8))
    finally:
        socket_calls.uninstall(other)

    # Of two that hold, the one that was there first is.
    assert (policy.calls, other.calls) == ([("connect", (ADDRESS, 8))], [("connect", (ADDRESS, 7))])
    policy.applied = False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        assert sock.sendto(b"here", receiver.getsockname()) == 4


def test_sockets_of_other_families_are_left_alone(policy: Recorder, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as sock:
        listening.bind(str(tmp_path / "socket"))
        listening.listen()
        sock.connect(str(tmp_path / "socket"))

    with socket.socket(socket.AF_UNIX) as sock, pytest.raises(TypeError):
        sock.connect((NAME, 7))

    assert policy.calls == []


# Datagrams


@sockets
@pytest.mark.parametrize("host", [ADDRESS, NAME.encode()])
def test_a_datagram_goes_where_the_policy_says(
    policy: Recorder, receiver: socket.socket, make: Callable[..., Any], host: Any
) -> None:
    policy.elsewhere = receiver.getsockname()
    sock = make(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        assert sock.sendto(b"one", (host, 7)) == 3
        assert sock.sendto(b"two", 0, (host, 7)) == 3
        assert sock.sendmsg([b"th", bytearray(b"ree")], [], 0, (host, 7)) == 5
    finally:
        sock.close()

    assert policy.calls == [("destination", data, (host, 7)) for data in (b"one", b"two", b"three")]
    assert [receiver.recv(100) for _ in policy.calls] == [b"one", b"two", b"three"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "x.localhost"])
def test_a_datagram_for_this_machine_goes_there(policy: Recorder, receiver: socket.socket, host: str) -> None:
    to = host, receiver.getsockname()[1]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        assert sock.sendto(b"one", to) == 3
        assert sock.sendto(b"two", 0, to) == 3
        assert sock.sendmsg([b"th", b"ree"], [], 0, to) == 5
        sock.connect(to)
        assert sock.sendmsg([b"fo", b"ur"]) == 4

    assert [receiver.recv(100) for _ in range(4)] == [b"one", b"two", b"three", b"four"]
    assert policy.calls == []


def test_calls_that_make_no_sense_raise_what_they_always_do(policy: Recorder) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for nonsense in ((), (None,), (0, None), ("peer.example",), ((7, 7),), (0, 0, (ADDRESS, 7), 1)):
            with pytest.raises(TypeError):
                sock.sendto(b"", *nonsense)

    assert policy.calls == []


# Binding, and options


@pytest.mark.parametrize(
    ("family", "host", "bound"),
    [
        (socket.AF_INET, "localhost", "127.0.0.1"),
        (socket.AF_INET, b"meter", "127.0.1.1"),
        (socket.AF_INET, "127.0.0.9", "127.0.0.9"),
        (socket.AF_INET6, "localhost", "::1"),
        (socket.AF_INET6, "x.localhost", "::1"),
    ],
)
def test_a_socket_is_bound_to_names_of_this_machine(policy: Recorder, family: int, host: Any, bound: str) -> None:
    with socket.socket(family) as sock:
        sock.bind((host, 0))
        assert sock.getsockname()[0] == bound


def test_a_socket_is_bound_to_any_address_as_always(policy: Recorder) -> None:
    for host in ("", b"", "0.0.0.0"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((host, 0))
            assert sock.getsockname()[0] == "0.0.0.0"


def test_a_policy_that_does_not_hold_leaves_names_to_the_c_library(policy: Recorder, hosts: Path) -> None:
    hosts.write_text("::1 localhost\n127.0.0.5 localhost")
    for applied, bound in ((True, "127.0.0.5"), (False, "127.0.0.1")):
        policy.applied = applied
        with socket.socket() as sock:
            sock.bind(("localhost", 0))
            assert sock.getsockname()[0] == bound


def test_a_socket_cannot_be_bound_to_the_name_of_another_machine(policy: Recorder, left_loopback: list[str]) -> None:
    with socket.socket() as sock, pytest.raises(socket.gaierror, match=r"'peer\.example' is no name of this") as caught:
        sock.bind((NAME, 0))

    assert caught.value.errno == socket.EAI_NONAME
    assert left_loopback == []
    # An address is the kernel's affair.
    with socket.socket() as sock, pytest.raises(AssertionError, match="leave the loopback"):
        sock.bind((ADDRESS, 0))

    left_loopback.clear()
    assert policy.calls == []


@sockets
def test_an_option_that_leaves_this_machine_is_refused(policy: Recorder, make: Callable[..., Any]) -> None:
    group = socket.inet_aton("224.0.1.187")
    sock = make(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        with pytest.raises(OSError, match="membership of a multicast group") as caught:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group + socket.inet_aton("0.0.0.0"))

        assert caught.value.errno == errno.ENETUNREACH
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 3)
        assert sock.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL) == 3
        if hasattr(socket, "SO_BINDTODEVICE"):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, None, 0)
    finally:
        sock.close()


# Resolving


def in_bytes(name: str) -> Any:
    return name.encode()


def test_a_policy_resolves_names_of_other_machines(policy: Recorder) -> None:
    tcp = socket.AF_INET, socket.SOCK_STREAM, 6
    assert [row[4] for row in socket.getaddrinfo(NAME, 80, *tcp)] == [
        *((ADDRESS, 80), (ADDRESS, 80)),
        ("198.51.100.2", 80),
    ]
    assert _socket.getaddrinfo(NAME.encode(), "http")
    assert socket.gethostbyname(NAME) == ADDRESS
    assert _socket.gethostbyname_ex(in_bytes(NAME)) == (NAME, [], [ADDRESS, "198.51.100.2"])
    assert socket.gethostbyaddr(NAME) == (NAME, [], [ADDRESS, "198.51.100.2"])
    assert policy.calls == [
        ("resolve", NAME, 80, *tcp),
        ("resolve", NAME.encode(), "http", 0, 0, 0),
        ("resolve", NAME, 0, socket.AF_INET, socket.SOCK_STREAM, 0),
        ("resolve", NAME.encode(), 0, socket.AF_INET, socket.SOCK_STREAM, 0),
        ("resolve", NAME, 0, socket.AF_INET, socket.SOCK_STREAM, 0),
    ]


def test_names_and_addresses_of_this_machine_are_answered_without_the_policy(policy: Recorder) -> None:
    stream = socket.SOCK_STREAM
    assert [row[4][0] for row in socket.getaddrinfo("meter", 80, type=stream)] == ["127.0.1.1", "127.0.1.2"]
    assert [row[4][:2] for row in socket.getaddrinfo("localhost", 80, socket.AF_INET6, stream)] == [("::1", 80)]
    assert socket.gethostbyname("meter") == "127.0.1.1"
    assert socket.gethostbyname_ex(in_bytes("METER")) == ("METER", [], ["127.0.1.1", "127.0.1.2"])
    assert socket.gethostbyaddr("meter") == ("meter.example", [], ["127.0.1.1", "127.0.1.2"])
    assert socket.gethostbyaddr("127.0.1.2") == ("meter", [], ["127.0.1.2"])
    assert socket.gethostbyname_ex("127.0.0.9")[2] == ["127.0.0.9"]
    assert policy.calls == []


def test_a_name_of_this_machine_without_an_address_of_the_family_has_none(
    policy: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "six")
    for resolve in (socket.gethostbyname, socket.gethostbyname_ex, socket.gethostbyaddr):
        with pytest.raises(socket.gaierror) as caught:
            resolve("six")

        assert caught.value.errno == socket.EAI_ADDRFAMILY

    with socket.socket() as sock, pytest.raises(OSError, match="family"):
        # The kernel, or the C library, says what it thinks of "::2".
        sock.bind(("six", 0))

    assert policy.calls == []


def test_a_policy_that_does_not_hold_leaves_names_of_addresses_to_the_c_library(policy: Recorder, hosts: Path) -> None:
    hosts.write_text("127.0.0.1 other.example")
    for applied in (True, False):
        policy.applied = applied
        assert (socket.gethostbyaddr("127.0.0.1")[0] == "other.example") is applied
        assert (socket.getnameinfo(("127.0.0.1", 80), 0)[0] == "other.example") is applied


def test_a_name_is_neither_taken_for_digits_nor_for_the_address_of_a_server(policy: Recorder) -> None:
    for flag, words in ((socket.AI_NUMERICHOST, "not known"), (socket.AI_PASSIVE, "no name of this machine")):
        with pytest.raises(socket.gaierror, match=words) as caught:
            socket.getaddrinfo(NAME, 80, flags=flag)

        assert caught.value.errno == socket.EAI_NONAME

    with pytest.raises(socket.gaierror, match="not known"):
        socket.getaddrinfo("localhost", 80, flags=socket.AI_NUMERICHOST)

    assert socket.getaddrinfo("localhost", 80, flags=socket.AI_PASSIVE)
    assert socket.getaddrinfo(None, 80, flags=socket.AI_PASSIVE)
    assert socket.getaddrinfo(ADDRESS, 80, type=socket.SOCK_STREAM)[0][4] == (ADDRESS, 80)
    assert policy.calls == []


def test_no_server_is_asked_for_the_name_of_an_address(policy: Recorder, left_loopback: list[str]) -> None:
    with pytest.raises(socket.herror, match="Unknown host") as unknown:
        socket.gethostbyaddr(ADDRESS)

    assert unknown.value.errno == 1
    assert socket.getnameinfo(("127.0.1.1", 80), 0) == ("meter.example", "http")
    assert socket.getnameinfo(("127.0.1.1", 80), socket.NI_NUMERICSERV) == ("meter.example", "80")
    assert socket.getnameinfo(("127.0.1.1", 80), socket.NI_NAMEREQD) == ("meter.example", "http")
    assert socket.getnameinfo(("127.0.1.1", 80), socket.NI_NUMERICHOST) == ("127.0.1.1", "http")
    with pytest.raises(socket.gaierror) as nameless:
        socket.getnameinfo((ADDRESS, 80), socket.NI_NAMEREQD)

    assert nameless.value.errno == socket.EAI_NONAME
    with pytest.raises(socket.gaierror):
        socket.getnameinfo(("localhost", 80), 0)

    nonsense: Any
    for nonsense in (ADDRESS, ()):
        with pytest.raises(TypeError):
            socket.getnameinfo(nonsense, 0)

    nonsense = 7
    with pytest.raises(TypeError):
        socket.gethostbyaddr(nonsense)

    assert left_loopback == []


def test_the_c_library_is_asked_for_digits_only(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def getnameinfo(sockaddr: Any, flags: int) -> tuple[str, str]:
        # As the C library's does.
        socket_calls._audit("socket.getnameinfo", (sockaddr,))
        asked.append((sockaddr[0], flags))
        return "digits", "service"

    monkeypatch.setattr(socket, "getnameinfo", getnameinfo)
    recorder = Recorder()
    socket_calls.install(recorder)
    try:
        numeric = socket.NI_NUMERICHOST
        assert socket.getnameinfo((ADDRESS, 80), 0) == ("digits", "service")
        assert socket.getnameinfo((ADDRESS, 80), socket.NI_NUMERICSERV) == ("digits", "service")
        assert socket.getnameinfo(("127.0.1.1", 80), socket.NI_NAMEREQD | socket.NI_DGRAM)[0] == "meter.example"
        assert asked == [
            (ADDRESS, numeric),
            (ADDRESS, numeric | socket.NI_NUMERICSERV),
            ("127.0.1.1", numeric | socket.NI_DGRAM),
        ]
        # Without the replaced function, the same query is not answered.
        with pytest.raises(socket.gaierror, match="getnameinfo of"):
            getnameinfo((ADDRESS, 80), 0)
    finally:
        socket_calls.uninstall(recorder)


# Code that kept the C library's own calls


class Sock:
    def __init__(self, family: int) -> None:
        self.family = family


@pytest.mark.parametrize("event", ["connect", "sendto", "sendmsg"])
def test_a_socket_that_goes_past_the_policy_is_refused(policy: Recorder, event: str) -> None:
    def hear(family: int, *address: Any) -> None:
        # The guard of the tests hears of it first, and would refuse it as well.
        socket_calls._audit(f"socket.{event}", (Sock(family), address))

    for family, host in ((socket.AF_INET, ADDRESS), (socket.AF_INET6, "2001:db8::1"), (socket.AF_INET, NAME.encode())):
        with pytest.raises(OSError, match=f"^.Errno {errno.ENETUNREACH}. {event} to "):
            hear(family, host, 7)

    hear(socket.AF_INET, "127.0.0.1", 7)
    hear(socket.AF_INET, "localhost", 7)
    hear(socket.AF_UNIX, NAME, 7)
    policy.applied = False
    hear(socket.AF_INET, ADDRESS, 7)


@pytest.mark.parametrize("event", ["getaddrinfo", "gethostbyname", "gethostbyaddr"])
def test_a_query_that_goes_past_the_policy_is_refused(policy: Recorder, event: str) -> None:
    host: Any
    for host in (NAME, NAME.encode()):
        with pytest.raises(socket.gaierror, match=f"{event} of {NAME}") as caught:
            socket_calls._audit(f"socket.{event}", (host,))

        assert caught.value.errno == socket.EAI_FAIL

    for here in ("localhost", "127.0.0.1", None, ""):
        socket_calls._audit(f"socket.{event}", (here,))

    if event == "gethostbyaddr":
        with pytest.raises(socket.herror, match="Unknown host") as unknown:
            socket_calls._audit("socket.gethostbyaddr", (ADDRESS,))

        assert unknown.value.errno == 1
    else:
        socket_calls._audit(f"socket.{event}", (ADDRESS,))

    policy.applied = False
    for host in (NAME, ADDRESS):
        socket_calls._audit(f"socket.{event}", (host,))


def test_the_name_of_an_address_is_not_asked_for_past_the_policy(policy: Recorder) -> None:
    # In a thread that has asked for nothing yet.
    with ThreadPoolExecutor(1) as thread, pytest.raises(socket.gaierror, match=f"getnameinfo of {ADDRESS}") as caught:
        thread.submit(socket_calls._audit, "socket.getnameinfo", ((ADDRESS, 80),)).result()

    assert caught.value.errno == socket.EAI_FAIL
    socket_calls._audit("socket.getnameinfo", (("127.0.0.1", 80),))
    policy.applied = False
    socket_calls._audit("socket.getnameinfo", ((ADDRESS, 80),))


@pytest.mark.skipif(not hasattr(socket, "AF_PACKET"), reason="sockets of packets are Linux's")
def test_a_socket_of_packets_is_refused(policy: Recorder) -> None:
    with pytest.raises(OSError, match="a socket of packets") as caught:
        socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)

    assert caught.value.errno == errno.ENETUNREACH


def test_other_events_are_nobodys_affair(policy: Recorder) -> None:
    socket_calls._audit("open", (ADDRESS, "r", 0))
    socket_calls._audit("socket.shutdown", (Sock(socket.AF_INET), 1))
    socket_calls._audit("socket.connect", (Sock(socket.AF_INET), "path"))


# Installing


def test_the_audit_hook_which_cannot_be_removed_is_added_once(monkeypatch: pytest.MonkeyPatch) -> None:
    added: list[Any] = []
    monkeypatch.setattr(sys, "addaudithook", added.append)
    monkeypatch.setattr(socket_calls, "_is_hooked", False)
    for _ in range(2):
        recorder = Recorder()
        socket_calls.install(recorder)
        socket_calls.uninstall(recorder)

    assert len(added) == 1


def test_the_classes_and_functions_look_like_those_they_replace(policy: Recorder) -> None:
    own = socket.socket.__mro__[1]
    with socket.socket() as sock:
        assert isinstance(sock, _socket.socket)

    assert issubclass(socket.socket, _socket.socket)
    assert issubclass(own, _socket.socket)
    assert not issubclass(int, _socket.socket)
    assert (_socket.socket.__name__, _socket.socket.__module__) == ("socket", "_socket")
    assert _socket.SocketType is _socket.socket is socket.SocketType
    resolvers = ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getnameinfo")
    methods = ("connect", "connect_ex", "sendto", "sendmsg", "bind", "setsockopt")
    for owner, name in (*((socket, name) for name in resolvers), *((socket.socket, name) for name in methods)):
        replaced = getattr(owner, name)
        assert (replaced.__name__, replaced.__doc__) == (name, replaced.__wrapped__.__doc__)
        assert replaced.__doc__


def test_after_the_last_policy_everything_is_as_it_was() -> None:
    def look() -> list[Any]:
        names = ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getnameinfo", "SocketType")
        found = [vars(module).get(name) for module in (socket, _socket) for name in names]
        return [*found, _socket.socket, {**vars(socket.socket)}]

    before = look()
    one, two = Recorder(), Recorder()
    socket_calls.install(one)
    during = look()
    socket_calls.install(two)
    assert look() == during
    socket_calls.uninstall(one)
    assert look() == during
    socket_calls.uninstall(two)
    assert look() == before
    assert all(ours is not own for ours, own in zip(during, before, strict=True))
