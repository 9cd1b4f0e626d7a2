"""TLS over a modem, where it is not as the standard library leaves it."""

import asyncio
import contextlib
import gc
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from bc260y_aio import ModemTransport
from tests.contract.certificates import client_context, server_context
from tests.loops import Contexts

from .servers import PEER, routable, serving


async def test_waiting_data_is_sent_before_the_end_when_a_peer_ends_its_side_of_tls() -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = server_context().wrap_bio(incoming, outgoing, server_side=True)
    received = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def until_done(step: Callable[[], Any]) -> Any:
            while True:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    writer.write(outgoing.read())
                    # One record, for TLS does not end its side with data waiting.
                    header = await reader.readexactly(5)
                    incoming.write(header + await reader.readexactly(int.from_bytes(header[3:])))

        await until_done(tls.do_handshake)
        assert await until_done(lambda: tls.read(4)) == b"ping"
        with pytest.raises(ssl.SSLWantReadError):
            tls.unwrap()

        writer.write(outgoing.read())
        size = 0
        with contextlib.suppress(ssl.SSLZeroReturnError, EOFError):
            while data := await until_done(lambda: tls.read(65536)):
                size += len(data)

        # The peer's close_notify has come if there is nothing to wait for.
        tls.unwrap()
        received.set_result(size)

    async with routable() as modem, serving(serve) as port:
        with modem.route():
            _, writer = await asyncio.open_connection(PEER, port, ssl=client_context())
            writer.write(b"ping")
            # A record of its own: writes of one turn share one.
            await asyncio.sleep(0)
            # The first piece is more than waits gladly, so that the second is held back above the module's transport.
            writer.write(bytes(100_000))
            writer.write(bytes(20_000))
            assert await received == 120_000
            writer.close()
            await writer.wait_closed()


@pytest.mark.loops("asyncio", "eager", "uvloop")
@pytest.mark.parametrize("begin", ["create_connection", "start_tls"])
async def test_a_transport_whose_handshake_has_failed_is_in_no_reference_cycle(
    begin: str, loop_errors: Contexts
) -> None:
    async def fail(port: int) -> None:
        loop = asyncio.get_running_loop()
        # It trusts none of the certificates of tests.
        context = ssl.create_default_context()
        if begin == "create_connection":
            await loop.create_connection(asyncio.Protocol, PEER, port, ssl=context)
        else:
            transport, protocol = await loop.create_connection(asyncio.Protocol, PEER, port)
            await loop.start_tls(transport, protocol, context, server_hostname=PEER)

    async with routable() as modem, serving(context=server_context()) as port:
        gc.collect()
        gc.disable()
        try:
            with modem.route(), contextlib.suppress(ssl.SSLCertVerificationError):
                await fail(port)

            # A transport lives until its socket is closed.
            while await modem.sockets():
                pass

            await asyncio.sleep(0)
            assert [thing for thing in gc.get_objects() if isinstance(thing, ModemTransport)] == []
        finally:
            gc.enable()

    # asyncio's server has lost its client.
    assert {context["message"] for context in loop_errors} <= {"Error on transport creation for incoming connection"}
