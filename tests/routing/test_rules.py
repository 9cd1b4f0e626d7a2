"""Which rules are in force, and for which code."""

import asyncio
import contextvars
import errno
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bc260y_aio import Modem
from bc260y_aio.emulator import Emulator, Network
from bc260y_aio.routing.exclusive import ExclusivePolicy
from bc260y_aio.routing.rules import Match, Rule, names_of, push, remove, rules_around
from bc260y_aio.routing.socket_relay import SocketRelay

from .servers import PEER, connected, free, made, receive, routable, serving


async def test_a_rule_is_not_in_force_on_another_loop_that_runs_in_a_copy_of_its_context() -> None:
    router: Any = None
    rule = Rule(router, None, is_exclusive=False)
    rule.loop, rule.is_on = asyncio.get_running_loop(), True
    push(rule)

    async def look() -> tuple[list[Rule], list[Rule]]:
        return [*rules_around(asyncio.get_running_loop())], [*rules_around(rule.loop)]  # type: ignore[arg-type]

    # As asyncio.to_thread does it.
    context = contextvars.copy_context()
    elsewhere, here = await asyncio.to_thread(context.run, asyncio.run, look())
    assert (elsewhere, here) == ([], [rule])
    remove(rule)
    assert [*rules_around(asyncio.get_running_loop())] == []


def make_rule(match: Match | None = None) -> Rule:
    router: Any = None
    return Rule(router, match, is_exclusive=False)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "192.0.2.1", "meter.example"])
def test_an_endpoint_without_a_peer_goes_over_the_modem(host: str) -> None:
    assert make_rule().takes_unconnected(host) is True
    asked: list[tuple[str, int]] = []
    answers: Any = [1, 0]

    def match(host: str, port: int) -> bool:
        asked.append((host, port))
        return answers.pop()  # type: ignore[no-any-return]

    rule = make_rule(match)
    assert [rule.takes_unconnected(host) for _ in range(2)] == [False, True]
    assert asked == [("0.0.0.0", 0)] * 2


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_an_endpoint_that_is_bound_to_the_loopback_interface_stays_there(host: str) -> None:
    assert make_rule().takes_unconnected(host) is False
    assert make_rule(lambda host, port: True).takes_unconnected(host) is False


def test_a_rule_is_asked_about_names_and_forgets_those_of_the_addresses_that_were_longest_unused() -> None:
    rule = make_rule(lambda host, port: (host, port) == ("name0", 7))
    for number in range(256):
        rule.remember(f"name{number}", [f"192.0.2.{number}"])

    assert rule.takes("192.0.2.0", 7) is True
    assert rule.takes("192.0.2.0", 8) is rule.takes("192.0.2.1", 7) is False
    rule.remember("name0", ["192.0.2.0"])
    rule.remember("new", ["198.51.100.1", "198.51.100.2"])
    assert [rule.name_of(f"192.0.2.{number}") for number in range(4)] == ["name0", "192.0.2.1", "192.0.2.2", "name3"]
    assert rule.name_of("198.51.100.2") == "new"
    # The last name of an address holds.
    rule.remember("newer", ["198.51.100.2"])
    assert rule.name_of("198.51.100.2") == "newer"


def test_addresses_of_rows_are_text_and_those_of_other_families_are_none() -> None:
    rows: list[Any] = [(0, 0, 0, "", (host, 7)) for host in ("192.0.2.1", b"192.0.2.2", 10)]
    assert names_of(rows) == ["192.0.2.1", "192.0.2.2"]


async def test_the_innermost_rule_is_asked_first_and_leaves_the_others_in_order() -> None:
    rules = [make_rule() for _ in range(3)]
    loop = asyncio.get_running_loop()
    for rule in rules:
        rule.loop, rule.is_on = loop, True
        push(rule)

    assert [*rules_around(loop)] == rules[::-1]
    remove(rules[1])
    assert [*rules_around(loop)] == [rules[2], rules[0]]
    rules[2].is_on = False
    assert [*rules_around(loop)] == [rules[0]]
    for rule in rules:
        remove(rule)


