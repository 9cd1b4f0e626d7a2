"""HTTP clients and WebSockets, against real servers, over the modem."""

import asyncio

import aiohttp
import httpx
import pytest
from websockets.asyncio import client as websockets_client

from tests.contract.certificates import client_context, server_context

from .stage import HOST, elsewhere, play_twice
from .web_servers import h2_server_context, http2_server, web_server, websocket_server

pytestmark = pytest.mark.loops("asyncio", "uvloop")


async def test_aiohttp_gets_and_posts() -> None:
    async def client() -> None:
        # The default, unless aiodns is installed.
        connector = aiohttp.TCPConnector(resolver=aiohttp.ThreadedResolver())
        async with aiohttp.ClientSession(f"http://{HOST}:{port}", connector=connector) as session:
            async with session.get("/hello") as response:
                assert (response.status, await response.text()) == (200, "hello")

            async with session.post("/echo", data=bytes(range(256)) * 20) as response:
                assert await response.read() == bytes(range(256)) * 20

    async with elsewhere(web_server()) as port:
        await play_twice(client)


async def test_aiohttp_gets_over_tls() -> None:
    async def client() -> None:
        connector = aiohttp.TCPConnector(ssl=client_context())
        async with (
            aiohttp.ClientSession(f"https://{HOST}:{port}", connector=connector) as session,
            session.get("/hello") as response,
        ):
            assert (response.status, await response.text()) == (200, "hello")

    async with elsewhere(web_server(server_context())) as port:
        await play_twice(client)


async def test_aiohttp_uses_websocket() -> None:
    async def client() -> None:
        async with (
            aiohttp.ClientSession(f"http://{HOST}:{port}") as session,
            session.ws_connect("/socket") as connection,
        ):
            for message in (b"one", b"two" * 700):
                await connection.send_bytes(message)
                assert await connection.receive_bytes() == message

    async with elsewhere(web_server()) as port:
        await play_twice(client)


async def test_httpx_gets_and_posts() -> None:
    async def client() -> None:
        async with httpx.AsyncClient(base_url=f"http://{HOST}:{port}", trust_env=False) as session:
            assert (await session.get("/hello")).text == "hello"
            assert (await session.post("/echo", content=b"\0\xff" * 900)).content == b"\0\xff" * 900

    async with elsewhere(web_server()) as port:
        await play_twice(client)


async def test_httpx_gets_over_tls() -> None:
    async def client() -> None:
        async with httpx.AsyncClient(verify=client_context(), trust_env=False) as session:
            assert (await session.get(f"https://{HOST}:{port}/hello")).text == "hello"

    async with elsewhere(web_server(server_context())) as port:
        await play_twice(client)


async def test_httpx_uses_http_2() -> None:
    async def client() -> None:
        async with httpx.AsyncClient(http1=False, http2=True, trust_env=False) as session:
            responses = await asyncio.gather(
                *(session.post(f"http://{HOST}:{port}/", content=f"question {number}") for number in range(3))
            )
            assert [response.text for response in responses] == [f"question {number}" for number in range(3)]
            assert {response.http_version for response in responses} == {"HTTP/2"}

    async with elsewhere(http2_server()) as port:
        await play_twice(client)


async def test_httpx_agrees_on_http_2_over_tls() -> None:
    async def client() -> None:
        async with httpx.AsyncClient(http2=True, verify=client_context(), trust_env=False) as session:
            response = await session.post(f"https://{HOST}:{port}/", content=b"question")
            assert (response.http_version, response.content) == ("HTTP/2", b"question")

    async with elsewhere(http2_server(h2_server_context())) as port:
        await play_twice(client)


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_websockets_converses(scheme: str) -> None:
    tls = scheme == "wss"

    async def client() -> None:
        context = client_context() if tls else None
        async with websockets_client.connect(f"{scheme}://{HOST}:{port}", ssl=context, proxy=None) as connection:
            for message in ("one", b"two" * 700):
                await connection.send(message)
                assert await connection.recv() == message

    async with elsewhere(websocket_server(server_context() if tls else None)) as port:
        await play_twice(client)
