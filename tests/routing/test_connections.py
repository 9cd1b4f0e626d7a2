"""The loop's methods inside a route: arguments, errors, names, TLS, and what they leave behind."""

import asyncio
import contextlib
import errno
import itertools
import socket
import ssl
import sys
from collections.abc import Iterator
from typing import Any, Final

import pytest

from bc260y_aio import ModemTransport
from tests.contract.certificates import client_context, server_context

from .servers import PEER, ask, free, greet, routable, serving

pytestmark = pytest.mark.loops("asyncio", "eager", "uvloop")


# Errors


async def outcome(*args: Any, **kwds: Any) -> tuple[type, str]:
    """Tell what comes of a `create_connection`: the error's class and words."""
    try:
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, *args, **kwds)
    except Exception as exc:
        return type(exc), str(exc)

    transport.abort()
    return type(transport), ""


@pytest.mark.loops("asyncio", "eager")
@pytest.mark.parametrize(
    "kwds",
    [
        {"server_hostname": "peer.example"},
        {"ssl_handshake_timeout": 1.0},
        {"ssl_shutdown_timeout": 1.0},
        {"wings": 2},
    ],
)
async def test_arguments_that_make_no_sense_are_refused_as_asyncio_refuses_them(kwds: dict[str, Any]) -> None:
    async with routable() as modem, serving() as port:
        native, words = await outcome("127.0.0.1", port, **kwds)
        assert issubclass(native, ValueError | TypeError)

        with modem.route():
            routed = await outcome(PEER, port, **kwds)

        assert routed[0] is native
        assert native is TypeError or routed[1] == words
        await free(modem)


@pytest.mark.parametrize("name", ["ssl_handshake_timeout", "ssl_shutdown_timeout"])
async def test_timeouts_are_positive(name: str) -> None:
    async with routable() as modem, serving() as port:
        with modem.route():
            assert await outcome(PEER, port, ssl=True, **{name: 0.0}) == (
                ValueError,
                f"{name} should be a positive number, got 0.0",
            )

        await free(modem)


@pytest.mark.loops("asyncio", "eager")
async def test_a_socket_and_a_host_at_once_are_refused_as_asyncio_refuses_them() -> None:
    async with routable() as modem:
        with modem.route(), socket.socket() as sock:
            sock.setblocking(False)
            assert await outcome(PEER, 80, sock=sock) == (
                ValueError,
                "host/port and sock can not be specified at the same time",
            )
            assert await outcome() == (ValueError, "host and port was not specified and no sock specified")
            assert await outcome(sock=sock, ssl=True) == (
                ValueError,
                "You must set server_hostname when using ssl without a host",
            )


async def test_a_refused_connection_is_a_connection_refused_error() -> None:
    async with routable() as modem:
        with modem.route(), socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            listener.close()
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(PEER, port)

            with pytest.raises(ExceptionGroup, match="create_connection failed") as caught:
                await asyncio.open_connection(PEER, port, all_errors=True)

            assert [type(exc).__mro__.count(ConnectionRefusedError) for exc in caught.value.exceptions] == [1]
            await free(modem)


@pytest.mark.parametrize(
    ("host", "kwds"),
    [
        ("nobody.invalid", {}),
        ("nobody.invalid", {"all_errors": True}),
        (PEER, {"family": socket.AF_INET6}),
        (PEER, {"flags": socket.AI_NUMERICHOST}),
        ("2001:db8::1", {"family": socket.AF_INET}),
        ("198.51.100.1", {"family": socket.AF_INET6}),
        (PEER, {"port": "no-such-service"}),
    ],
)
async def test_a_name_that_cannot_be_resolved_as_asked_is_a_gaierror(host: str, kwds: dict[str, Any]) -> None:
    async with routable() as modem:
        with modem.route(), pytest.raises(socket.gaierror):
            await asyncio.open_connection(**{"host": host, "port": 80, **kwds})

        await free(modem)


async def test_a_local_address_that_is_not_the_modules_is_not_available() -> None:
    async with routable() as modem:
        with modem.route(), pytest.raises(OSError, match="ssign requested address") as caught:
            await asyncio.open_connection(PEER, 80, local_addr=("192.0.2.1", 0))

        assert caught.value.errno == errno.EADDRNOTAVAIL


@pytest.mark.parametrize("local_host", ["", "0.0.0.0", None])
async def test_a_local_port_can_be_asked_for(local_host: Any) -> None:
    async with routable() as modem, serving() as port:
        with modem.route():
            _, writer = await asyncio.open_connection(PEER, port, local_addr=(local_host, 40_000))
            assert writer.get_extra_info("sockname")[1] == 40_000
            assert [info.local_port for info in await modem.sockets()] == [40_000]
            writer.close()
            await writer.wait_closed()


