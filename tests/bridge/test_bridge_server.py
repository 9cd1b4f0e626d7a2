"""The SOCKS5 front, from a client's side."""

import asyncio
import contextlib
import errno
import gc
import socket
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bc260y_aio import (
    ConnectRefused,
    ErrorCode,
    ModemClosed,
    NoFreeConnectID,
    NotRegistered,
    ResolutionError,
    SocketError,
)
from bc260y_aio.bridge import SocksServer
from bc260y_aio.bridge.server import reply_code
from bc260y_aio.bridge.socks import Code, Datagram
from bc260y_aio.emulator import EchoPeer, PeerConnection
from tests.bridge.bench import open_bench, until
from tests.guide.bench import Bench
from tests.tools import needs

# To say that no authentication will do, and what is answered.
HELLO, WELCOME = b"\x05\x01\x00", b"\x05\x00"
GRANTED = b"\x05\x00\x00\x01" + bytes(6)
OPENED = b'AT+QIOPEN=0,0,"TCP","echo.example",7'

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def connect_to(name: str, port: int = 7) -> bytes:
    return b"\x05\x01\x00\x03" + bytes([len(name)]) + name.encode() + port.to_bytes(2)


def refused(code: Code) -> bytes:
    return b"\x05" + bytes([code]) + b"\x00\x01" + bytes(6)


@contextlib.asynccontextmanager
async def front(bench: Bench, **options: Any) -> AsyncIterator[SocksServer]:
    async with SocksServer(bench.modem, port=0, **{"linger": 0.05} | options) as server:
        yield server


@contextlib.asynccontextmanager
async def client_of(server: SocksServer) -> AsyncIterator[Streams]:
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def ask(streams: Streams, request: bytes) -> bytes:
    """Greet, ask, and return the answer."""
    reader, writer = streams
    writer.write(HELLO)
    assert await reader.readexactly(2) == WELCOME
    writer.write(request)
    return await reader.readexactly(10)


# Connections


@pytest.mark.loops("asyncio", "eager", "uvloop")
async def test_a_client_is_connected_to_a_name_that_the_module_resolves() -> None:
    async with open_bench() as bench, front(bench) as server, client_of(server) as (reader, writer):
        assert await ask((reader, writer), connect_to("echo.example")) == GRANTED
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"

        assert [line for line in bench.wire.commands if b"echo.example" in line] == [OPENED]


async def test_a_client_is_connected_to_an_address() -> None:
    async with open_bench() as bench, front(bench) as server, client_of(server) as (reader, writer):
        address = socket.inet_aton(bench.network.add_host("goodbye.example", None, ports={7: say_goodbye}))
        assert await ask((reader, writer), b"\x05\x01\x00\x01" + address + b"\x00\x07") == GRANTED
        assert await reader.read() == b"goodbye"


async def say_goodbye(connection: PeerConnection) -> None:
    connection.send(b"goodbye")


@needs("curl")
async def test_curl_gets_a_page() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000)
        writer.close()

    web = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with web, open_bench() as bench, front(bench) as server:
        url = f"http://web.example:{web.sockets[0].getsockname()[1]}/"
        proxy = f"127.0.0.1:{server.port}"
        curl = await asyncio.create_subprocess_exec(
            *("curl", "-sS", "--max-time", "10", "--socks5-hostname", proxy, url), stdout=asyncio.subprocess.PIPE
        )

        assert (await curl.communicate())[0] == b"x" * 5000


async def test_early_data_of_a_client_reaches_the_peer() -> None:
    async with open_bench(latency=0.02) as bench, front(bench) as server, client_of(server) as (reader, writer):
        writer.write(HELLO + connect_to("echo.example") + b"early ")
        assert await reader.readexactly(12) == WELCOME + GRANTED
        writer.write(b"bird")

        assert await reader.readexactly(10) == b"early bird"


