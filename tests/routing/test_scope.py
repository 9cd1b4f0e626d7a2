"""Where a route holds, what it takes, and what it leaves alone."""

import asyncio
import concurrent.futures
import contextlib
import contextvars
import errno
import socket
from typing import Any

import pytest

import bc260y_aio
from bc260y_aio.routing.destinations import is_local
from bc260y_aio.routing.socket_relay import SocketRelay

from .servers import PEER, ask, free, made, routable, serving

pytestmark = pytest.mark.loops("asyncio", "eager", "uvloop")

NAMES = (
    *("create_connection", "create_datagram_endpoint", "getaddrinfo", "getnameinfo"),
    *("sock_connect", "sock_sendto", "start_tls", "sendfile"),
)


def attributes() -> dict[str, Any]:
    """The attributes of a route on the loop object."""
    found = vars(asyncio.get_running_loop())
    return {name: value for name, value in found.items() if name in NAMES or "bc260y" in name}


# Destinations


async def test_inside_the_block_an_unmodified_client_goes_over_the_modem() -> None:
    async with routable() as modem, serving() as port:
        with modem.route():
            assert await ask(port) is modem


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", None])
async def test_destinations_on_this_machine_stay_on_it(host: Any) -> None:
    async with routable() as modem, serving() as port:
        with modem.route():
            assert await ask(port, host) is None


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "127.8.9.10", "::1", "::ffff:127.0.0.1", "LOCALHOST.", "a.localhost", "0.0.0.0", "::"],
)
def test_this_machine_has_many_names(host: str) -> None:
    assert is_local(host)


@pytest.mark.parametrize("host", ["198.51.100.1", "10.0.0.1", "2001:db8::1", "localhost.example", "127.example", "é"])
def test_other_machines_have_more(host: str) -> None:
    assert not is_local(host)


async def test_match_replaces_that_rule() -> None:
    async with routable() as modem, serving() as port, serving() as other:
        with modem.route(match=lambda host, number: number == port):
            assert await ask(port, "127.0.0.1") is modem
            assert await ask(other, "127.0.0.1") is None


async def test_match_sees_text_and_numbers_whatever_the_client_writes() -> None:
    seen = []

    def match(host: str, number: int) -> bool:
        seen.append((host, number))
        return True

    async with routable() as modem, serving() as port:
        with modem.route(match):
            await ask(port, b"peer.example")  # type: ignore[arg-type]
            await asyncio.get_running_loop().getaddrinfo(PEER, "http")

    assert seen == [(PEER, port), (PEER, 80)]


async def test_match_is_asked_about_the_name_that_was_resolved_before() -> None:
    loop = asyncio.get_running_loop()
    async with routable() as modem, serving() as port:
        with modem.route(match=lambda host, _: host == PEER):
            rows: list[Any] = await loop.getaddrinfo(PEER, port, type=socket.SOCK_STREAM)
            address = rows[0][4][0]
            # A client that looks its own address up again changes nothing.
            await loop.getaddrinfo(address, port, flags=socket.AI_NUMERICHOST)

            assert address.startswith("198.51.100.")
            assert await ask(port, address) is modem


# uvloop resolves in C, where a test cannot be its resolver; and eager tasks are too quick for asyncio's own races.
@pytest.mark.loops("asyncio")
async def test_a_name_that_no_route_takes_is_resolved_and_connected_to_by_the_host() -> None:
    async def resolve(host: str, port: int, **kwds: Any) -> list[Any]:
        assert host == "intranet.example"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    loop: Any = asyncio.get_running_loop()
    async with routable() as modem, serving() as port:
        loop.getaddrinfo = resolve
        # Of the address itself, the rule would say that it is the modem's.
        with modem.route(match=lambda host, _: host != "intranet.example"):
            assert await ask(port, "intranet.example") is None
            assert await ask(port, "intranet.example", happy_eyeballs_delay=0.1) is None
            assert await ask(port, "127.0.0.1") is modem

        assert loop.getaddrinfo is resolve
        del loop.getaddrinfo