@pytest.mark.parametrize("host", [b"peer.example", bytearray(b"peer.example"), "PEER.example", "p\xe9er.example"])
async def test_a_host_may_be_written_in_many_ways(host: Any) -> None:
    async with routable() as modem, serving() as port:
        with modem.route():
            assert await ask(port, host) is modem
            assert await ask(str(port), host) is modem  # type: ignore[arg-type]


# Names


async def test_a_name_has_exactly_one_address_and_a_client_that_races_takes_one_connect_id() -> None:
    loop = asyncio.get_running_loop()
    async with routable(latency=0.05) as modem, serving() as port:
        with modem.route():
            rows = await loop.getaddrinfo(PEER, port, type=socket.SOCK_STREAM)
            assert rows == [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (rows[0][4][0], port))]

            connecting = asyncio.create_task(ask(port, happy_eyeballs_delay=0.001, interleave=1))
            most = 0
            while not connecting.done():
                most = max(most, len(await modem.sockets()))

            assert await connecting is modem
            assert most == 1


async def test_the_rows_have_the_shape_that_the_c_library_gives_them() -> None:
    loop = asyncio.get_running_loop()
    async with routable() as modem:
        with modem.route():
            for family, kind, port in itertools.product(
                [socket.AF_UNSPEC, socket.AF_INET],
                [0, socket.SOCK_STREAM, socket.SOCK_DGRAM],
                [None, 80, "80", "domain", b"80"],
            ):
                rows = await loop.getaddrinfo(PEER, port, family=family, type=kind)
                expected = socket.getaddrinfo("198.51.100.1", port, family, kind, 0, socket.AI_NUMERICHOST)
                assert rows == expected


async def test_numeric_hosts_are_resolved_without_a_query() -> None:
    loop = asyncio.get_running_loop()
    async with routable(latency=5.0) as modem:
        with modem.route():
            async with asyncio.timeout(2):
                rows = await loop.getaddrinfo("203.0.113.7", 80, type=socket.SOCK_STREAM)
                assert [sockaddr for *_, sockaddr in rows] == [("203.0.113.7", 80)]
                rows = await loop.getaddrinfo("2001:db8::1", 80, type=socket.SOCK_STREAM)
                assert [sockaddr[:2] for *_, sockaddr in rows] == [("2001:db8::1", 80)]


async def test_the_bind_address_of_a_server_is_not_resolved_by_the_module() -> None:
    async with routable() as modem:
        with modem.route(match=lambda *_: True):
            rows = await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 80, flags=socket.AI_PASSIVE)
            assert rows
            assert await asyncio.get_running_loop().getaddrinfo(None, 80, flags=socket.AI_PASSIVE)


WATCHED: Final = ("socket.bind", "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")


