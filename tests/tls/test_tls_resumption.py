"""TLS over a modem resumes: a second connection to the same server sends no certificates."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bc260y_aio import Modem
from bc260y_aio.emulator import Emulator
from bc260y_aio.tls import Resumption, TlsSessions
from tests import loops
from tests.contract.certificates import NAMES, server_context, trusting_context

NAME = NAMES[0]


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while await reader.readline():
            writer.write(b"answer\n")
            await writer.drain()

    writer.close()


class Bench:
    """A modem, and a TLS server that answers a line with a line.

    Attributes:
        emulator: the emulated module.
        modem: the modem on it.
        port: the server's port.
        context: a client's context that trusts the server.
    """

    def __init__(self, emulator: Emulator, modem: Modem, server: asyncio.Server) -> None:
        self.emulator = emulator
        self.modem = modem
        self.port: int = server.sockets[0].getsockname()[1]
        self.context = trusting_context()
        self._server = server

    async def exchange(self, context: ssl.SSLContext | None = None) -> tuple[Resumption, int]:
        """Open a connection, exchange a line, and return how it resumed and how many bytes the module received."""
        before = self.emulator.radio.usage.received
        reader, writer = await self.modem.open_connection(NAME, self.port, ssl=context or self.context)
        return await self.finish(reader, writer), self.emulator.radio.usage.received - before

    async def finish(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Resumption:
        """Exchange a line over a connection, close it, and return how it resumed."""
        writer.write(b"question\n")
        assert await reader.readline() == b"answer\n"
        resumption: Resumption = writer.get_extra_info("tls_resumption")
        writer.close()
        await writer.wait_closed()
        return resumption

    async def serve_anew(self, context: ssl.SSLContext) -> None:
        """Replace the server by one that has other keys for its tickets."""
        await self.close()
        self._server = await asyncio.start_server(serve, "127.0.0.1", self.port, ssl=context)

    async def close(self) -> None:
        """Close the server."""
        self._server.close()
        await self._server.wait_closed()


@contextlib.asynccontextmanager
async def bench(server: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[Bench]:
    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server or server_context())
    async with Emulator(line="memory") as emulator, Modem(emulator.url, **options) as modem:
        made = Bench(emulator, modem, listening)
        try:
            yield made
        finally:
            await made.close()


async def test_the_second_connection_resumes_and_receives_no_certificates() -> None:
    async with bench() as this:
        first, full = await this.exchange()
        second, short = await this.exchange()
        third, _ = await this.exchange()

        assert (first, second, third) == (Resumption.NONE_KEPT, Resumption.RESUMED, Resumption.RESUMED)
        assert short < 0.8 * full
        assert len(this.modem.tls_sessions) == 1


async def test_tls_1_2_resumes_too() -> None:
    async with bench(server_context(maximum_version=ssl.TLSVersion.TLSv1_2)) as this:
        assert [(await this.exchange())[0] for _ in range(3)][1:] == [Resumption.RESUMED, Resumption.RESUMED]


async def test_a_server_that_forgot_the_session_makes_a_full_handshake_and_that_is_reported() -> None:
    async with bench() as this:
        await this.exchange()
        await this.serve_anew(server_context(num_tickets=1))

        assert (await this.exchange())[0] is Resumption.REFUSED
        assert (await this.exchange())[0] is Resumption.RESUMED


async def test_nothing_is_resumed_where_that_is_switched_off() -> None:
    async with bench(tls_sessions=TlsSessions(0)) as this:
        assert [(await this.exchange())[0] for _ in range(2)] == [Resumption.OFF, Resumption.OFF]


async def test_modems_can_share_their_sessions() -> None:
    sessions = TlsSessions()
    async with bench(tls_sessions=sessions) as this:
        await this.exchange()
        async with Emulator(line="memory") as emulator, Modem(emulator.url, tls_sessions=sessions) as modem:
            streams = await modem.open_connection(NAME, this.port, ssl=this.context)
            assert await this.finish(*streams) is Resumption.RESUMED


async def test_another_context_does_not_resume() -> None:
    async with bench() as this:
        await this.exchange()
        assert (await this.exchange(trusting_context()))[0] is Resumption.NONE_KEPT


async def test_a_failed_verification_leaves_the_sessions_of_other_contexts(loop_errors: loops.Contexts) -> None:
    async with bench() as this:
        await this.exchange()
        stranger = ssl.create_default_context()
        with pytest.raises(ssl.SSLCertVerificationError):
            await this.exchange(stranger)

        assert len(this.modem.tls_sessions) == 1
        assert (await this.exchange())[0] is Resumption.RESUMED

    # The server's own complaint.
    assert all("incoming connection" in context["message"] for context in loop_errors)


async def test_unmodified_code_inside_a_route_resumes() -> None:
    async with bench() as this:
        found = []
        with this.modem.route(match=lambda host, port: port == this.port):
            for _ in range(2):
                streams = await asyncio.open_connection(NAME, this.port, ssl=this.context)
                found.append(await this.finish(*streams))

        assert found == [Resumption.NONE_KEPT, Resumption.RESUMED]


async def test_tls_that_is_started_in_mid_stream_resumes() -> None:
    async with bench() as this:
        found = []
        for _ in range(2):
            reader, writer = await this.modem.open_connection(NAME, this.port)
            await writer.start_tls(this.context, server_hostname=NAME)
            found.append(await this.finish(reader, writer))

        assert found == [Resumption.NONE_KEPT, Resumption.RESUMED]


async def test_a_modem_can_make_every_handshake_small() -> None:
    async with bench() as this, bench(tls_sessions=TlsSessions(narrowband=True)) as narrow:
        before = this.emulator.radio.usage.sent, narrow.emulator.radio.usage.sent
        await this.exchange()
        await narrow.exchange()

        usual, small = this.emulator.radio.usage.sent - before[0], narrow.emulator.radio.usage.sent - before[1]
        assert usual - small > 200


async def test_a_peer_that_closes_during_the_handshake_is_a_lost_connection_and_nothing_else() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server, Emulator(line="memory") as emulator, Modem(emulator.url) as modem:
        with pytest.raises(ConnectionError):
            await modem.open_connection(NAME, server.sockets[0].getsockname()[1], ssl=trusting_context())