async def test_data_of_a_client_during_the_connect_reaches_the_peer() -> None:
    async with open_bench(latency=0.1) as bench, front(bench) as server, client_of(server) as (reader, writer):
        writer.write(HELLO + connect_to("echo.example"))
        assert await reader.readexactly(2) == WELCOME
        await until(lambda: bench.modem._ids.taken)
        writer.write(b"early bird")

        assert await reader.readexactly(20) == GRANTED + b"early bird"


@pytest.mark.parametrize("stays_open", [False, True])
async def test_a_client_that_has_ended_its_sending_gets_the_answer_all_the_same(stays_open: bool) -> None:
    async def answer(connection: PeerConnection) -> None:
        await connection.receive_exactly(5)
        await asyncio.sleep(0.05)
        connection.send(b"world")
        while stays_open and await connection.receive():
            pass

    async with open_bench() as bench, front(bench, linger=0.6) as server, client_of(server) as (reader, writer):
        bench.network.add_host("answer.example", answer)
        assert await ask((reader, writer), connect_to("answer.example")) == GRANTED
        writer.write(b"hello")
        writer.write_eof()

        assert await reader.read() == b"world"


async def test_data_sent_with_the_request_is_passed_on_though_the_client_ends_its_sending_before_the_reply() -> None:
    async with (
        open_bench(latency=0.1) as bench,
        front(bench, linger=0.2) as server,
        client_of(server) as (reader, writer),
    ):
        writer.write(HELLO + connect_to("echo.example") + b"early")
        writer.write(b" bird")
        writer.write_eof()

        assert await reader.read() == WELCOME + GRANTED + b"early bird"


async def test_a_client_that_closes_before_the_reply_is_not_connected() -> None:
    async with open_bench(latency=0.2) as bench, front(bench, linger=60) as server:
        async with client_of(server) as (reader, writer):
            writer.write(HELLO + connect_to("echo.example") + b"early bird")
            assert await reader.readexactly(2) == WELCOME

        await until(lambda: not server._clients)


async def test_a_client_that_has_closed_frees_its_connect_id_without_waiting_for_the_peer() -> None:
    async with open_bench() as bench, front(bench, linger=60) as server:
        async with client_of(server) as streams:
            assert await ask(streams, connect_to("echo.example")) == GRANTED

        await until(lambda: not bench.emulator.module.sockets)


# Datagrams


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.packets: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.packets.put_nowait(data)


@contextlib.asynccontextmanager
async def associated(server: SocksServer, port: int = 0) -> AsyncIterator[tuple[Any, Datagrams, Any]]:
    """Ask for an association, and give a UDP socket that is connected to it, and the client's writer."""
    loop = asyncio.get_running_loop()
    async with client_of(server) as (reader, writer):
        answer = await ask((reader, writer), b"\x05\x03\x00\x01" + bytes(4) + port.to_bytes(2))
        assert answer[:4] == b"\x05\x00\x00\x01"
        address = socket.inet_ntoa(answer[4:8]), int.from_bytes(answer[8:])
        transport, protocol = await loop.create_datagram_endpoint(
            Datagrams, remote_addr=address, local_addr=("127.0.0.1", port)
        )
        try:
            yield transport, protocol, writer
        finally:
            transport.close()


async def test_datagrams_are_passed_on_to_many_peers_by_name_and_by_address() -> None:
    async with open_bench() as bench, front(bench) as server:
        address = bench.network.add_host("other.example", EchoPeer())
        async with associated(server) as (transport, protocol, _):
            for host in ("echo.example", address):
                packet = Datagram(host, 7, b"hello " + host.encode()).encode()
                transport.sendto(packet)
                assert await asyncio.wait_for(protocol.packets.get(), 10) == packet

        await until(lambda: not bench.emulator.module.sockets)


