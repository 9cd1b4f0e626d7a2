"""HTTP and WebSocket servers, from the libraries that people serve with."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

import hypercorn
import hypercorn.asyncio
from aiohttp import web
from websockets.asyncio import server as websockets_server

from tests.contract.certificates import server_context

from .stage import listening, port_of


async def greet(request: web.Request) -> web.Response:
    return web.Response(text="hello")


async def greet_once(request: web.Request) -> web.Response:
    """Answer as if the connection were kept, and close it a little later."""
    assert request.transport is not None
    asyncio.get_running_loop().call_later(0.05, request.transport.close)
    return web.Response(text="hello")


async def echo(request: web.Request) -> web.Response:
    return web.Response(body=await request.read())


async def converse(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_bytes(message.data)

    return socket


@contextlib.asynccontextmanager
async def web_server(context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    application = web.Application(client_max_size=1 << 20)
    application.router.add_get("/hello", greet)
    application.router.add_get("/once", greet_once)
    application.router.add_post("/echo", echo)
    application.router.add_get("/socket", converse)
    runner = web.AppRunner(application, shutdown_timeout=1.0, access_log=None)
    await runner.setup()
    sock = listening()
    try:
        await web.SockSite(runner, sock, ssl_context=context).start()
        yield port_of(sock)
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def http2_server(context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    async def application(scope: Any, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        if scope["type"] != "http":
            raise NotImplementedError

        body = b""
        more = True
        while more:
            event = await receive()
            body += event.get("body", b"")
            more = event.get("more_body", False)

        version = scope["http_version"].encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"version", version)]})
        await send({"type": "http.response.body", "body": body})

    config = hypercorn.Config()
    sock = listening()
    port = port_of(sock)
    config.bind = [f"fd://{sock.detach()}"]
    config.graceful_timeout = 0.5
    if context is not None:
        config.certfile = config.keyfile = "unused"
        config.create_ssl_context = lambda: context  # type: ignore[method-assign]

    stop = asyncio.Event()
    task = asyncio.create_task(hypercorn.asyncio.serve(application, config, shutdown_trigger=stop.wait))
    try:
        yield port
    finally:
        stop.set()
        await task


def h2_server_context() -> ssl.SSLContext:
    context = server_context.__wrapped__()
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


@contextlib.asynccontextmanager
async def websocket_server(context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    async def answer(connection: websockets_server.ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    async with websockets_server.serve(answer, "127.0.0.1", 0, ssl=context) as server:
        yield port_of(server)
