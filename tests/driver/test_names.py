"""Names that the module resolves: how long their addresses are used again."""

import socket

import pytest

from bc260y_aio.at.commands import Command, Resolve
from bc260y_aio.errors import ErrorCode, ResolutionError
from tests.driver.scripted import OK, Module, open_modem
from tests.loops import Clock

QUERY = "AT+QIDNSGIP="
ADDRESS = b'\r\n+QIDNSGIP: 0,1,0\r\n\r\n+QIDNSGIP: "192.0.2.1"\r\n'


def resolving(answer: bytes = ADDRESS) -> Module:
    """Make a module that answers so to each name."""

    def resolve(command: Command) -> bytes | None:
        return OK + answer if isinstance(command, Resolve) else None

    module = Module()
    module.override = resolve
    return module


async def test_an_address_is_used_for_five_minutes(clock: Clock) -> None:
    module = resolving()
    async with open_modem(module) as modem:
        for seconds, asked in ((0.0, 1), (299.5, 1), (1.0, 2), (299.5, 2)):
            await clock.advance(seconds)
            assert await modem.resolve("a.b") == ["192.0.2.1"]
            assert module.count(QUERY) == asked


async def test_a_name_is_the_same_in_capitals() -> None:
    module = resolving()
    async with open_modem(module) as modem:
        for name in ("A.b", "a.B", "a.b", b"A.B"):
            assert await modem.resolve(name) == ["192.0.2.1"]

    assert module.count(QUERY) == 1


async def test_of_more_than_sixty_four_names_the_oldest_is_forgotten() -> None:
    module = resolving()
    async with open_modem(module) as modem:
        for name in (*range(64), *range(64)):
            await modem.resolve(f"{name}.example")

        assert module.count(QUERY) == 64
        for name in (64, 64, *range(1, 64)):
            await modem.resolve(f"{name}.example")

        assert module.count(QUERY) == 65
        await modem.resolve("0.example")
        assert module.count(QUERY) == 66


async def test_a_program_may_change_the_list_that_it_gets() -> None:
    async with open_modem(resolving()) as modem:
        (await modem.resolve("a.b")).clear()
        assert await modem.resolve("a.b") == ["192.0.2.1"]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"\r\n+QIDNSGIP: 565\r\n", ErrorCode.DNS_PARSE_FAILED),
        (b"\r\n+QIDNSGIP: 564\r\n", 564),
        (b"\r\n+QIDNSGIP: 0,0,0\r\n", ErrorCode.DNS_PARSE_FAILED),
    ],
)
async def test_a_failure_is_told_and_not_kept(answer: bytes, code: int) -> None:
    module = resolving(answer)
    async with open_modem(module) as modem:
        for asked in (1, 2):
            with pytest.raises(ResolutionError, match=r"^.*resolving a\.b") as caught:
                await modem.resolve("a.b")

            assert caught.value.code == code
            assert module.count(QUERY) == asked


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"\r\nERROR\r\n", ErrorCode.UNKNOWN),
        (b"\r\n+CME ERROR: 564\r\n", ErrorCode.DNS_BUSY),
        (b"\r\n+CME ERROR: 50\r\n", 50),
    ],
)
async def test_a_query_that_the_module_refuses_is_a_failed_resolution(answer: bytes, code: int) -> None:
    module = Module()
    module.override = lambda command: answer if isinstance(command, Resolve) else None
    async with open_modem(module) as modem:
        with pytest.raises(socket.gaierror) as caught:
            await modem.getaddrinfo("a.b", 80)

        assert isinstance(caught.value, ResolutionError)
        assert caught.value.code == code


async def test_addresses_are_asked_for_again_where_other_servers_are_set() -> None:
    module = resolving()
    async with open_modem(module) as modem:
        await modem.resolve("a.b")
        await modem.set_dns_servers("192.0.2.53")
        await modem.resolve("a.b")
        assert module.count(QUERY) == 2
        with pytest.raises(ValueError, match="does not appear to be an IPv4 or IPv6 address"):
            await modem.set_dns_servers("192.0.2.53", "a.b")