async def test_a_protocol_that_connects_while_it_is_being_connected_is_routed_by_its_own_destination() -> None:
    class Impatient(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport
            self.second = asyncio.ensure_future(ask(port))

    loop = asyncio.get_running_loop()
    async with routable() as modem, serving() as port:
        with modem.route():
            _, protocol = await loop.create_connection(Impatient, "127.0.0.1", port)
            assert await protocol.second is modem

        protocol.transport.close()


async def test_listening_sockets_stay_on_the_host() -> None:
    async with routable() as modem:
        with modem.route(match=lambda host, port: True):
            async with serving() as port:
                assert await ask(port) is modem


# Contexts


async def test_tasks_that_are_started_inside_are_routed_and_others_are_not() -> None:
    started = asyncio.Event()

    async def wait_and_ask() -> Any:
        await started.wait()
        return await ask(port, "127.0.0.1")

    async with routable() as modem, serving() as port:
        before = asyncio.create_task(wait_and_ask())
        with modem.route(match=lambda host, _: True):
            inside = asyncio.create_task(wait_and_ask())
            elsewhere = asyncio.get_running_loop().create_task(wait_and_ask(), context=contextvars.Context())
            started.set()

            assert list(await asyncio.gather(before, inside, elsewhere)) == [None, modem, None]


async def test_a_route_ends_with_its_block_also_for_the_tasks_that_were_started_there() -> None:
    ended = asyncio.Event()

    async def wait_and_ask() -> Any:
        await ended.wait()
        return await ask(port, "127.0.0.1")

    async with routable() as modem, serving() as port:
        with modem.route(match=lambda host, _: True), modem.route(match=lambda host, _: False):
            task = asyncio.create_task(wait_and_ask())

        # Another route on the same loop is none of theirs.
        with modem.route(match=lambda host, _: True):
            ended.set()
            assert await task is None


async def test_a_route_of_the_loop_takes_in_what_is_made_outside_of_the_block() -> None:
    loop = asyncio.get_running_loop()
    started = asyncio.Event()

    async def wait_and_ask() -> Any:
        await started.wait()
        return await ask(port)

    def ask_from_a_thread() -> Any:
        return asyncio.run_coroutine_threadsafe(ask(port), loop).result(10)

    async with routable() as modem, serving() as port:
        with concurrent.futures.ThreadPoolExecutor(1) as threads:
            before = asyncio.create_task(wait_and_ask())
            with modem.route(scope="loop"):
                started.set()
                assert await before is modem
                assert await loop.run_in_executor(threads, ask_from_a_thread) is modem

                called: asyncio.Future[asyncio.Task[Any]] = loop.create_future()
                await loop.run_in_executor(
                    threads, loop.call_soon_threadsafe, lambda: called.set_result(loop.create_task(ask(port)))
                )
                assert await (await called) is modem


@pytest.mark.parametrize("scope", ["context", "loop"])
async def test_an_emulator_on_the_same_loop_is_never_routed(scope: Any) -> None:
    async with serving() as port, routable() as modem:
        with modem.route(match=lambda host, _: True, scope=scope):
            assert await ask(port) is modem
            assert await ask(port, "127.0.0.1") is modem

            # One that is opened inside is not either.
            async with routable() as other:
                reader, writer = await other.open_connection(PEER, port)
                writer.write(b"?")
                assert await reader.read(1) == b"?"
                assert writer.get_extra_info("modem") is other
                writer.close()
                await writer.wait_closed()


async def test_two_modems_are_routed_in_two_tasks_at_once() -> None:
    both_inside = asyncio.Barrier(2)

    async def go(modem: bc260y_aio.Modem, port: int) -> None:
        with modem.route():
            await both_inside.wait()
            for _ in range(3):
                assert await ask(port) is modem

            await both_inside.wait()

    async with routable() as one, routable() as two, serving() as port, asyncio.TaskGroup() as tasks:
        tasks.create_task(go(one, port))
        tasks.create_task(go(two, port))

    assert attributes() == {}


async def test_the_inner_route_is_asked_first_then_the_one_around_it_then_the_loops() -> None:
    async with (
        routable() as one,
        routable() as two,
        routable() as three,
        serving() as a,
        serving() as b,
        serving() as c,
    ):
        with (
            three.route(scope="loop"),
            one.route(match=lambda _, port: port in (a, b)),
            two.route(match=lambda _, port: port == a),
        ):
            assert await ask(a) is two
            assert await ask(b) is one
            assert await ask(c) is three
            assert await ask(c, "127.0.0.1") is None


async def test_the_inner_of_two_routes_of_the_loop_is_asked_first() -> None:
    async with routable() as one, routable() as two, serving() as a, serving() as b:
        with one.route(scope="loop"):
            with two.route(scope="loop", match=lambda _, port: port == a):
                assert await ask(a) is two
                assert await ask(b) is one

            assert await ask(a) is one


async def test_a_callback_goes_by_the_rules_of_its_time_not_by_the_call_that_opened_its_connection() -> None:
    loop = asyncio.get_running_loop()
    taken: list[int] = []

    class Keep(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.context = contextvars.copy_context()

    async def connect(port: int) -> bool:
        with made() as sock:
            await loop.sock_connect(sock, ("127.0.0.1", port))
            return SocketRelay.behind(sock, loop) is not None

    async with routable() as modem, serving() as port:
        with modem.route(match=lambda _, port: port in taken):
            transport, protocol = await loop.create_connection(Keep, "127.0.0.1", port)
            assert not await loop.create_task(connect(port), context=protocol.context)
            taken.append(port)
            assert await loop.create_task(connect(port), context=protocol.context)
            transport.close()
            await free(modem)


async def test_a_callback_that_runs_after_its_block_is_on_the_hosts_network() -> None:
    loop = asyncio.get_running_loop()
    async with routable() as modem, serving() as port:
        later: asyncio.Future[asyncio.Task[Any]] = loop.create_future()

        def call() -> None:
            later.set_result(loop.create_task(ask(port, "127.0.0.1")))

        with modem.route(match=lambda *_: True):
            inside = contextvars.copy_context()
            loop.call_soon(call, context=inside)
            assert await (await later) is modem
            later = loop.create_future()

        loop.call_soon(call, context=inside)
        assert await (await later) is None


async def test_a_block_may_end_in_another_context_than_it_began() -> None:
    async with routable() as modem, serving() as port:
        route = modem.route(match=lambda host, _: True)
        elsewhere = contextvars.copy_context()
        elsewhere.run(route.__enter__)
        task = asyncio.get_running_loop().create_task(ask(port, "127.0.0.1"), context=elsewhere)
        assert await task is modem

        route.__exit__(None, None, None)
        task = asyncio.get_running_loop().create_task(ask(port, "127.0.0.1"), context=elsewhere)
        assert await task is None


async def test_blocks_may_end_in_any_order() -> None:
    async with routable() as one, routable() as two, serving() as port:
        outer, inner = one.route(), two.route()
        outer.__enter__()
        inner.__enter__()
        outer.__exit__(None, None, None)
        assert await ask(port) is two

        inner.__exit__(None, None, None)
        assert attributes() == {}


# The loop's own methods


async def test_the_last_block_to_end_leaves_the_loop_as_it_was() -> None:
    async with routable() as modem:
        with modem.route():
            assert attributes().keys() >= set(NAMES)
            with modem.route(scope="loop"), contextlib.suppress(ArithmeticError), modem.route():
                raise ArithmeticError

            assert attributes().keys() >= set(NAMES)

        assert attributes() == {}


async def test_foreign_wrappers_of_the_loops_methods_are_left_in_place() -> None:
    async def before(*args: Any, **kwds: Any) -> str:
        return "before"

    async def meanwhile(*args: Any, **kwds: Any) -> Any:
        return await routed(*args, **kwds)

    loop: Any = asyncio.get_running_loop()
    async with routable() as modem, serving() as port:
        loop.start_tls = before
        with modem.route():
            routed = loop.create_connection
            loop.create_connection = meanwhile
            assert await ask(port) is modem

        assert attributes() == {"start_tls": before, "create_connection": meanwhile}
        assert await ask(port, "127.0.0.1") is None

        with modem.route():
            assert await ask(port) is modem

        assert attributes() == {"start_tls": before, "create_connection": meanwhile}
        del loop.start_tls, loop.create_connection


async def test_a_route_is_good_for_one_block() -> None:
    async with routable() as modem:
        route = modem.route(exclusive=True)
        assert repr(route).endswith("scope=context exclusive not begun>")

        with route as entered:
            assert entered is route
            assert route.is_on
            with pytest.raises(RuntimeError, match="one block"):
                route.__enter__()

        assert not route.is_on
        assert repr(route).endswith("over>")
        with pytest.raises(RuntimeError, match="one block"):
            route.__enter__()


async def test_there_are_two_scopes() -> None:
    async with routable() as modem:
        with pytest.raises(ValueError, match="scope must be"):
            modem.route(scope="task")  # type: ignore[arg-type]


def test_a_route_needs_a_running_loop() -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        bc260y_aio.Modem("emulator://").route().__enter__()


# The host's network


async def test_an_exclusive_route_refuses_what_would_go_over_the_hosts_network() -> None:
    loop = asyncio.get_running_loop()

    async def try_everything() -> None:
        with pytest.raises(OSError, match=r"not allowed .* elsewhere.example:80") as caught:
            await asyncio.open_connection("elsewhere.example", 80)

        assert caught.value.errno == errno.ENETUNREACH
        with pytest.raises(OSError, match=r"not allowed .* 198.51.100.1:80"):
            await asyncio.open_connection("198.51.100.1", 80)

        with pytest.raises(socket.gaierror, match="not allowed"):
            await loop.getaddrinfo("elsewhere.example", 80)

        with pytest.raises(OSError, match="not allowed"):
            await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=("198.51.100.1", 53))

        with pytest.raises(OSError, match="not allowed"):
            await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("0.0.0.0", 0))

        with socket.socket() as sock:
            sock.setblocking(False)
            with pytest.raises(OSError, match="not allowed"):
                await loop.sock_connect(sock, ("198.51.100.1", 80))

    async with routable() as modem, serving() as port:
        with modem.route(exclusive=True):
            assert await ask(port) is modem
            assert await ask(port, "127.0.0.1") is None
            # A client without the route is found.
            await loop.create_task(try_everything(), context=contextvars.Context())
            await loop.create_task(ask(port, "127.0.0.1"), context=contextvars.Context())

        with modem.route(match=lambda host, _: host == PEER, exclusive=True):
            assert await ask(port) is modem
            await try_everything()
            assert await loop.getaddrinfo("198.51.100.1", 80)


