"""Arguments of TLS that could only fail are refused before anything is sent."""

import asyncio
import ssl
from typing import Any

import pytest

from bc260y_aio.tracing import CommandSent, TraceEvent
from tests.contract.certificates import client_context, server_context
from tests.routing.servers import PEER, greet, routable, serving

CLIENT = ssl.create_default_context()
NO_NAME = ssl.create_default_context()
NO_NAME.check_hostname = False


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"ssl": CLIENT, "server_hostname": ""}, ValueError, "check_hostname requires server_hostname"),
        ({"ssl": CLIENT, "server_hostname": ".example"}, ValueError, "server_hostname is no name of a host"),
        ({"ssl": True, "server_hostname": ".example"}, ValueError, "server_hostname is no name of a host"),
        ({"ssl": NO_NAME, "server_hostname": ".example"}, ValueError, "server_hostname is no name of a host"),
        ({"ssl": server_context()}, ssl.SSLError, "Cannot create a client socket with a PROTOCOL_TLS_SERVER context"),
        ({"ssl": "yes"}, TypeError, "ssl must be True or an ssl.SSLContext, not 'yes'"),
        ({"ssl": 1}, TypeError, "ssl must be True or an ssl.SSLContext, not 1"),
        ({"ssl": CLIENT, "ssl_handshake_timeout": 0}, ValueError, "ssl_handshake_timeout should be a positive number"),
        ({"ssl": CLIENT, "ssl_shutdown_timeout": -1}, ValueError, "ssl_shutdown_timeout should be a positive number"),
        ({"server_hostname": PEER}, ValueError, "server_hostname is only meaningful with ssl"),
        ({"ssl_shutdown_timeout": 1}, ValueError, "ssl_shutdown_timeout is only meaningful with ssl"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else None,
)
async def test_they_are_refused_before_a_socket_is_opened(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    events: list[TraceEvent] = []
    async with routable() as modem:
        modem.trace(events.append)
        with pytest.raises(error, match=message):
            await modem.open_connection(PEER, 443, **arguments)

        with modem.route(), pytest.raises(error, match=message):
            await asyncio.open_connection(PEER, 443, **arguments)

        assert [event for event in events if isinstance(event, CommandSent)] == []


@pytest.mark.parametrize(
    ("context", "name", "error"),
    [(CLIENT, None, ValueError), (CLIENT, "", ValueError), (server_context(), PEER, ssl.SSLError)],
)
async def test_a_connection_goes_on_as_it_was_when_start_tls_is_refused(
    context: ssl.SSLContext, name: str | None, error: type[Exception]
) -> None:
    async with routable() as modem, serving(greet) as port:
        reader, writer = await modem.open_connection(PEER, port)
        with pytest.raises(error):
            await writer.start_tls(context, server_hostname=name)

        assert await reader.readline() == b"220 ready\r\n"
        writer.write(b"question")
        assert await reader.readexactly(8) == b"question"
        writer.close()
        await writer.wait_closed()


async def test_a_context_that_checks_no_name_needs_none() -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with routable() as modem, serving(greet, context=server_context()) as port:
        reader, writer = await modem.open_connection(PEER, port, ssl=context, server_hostname="")
        assert await reader.readline() == b"220 ready\r\n"
        writer.close()
        await writer.wait_closed()


async def test_the_name_is_the_host_when_none_is_given() -> None:
    async with routable() as modem, serving(greet, context=server_context()) as port:
        reader, writer = await modem.open_connection(PEER.encode(), port, ssl=client_context())
        assert await reader.readline() == b"220 ready\r\n"
        writer.close()
        await writer.wait_closed()
