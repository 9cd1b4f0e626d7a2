"""Sockets that a client makes itself and has the loop connect: used raw, or handed back for a transport."""

import asyncio
import contextlib
import errno
import gc
import select
import socket
import ssl
import sys
from typing import Any, Final
from unittest.mock import Mock

import pytest

from bc260y_aio.routing.socket_relay import SocketRelay

from .servers import PEER, ask, connected, free, greet, made, receive, routable, serving, serving_datagrams

pytestmark = pytest.mark.loops("asyncio", "eager", "uvloop")

MUCH: Final = bytes(range(256)) * 4096


# Raw


async def test_a_socket_can_be_used_raw() -> None:
    loop = asyncio.get_running_loop()
    async with routable() as modem, serving(greet) as port:
        with modem.route():
            async with connected(port) as sock:
                assert len(await modem.sockets()) == 1
                assert await receive(sock, 11) == b"220 ready\r\n"

                await loop.sock_sendall(sock, b"question")
                assert await receive(sock, 8) == b"question"

                # The descriptor is a real one, for calls that the loop does not see as well.
                assert sock.send(b"?") == 1
                assert await receive(sock, 1) == b"?"
                with pytest.raises(BlockingIOError):
                    sock.recv(1)

        await free(modem)


async def test_a_socket_of_the_clients_takes_tcps_options_and_reports_the_modules_names() -> None:
    loop = asyncio.get_running_loop()
    async with routable() as modem, serving() as port, serving_datagrams() as datagrams:
        with modem.route():
            async with connected(port) as sock:
                # As a client of TCP does when it is connected; a socketpair has no such option.
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
                assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == socket.SOCK_STREAM
                [info] = await modem.sockets()
                with sock.dup() as second:
                    for one in (sock, second):
                        assert one.getpeername() == (PEER, port)
                        assert one.getsockname() == ("0.0.0.0", info.local_port)

            with made(socket.SOCK_DGRAM) as sock:
                await loop.sock_connect(sock, (PEER, datagrams))
                assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == socket.SOCK_DGRAM
                assert sock.getpeername() == (PEER, datagrams)

            with made() as sock:
                await loop.sock_connect(sock, (PEER, port))
                relay = SocketRelay.behind(sock, loop)
                assert relay is not None
                relay.transport.abort()
                await free(modem)
                with pytest.raises(OSError, match="not connected"):
                    sock.getpeername()

                assert sock.getsockname()[0] == "0.0.0.0"

            with Own() as own:
                own.setblocking(False)
                await loop.sock_connect(own, (PEER, port))
                assert type(own) is Own


class Own(socket.socket):
    """A client's class for sockets."""


async def test_much_goes_through_a_raw_socket_both_ways_unharmed() -> None:
    loop = asyncio.get_running_loop()
    data = MUCH[: 48 * 1024]
    async with routable() as modem, serving() as port:
        with modem.route():
            async with connected(port) as sock, asyncio.TaskGroup() as tasks:
                tasks.create_task(loop.sock_sendall(sock, data))
                back = tasks.create_task(receive(sock, len(data)))

            assert back.result() == data


async def test_a_peer_that_reads_late_gets_everything() -> None:
    data = MUCH[: 200 * 1024]
    written = asyncio.Event()
    read: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await written.wait()
        read.set_result(await reader.read(-1))

    loop = asyncio.get_running_loop()
    async with routable() as modem, serving(listen) as port:
        with modem.route():
            async with connected(port) as sock:
                await loop.sock_sendall(sock, data)
                written.set()

            async with asyncio.timeout(20):
                assert await read == data


