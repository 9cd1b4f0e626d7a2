"""The calls of the socket module while an exclusive route is on, in this process; the forms are in tests/leaks."""

import _socket
import asyncio
import contextlib
import errno
import socket
from typing import Any

import pytest

from .servers import PEER, free, routable, serving_datagrams

ADDRESS = "198.51.100.1"


def replaced() -> bool:
    return "sendto" in vars(socket.socket)


async def test_the_socket_module_is_as_it_was_after_the_last_exclusive_route() -> None:
    before = socket.getaddrinfo, _socket.getaddrinfo, _socket.socket, socket.gethostbyname
    async with routable() as modem:
        with modem.route():
            assert not replaced()

        with modem.route(exclusive=True):
            with modem.route(exclusive=True):
                assert replaced()

            assert replaced()
            assert isinstance(socket.socket.__new__(socket.socket), _socket.socket)

    assert not replaced()
    assert (socket.getaddrinfo, _socket.getaddrinfo, _socket.socket, socket.gethostbyname) == before


async def test_foreign_wrappers_of_the_functions_are_left_in_place() -> None:
    async with routable() as modem:
        route = modem.route(exclusive=True)
        route.__enter__()
        ours = socket.gethostbyname
        try:
            socket.gethostbyname = lambda hostname: ours(hostname)
            theirs = socket.gethostbyname
            route.__exit__(None, None, None)
            assert socket.gethostbyname is theirs
            assert socket.gethostbyname("127.0.0.1") == "127.0.0.1"
        finally:
            socket.gethostbyname = ours.__wrapped__  # type: ignore[attr-defined]


@pytest.mark.loops("asyncio", "uvloop")
async def test_a_datagram_socket_of_a_clients_own_is_adopted_as_an_endpoint_without_a_peer() -> None:
    loop = asyncio.get_running_loop()
    received: asyncio.Future[bytes] = loop.create_future()
    lost: asyncio.Future[int] = loop.create_future()

    class Collect(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: object) -> None:
            received.set_result(data)

        def connection_lost(self, exc: Exception | None) -> None:
            lost.set_result(sock.fileno())

    async with routable() as modem, serving_datagrams() as port:
        with modem.route():
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.setblocking(False)
            sock.bind(("0.0.0.0", 0))
            transport, _ = await loop.create_datagram_endpoint(Collect, sock=sock)
            assert transport.get_extra_info("modem") is modem
            transport.sendto(b"hello", (PEER, port))
            assert await asyncio.wait_for(received, 10) == b"hello"
            transport.close()
            assert await asyncio.wait_for(lost, 10) >= 0
            await free(modem)

        assert sock.fileno() == -1


@pytest.mark.parametrize("is_chosen", [True, False])
async def test_a_port_that_a_client_has_chosen_is_asked_of_the_module_and_one_of_the_system_is_not(
    is_chosen: bool,
) -> None:
    loop = asyncio.get_running_loop()
    async with routable() as modem, serving_datagrams() as peer:
        with modem.route():
            sock = bound(range(20000, 32768) if is_chosen else range(32768, 65536))
            transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, sock=sock)
            port = sock.getsockname()[1]
            transport.sendto(b"hello", (PEER, peer))
            async with asyncio.timeout(10):
                while not (opened := await modem.sockets()):
                    pass

            assert [one.local_port for one in opened] == [port if is_chosen else 0]
            transport.close()
            await free(modem)


def bound(ports: range) -> socket.socket:
    """Make a datagram socket that is bound to a free one of these ports."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    for port in ports:
        with contextlib.suppress(OSError):
            sock.bind(("0.0.0.0", port))
            return sock

    raise AssertionError("no port is free")


@pytest.mark.loops("asyncio", "uvloop")
@pytest.mark.parametrize("which", ["local_addr", "remote_addr"])
async def test_a_socket_and_an_address_at_once_are_refused_as_without_a_route(which: str) -> None:
    loop = asyncio.get_running_loop()
    options: dict[str, Any] = {which: ("127.0.0.1", 7)}
    async with routable() as modem:
        with modem.route(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            with pytest.raises(ValueError, match="sock"):
                await loop.create_datagram_endpoint(asyncio.DatagramProtocol, sock=sock, **options)


@pytest.mark.loops("asyncio", "uvloop")
async def test_a_datagram_socket_on_this_machines_loopback_interface_stays_there() -> None:
    loop = asyncio.get_running_loop()
    async with routable() as modem:
        with modem.route(exclusive=True):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.setblocking(False)
            sock.bind(("127.0.0.1", 0))
            transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, sock=sock)
            assert transport.get_extra_info("modem") is None
            transport.close()
            await asyncio.sleep(0)


async def test_an_exclusive_route_names_the_calls_it_refuses() -> None:
    async with routable() as modem:
        with modem.route(exclusive=True), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            with pytest.raises(OSError, match=rf"not allowed .* {ADDRESS}:7") as caught:
                sock.sendto(b"", (ADDRESS, 7))

            assert caught.value.errno == errno.ENETUNREACH
            with pytest.raises(OSError, match=r"not allowed .* elsewhere.example:7"):
                sock.sendto(b"", ("elsewhere.example", 7))

            with pytest.raises(socket.gaierror, match="not allowed"):
                socket.gethostbyname("elsewhere.example")

            with pytest.raises(socket.gaierror, match="no name of this machine"):
                sock.bind(("elsewhere.example", 7))


async def test_the_hosts_file_alone_has_names_of_addresses_and_no_server_is_asked() -> None:
    async with routable() as modem:
        with modem.route(exclusive=True):
            with pytest.raises(socket.herror, match="Unknown host"):
                socket.gethostbyaddr(ADDRESS)

            name, aliases, addresses = socket.gethostbyaddr("127.0.0.1")
            assert name
            assert (aliases, addresses) == ([], ["127.0.0.1"])
