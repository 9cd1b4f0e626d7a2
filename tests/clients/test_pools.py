"""The use of the module's five sockets by clients with a pool, or that race addresses."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import aiohttp
import anyio
import httpx
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from bc260y_aio import Modem
from bc260y_aio.emulator import Network

from .stage import HOST, Stage, elsewhere, on_stage
from .web_servers import web_server

pytestmark = pytest.mark.loops("asyncio", "uvloop")


@contextlib.asynccontextmanager
async def closed_by_the_server(stage: Stage) -> AsyncIterator[None]:
    """Wait, at the end, until the driver has received the close of a connection by the server."""
    closed = asyncio.Event()

    def listen(data: bytes) -> bytes:
        if b'"closed"' in data:
            closed.set()

        return data

    stage.emulator.line.transmit_filter = listen
    yield
    async with asyncio.timeout(10):
        await closed.wait()
        # An answer after the URC shows that the URC has been read.
        await stage.modem.sockets()


async def test_httpx_makes_ten_requests_on_one_connection() -> None:
    async with elsewhere(web_server()) as port, on_stage() as stage:
        async with stage.routed(), httpx.AsyncClient(trust_env=False) as session:
            for _ in range(10):
                assert (await session.get(f"http://{HOST}:{port}/hello")).text == "hello"

        assert stage.opened == 1


async def test_httpx_opens_a_new_connection_after_the_server_has_closed_the_idle_one() -> None:
    async with elsewhere(web_server()) as port, on_stage() as stage:
        async with stage.routed(), httpx.AsyncClient(trust_env=False) as session:
            async with closed_by_the_server(stage):
                assert (await session.get(f"http://{HOST}:{port}/once")).text == "hello"

            assert (await session.get(f"http://{HOST}:{port}/hello")).text == "hello"

        assert stage.opened == 2


async def test_aiohttp_makes_ten_requests_on_one_connection() -> None:
    async with elsewhere(web_server()) as port, on_stage() as stage:
        async with stage.routed(), aiohttp.ClientSession(f"http://{HOST}:{port}") as session:
            for _ in range(10):
                async with session.get("/hello") as response:
                    assert await response.text() == "hello"

        assert stage.opened == 1


async def test_aiohttp_opens_a_new_connection_after_the_server_has_closed_the_idle_one() -> None:
    async with elsewhere(web_server()) as port, on_stage() as stage:
        async with stage.routed(), aiohttp.ClientSession(f"http://{HOST}:{port}") as session:
            async with closed_by_the_server(stage), session.get("/once") as response:
                assert await response.text() == "hello"

            async with session.get("/hello") as response:
                assert await response.text() == "hello"

        assert stage.opened == 2


async def test_a_pool_takes_no_more_sockets_than_there_are_and_serves_all() -> None:
    async with elsewhere(web_server()) as port, on_stage() as stage:
        limits = httpx.Limits(max_connections=5)
        async with stage.routed(), httpx.AsyncClient(limits=limits, trust_env=False) as session:
            responses = await asyncio.gather(*(session.get(f"http://{HOST}:{port}/hello") for _ in range(10)))
            assert [response.text for response in responses] == ["hello"] * 10

        assert stage.opened <= 5


# Racing addresses


class Addresses(AbstractResolver):
    """A resolver of a client's own, that knows several addresses of a host."""

    def __init__(self, addresses: list[str]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=6, flags=0)
            for address in self._addresses
        ]

    async def close(self) -> None:
        pass


async def test_aiohttp_races_three_addresses_and_takes_two_sockets_at_most() -> None:
    network = Network(latency=0.05)
    addresses = [network.add_host(f"{number}.example") for number in range(3)]
    async with elsewhere(web_server()) as port, on_stage(network) as stage:
        connector = aiohttp.TCPConnector(resolver=Addresses(addresses), happy_eyeballs_delay=0.001)
        async with (
            stage.routed(),
            aiohttp.ClientSession(connector=connector) as session,
            session.get(f"http://{HOST}:{port}/hello") as response,
        ):
            assert await response.text() == "hello"
            assert stage.in_use == 1

        assert stage.opened <= 2


class WellKnown(Modem):
    """A modem in whose network names have five addresses."""

    async def resolve(self, host: str | bytes) -> list[str]:
        addresses = await super().resolve(host)
        return addresses + [f"203.0.113.{number}" for number in range(4)]


async def test_one_of_five_addresses_is_returned_so_that_no_connections_race() -> None:
    async with elsewhere(web_server()) as port, on_stage(modem=WellKnown, latency=0.05) as stage:
        assert len(await stage.modem.getaddrinfo(HOST, port, type=socket.SOCK_STREAM)) == 5
        async with stage.routed(), await anyio.connect_tcp(HOST, port, happy_eyeballs_delay=0.001) as stream:
            await stream.send(b"GET /hello HTTP/1.0\r\n\r\n")
            assert (await stream.receive()).startswith(b"HTTP/1.0 200 OK")

        connector = aiohttp.TCPConnector(happy_eyeballs_delay=0.001)
        async with (
            stage.routed(),
            aiohttp.ClientSession(connector=connector) as session,
            session.get(f"http://{HOST}:{port}/hello") as response,
        ):
            assert await response.text() == "hello"

        assert stage.opened == 2
