"""Datagram endpoints inside a route."""

import asyncio
import errno
import socket
from typing import Any

import pytest

from bc260y_aio import ModemDatagramTransport, UnconnectedDatagramTransport

from .servers import PEER, free, routable, serving_datagrams

pytestmark = pytest.mark.loops("asyncio", "eager", "uvloop")


class Listener(asyncio.DatagramProtocol):
    """A protocol whose datagrams are awaited."""

    def __init__(self) -> None:
        self.received: asyncio.Queue[tuple[bytes, Any]] = asyncio.Queue()
        self.errors: asyncio.Queue[Exception] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.received.put_nowait((data, addr))

    def error_received(self, exc: Exception) -> None:
        self.errors.put_nowait(exc)


async def test_a_connected_endpoint_goes_over_the_modem() -> None:
    loop = asyncio.get_running_loop()
    async with routable() as modem, serving_datagrams() as port:
        with modem.route():
            transport, protocol = await loop.create_datagram_endpoint(Listener, remote_addr=(PEER, port))

        assert isinstance(transport, ModemDatagramTransport)
        transport.sendto(b"question")
        async with asyncio.timeout(10):
            assert await protocol.received.get() == (b"question", (PEER, port))

        transport.close()
        await free(modem)


@pytest.mark.parametrize("options", [{"local_addr": ("0.0.0.0", 0)}, {"family": socket.AF_INET}])
async def test_an_endpoint_without_a_peer_goes_over_the_modem(options: dict[str, Any]) -> None:
    loop = asyncio.get_running_loop()
    async with routable() as modem, serving_datagrams() as one, serving_datagrams() as two:
        with modem.route():
            transport, protocol = await loop.create_datagram_endpoint(Listener, **options)

        assert isinstance(transport, UnconnectedDatagramTransport)
        for port in (one, two):
            transport.sendto(b"question", (PEER, port))
            async with asyncio.timeout(10):
                assert await protocol.received.get() == (b"question", (PEER, port))

        assert len(await modem.sockets()) == 2
        transport.close()
        await free(modem)


async def test_the_error_of_one_datagram_is_reported_to_the_protocol() -> None:
    loop = asyncio.get_running_loop()
    async with routable() as modem:
        with modem.route():
            transport, protocol = await loop.create_datagram_endpoint(Listener, family=socket.AF_INET)

        transport.sendto(b"question", ("nobody.invalid", 53))
        async with asyncio.timeout(10):
            assert isinstance(await protocol.errors.get(), OSError)

        assert not transport.is_closing()
        transport.close()


async def test_endpoints_on_this_machine_stay_on_it() -> None:
    loop = asyncio.get_running_loop()
    async with routable() as modem:
        with modem.route():
            async with serving_datagrams() as port:
                transport, protocol = await loop.create_datagram_endpoint(Listener, remote_addr=("127.0.0.1", port))
                transport.sendto(b"question")
                async with asyncio.timeout(10):
                    assert (await protocol.received.get())[0] == b"question"

                assert transport.get_extra_info("modem") is None
                transport.close()


async def test_match_is_asked_about_an_endpoint_without_a_peer_as_about_any_address() -> None:
    loop = asyncio.get_running_loop()
    asked = []

    def match(host: str, port: int) -> bool:
        asked.append((host, port))
        return True

    async with routable() as modem:
        with modem.route(match):
            transport, _ = await loop.create_datagram_endpoint(Listener, family=socket.AF_INET)
            assert transport.get_extra_info("modem") is modem
            transport.close()

            # One that is bound to this machine's own address can go nowhere else.
            transport, _ = await loop.create_datagram_endpoint(Listener, local_addr=("127.0.0.1", 0))
            assert transport.get_extra_info("modem") is None
            transport.close()

    assert asked == [("0.0.0.0", 0)]


async def test_a_local_port_can_be_asked_for() -> None:
    loop = asyncio.get_running_loop()
    async with routable() as modem, serving_datagrams() as port:
        with modem.route():
            transport, _ = await loop.create_datagram_endpoint(
                Listener, local_addr=("0.0.0.0", 40_000), remote_addr=(PEER, port)
            )
            assert [info.local_port for info in await modem.sockets()] == [40_000]
            transport.close()

            with pytest.raises(OSError, match="ssign requested address") as caught:
                await loop.create_datagram_endpoint(Listener, local_addr=("192.0.2.1", 0), remote_addr=(PEER, port))

            assert caught.value.errno == errno.EADDRNOTAVAIL


@pytest.mark.parametrize("kwds", [{"reuse_port": True}, {"allow_broadcast": True}, {"proto": socket.IPPROTO_TCP}])
async def test_calls_beyond_the_module_are_refused(kwds: dict[str, Any]) -> None:
    async with routable() as modem:
        with modem.route(), pytest.raises(ValueError, match="a module"):
            await asyncio.get_running_loop().create_datagram_endpoint(Listener, remote_addr=(PEER, 53), **kwds)


@pytest.mark.parametrize(
    "kwds",
    [{}, {"remote_addr": PEER}, {"local_addr": "here"}, {"remote_addr": ("a", 1, 2)}, {"remote_addr": ["a", 1]}],
)
@pytest.mark.loops("asyncio", "eager")
async def test_addresses_that_are_none_are_refused_as_asyncio_refuses_them(kwds: dict[str, Any]) -> None:
    loop = asyncio.get_running_loop()

    async def outcome() -> tuple[type, str]:
        with pytest.raises((TypeError, ValueError)) as caught:
            await loop.create_datagram_endpoint(Listener, **kwds)

        return caught.type, str(caught.value)

    native = await outcome()
    async with routable() as modem:
        with modem.route():
            assert await outcome() == native


@pytest.mark.parametrize("kwds", [{"family": socket.AF_INET6}, {"flags": socket.AI_NUMERICHOST}])
async def test_a_name_that_cannot_be_resolved_as_asked_is_a_gaierror(kwds: dict[str, Any]) -> None:
    async with routable() as modem:
        with modem.route(), pytest.raises(socket.gaierror):
            await asyncio.get_running_loop().create_datagram_endpoint(Listener, remote_addr=(PEER, 53), **kwds)

        await free(modem)
