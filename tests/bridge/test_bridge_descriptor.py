"""A module's socket as a real descriptor, used by blocking programs in threads, and by other libraries."""

import asyncio
import http.client
import os
import random
import select
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from bc260y_aio import ConnectRefused, Modem, ModemDatagramTransport, ModemTransport
from bc260y_aio.bridge import BridgedSocket
from bc260y_aio.bridge.descriptor import _accept
from bc260y_aio.emulator import EchoPeer, PeerConnection, SourcePeer
from bc260y_aio.line.inbox import Inbox
from tests.bridge.bench import in_thread, open_bench, until
from tests.contract.certificates import client_context, server_context
from tests.guide.bench import Bench


def read_all(sock: socket.socket) -> bytes:
    """Read to the end, as a program that blocks does."""
    data = bytearray()
    while piece := sock.recv(4096):
        data += piece

    return bytes(data)


@asynccontextmanager
async def opened(
    bench: Bench, host: str, port: int = 7, kind: int = socket.SOCK_STREAM
) -> AsyncIterator[BridgedSocket]:
    sock = await bench.modem.open_socket(host, port, kind)
    assert isinstance(sock, BridgedSocket)
    with sock:
        yield sock


async def begun(program: Callable[[int], bytes], size: int) -> asyncio.Task[bytes]:
    """Start a blocking program in a thread, and return once it runs."""
    runs = threading.Event()

    def run() -> bytes:
        runs.set()
        return program(size)

    task = asyncio.create_task(in_thread(run))
    await asyncio.to_thread(runs.wait, 10)
    return task


def inbox_of(bench: Bench) -> Inbox:
    """Find what the module has received and the one open connection has not taken."""
    (transport,) = bench.modem._transports()
    assert isinstance(transport, ModemTransport | ModemDatagramTransport)
    return transport._socket.inbox


# A stream


async def test_an_http_client_that_blocks_gets_its_page_over_the_module() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline() not in (b"\r\n", b""):
            pass

        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000)
        await writer.drain()
        writer.close()

    def get(sock: socket.socket, port: int) -> tuple[int, bytes]:
        client = http.client.HTTPConnection("web.example", port)
        client.sock = sock
        client.request("GET", "/")
        response = client.getresponse()
        try:
            return response.status, response.read()
        finally:
            client.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server, open_bench() as bench:
        port = server.sockets[0].getsockname()[1]
        async with opened(bench, "web.example", port) as sock:
            assert await in_thread(get, sock, port) == (200, b"x" * 5000)


@pytest.mark.loops("asyncio", "eager", "uvloop")
async def test_every_byte_arrives_once_and_in_order_both_ways() -> None:
    dice = random.Random(7)
    data = dice.randbytes(25_000)

    def write(sock: socket.socket) -> None:
        start = 0
        while start < len(data):
            size = dice.randint(1, 5000)
            sock.sendall(data[start : start + size])
            start += size

    def read(sock: socket.socket) -> bytes:
        received = bytearray()
        while len(received) < len(data):
            received += sock.recv(dice.randint(1, 5000))

        return bytes(received)

    async with open_bench() as bench, opened(bench, "echo.example") as sock:
        _, received = await asyncio.gather(in_thread(write, sock), in_thread(read, sock))

        assert received == data