class Watch:
    """The calls of this process to its sockets and its resolver."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.is_on = False
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.is_on and event in WATCHED:
            self.calls.append((event, arguments))

    @contextlib.contextmanager
    def __call__(self) -> Iterator[list[tuple[str, Any]]]:
        self.calls.clear()
        self.is_on = True
        try:
            yield self.calls
        finally:
            self.is_on = False


watch: Final = Watch()


@pytest.mark.loops("asyncio", "eager")  # uvloop's sockets and queries raise no audit events.
async def test_no_routed_client_opens_a_socket_of_its_own_or_asks_the_hosts_resolver() -> None:
    loop = asyncio.get_running_loop()
    async with routable() as modem, serving() as port:
        with modem.route(), watch() as calls:
            assert await ask(port) is modem
            rows: list[Any] = await loop.getaddrinfo(PEER, port, type=socket.SOCK_STREAM)
            assert await ask(port, rows[0][4][0]) is modem
            with socket.socket() as sock:
                sock.setblocking(False)
                await loop.sock_connect(sock, (PEER, port))
                await loop.sock_sendall(sock, b"?")
                assert await loop.sock_recv(sock, 1) == b"?"

            await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=(PEER, port))
            await modem.close()

        # The other calls are the emulator's own connections, to where its names lead, and libc making rows of digits.
        for event, arguments in calls:
            if event == "socket.connect":
                assert arguments[1] == ("127.0.0.1", port)
            else:
                assert event == "socket.getaddrinfo"
                assert arguments[0] == "198.51.100.1"


# Cancellation


async def test_a_client_that_gives_up_connecting_leaves_no_socket_behind() -> None:
    async with routable(latency=0.3) as modem, serving() as port:
        with modem.route():
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await asyncio.open_connection(PEER, port)

            with socket.socket() as sock:
                sock.setblocking(False)
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await asyncio.get_running_loop().sock_connect(sock, (PEER, port))

            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1.0):
                    await asyncio.open_connection(PEER, port, ssl=True)

            await free(modem)


# TLS


async def test_tls_is_switched_on_by_one_argument() -> None:
    async with routable() as modem, serving(greet, context=server_context()) as port:
        with modem.route():
            reader, writer = await asyncio.open_connection(PEER, port, ssl=client_context())
            assert await reader.readline() == b"220 ready\r\n"

            writer.write(b"question")
            assert await reader.readexactly(8) == b"question"
            assert writer.get_extra_info("modem") is modem
            assert writer.get_extra_info("ssl_object").version() == "TLSv1.3"
            writer.close()
            await writer.wait_closed()


async def test_a_handshake_goes_over_a_line_of_115200_baud() -> None:
    async with routable(baudrate=115200) as modem, serving(context=server_context()) as port:
        with modem.route():
            assert await ask(port, ssl=client_context(), ssl_handshake_timeout=20.0) is modem


async def test_a_certificate_for_another_name_is_refused(loop_errors: list[dict[str, Any]]) -> None:
    async with routable() as modem, serving(context=server_context()) as port:
        with modem.route(), pytest.raises(ssl.SSLCertVerificationError):
            await ask(port, "another.example", ssl=client_context())

        await free(modem)

    # The server, which is the loop's own, reports that it was hung up on.
    assert all(isinstance(context["exception"], OSError) for context in loop_errors)


async def test_a_handshake_that_takes_too_long_is_given_up() -> None:
    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)

    async with routable() as modem, serving(listen) as port:
        with modem.route(), pytest.raises(ConnectionAbortedError, match="SSL handshake is taking longer"):
            await ask(port, ssl=client_context(), ssl_handshake_timeout=0.2)

        await free(modem)


@pytest.mark.parametrize("is_routed", [True, False])
async def test_tls_can_be_started_on_streams(is_routed: bool) -> None:
    async def upgrade(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readline() == b"STARTTLS\r\n"
        writer.write(b"220 go\r\n")
        await writer.start_tls(server_context())
        writer.write(b"220 secret\r\n")
        writer.write(await reader.readline())
        await reader.read()

    async with routable() as modem, serving(upgrade) as port:
        with modem.route() if is_routed else contextlib.nullcontext():
            reader, writer = await (asyncio if is_routed else modem).open_connection(PEER, port)
            writer.write(b"STARTTLS\r\n")
            assert await reader.readline() == b"220 go\r\n"

            await writer.start_tls(client_context(), server_hostname=PEER)
            assert await reader.readline() == b"220 secret\r\n"
            writer.write(b"echo\r\n")
            assert await reader.readline() == b"echo\r\n"
            assert writer.get_extra_info("modem") is modem
            assert writer.get_extra_info("cipher")
            writer.close()
            await writer.wait_closed()


async def test_tls_can_be_started_above_tls_as_through_a_proxy() -> None:
    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readline() == b"CONNECT\r\n"
        writer.write(b"200\r\n")
        await writer.start_tls(server_context())
        writer.write(await reader.readline())
        await reader.read()

    async with routable() as modem, serving(proxy, context=server_context()) as port:
        with modem.route():
            reader, writer = await asyncio.open_connection(PEER, port, ssl=client_context())
            writer.write(b"CONNECT\r\n")
            assert await reader.readline() == b"200\r\n"

            await writer.start_tls(client_context(), server_hostname=PEER)
            writer.write(b"echo\r\n")
            assert await reader.readline() == b"echo\r\n"
            assert writer.get_extra_info("modem") is modem
            writer.close()
            await writer.wait_closed()

        await free(modem)


async def test_tls_on_the_hosts_own_transports_is_the_loops_own() -> None:
    async def upgrade(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await writer.start_tls(server_context())
        writer.write(await reader.readline())
        await reader.read()

    async with routable() as modem, serving(upgrade) as port:
        with modem.route():
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await writer.start_tls(client_context(), server_hostname=PEER)
            writer.write(b"echo\r\n")
            assert await reader.readline() == b"echo\r\n"
            assert not isinstance(writer.get_extra_info("modem_transport"), ModemTransport)
            assert writer.get_extra_info("tls_resumption") is None
            writer.close()
            await writer.wait_closed()


async def test_starting_tls_with_nonsense_is_refused_as_asyncio_refuses_it() -> None:
    loop = asyncio.get_running_loop()
    async with routable() as modem, serving() as port:
        with modem.route():
            transport, protocol = await loop.create_connection(asyncio.Protocol, PEER, port)
            with pytest.raises(TypeError, match=r"sslcontext is expected to be an instance of ssl\.SSLContext"):
                await loop.start_tls(transport, protocol, True)  # type: ignore[arg-type]

            assert not transport.is_closing()
            transport.abort()
