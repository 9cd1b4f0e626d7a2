"""Clients that do TLS by themselves, inside a route and under ``run``, resume sessions too."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import anyio
import httpx
import pytest
from anyio.streams.tls import TLSAttribute, TLSStream

from bc260y_aio import Modem
from bc260y_aio.emulator import Emulator
from bc260y_aio.tls import TlsSessions
from tests import loops
from tests.cli.running import finished
from tests.contract.certificates import NAMES, server_context, trusting_context, write_authority, write_server_files
from tests.tls.test_tls_resumption import Bench, bench, serve

NAME = NAMES[0]


async def exchange(port: int, context: ssl.SSLContext) -> bool:
    """Exchange a line over anyio's TLS; return whether the handshake resumed a session."""
    async with await anyio.connect_tcp(NAME, port) as stream:
        tls = await TLSStream.wrap(stream, hostname=NAME, ssl_context=context, standard_compatible=False)
        await tls.send(b"question\n")
        assert await tls.receive() == b"answer\n"
        reused: bool = tls.extra(TLSAttribute.ssl_object).session_reused
        await tls.aclose()
        return reused


@contextlib.asynccontextmanager
async def routed(**options: Any) -> AsyncIterator[Bench]:
    async with bench(**options) as this:
        with this.modem.route(match=lambda host, port: port == this.port):
            yield this


async def test_tls_of_anyio_resumes_inside_a_route() -> None:
    async with routed() as this:
        assert [await exchange(this.port, this.context) for _ in range(3)] == [False, True, True]


async def test_another_context_resumes_nothing() -> None:
    async with routed() as this:
        assert [await exchange(this.port, trusting_context()) for _ in range(2)] == [False, False]


async def test_nothing_is_resumed_where_that_is_switched_off() -> None:
    async with routed(tls_sessions=TlsSessions(0)) as this:
        assert [await exchange(this.port, this.context) for _ in range(2)] == [False, False]


async def test_nothing_is_kept_of_a_handshake_that_failed(loop_errors: loops.Contexts) -> None:
    async with routed() as this:
        await exchange(this.port, this.context)
        stranger = ssl.create_default_context()
        with pytest.raises(ssl.SSLCertVerificationError):
            await exchange(this.port, stranger)

        assert len(this.modem.tls_sessions) == 1
        assert await exchange(this.port, this.context)

    # The server's own complaint.
    assert all("incoming connection" in context["message"] for context in loop_errors)


async def test_handshakes_of_an_unmodified_client_can_be_made_small() -> None:
    async with routed(tls_sessions=TlsSessions(narrowband=True)) as this:
        options = this.context.options
        await exchange(this.port, this.context)

        assert this.context.options != options


async def test_a_connection_that_stays_on_the_host_is_left_alone() -> None:
    async with bench() as this:
        options = this.context.options
        with this.modem.route():
            async with await anyio.connect_tcp("127.0.0.1", this.port) as stream:
                tls = await TLSStream.wrap(stream, hostname=NAME, ssl_context=this.context, standard_compatible=False)
                await tls.send(b"question\n")
                await tls.receive()
                await tls.aclose()

        assert len(this.modem.tls_sessions) == 0
        assert this.context.options == options


async def test_the_ssl_module_is_as_it_was_after_the_last_route() -> None:
    before = ssl.SSLContext.sslobject_class, ssl.SSLContext.wrap_bio
    async with bench() as this:
        with this.modem.route(), this.modem.route():
            assert ssl.SSLContext.sslobject_class is not ssl.SSLObject

    assert (ssl.SSLContext.sslobject_class, ssl.SSLContext.wrap_bio) == before


async def test_httpx_resumes_inside_a_route() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=server_context())
    port = server.sockets[0].getsockname()[1]
    async with server, Emulator(line="memory") as emulator, Modem(emulator.url) as modem:
        with modem.route(match=lambda host, number: number == port):
            received = []
            async with httpx.AsyncClient(verify=trusting_context(), trust_env=False) as client:
                for _ in range(2):
                    before = emulator.radio.usage.received
                    assert (await client.get(f"https://{NAME}:{port}/")).text == "hello"
                    received.append(emulator.radio.usage.received - before)

    assert received[1] < 0.8 * received[0]


# Under `run`

PROGRAM = """
    import asyncio, json, socket, ssl, sys

    NAME, port, authority = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    context = ssl.create_default_context(cafile=authority)

    async def with_streams():
        reused = []
        for _ in range(2):
            reader, writer = await asyncio.open_connection(NAME, port, ssl=context)
            writer.write(b"question\\n")
            assert await reader.readline() == b"answer\\n"
            reused.append(writer.get_extra_info("ssl_object").session_reused)
            writer.close()
            await writer.wait_closed()
        return reused

    def with_sockets():
        reused = []
        for _ in range(2):
            with socket.create_connection((NAME, port), timeout=20) as raw:
                with context.wrap_socket(raw, server_hostname=NAME) as sock:
                    sock.sendall(b"question\\n")
                    assert sock.recv(100) == b"answer\\n"
                    reused.append(sock.session_reused)
        return reused

    print(json.dumps([with_sockets(), asyncio.run(with_streams())]))
"""


async def test_blocking_tls_sockets_and_loops_under_run_resume(tmp_path: Path) -> None:
    certificate, key = write_server_files(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    authority = tmp_path / "authority.pem"
    write_authority(authority)
    (tmp_path / "program.py").write_text(dedent(PROGRAM))
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server, Emulator(line="tcp") as emulator:
        port = str(server.sockets[0].getsockname()[1])
        program = str(tmp_path / "program.py")
        status, printed, complained = await finished("run", "--port", emulator.url, program, NAME, port, str(authority))

    assert (status, complained) == (0, b"")
    # Sessions are of a context, whatever uses it: those of the sockets are there for the loop.
    assert json.loads(printed) == [[False, True], [True, True]]