async def test_the_host_is_not_asked_for_the_name_of_an_address_behind_the_modem() -> None:
    loop = asyncio.get_running_loop()
    async with routable() as modem:
        with modem.route(exclusive=True):
            assert await loop.getnameinfo(("198.51.100.1", 80), socket.NI_NUMERICSERV) == ("198.51.100.1", "80")
            assert await loop.getnameinfo(("198.51.100.1", 80), 0) == ("198.51.100.1", "http")
            with pytest.raises(socket.gaierror) as caught:
                await loop.getnameinfo(("198.51.100.1", 80), socket.NI_NAMEREQD)

            assert caught.value.errno == socket.EAI_NONAME
            with pytest.raises(socket.gaierror):
                await loop.getnameinfo((PEER, 80), 0)

            numeric = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
            assert await loop.getnameinfo(("127.0.0.1", 80), numeric) == ("127.0.0.1", "80")

        with modem.route(match=lambda *_: False, exclusive=True), pytest.raises(socket.gaierror, match="not allowed"):
            await loop.getnameinfo(("198.51.100.1", 80), 0)


# The module-level functions


async def test_the_functions_of_the_package_use_the_routed_modem() -> None:
    async with routable() as one, routable() as two, serving() as port:
        with one.route(match=lambda *_: False):
            cases: list[tuple[dict[str, Any], Any]] = [({}, one), ({"modem": two}, two)]
            for options, modem in cases:
                _, writer = await bc260y_aio.open_connection(PEER, port, **options)
                transport, _ = await bc260y_aio.create_connection(asyncio.Protocol, PEER, port, **options)
                datagrams, _ = await bc260y_aio.create_datagram_endpoint(
                    asyncio.DatagramProtocol, remote_addr=(PEER, port), **options
                )
                endpoint = await bc260y_aio.open_datagram_endpoint(PEER, port, **options)

                for opened in (writer.transport, transport, datagrams, endpoint.transport):
                    assert opened.get_extra_info("modem") is modem
                    opened.close()


async def test_without_a_route_the_functions_of_the_package_require_a_modem() -> None:
    with pytest.raises(LookupError, match="pass modem="):
        await bc260y_aio.open_connection(PEER, 80)

    async with routable() as modem:
        with modem.route():
            elsewhere = contextvars.Context()
            task = asyncio.get_running_loop().create_task(bc260y_aio.open_connection(PEER, 80), context=elsewhere)
            with pytest.raises(LookupError, match="no modem"):
                await task