async def test_data_that_a_modem_cannot_send_ends_a_stream_and_drops_a_datagram(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop = asyncio.get_running_loop()
    async with routable(data_format="text") as modem, serving() as port, serving_datagrams() as datagrams:
        with modem.route():
            async with connected(port) as sock:
                await loop.sock_sendall(sock, b"\0")
                with pytest.raises(ConnectionResetError):
                    await receive(sock, 1)

            with made(socket.SOCK_DGRAM) as sock:
                await loop.sock_connect(sock, (PEER, datagrams))
                for datagram in (b"\0", b"text"):
                    await loop.sock_sendall(sock, datagram)

                async with asyncio.timeout(10):
                    assert await loop.sock_recv(sock, 100) == b"text"

    assert len([told for told in caplog.messages if "1 bytes from a socket's owner cannot be sent" in told]) == 2


async def test_a_client_that_writes_more_than_the_peer_reads_waits() -> None:
    async def hoard(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    loop = asyncio.get_running_loop()
    async with routable() as modem, serving(hoard) as port:
        with modem.route():
            async with connected(port) as sock:
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.5):
                        await loop.sock_sendall(sock, MUCH * 4)


async def test_a_client_that_reads_slowly_gets_everything() -> None:
    # More than a socketpair takes, and no more than may wait for a reader besides.
    data = MUCH[: 256 * 1024]

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)

    async with routable() as modem, serving(pour) as port, serving() as other:
        with modem.route():
            async with connected(port) as sock:
                relay = SocketRelay.behind(sock, asyncio.get_running_loop())
                assert relay is not None
                async with asyncio.timeout(20):
                    while relay.transport.is_reading():
                        await ask(other)

                assert await receive(sock, len(data) + 1) == data


async def test_a_piece_that_is_larger_than_a_socket_takes_arrives_whole() -> None:
    loop = asyncio.get_running_loop()
    async with routable() as modem, serving() as port:
        with modem.route():
            async with connected(port) as sock:
                relay = SocketRelay.behind(sock, loop)
                assert relay is not None
                # As after a pause, when what has waited is delivered joined.
                relay.data_received(MUCH)
                relay.data_received(b"end")
                assert await receive(sock, len(MUCH) + 3) == MUCH + b"end"


async def test_a_client_that_closes_without_a_word_gives_its_connect_id_back() -> None:
    heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.set_result(await reader.read())

    async with routable() as modem, serving(listen) as port:
        with modem.route():
            async with connected(port) as sock:
                sock.send(b"the last words")

            async with asyncio.timeout(10):
                assert await heard == b"the last words"

            await free(modem)


async def test_a_socket_that_is_forgotten_gives_its_connect_id_back() -> None:
    async with routable() as modem, serving() as port:
        with modem.route():
            forgotten = [socket.socket()]
            forgotten[0].setblocking(False)
            await asyncio.get_running_loop().sock_connect(forgotten[0], (PEER, port))
            with pytest.warns(ResourceWarning, match="unclosed"):
                forgotten.clear()

            gc.collect()

            await free(modem)


async def test_the_peers_end_is_the_end_for_a_raw_client_that_can_still_read_what_came_before() -> None:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"goodbye")

    async with routable() as modem, serving(say) as port:
        with modem.route():
            async with connected(port) as sock:
                assert await receive(sock, 100) == b"goodbye"
                assert await receive(sock, 100) == b""

        await free(modem)


@pytest.mark.skipif(sys.platform != "linux", reason="the pairs of other systems know no reset")
async def test_a_connection_that_is_lost_is_no_end_but_a_reset(monkeypatch: pytest.MonkeyPatch) -> None:
    selecting = Mock(wraps=select.select)
    monkeypatch.setattr(select, "select", selecting)
    async with routable() as modem, serving(greet) as port:
        with modem.route():
            async with connected(port) as sock:
                assert await receive(sock, 4) == b"220 "
                await modem.close()

                assert await receive(sock, 7) == b"ready\r\n"
                with pytest.raises(ConnectionResetError):
                    await receive(sock, 1)

    # The loop is not kept from anything else.
    assert [call.args[3] for call in selecting.call_args_list] == [0]


@pytest.mark.skipif(sys.platform != "linux", reason="the pairs of other systems know no reset")
async def test_a_client_that_still_has_to_read_when_its_modem_is_closed_gets_no_clean_end() -> None:
    async with routable() as modem, serving() as port:
        with modem.route():
            async with connected(port) as sock:
                relay = SocketRelay.behind(sock, asyncio.get_running_loop())
                assert relay is not None
                relay.data_received(MUCH)
                relay.eof_received()
                await modem.close()

                assert await receive(sock, 1024) == MUCH[:1024]
                with pytest.raises(ConnectionResetError):
                    await receive(sock, len(MUCH))