async def test_it_is_a_socket_in_every_respect_and_has_the_modules_addresses() -> None:
    async with open_bench() as bench, opened(bench, "echo.example") as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        with sock.dup() as copy:
            assert copy.getpeername() == sock.getpeername() == ("echo.example", 7)
            assert copy.getsockname() == sock.getsockname() == ("0.0.0.0", 0)

        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert (sock.family, sock.type, sock.proto) == (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        assert sock.gettimeout() is None
        sock.sendall(b"hello")
        assert await in_thread(select.select, [sock], [], [], 5) == ([sock], [], [])
        sock.settimeout(5)
        assert sock.makefile("rb").read(5) == b"hello"


async def test_a_program_that_closes_has_what_it_wrote_sent_first() -> None:
    async with open_bench() as bench:
        async with opened(bench, "sink.example") as sock:
            await in_thread(sock.sendall, b"x" * 20_000)

        await until(lambda: bench.hosts.sink.data == b"x" * 20_000)


async def test_a_program_that_closes_without_reading_has_what_it_wrote_sent_as_well() -> None:
    async with open_bench() as bench:
        async with opened(bench, "echo.example") as sock:
            await in_thread(sock.sendall, b"x" * 1000)
            await in_thread(select.select, [sock], [], [], 5)

        await until(lambda: not bench.emulator.module.sockets)


async def test_a_peer_that_closes_has_what_it_sent_read_first() -> None:
    async with open_bench() as bench, opened(bench, "goodbye.example") as sock:
        assert await in_thread(read_all, sock) == b"goodbye"
        await until(lambda: not bench.emulator.module.sockets)
        assert sock.recv(1) == b""


async def test_a_program_that_closes_while_the_peer_sends_ends_the_connection() -> None:
    async with open_bench() as bench:
        bench.network.add_host("source.example", SourcePeer(bytes(100_000), stays_open=True))
        async with opened(bench, "source.example") as sock:
            await in_thread(sock.recv, 1)

        await until(lambda: not bench.emulator.module.sockets)


async def test_a_program_that_writes_after_the_close_of_the_peer_gets_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bc260y_aio.bridge.local._PATIENCE", 0.02)

    def write_on(sock: socket.socket) -> None:
        while True:
            sock.sendall(b"x")
            time.sleep(0.005)

    async with open_bench() as bench, opened(bench, "goodbye.example") as sock:
        assert await in_thread(read_all, sock) == b"goodbye"
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            await in_thread(write_on, sock)


async def test_a_program_that_does_not_read_until_the_peer_has_closed_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bc260y_aio.bridge.local._MOST_WAITING", 8 * 1024)
    monkeypatch.setattr("bc260y_aio.bridge.descriptor._DOWNLOAD_BUFFER_SIZE", 8 * 1024)
    data = os.urandom(100_000)

    async with open_bench() as bench:
        bench.network.add_host("source.example", SourcePeer(data))
        async with opened(bench, "source.example") as sock:
            inbox = inbox_of(bench)
            await until(lambda: inbox.is_ended)

            assert await in_thread(read_all, sock) == data


async def test_a_program_that_writes_is_held_back_while_the_module_sends() -> None:
    def fill(sock: socket.socket) -> int:
        sock.settimeout(0.3)
        size = 0
        try:
            while True:
                size += sock.send(b"x" * 1024)
        except TimeoutError:
            return size

    async with open_bench({"close_timeout": 0.1}) as bench:
        async with opened(bench, "sink.example") as sock:
            bench.network.outage = True
            assert await in_thread(fill, sock) < 100_000

        bench.network.outage = False


async def test_a_program_that_ends_its_sending_receives_until_the_peer_closes() -> None:
    async def answer(connection: PeerConnection) -> None:
        await connection.receive_exactly(5)
        await asyncio.sleep(0.3)
        connection.send(b"world")
        await connection.drain()
        await asyncio.sleep(0.3)
        connection.send(b" and more")
        await connection.drain()
        connection.close()

    def converse(sock: socket.socket) -> bytes:
        sock.sendall(b"hello")
        sock.shutdown(socket.SHUT_WR)
        answer = b""
        while data := sock.recv(100):
            answer += data

        return answer

    async with open_bench() as bench:
        bench.network.add_host("answer.example", answer)
        async with opened(bench, "answer.example") as sock:
            assert await in_thread(converse, sock) == b"world and more"


async def test_a_program_that_closes_after_it_has_ended_its_sending_frees_its_connect_id() -> None:
    async with open_bench() as bench:
        async with opened(bench, "echo.example") as sock:
            sock.shutdown(socket.SHUT_WR)
            await asyncio.sleep(0.2)
            assert bench.emulator.module.sockets

        await until(lambda: not bench.emulator.module.sockets)


@pytest.mark.parametrize("is_bare", [False, True], ids=["the socket", "its descriptor"])
async def test_a_lost_connection_is_a_reset_for_any_owner_of_the_descriptor(
    is_bare: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_bench() as bench, opened(bench, "echo.example") as sock:
        used = socket.socket(fileno=os.dup(sock.fileno())) if is_bare else sock
        reading = await begun(used.recv, 1)
        bench.emulator.restart()

        with used, pytest.raises(ConnectionResetError):
            await reading

    assert "the module restarted" in caplog.text


async def test_a_blocking_tls_client_talks_to_a_tls_server() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readline()).upper())
        writer.close()

    def talk(sock: socket.socket) -> bytes:
        with client_context().wrap_socket(sock, server_hostname="peer.example") as secure:
            secure.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            secure.sendall(b"hello\n")
            return read_all(secure)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_context())
    async with server, open_bench() as bench:
        port = server.sockets[0].getsockname()[1]
        assert await in_thread(talk, await bench.modem.open_socket("peer.example", port)) == b"HELLO\n"


@pytest.mark.loops("asyncio", "eager", "uvloop")
async def test_an_event_loop_can_adopt_it() -> None:
    async with open_bench() as bench:
        reader, writer = await asyncio.open_connection(sock=await bench.modem.open_socket("echo.example", 7))
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        writer.close()
        await writer.wait_closed()