async def test_datagrams_of_others_fragments_and_what_is_too_long_are_dropped() -> None:
    loop = asyncio.get_running_loop()
    async with open_bench() as bench, front(bench) as server, associated(server) as (transport, protocol, _):
        good = Datagram("echo.example", 7, b"good").encode()
        for packet in (b"", b"\0\0\1" + good[3:], good[:6], Datagram("echo.example", 7, bytes(2000)).encode(), good):
            transport.sendto(packet)

        assert await asyncio.wait_for(protocol.packets.get(), 10) == good
        stranger, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, remote_addr=transport.get_extra_info("peername")
        )
        stranger.sendto(Datagram("echo.example", 7, b"stranger").encode())
        stranger.close()
        transport.sendto(good)
        assert await asyncio.wait_for(protocol.packets.get(), 10) == good
        assert protocol.packets.empty()


async def test_an_association_ends_with_the_module() -> None:
    async with open_bench() as bench, front(bench) as server, associated(server) as (transport, _, writer):
        transport.sendto(Datagram("echo.example", 7, b"hello").encode())
        await until(lambda: bench.emulator.module.sockets)
        writer.close()
        await until(lambda: not server._clients)
        assert not bench.emulator.module.sockets


async def test_a_client_that_closes_has_what_it_wrote_sent_first() -> None:
    async with open_bench() as bench, front(bench) as server:
        async with client_of(server) as streams:
            assert await ask(streams, connect_to("sink.example")) == GRANTED
            streams[1].write(b"x" * 10_000)

        await until(lambda: bench.hosts.sink.data == b"x" * 10_000)
        await until(lambda: not bench.emulator.module.sockets)


async def test_a_lost_connection_is_a_reset() -> None:
    async with open_bench() as bench, front(bench) as server, client_of(server) as (reader, writer):
        assert await ask((reader, writer), connect_to("echo.example")) == GRANTED
        bench.emulator.restart()

        with pytest.raises(ConnectionResetError):
            await reader.read()


# Refusals


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (connect_to("nowhere.invalid"), refused(Code.HOST_UNREACHABLE)),
        (b"\x05\x01\x00\x01\xcb\x00\x71\x09\x00\x07", refused(Code.CONNECTION_REFUSED)),
        (b"\x05\x01\x00\x04\x20\x01\x0d\xb8" + bytes(12) + b"\x00\x07", refused(Code.CONNECTION_REFUSED)),
        (connect_to('quo"te.example'), refused(Code.GENERAL_FAILURE)),
        (connect_to("a" * 200), refused(Code.GENERAL_FAILURE)),
        (connect_to("echo.example", 0), refused(Code.GENERAL_FAILURE)),
        (b"\x05\x02\x00\x01" + bytes(6), refused(Code.COMMAND_NOT_SUPPORTED)),
        (b"\x05\x01\x00\x02" + bytes(6), refused(Code.ADDRESS_TYPE_NOT_SUPPORTED)),
    ],
    ids=["no such name", "nobody there", "IPv6", "quote", "too long", "port 0", "BIND", "address type"],
)
async def test_an_impossible_request_is_refused_with_the_code_of_its_cause(request_: bytes, answer: bytes) -> None:
    async with open_bench() as bench, front(bench) as server, client_of(server) as (reader, writer):
        assert await ask((reader, writer), request_) == answer
        assert await reader.read() == b""