async def test_a_client_that_ends_its_sending_gets_the_answer_and_then_the_peers_end() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(8) == b"question"
        writer.write(b"answer")

    async with routable() as modem, serving(answer) as port:
        with modem.route():
            async with connected(port) as sock:
                sock.send(b"question")
                sock.shutdown(socket.SHUT_WR)
                assert await receive(sock, 6) == b"answer"
                assert await receive(sock, 1) == b""

        await free(modem)


@pytest.mark.skipif(sys.platform != "linux", reason="the pairs of other systems know no reset")
async def test_a_client_that_has_ended_its_sending_gets_a_reset_when_the_connection_is_lost() -> None:
    async with routable() as modem, serving(greet) as port:
        with modem.route():
            async with connected(port) as sock:
                sock.shutdown(socket.SHUT_WR)
                assert await receive(sock, 11) == b"220 ready\r\n"
                await modem.close()
                with pytest.raises(ConnectionResetError):
                    await receive(sock, 1)


async def test_a_client_that_shuts_both_directions_down_gives_its_connect_id_back() -> None:
    async with routable() as modem, serving() as port:
        with modem.route():
            async with connected(port) as sock:
                sock.shutdown(socket.SHUT_RDWR)
                await free(modem)


class Bound(socket.socket):
    """A socket that says that it is bound to a port of all addresses, which a test may not do."""

    def getsockname(self) -> Any:
        return "0.0.0.0", 40_000


async def test_a_socket_that_was_bound_asks_for_its_port() -> None:
    async with routable() as modem, serving() as port:
        with modem.route(), made() as sock:
            sock.bind(("127.0.0.1", 0))
            with pytest.raises(OSError, match="ssign requested address"):
                await asyncio.get_running_loop().sock_connect(sock, (PEER, port))

        with modem.route(), Bound() as bound:
            bound.setblocking(False)
            await asyncio.get_running_loop().sock_connect(bound, (PEER, port))
            assert [info.local_port for info in await modem.sockets()] == [40_000]


async def test_a_failed_connect_is_the_callers_error_and_the_socket_stays_unchanged() -> None:
    loop = asyncio.get_running_loop()
    async with routable() as modem:
        with modem.route(), made() as sock:
            with pytest.raises(socket.gaierror):
                await loop.sock_connect(sock, ("nobody.invalid", 80))

            with pytest.raises(ConnectionRefusedError):
                await loop.sock_connect(sock, ("203.0.113.1", 80))

            sock.setblocking(True)
            with pytest.raises(ValueError, match="the socket must be non-blocking"):
                await loop.sock_connect(sock, (PEER, 80))

            sock = ssl.create_default_context().wrap_socket(sock, server_hostname=PEER)
            with sock, pytest.raises(TypeError, match="cannot be of type SSLSocket"):
                await loop.sock_connect(sock, (PEER, 80))

        with modem.route(), made() as sock:
            sock.close()
            with pytest.raises(OSError, match="file descriptor"):
                await loop.sock_connect(sock, (PEER, 80))

        await free(modem)


async def test_sockets_of_other_families_and_to_this_machine_are_connected_by_the_host() -> None:
    loop = asyncio.get_running_loop()
    async with routable() as modem, serving() as port:
        with modem.route(), made() as sock:
            await loop.sock_connect(sock, ("127.0.0.1", port))
            assert sock.getpeername() == ("127.0.0.1", port)

            with socket.socket(socket.AF_UNIX) as unix:
                unix.setblocking(False)
                with pytest.raises(FileNotFoundError):
                    await loop.sock_connect(unix, "/nowhere/at/all")


# Datagrams


