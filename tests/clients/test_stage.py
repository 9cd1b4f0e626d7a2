"""The stage itself: it records forbidden calls of a client, whether or not the client gets an error."""

import asyncio
import contextlib
import errno
import socket

import aiocoap
import pytest

from tests.guard import LeftLoopback

from .stage import HOST, listening, on_stage, port_of

pytestmark = pytest.mark.loops("asyncio", "uvloop")


async def test_a_socket_that_a_client_connects_by_itself_is_seen() -> None:
    async with on_stage() as stage:
        with listening() as server, pytest.raises(AssertionError, match=r"socket\.connect"):
            async with stage.routed():
                socket.create_connection(("127.0.0.1", port_of(server))).close()


async def test_a_client_that_never_uses_the_modem_is_seen() -> None:
    async with on_stage() as stage:
        with listening() as server, pytest.raises(AssertionError):  # noqa: PT012 - what ends the inner block
            async with stage.routed():
                _, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
                writer.close()
                await writer.wait_closed()


async def test_aiocoaps_default_transport_is_seen_to_send_by_itself(left_loopback: list[str]) -> None:
    async with on_stage() as stage:
        with stage.modem.route():
            try:
                context = await aiocoap.Context.create_client_context(transports=["udp6"])
            except OSError as exc:
                if exc.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                    raise

                pytest.skip("this transport needs IPv6, which this machine has not")

            request = aiocoap.Message(code=aiocoap.GET, uri=f"coap://{HOST}/meter")
            with contextlib.suppress(LeftLoopback, aiocoap.error.Error):
                await context.request(request).response

            await context.shutdown()

        assert stage.opened == 0

    assert left_loopback
    assert all(refused.endswith("'::ffff:198.51.100.1'") for refused in left_loopback)