@pytest.mark.parametrize(
    ("said", "answer"),
    [(b"\x05\x01\x02", b"\x05\xff"), (b"\x04\x01\x00\x50", b"\x00\x5b" + bytes(6)), (b"GET / HTTP/1.1\r\n\r\n", b"")],
    ids=["password", "SOCKS4", "HTTP"],
)
async def test_a_client_of_another_protocol_is_disconnected(said: bytes, answer: bytes) -> None:
    async with open_bench() as bench, front(bench) as server, client_of(server) as (reader, writer):
        writer.write(said)

        assert await reader.read() == answer


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConnectRefused(ErrorCode.CONNECTION_FAILED, "opening"), Code.CONNECTION_REFUSED),
        (ResolutionError(ErrorCode.DNS_PARSE_FAILED, "opening"), Code.HOST_UNREACHABLE),
        (SocketError(ErrorCode.OPERATION_TIMEOUT, "opening"), Code.TTL_EXPIRED),
        (SocketError(ErrorCode.CONTEXT_BROKEN_DOWN, "opening"), Code.NETWORK_UNREACHABLE),
        (SocketError(ErrorCode.MEMORY_NOT_ENOUGH, "opening"), Code.GENERAL_FAILURE),
        (NoFreeConnectID(ErrorCode.IDENTITY_IN_USE, "opening"), Code.GENERAL_FAILURE),
        (NotRegistered("not registered"), Code.NETWORK_UNREACHABLE),
        (ModemClosed("closed"), Code.GENERAL_FAILURE),
        (OSError(errno.EHOSTUNREACH, "no route"), Code.HOST_UNREACHABLE),
        (TimeoutError(), Code.TTL_EXPIRED),
        (ValueError("a host"), Code.GENERAL_FAILURE),
    ],
)
def test_every_error_has_its_code(error: Exception, code: Code) -> None:
    assert reply_code(error) is code


# Clients that keep others waiting, or do not wait themselves


async def test_a_client_that_sends_nothing_is_disconnected_in_time() -> None:
    async with (
        open_bench() as bench,
        front(bench, handshake_timeout=0.1) as server,
        client_of(server) as (reader, writer),
    ):
        writer.write(HELLO)
        assert await reader.readexactly(2) == WELCOME

        assert await reader.read() == b""


@pytest.mark.loops("asyncio", "eager", "uvloop")
async def test_a_client_that_goes_while_it_is_connected_leaves_nothing() -> None:
    async with open_bench(latency=0.15) as bench, front(bench) as server:
        async with client_of(server) as (reader, writer):
            writer.write(HELLO + connect_to("echo.example"))
            assert await reader.readexactly(2) == WELCOME
            await until(lambda: bench.modem._ids.taken)

        await until(lambda: not bench.modem._ids.taken and not server._clients)


async def test_more_clients_than_connect_ids_wait_for_a_bounded_time() -> None:
    async with open_bench({"sockets": 1, "connect_id_timeout": 0.2}) as bench, front(bench) as server:
        async with client_of(server) as first, client_of(server) as second:
            assert await ask(first, connect_to("echo.example")) == GRANTED
            assert await ask(second, connect_to("echo.example")) == refused(Code.GENERAL_FAILURE)

        async with client_of(server) as third:
            assert await ask(third, connect_to("echo.example")) == GRANTED


async def test_there_is_an_end_to_how_many_clients_there_may_be(caplog: pytest.LogCaptureFixture) -> None:
    async with open_bench() as bench, front(bench, max_clients=1) as server, client_of(server) as first:
        assert await ask(first, connect_to("echo.example")) == GRANTED
        async with client_of(server) as (reader, _):
            assert await reader.read() == b""

    assert "a client was refused" in caplog.text


async def test_a_client_that_does_not_read_holds_the_peer_back_and_loses_nothing() -> None:
    data = bytes(range(256)) * 400

    async def send(connection: PeerConnection) -> None:
        connection.send(data)

    async with open_bench() as bench, front(bench) as server, client_of(server) as (reader, writer):
        bench.network.add_host("source.example", send)
        assert await ask((reader, writer), connect_to("source.example")) == GRANTED
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(0.1)
        reader._transport.resume_reading()  # type: ignore[attr-defined]

        assert await reader.read() == data


# From start to close


@pytest.mark.loops("asyncio", "eager", "uvloop")
async def test_closing_it_breaks_everything_off() -> None:
    async with open_bench() as bench:
        async with front(bench) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            idle_reader, idle_writer = await asyncio.open_connection("127.0.0.1", server.port)
            assert await ask((reader, writer), connect_to("echo.example")) == GRANTED

        for stream in (reader, idle_reader):
            with contextlib.suppress(ConnectionResetError):
                assert await stream.read() == b""

        for one in (writer, idle_writer):
            one.close()
            with contextlib.suppress(ConnectionResetError):
                await one.wait_closed()

        assert "closed" in repr(server)


