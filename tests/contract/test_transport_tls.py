"""The contract of a TLS connection with its protocol, over the kernel's transports and over the modem's."""

import asyncio
import socket
import ssl

import pytest

from tests import loops

from .certificates import client_context, server_context
from .ends import MUCH, Recorder, each_kind, ends, read, twin_of

pytestmark = each_kind


async def test_tls_is_switched_on_by_one_argument(kind: str) -> None:
    async with ends(kind, tls=True) as both:
        transport, protocol = await both.connect()
        reader, writer = await both.accept()
        transport.write(b"question")
        assert await read(reader, 8) == b"question"

        writer.write(b"answer")
        await protocol.has(b"answer")
        assert protocol.events == ["made", b"answer"]
        assert transport.get_extra_info("cipher")
        assert transport.get_extra_info("ssl_object").version() == "TLSv1.3"
        assert transport.get_extra_info("peercert")["subjectAltName"]
        assert transport.get_extra_info("peername")[1] == both.port


async def test_data_that_a_tls_server_sends_first_is_received_after_connection_made(kind: str) -> None:
    async with ends(kind, tls=True) as both:
        connecting = asyncio.create_task(both.connect())
        _, writer = await both.accept()
        writer.write(b"220 ready\r\n")
        _, protocol = await connecting
        await protocol.has(b"220 ready\r\n")

        assert protocol.events == ["made", b"220 ready\r\n"]


async def test_a_tls_server_that_closes_first_is_received_to_the_end(kind: str) -> None:
    async with ends(kind, tls=True) as both:
        _, protocol = await both.connect()
        _, writer = await both.accept()
        writer.write(MUCH)
        writer.close()
        await protocol.lost

        assert protocol.received == MUCH
        assert protocol.events == ["made", MUCH, "eof", ("lost", None)]


async def test_a_tls_connection_that_is_cut_off_ends_without_losing_what_came(kind: str) -> None:
    async with ends(kind, tls=True) as both:
        _, protocol = await both.connect()
        _, writer = await both.accept()
        writer.write(b"half a sen")
        await protocol.has(b"half a sen")
        # The peer's TCP ends without a close of TLS.
        with twin_of(writer) as twin:
            twin.shutdown(socket.SHUT_WR)

        await protocol.lost

        assert protocol.received == b"half a sen"
        assert protocol.events[-1][0] == "lost"


async def test_closing_a_tls_transport_lets_everything_go_out_first(kind: str) -> None:
    async with ends(kind, tls=True) as both:
        transport, protocol = await both.connect()
        reader, writer = await both.accept()
        transport.write(MUCH)
        transport.close()
        async with asyncio.timeout(10):
            assert await reader.read(-1) == MUCH

        writer.close()
        await protocol.lost
        assert protocol.events[-1] == ("lost", None)


async def test_tls_can_be_started_in_mid_stream(kind: str) -> None:
    async with ends(kind) as both:
        transport, protocol = await both.connect()
        reader, writer = await both.accept()
        transport.write(b"STARTTLS\r\n")
        assert await read(reader, 10) == b"STARTTLS\r\n"
        writer.write(b"220 go\r\n")
        await protocol.has(b"220 go\r\n")

        above = Recorder()
        server = asyncio.create_task(writer.start_tls(server_context()))
        secured = await both.start_tls(transport, above, client_context())
        await server
        secured.write(b"secret question")
        assert await read(reader, 15) == b"secret question"

        writer.write(b"secret answer")
        await above.has(b"secret answer")
        assert above.events == [b"secret answer"]
        assert secured.get_extra_info("ssl_object") is not None
        secured.abort()
        await above.lost
        protocol.lost.set_result(None)


async def test_a_certificate_that_is_not_trusted_is_refused(kind: str, loop_errors: loops.Contexts) -> None:
    async with ends(kind, tls=True) as both:
        with pytest.raises(ssl.SSLCertVerificationError):
            await both.connect(ssl=ssl.create_default_context())

    # The peer, which is asyncio's own, reports that as an error of its loop.
    assert {type(context["exception"]) for context in loop_errors} <= {ConnectionResetError, ssl.SSLError}