async def test_a_program_that_is_slow_to_begin_reading_receives_everything() -> None:
    size = 3 * 2**20

    async def speak(connection: PeerConnection) -> None:
        for _ in range(size // 2**16):
            connection.send(bytes(2**16))
            await connection.drain()

        connection.close()

    def read(sock: socket.socket) -> int:
        received = 0
        while data := sock.recv(2**16):
            received += len(data)

        return received

    async with open_bench() as bench:
        bench.network.add_host("big.example", speak)
        async with opened(bench, "big.example") as sock:
            await asyncio.sleep(0.3)
            assert await in_thread(read, sock) == size


# Opening, and what is left when that fails


async def test_a_failed_open_leaves_nothing_behind() -> None:
    async with open_bench() as bench:
        with pytest.raises(ConnectRefused):
            await bench.modem.open_socket(bench.hosts.nowhere, 7)

        with pytest.raises(ValueError, match="stream and datagram sockets"):
            await bench.modem.open_socket("echo.example", 7, socket.SOCK_RAW)


async def test_an_open_that_is_cancelled_leaves_nothing() -> None:
    async with open_bench(latency=0.1) as bench:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await bench.modem.open_socket("echo.example", 7)


@pytest.mark.loops("asyncio", "eager", "uvloop")
async def test_closing_the_modem_breaks_the_connection_and_ends_the_pump() -> None:
    async with open_bench() as bench, opened(bench, "echo.example") as sock:
        await bench.modem.close()

        with pytest.raises(ConnectionResetError):
            await in_thread(sock.recv, 1)

        await bench.modem.open()


async def test_a_thread_may_ask_the_loop_for_a_socket() -> None:
    def program(modem: Modem, loop: asyncio.AbstractEventLoop) -> bytes:
        asking = asyncio.run_coroutine_threadsafe(modem.open_socket("echo.example", 7), loop)
        with asking.result(5) as sock:
            sock.sendall(b"hello")
            return sock.recv(5)

    async with open_bench() as bench:
        assert await in_thread(program, bench.modem, asyncio.get_running_loop()) == b"hello"


def test_a_foreign_connection_to_the_pairs_port_is_closed() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as stranger,
        socket.create_connection(listener.getsockname()) as theirs,
        _accept(listener, theirs.getsockname()) as ours,
    ):
        assert ours.getpeername() == theirs.getsockname()
        assert stranger.recv(1) == b""


# Datagrams


@pytest.mark.loops("asyncio", "eager", "uvloop")
async def test_datagrams_keep_their_bounds() -> None:
    async with open_bench() as bench, opened(bench, "echo.example", kind=socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.send(b"one")
        sock.sendto(b"", ("echo.example", 7))
        sock.sendto(b"three", ("echo.example", 7))
        buffer = bytearray(16)

        assert await in_thread(sock.recvfrom, 512) == (b"one", ("echo.example", 7))
        assert await in_thread(sock.recvfrom_into, buffer) == (5, ("echo.example", 7))
        assert buffer[:5] == b"three"


async def test_a_datagram_socket_has_its_socket_type() -> None:
    async with open_bench() as bench, opened(bench, "echo.example", kind=socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0x10)
        with sock.dup() as copy:
            assert copy.type == sock.type == socket.SOCK_DGRAM
            assert copy.getpeername() == sock.getpeername() == ("echo.example", 7)

        assert (sock.family, sock.proto) == (socket.AF_INET, socket.IPPROTO_UDP)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == socket.SOCK_DGRAM
        assert sock.getsockopt(socket.IPPROTO_IP, socket.IP_TOS) == 0
        with pytest.raises(OSError, match="another peer"):
            sock.sendto(b"hello", ("elsewhere.example", 7))


async def test_a_datagram_that_is_too_long_is_lost_and_the_next_is_not(caplog: pytest.LogCaptureFixture) -> None:
    async with open_bench() as bench, opened(bench, "echo.example", kind=socket.SOCK_DGRAM) as sock:
        sock.send(b"x" * 5000)
        sock.send(b"hello")

        assert await in_thread(sock.recv, 512) == b"hello"

    assert "5000 bytes from a program cannot be sent" in caplog.text


async def test_a_lost_datagram_socket_ends_its_receivers() -> None:
    async with open_bench() as bench, opened(bench, "echo.example", kind=socket.SOCK_DGRAM) as sock:
        receiving = await begun(sock.recv, 512)
        bench.emulator.restart()

        with pytest.raises(ConnectionResetError):
            await receiving


async def test_datagrams_wait_for_a_program_that_does_not_receive() -> None:
    async def send_many(connection: PeerConnection) -> None:
        await connection.receive()
        for number in range(100):
            connection.send(b"%d" % number)

        await connection.receive()

    async with open_bench() as bench:
        bench.network.add_host("many.example", send_many)
        async with opened(bench, "many.example", kind=socket.SOCK_DGRAM) as sock:
            sock.send(b"go")
            inbox = inbox_of(bench)
            await until(lambda: inbox.count)
            sock.settimeout(5)

            assert [await in_thread(sock.recv, 512) for _ in range(100)] == [b"%d" % number for number in range(100)]


async def test_echoes_of_all_five_sockets_do_not_mix() -> None:
    def talk(sock: socket.socket, word: bytes) -> bytes:
        with sock:
            sock.settimeout(10)
            sock.sendall(word)
            return sock.recv(512)

    kinds = [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_STREAM]
    async with open_bench() as bench:
        bench.network.add_host("echo.example", EchoPeer())
        socks = [await bench.modem.open_socket("echo.example", 7, kind) for kind in kinds]
        words = [b"word %d" % number for number in range(5)]

        assert await asyncio.gather(*(in_thread(talk, *pair) for pair in zip(socks, words, strict=True))) == words