async def test_a_connect_that_fails_as_its_client_goes_is_not_reported_to_the_loop() -> None:
    class Failing:
        """An opener that fails when it is cancelled, as a modem does whose module restarts in that moment."""

        is_asked = False

        async def create_connection(self, *args: Any, **kwds: Any) -> Any:
            self.is_asked = True
            try:
                await asyncio.Event().wait()
            finally:
                raise ConnectRefused(ErrorCode.CONNECTION_FAILED, "opening")

        async def create_datagram_endpoint(self, *args: Any, **kwds: Any) -> Any:
            raise NotImplementedError

    opener = Failing()
    async with SocksServer(opener, port=0) as server:
        async with client_of(server) as (reader, writer):
            writer.write(HELLO + connect_to("echo.example"))
            assert await reader.readexactly(2) == WELCOME
            await until(lambda: opener.is_asked)

        await until(lambda: not server._clients)

    # What nobody has retrieved is reported now, which fails any test.
    gc.collect()


async def test_closing_it_while_a_client_is_being_connected_leaves_nothing() -> None:
    async with open_bench(latency=0.15) as bench, front(bench) as server, client_of(server) as (_, writer):
        writer.write(HELLO + connect_to("echo.example"))
        await until(lambda: bench.modem._ids.taken)
        await server.close()


async def test_it_may_be_started_again_but_not_twice() -> None:
    async with open_bench() as bench:
        server = SocksServer(bench.modem, "localhost", 0)
        for _ in range(2):
            async with server:
                with pytest.raises(RuntimeError, match="listens already"):
                    await server.start()


async def test_listening_to_others_than_this_machine_is_worth_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    create_server = socket.create_server
    monkeypatch.setattr(
        "bc260y_aio.bridge.server.socket.create_server", lambda address, **options: create_server(("127.0.0.1", 0))
    )
    async with open_bench() as bench:
        async with SocksServer(bench.modem, port=0):
            assert caplog.text == ""

        async with SocksServer(bench.modem, "0.0.0.0", 0):
            assert "every program that reaches it can use the module" in caplog.text


@pytest.mark.parametrize(
    ("host", "options"),
    [
        ("proxy.example", {}),
        ("127.0.0.1", {"port": 65536}),
        ("127.0.0.1", {"max_clients": 0}),
        ("127.0.0.1", {"linger": -1}),
        ("127.0.0.1", {"handshake_timeout": 0}),
    ],
)
async def test_an_invalid_argument_is_a_value_error(host: str, options: dict[str, Any]) -> None:
    async with open_bench() as bench:
        with pytest.raises(ValueError, match=r"proxy\.example|out of range"):
            SocksServer(bench.modem, host, **options)


async def test_when_descriptors_run_out_it_waits_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    accept = socket.socket.accept
    failures = [OSError(errno.EMFILE, "too many open files"), OSError(errno.ECONNABORTED, "gone")]

    def fail_at_first(listener: socket.socket) -> tuple[socket.socket, Any]:
        if failures:
            raise failures.pop()

        return accept(listener)

    monkeypatch.setattr("bc260y_aio.bridge.server._PAUSE", 0.05)
    async with open_bench() as bench, front(bench) as server:
        monkeypatch.setattr(socket.socket, "accept", fail_at_first)
        async with client_of(server) as streams:
            assert await ask(streams, connect_to("echo.example")) == GRANTED

    assert "too many open files" in caplog.text


async def test_a_client_that_resets_its_connection_frees_the_connect_id_at_once() -> None:
    async with open_bench() as bench, front(bench, linger=60) as server:
        async with client_of(server) as streams:
            assert await ask(streams, connect_to("echo.example")) == GRANTED
            at_once = struct.pack("ii", 1, 0)
            streams[1].get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)

        await until(lambda: not bench.emulator.module.sockets)
