"""Which rules are in force, and for which code."""

import asyncio
import contextvars
import socket
from typing import Any

from bc260y_aio import Modem
from bc260y_aio.emulator import Emulator, Network
from bc260y_aio.routing.rules import Rule, push, remove, rules_around


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


async def test_of_the_addresses_of_a_name_a_client_gets_one() -> None:
    network = Network()
    address = network.add_host("six.example", ipv6=True)
    async with Emulator(network=network, line="memory") as emulator, Modem(emulator.url) as modem:
        assert len({row[4][0] for row in await modem.getaddrinfo("six.example", 7)}) == 2
        with modem.route():
            rows = await asyncio.get_running_loop().getaddrinfo("six.example", 7)

        assert {row[4][0] for row in rows} == {address}
        assert {row[1] for row in rows} >= {socket.SOCK_STREAM, socket.SOCK_DGRAM}
