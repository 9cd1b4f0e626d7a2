"""Where a modem's transport is not like a kernel's, or like asyncio's own TLS."""

import asyncio
import socket
import ssl
from typing import Any

import pytest

from .certificates import client_context
from .ends import MUCH, Recorder, ends, read, twin_of

pytestmark = pytest.mark.loops("asyncio", "eager", "uvloop")


async def test_there_is_no_closing_in_one_direction_only() -> None:
    async with ends("kernel") as both:
        transport, _ = await both.connect()
        reader, _ = await both.accept()
        assert transport.can_write_eof()

        transport.write_eof()
        assert await reader.read() == b""

    async with ends("modem") as both:
        transport, _ = await both.connect()
        await both.accept()
        assert not transport.can_write_eof()

        with pytest.raises(NotImplementedError):
            transport.write_eof()


async def test_a_reader_that_pauses_does_not_hold_its_peer_back() -> None:
    async with ends("modem") as both:
        transport, protocol = await both.connect()
        _, writer = await both.accept()
        transport.pause_reading()
        writer.write(MUCH)
        async with asyncio.timeout(10):
            await writer.drain()

        await both.let_pass()
        transport.resume_reading()
        await protocol.has(MUCH)


async def test_a_protocol_factory_that_fails_leaves_nothing_open() -> None:
    """asyncio's own connection leaves its socket to the garbage collector."""

    def factory() -> Recorder:
        raise ArithmeticError

    async with ends("modem") as both:
        with pytest.raises(ArithmeticError):
            await both.connect(factory)

        reader, _ = await both.accept()
        async with asyncio.timeout(10):
            assert await reader.read() == b""

        assert both.modem is not None
        assert await both.modem.sockets() == []


async def test_data_of_a_tls_peer_during_the_close_is_dropped() -> None:
    """asyncio's own TLS ends in APPLICATION_DATA_AFTER_CLOSE_NOTIFY, or delivers it after the close."""
    async with ends("modem", tls=True) as both:
        transport, protocol = await both.connect()
        reader, writer = await both.accept()
        writer.write(b"still talking")
        transport.close()
        writer.write(b"still talking")
        async with asyncio.timeout(10):
            await reader.read()

        writer.close()
        await protocol.lost

        assert protocol.events == ["made", ("lost", None)]


@pytest.mark.parametrize("is_cut_off", [False, True])
async def test_a_tls_transport_closes_although_the_last_data_of_the_peer_was_not_read(is_cut_off: bool) -> None:
    """asyncio's own TLS waits for them to be read, for ever, and keeps the connection."""
    async with ends("modem", tls=True) as both:
        transport, protocol = await both.connect()
        _, writer = await both.accept()
        transport.pause_reading()
        writer.write(b"unread")
        if is_cut_off:
            with twin_of(writer) as twin:
                twin.shutdown(socket.SHUT_WR)
        else:
            writer.close()

        await both.let_pass()
        assert protocol.events == ["made"]

        transport.close()
        async with asyncio.timeout(5):
            await protocol.lost

        assert protocol.events == ["made", ("lost", None)]


async def test_plain_bytes_of_a_tls_peer_are_an_error_also_during_the_close() -> None:
    async with ends("modem", tls=True) as both:
        transport, protocol = await both.connect()
        _, writer = await both.accept()
        transport.close()
        with twin_of(writer) as twin:
            twin.send(b"GET / HTTP/1.0" * 10)

        await protocol.lost
        _, error = protocol.events[-1]
        assert isinstance(error, ssl.SSLError)


async def test_a_start_of_tls_that_is_given_up_closes_the_connection() -> None:
    async with ends("modem") as both:
        transport, protocol = await both.connect()
        reader, _ = await both.accept()
        starting: asyncio.Task[Any] = asyncio.create_task(both.start_tls(transport, protocol, client_context()))
        await read(reader, 1)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting

        assert transport.is_closing()
        # Its protocol is that of TLS by now.
        protocol.lost.set_result(None)


async def test_a_handshake_fails_when_the_modem_is_closed_meanwhile() -> None:
    class Silent(Recorder):
        pass

    async with ends("modem") as both:
        assert both.modem is not None
        connecting: asyncio.Task[Any] = asyncio.create_task(both.connect(Silent, ssl=True, server_hostname="x.example"))
        reader, _ = await both.accept()
        await read(reader, 1)
        await both.modem.close()

        with pytest.raises(ConnectionError):
            await connecting