def test_an_exclusive_policy_holds_on_its_loops_and_in_threads_without_one_but_a_modems() -> None:
    loops: list[asyncio.AbstractEventLoop] = []
    policy = ExclusivePolicy(loops.__contains__)

    async def on_a_loop(*, exclusive: bool) -> bool:
        loops[:] = [asyncio.get_running_loop()] if exclusive else []
        return policy.applies()

    assert policy.applies()
    assert asyncio.run(on_a_loop(exclusive=True))
    assert not asyncio.run(on_a_loop(exclusive=False))
    for name, applies in (("bc260y[meter].thread", False), ("bc260y", True), ("Thread-1", True)):
        with ThreadPoolExecutor(1, name) as threads:
            assert threads.submit(policy.applies).result() is applies


async def test_of_the_addresses_of_a_name_a_client_gets_one() -> None:
    network = Network()
    address = network.add_host("six.example", ipv6=True)
    async with Emulator(network=network, line="memory") as emulator, Modem(emulator.url) as modem:
        assert len({row[4][0] for row in await modem.getaddrinfo("six.example", 7)}) == 2
        with modem.route():
            rows = await asyncio.get_running_loop().getaddrinfo("six.example", 7)

        assert {row[4][0] for row in rows} == {address}
        assert {row[1] for row in rows} >= {socket.SOCK_STREAM, socket.SOCK_DGRAM}


async def test_a_socket_that_the_loop_connects_goes_over_the_modem_of_an_exclusive_route() -> None:
    async with routable() as modem, serving() as port:
        with modem.route(exclusive=True):
            async with connected(port) as sock:
                assert len(await modem.sockets()) == 1
                await asyncio.get_running_loop().sock_sendall(sock, b"question")
                assert await receive(sock, 8) == b"question"

        await free(modem)


async def test_an_address_in_digits_may_be_demanded_of_a_route() -> None:
    loop = asyncio.get_running_loop()
    async with routable() as modem, serving() as port:
        with modem.route():
            address = str((await loop.getaddrinfo(PEER, port))[0][4][0])
            transport, _ = await loop.create_connection(asyncio.Protocol, address, port, flags=socket.AI_NUMERICHOST)
            assert transport.get_extra_info("modem") is modem
            transport.abort()
            with pytest.raises(socket.gaierror):
                await loop.create_connection(asyncio.Protocol, PEER, port, flags=socket.AI_NUMERICHOST)

        await free(modem)


# Sockets behind which a relay stands


async def test_a_socket_that_cannot_be_joined_to_its_connection_leaves_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def join(relay: SocketRelay, sock: socket.socket) -> None:
        raise OSError(errno.EMFILE, "too many")

    monkeypatch.setattr(SocketRelay, "join", join)
    async with routable() as modem, serving() as port:
        with modem.route(), made() as sock, pytest.raises(OSError, match="too many"):
            await asyncio.get_running_loop().sock_connect(sock, (PEER, port))

        await free(modem)
        assert await modem.sockets() == []


async def test_a_client_that_was_told_of_the_end_is_not_told_of_a_reset_when_the_modem_closes() -> None:
    async def bye(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"bye")

    async with routable() as modem, serving(bye) as port:
        with modem.route():
            async with connected(port) as sock:
                assert await receive(sock, 10) == b"bye"
                await modem.close()
                assert await receive(sock, 10) == b""


async def test_nothing_is_written_to_a_descriptor_that_another_file_has_by_now() -> None:
    async with routable() as modem, serving() as port:
        with modem.route():
            async with connected(port) as sock:
                relay = SocketRelay.behind(sock, asyncio.get_running_loop())
                assert relay is not None
                reading, writing = os.pipe2(os.O_NONBLOCK)
                # The client took another descriptor for its socket, and the number of the first went to a pipe.
                twin = os.dup(sock.fileno())
                os.dup2(writing, sock.fileno())
                relay.connection_lost(ConnectionResetError())
                with pytest.raises(BlockingIOError):
                    os.read(reading, 1)

                for descriptor in (twin, reading, writing):
                    os.close(descriptor)

                relay.transport.abort()

        await free(modem)