async def test_a_datagram_socket_can_be_used_raw() -> None:
    loop = asyncio.get_running_loop()
    async with routable() as modem, serving_datagrams() as port:
        with modem.route(), made(socket.SOCK_DGRAM) as sock:
            await loop.sock_connect(sock, (PEER, port))
            for datagram in (b"one", b"two", b"three"):
                await loop.sock_sendall(sock, datagram)

            async with asyncio.timeout(10):
                received = {await loop.sock_recv(sock, 100) for _ in range(3)}

            assert received == {b"one", b"two", b"three"}

        await free(modem)


# uvloop has no `sock_sendto`.
@pytest.mark.loops("asyncio", "eager")
async def test_a_datagram_with_an_address_goes_out_from_a_socket_that_is_connected_and_from_no_other() -> None:
    loop = asyncio.get_running_loop()
    async with routable() as modem, serving_datagrams() as port:
        with modem.route(), made(socket.SOCK_DGRAM) as sock, made(socket.SOCK_DGRAM) as other:
            await loop.sock_connect(sock, (PEER, port))
            assert await loop.sock_sendto(sock, b"one", (PEER, port)) == 3
            async with asyncio.timeout(10):
                assert await loop.sock_recv(sock, 100) == b"one"

            with pytest.raises(OSError) as caught:  # noqa: PT011 - its number is looked at
                await loop.sock_sendto(sock, b"two", (PEER, port + 1))

            assert caught.value.errno == errno.EISCONN
            with pytest.raises(OSError, match=r"create_datagram_endpoint") as caught:
                await loop.sock_sendto(other, b"two", ("198.51.100.1", port))

            assert caught.value.errno == errno.EOPNOTSUPP
            assert await loop.sock_sendto(other, b"three", ("127.0.0.1", port)) == 5
            async with asyncio.timeout(10):
                assert await loop.sock_recvfrom(other, 100) == (b"three", ("127.0.0.1", port))

        await free(modem)


async def test_a_datagram_socket_can_be_handed_over() -> None:
    class Listener(asyncio.DatagramProtocol):
        def __init__(self) -> None:
            self.received: asyncio.Queue[bytes] = asyncio.Queue()
            self.lost = asyncio.Event()

        def datagram_received(self, data: bytes, addr: Any) -> None:
            self.received.put_nowait(data)

        def connection_lost(self, exc: Exception | None) -> None:
            self.lost.set()

    loop = asyncio.get_running_loop()
    async with routable() as modem, serving_datagrams() as port:
        with modem.route(), made(socket.SOCK_DGRAM) as sock:
            await loop.sock_connect(sock, (PEER, port))
            await loop.sock_sendall(sock, b"raw")
            transport, protocol = await loop.create_datagram_endpoint(Listener, sock=sock)
            transport.sendto(b"cooked")
            async with asyncio.timeout(10):
                assert [await protocol.received.get() for _ in range(2)] == [b"raw", b"cooked"]

            assert transport.get_extra_info("modem") is modem
            transport.close()
            async with asyncio.timeout(10):
                await protocol.lost.wait()

            assert sock.fileno() == -1
            await free(modem)


async def test_other_kinds_of_sockets_do_not_exist_on_a_module() -> None:
    async with routable() as modem:
        with modem.route(), contextlib.ExitStack() as stack:
            try:
                sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
            except PermissionError:
                return

            sock.setblocking(False)
            with pytest.raises(OSError, match="no sockets of type"):
                await asyncio.get_running_loop().sock_connect(sock, (PEER, 0))


async def test_port_0_is_refused_as_by_a_kernel() -> None:
    loop = asyncio.get_running_loop()
    async with routable() as modem:
        with modem.route(), socket.socket() as sock:
            sock.setblocking(False)
            with pytest.raises(ConnectionRefusedError):
                await loop.sock_connect(sock, (PEER, 0))


async def test_a_udp_socket_is_not_connected_to_port_0() -> None:
    loop = asyncio.get_running_loop()
    async with routable() as modem:
        with modem.route(), socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            with pytest.raises(OSError, match="no datagrams to port 0") as caught:
                await loop.sock_connect(sock, (PEER, 0))

            assert caught.value.errno == errno.EINVAL
