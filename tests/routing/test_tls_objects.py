"""The SSL objects of clients that do TLS by themselves: which of them are offered an earlier session, and whose."""

import asyncio
import contextlib
import ssl
from collections.abc import Iterator
from typing import Any, Final

import pytest

from bc260y_aio.routing import tls_objects
from bc260y_aio.routing.tls_objects import RoutedSSLObject, remember_peer
from bc260y_aio.tls import TlsSessions
from tests.contract.certificates import NAMES, server_context, trusting_context
from tests.tls.handshakes import Handshake

NAME: Final = NAMES[0]


class Sessions(TlsSessions):
    """Sessions that note who asks for one.

    Attributes:
        asked: the name and the port of each handshake.
        prepared: how many contexts were prepared.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[Any, int]] = []
        self.prepared = 0

    def prepare(self, context: ssl.SSLContext) -> None:
        self.prepared += 1
        super().prepare(context)

    def take(self, context: ssl.SSLContext, server_hostname: str | None, port: int) -> Any:
        self.asked.append((server_hostname, port))
        return super().take(context, server_hostname, port)


class Router:
    def __init__(self) -> None:
        self.tls_sessions = Sessions()


@pytest.fixture(autouse=True)
def _installed() -> Iterator[None]:
    # Loops of earlier tests may be routed still.
    users = tls_objects._users
    for _ in range(users):
        tls_objects.remove()

    tls_objects.install()
    try:
        yield
    finally:
        tls_objects.remove()
        for _ in range(users):
            tls_objects.install()


def remember(names: list[str], router: object, port: Any = 443) -> None:
    remember_peer(asyncio.get_running_loop(), names, router, port)


def begin(name: Any, **options: Any) -> Any:
    """Begin a handshake as a client does, in memory."""
    tls = trusting_context().wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=name, **options)
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()

    return tls


async def test_a_session_is_asked_for_once_by_the_name_and_the_port_of_the_last_connection() -> None:
    router, other = Router(), Router()
    remember(["198.51.100.1", NAME], other, 1)
    remember(["198.51.100.1", NAME], router)
    tls = begin(NAME)
    assert isinstance(tls, RoutedSSLObject)
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()

    begin(NAME.encode())
    begin("198.51.100.1")
    assert router.tls_sessions.asked == [(NAME, 443), (NAME, 443), ("198.51.100.1", 443)]
    assert router.tls_sessions.prepared == 3
    assert (other.tls_sessions.asked, other.tls_sessions.prepared) == ([], 0)


async def test_a_peer_that_is_not_known_is_asked_for_nowhere() -> None:
    router, bare = Router(), object()
    remember([NAME], router, None)
    remember([NAME], bare)
    begin(NAME)
    remember(["other.example"], router)
    begin(NAME)
    assert (router.tls_sessions.asked, router.tls_sessions.prepared) == ([], 0)


async def test_peers_are_those_of_a_loop() -> None:
    router = Router()
    remember([NAME], router)

    async def elsewhere() -> None:
        begin(NAME)

    await asyncio.to_thread(begin, NAME)
    await asyncio.to_thread(asyncio.run, elsewhere())
    assert (router.tls_sessions.asked, router.tls_sessions.prepared) == ([], 0)


async def test_a_server_a_client_with_a_session_of_its_own_and_a_layer_that_resumes_by_itself_are_left_alone() -> None:
    router = Router()
    remember([NAME], router)
    context = trusting_context()
    first = Handshake(context, server_context(maximum_version=ssl.TLSVersion.TLSv1_2))
    assert router.tls_sessions.asked == [(NAME, 443)]
    second = Handshake(context, server_context(maximum_version=ssl.TLSVersion.TLSv1_2), first.client.session)
    assert isinstance(second.client, RoutedSSLObject)
    tls: Any = trusting_context().wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=NAME)
    tls.resumes_by_itself = False
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()

    # Each time a context was prepared, for the client alone.
    assert (router.tls_sessions.asked, router.tls_sessions.prepared) == ([(NAME, 443)], 3)


async def test_of_very_many_peers_those_that_were_longest_unused_are_forgotten() -> None:
    router = Router()
    remember([f"peer{number}.example" for number in range(256)], router)
    remember(["peer0.example"], router)
    remember(["one-more.example"], router)
    for number in range(3):
        begin(f"peer{number}.example")

    begin("one-more.example")
    assert [name for name, _ in router.tls_sessions.asked] == ["peer0.example", "peer2.example", "one-more.example"]


# Installing


def test_installed_twice_it_is_removed_with_the_second() -> None:
    during = ssl.SSLContext.sslobject_class, ssl.SSLContext.wrap_bio
    assert during[0] is RoutedSSLObject
    tls_objects.install()
    assert (ssl.SSLContext.sslobject_class, ssl.SSLContext.wrap_bio) == during
    tls_objects.remove()
    assert (ssl.SSLContext.sslobject_class, ssl.SSLContext.wrap_bio) == during
    tls_objects.remove()
    try:
        assert ssl.SSLContext.sslobject_class is ssl.SSLObject
        assert ssl.SSLContext.wrap_bio is not during[1]
    finally:
        tls_objects.install()


def test_a_class_of_other_code_is_left_in_place() -> None:
    class Own(ssl.SSLObject):
        pass

    context_class: Any = ssl.SSLContext
    tls_objects.remove()
    context_class.sslobject_class = Own
    try:
        wrap_bio = context_class.wrap_bio
        tls_objects.install()
        assert (context_class.sslobject_class, context_class.wrap_bio) == (Own, wrap_bio)
        tls_objects.remove()
        assert (context_class.sslobject_class, context_class.wrap_bio) == (Own, wrap_bio)
    finally:
        context_class.sslobject_class = ssl.SSLObject
        tls_objects.install()


def test_a_wrapper_that_other_code_has_put_over_it_stays() -> None:
    context_class: Any = ssl.SSLContext
    ours = context_class.wrap_bio

    def theirs(self: ssl.SSLContext, *args: Any, **kwds: Any) -> Any:
        return ours(self, *args, **kwds)

    tls_objects.remove()
    own = context_class.wrap_bio
    tls_objects.install()
    ours = context_class.wrap_bio
    context_class.wrap_bio = theirs
    tls_objects.remove()
    try:
        assert context_class.wrap_bio is theirs
        assert type(begin(NAME)) is ssl.SSLObject
    finally:
        context_class.wrap_bio = own
        tls_objects.install()
