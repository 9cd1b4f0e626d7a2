"""A client that knows of no modem: anyio, which resolves first, races addresses, and brings its own TLS."""

import socket

import anyio
import pytest
from anyio.streams.tls import TLSStream

from bc260y_aio import Modem
from tests.contract.certificates import client_context, server_context

from .servers import PEER, free, greet, routable, serving, serving_datagrams

pytestmark = pytest.mark.loops("asyncio", "eager", "uvloop")


def modem_of(stream: anyio.abc.SocketStream) -> Modem | None:
    """Tell over which modem a stream goes, by its protocol's transport."""
    modem: Modem | None = stream._transport.get_extra_info("modem")  # type: ignore[attr-defined]
    return modem


async def test_anyio_connects_over_the_modem_and_takes_one_connect_id() -> None:
    async with routable() as modem, serving(greet) as port:
        with modem.route():
            async with await anyio.connect_tcp(PEER, port, happy_eyeballs_delay=0.001) as stream:
                assert await stream.receive() == b"220 ready\r\n"
                await stream.send(b"question")
                assert await stream.receive() == b"question"
                assert modem_of(stream) is modem
                assert len(await modem.sockets()) == 1

                raw = stream.extra(anyio.abc.SocketAttribute.raw_socket)
                assert raw.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == socket.SOCK_STREAM
                assert stream.extra(anyio.abc.SocketAttribute.remote_port) == port

        await free(modem)


async def test_anyios_own_tls_goes_over_the_modem() -> None:
    async with routable() as modem, serving(greet, context=server_context()) as port:
        with modem.route():
            async with await anyio.connect_tcp(PEER, port, ssl_context=client_context(), tls_hostname=PEER) as stream:
                assert isinstance(stream, TLSStream)
                assert await stream.receive() == b"220 ready\r\n"
                await stream.send(b"question")
                assert await stream.receive() == b"question"

        await free(modem)


async def test_anyios_datagrams_go_over_the_modem() -> None:
    async with routable() as modem, serving_datagrams() as port:
        with modem.route():
            async with await anyio.create_connected_udp_socket(PEER, port) as connected:
                await connected.send(b"question")
                with anyio.fail_after(10):
                    assert await connected.receive() == b"question"

            async with await anyio.create_udp_socket(socket.AF_INET) as unconnected:
                await unconnected.sendto(b"question", PEER, port)
                with anyio.fail_after(10):
                    assert (await unconnected.receive())[0] == b"question"

        await free(modem)


async def test_a_connection_that_fails_is_anyios_os_error() -> None:
    async with routable() as modem:
        with modem.route():
            with pytest.raises(OSError, match=r"connection attempts failed|connection failed"):
                await anyio.connect_tcp("203.0.113.1", 80)

            with pytest.raises(socket.gaierror):
                await anyio.connect_tcp("nobody.invalid", 80)
