"""The network behind the module: names, pings, time, real servers, scripted peers."""

import asyncio
import contextvars
import errno
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from bc260y_aio.emulator import EchoPeer, Emulator, Network, PeerConnection, RefusingPeer, SinkPeer, SourcePeer
from bc260y_aio.errors import ErrorCode
from bc260y_aio.testing import ControlledClockLoop
from tests.emulator.terminal import Piece, Terminal, on_line
from tests.loops import Contexts, LoopFactory

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def loop_factory() -> LoopFactory:
    """Real sockets are in play here: wait for a moment before each advance of the clock."""
    return lambda: ControlledClockLoop(grace=0.002)


# Names


def test_names_get_addresses_one_after_another_and_keep_them() -> None:
    network = Network()
    assert network.resolve("a.example") == "198.51.100.1"
    assert network.resolve("b.example") == "198.51.100.2"
    assert network.resolve("A.Example.") == "198.51.100.1"
    assert network.add_host("b.example", EchoPeer()) == "198.51.100.2"
    assert network.add_host("198.51.100.3", EchoPeer()) == "198.51.100.3"
    assert network.resolve("c.example") == "198.51.100.4"


def test_names_that_lead_nowhere_do_not_resolve() -> None:
    network = Network()
    assert network.resolve("host.invalid") is None
    assert network.resolve("invalid") is None
    assert network.resolve("valid") is not None


def test_without_names_only_hosts_that_were_added_resolve() -> None:
    network = Network(names=False)
    network.add_host("echo.example", EchoPeer())
    assert network.resolve("echo.example") == "198.51.100.1"
    assert network.resolve("other.example") is None
    assert network.resolve("localhost") == "127.0.0.1"


def test_more_names_than_a_small_network_has_addresses_resolve_too() -> None:
    network = Network()
    addresses = {network.resolve(f"{number}.example") for number in range(1000)}
    assert len(addresses) == 1000


def test_an_address_leads_where_its_name_does() -> None:
    network = Network()
    peer = EchoPeer()
    address = network.add_host("echo.example", peer, ports={80: 8080, 9: SinkPeer()})
    found = network.find(address, 7)
    assert not isinstance(found, ErrorCode)
    assert (found.peer, found.loopback_port) == (peer, 7)
    web = network.find("echo.example", 80)
    assert not isinstance(web, ErrorCode)
    assert (web.peer, web.loopback, web.loopback_port) == (None, "127.0.0.1", 8080)
    nowhere = network.find("203.0.113.5", 7)
    assert not isinstance(nowhere, ErrorCode)
    assert isinstance(nowhere.peer, RefusingPeer)
    assert network.find("no.invalid", 7) is ErrorCode.DNS_PARSE_FAILED


async def test_the_module_resolves_names() -> None:
    async with on_line(Network(latency=0.2)) as (_, terminal):
        assert await terminal.ask(b'AT+QIDNSGIP=0,"a.example"') == b"\r\nOK\r\n"
        asked = asyncio.get_running_loop().time()
        assert await terminal.read() == b"\r\n+QIDNSGIP: 0,1,0\r\n\r\n+QIDNSGIP: 198.51.100.1\r\n"
        assert terminal.pieces[-1].time - asked == pytest.approx(0.4)
        await terminal.ask(b'AT+QIDNSGIP=0,"a.invalid"')
        assert await terminal.read() == b"\r\n+QIDNSGIP: 565\r\n"


async def test_questions_into_an_outage_time_out() -> None:
    async with on_line(Network()) as (emulator, terminal):
        emulator.network.outage = True
        terminal.type(b'AT+QIDNSGIP=0,"a.example"', b'AT+QNTP=0,"a.example"', b'AT+QPING=0,"a.example",4,2')
        assert await terminal.read(60) == (
            b"\r\nOK\r\n" * 3
            + b"\r\n+QPING: 569\r\n" * 2
            + b"\r\n+QPING: 0,2,0,2,0,0,0\r\n"
            + b"\r\n+QIDNSGIP: 569\r\n\r\n+QNTP: 569\r\n"
        )


async def test_questions_before_registration_fail() -> None:
    async with on_line(Network(), registration_delay=100.0) as (_, terminal):
        terminal.type(b'AT+QIDNSGIP=0,"a.example"', b'AT+QNTP=0,"a.example"', b'AT+QPING=0,"a.example"')
        assert await terminal.read() == (
            b"\r\nOK\r\n" * 3 + b"\r\n+QIDNSGIP: 561\r\n\r\n+QNTP: 561\r\n\r\n+QPING: 561\r\n"
        )


# Ping


async def test_replies_to_a_ping_are_reported_as_they_come() -> None:
    async with on_line(Network(latency=0.25)) as (emulator, terminal):
        emulator.network.add_host("echo.example", EchoPeer())
        await terminal.ask(b'AT+QPING=0,"echo.example",4,2,100')
        asked = asyncio.get_running_loop().time()
        reply = b"\r\n+QPING: 0,198.51.100.1,100,500,52\r\n"
        assert await terminal.read(5) == reply * 2 + b"\r\n+QPING: 0,2,2,0,500,500,500\r\n"
        assert [piece.time - asked for piece in terminal.pieces[-3:]] == pytest.approx([0.5, 1.0, 1.0])


async def test_an_unanswered_ping_reports_each_loss() -> None:
    async with on_line(Network()) as (_, terminal):
        await terminal.ask(b'AT+QPING=0,"203.0.113.9",3,2')
        asked = asyncio.get_running_loop().time()
        assert await terminal.read(10) == b"\r\n+QPING: 569\r\n" * 2 + b"\r\n+QPING: 0,2,0,2,0,0,0\r\n"
        assert [piece.time - asked for piece in terminal.pieces[-3:]] == pytest.approx([3, 6, 6])


async def test_a_ping_to_an_unknown_name_is_reported_once() -> None:
    async with on_line(Network()) as (_, terminal):
        await terminal.ask(b'AT+QPING=0,"nobody.invalid"')
        assert await terminal.read(60) == b"\r\n+QPING: 565\r\n"


async def test_lost_packets_follow_the_seed() -> None:
    async def run(seed: int) -> bytes:
        async with on_line(latency=0.1, jitter=0.1, loss=0.3, seed=seed) as (_, terminal):
            await terminal.ask(b'AT+QPING=0,"a.example",1,10')
            return await terminal.read(60)

    first, again, other = await run(1), await run(1), await run(2)

    assert first == again != other
    assert b"+QPING: 569\r\n" in first


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"ping_ttl": False}, b"+QPING: 0,198.51.100.1,32,200\r\n"),
        ({"quoted_addresses": True}, b'+QPING: 0,"198.51.100.1",32,200,52\r\n'),
    ],
)
async def test_pings_follow_the_variants(settings: dict[str, Any], line: bytes) -> None:
    async with on_line(latency=0.1, **settings) as (_, terminal):
        await terminal.ask(b'AT+QPING=0,"a.example",1,1')
        assert line in await terminal.read(10)


async def test_a_large_ping_is_refused_by_early_firmware() -> None:
    async with on_line(firmware="R01A02") as (_, terminal):
        assert await terminal.ask(b'AT+QPING=0,"a.example",1,1,201', b"ERROR\r\n") == b"\r\nERROR\r\n"


# Time


async def test_the_module_asks_for_the_time_and_sets_its_clock_unless_switched_off() -> None:
    network = Network(latency=0.5, now=lambda: NOON)
    network.ntp_time = lambda server, port: datetime(2030, 1, 2, 3, 4, port % 60, tzinfo=UTC)
    async with on_line(network) as (_, terminal):
        await terminal.ask(b'AT+QNTP=0,"ntp.example",123,0')
        assert await terminal.read(5) == b'\r\n+QNTP: 0,"30/01/02,03:04:03+00"\r\n'
        assert b'"2026/03/01,12:00:00+00"' in await terminal.ask(b"AT+CCLK?")
        await terminal.ask(b'AT+QNTP=0,"ntp.example",130,1')
        assert await terminal.read(5) == b'\r\n+QNTP: 0,"30/01/02,03:04:10+00"\r\n'
        assert b'"2030/01/02,03:04:10+00"' in await terminal.ask(b"AT+CCLK?")


async def test_a_time_server_may_not_answer_or_not_be() -> None:
    network = Network()
    network.ntp_time = lambda server, port: None
    async with on_line(network, ntp_prefix="+QNTIP") as (_, terminal):
        await terminal.ask(b'AT+QNTP=0,"ntp.example"')
        assert await terminal.read(30) == b"\r\n+QNTIP: 569\r\n"
        await terminal.ask(b'AT+QNTP=0,"ntp.invalid"')
        assert await terminal.read() == b"\r\n+QNTIP: 565\r\n"


# Real servers


@asynccontextmanager
async def server(name: str = "127.0.0.1") -> AsyncIterator[tuple[int, asyncio.Queue[bytes]]]:
    """Serve an echo, and send at the end all that was received."""
    got: asyncio.Queue[bytes] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received = bytearray()
        while data := await reader.read(4096):
            received += data
            writer.write(data)

        got.put_nowait(bytes(received))
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, name, 0) as listener:
        yield listener.sockets[0].getsockname()[1], got


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "anything.example", "198.51.100.1"])
async def test_names_and_loopback_lead_to_real_servers(host: str) -> None:
    async with server() as (port, got), on_line() as (emulator, terminal):
        assert emulator.network.resolve("first.example") == "198.51.100.1"
        await terminal.open(0, host, port)
        await terminal.ask(b'AT+QISEND=0,5,"hello"', b"SEND OK\r\n")
        assert await terminal.until(b'"hello"\r\n') == b'\r\n+QIURC: "recv",0,5,"hello"\r\n'
        assert await terminal.ask(b"AT+QISEND=0,0") == b"\r\n+QISEND: 5,5,0\r\n\r\nOK\r\n"
        await terminal.ask(b"AT+QICLOSE=0", b"CLOSE OK\r\n")
        assert await got.get() == b"hello"


async def test_a_port_may_lead_to_another_port() -> None:
    async with server() as (port, _), on_line() as (emulator, terminal):
        emulator.network.add_host("web.example", ports={80: port})
        await terminal.open(0, "web.example", 80)
        await terminal.ask(b'AT+QISEND=0,5,"hello"', b"SEND OK\r\n")
        assert await terminal.until(b'"hello"\r\n')


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError as exc:
        # Any other error is one of the test, or of the machine.
        if exc.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            raise

        return False

    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
async def test_the_loopback_of_version_6_is_reached_too() -> None:
    async with server("::1") as (port, _), on_line() as (_, terminal):
        await terminal.open(0, "::1", port)


async def test_a_port_without_a_listener_is_refused() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        async with on_line(latency=0.1) as (_, terminal):
            reply = await terminal.ask(b'AT+QIOPEN=0,0,"TCP","127.0.0.1",%d' % port, b"566\r\n")
            assert reply == b"\r\nOK\r\n\r\n+QIOPEN: 0,566\r\n"


async def test_everything_accepted_reaches_a_real_server_after_a_close() -> None:
    dice = random.Random(3)
    payload = dice.randbytes(64 * 512)
    async with server() as (port, got), on_line(latency=0.05) as (_, terminal):
        await terminal.ask(b'AT+QICFG="dataformat",1,1')
        await terminal.open(0, "a.example", port)
        for start in range(0, len(payload), 512):
            data = payload[start : start + 512].hex().encode()
            await terminal.ask(b'AT+QISEND=0,512,"%b"' % data, b"SEND OK\r\n")

        await terminal.ask(b"AT+QICLOSE=0", b"CLOSE OK\r\n")
        assert await got.get() == payload


async def test_the_close_of_a_real_server_is_reported_after_its_data() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"bye")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listener, on_line() as (_, terminal):
        await terminal.open(0, "a.example", listener.sockets[0].getsockname()[1])
        end = b'+QIURC: "closed",0\r\n'
        assert await terminal.until(end) == b'\r\n+QIURC: "recv",0,3,"bye"\r\n\r\n' + end
        await terminal.ask(b"AT+QICLOSE=0", b"CLOSE OK\r\n")


async def test_the_reset_of_a_real_server_is_reported_as_closed() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listener, on_line() as (_, terminal):
        await terminal.open(0, "a.example", listener.sockets[0].getsockname()[1])
        await terminal.ask(b'AT+QISEND=0,5,"hello"', b"SEND OK\r\n")
        assert await terminal.until(b'"closed",0\r\n') == b'\r\n+QIURC: "closed",0\r\n'


async def test_a_real_server_is_held_back_by_a_slow_line() -> None:
    written = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.transport.set_write_buffer_limits(0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
        try:
            while True:
                writer.write(bytes(4096))
                await writer.drain()
                written += 4096
        except ConnectionError:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listener, on_line(baudrate=9600) as (_, terminal):
        await terminal.open(0, "a.example", listener.sockets[0].getsockname()[1])
        await asyncio.sleep(1)
        before = written
        await asyncio.sleep(2)
        # The system's buffers have taken some data; from here on the line sets the pace.
        assert written - before <= 3 * 4096 + 2 * 960
        await terminal.ask(b"AT+QICLOSE=0", b"CLOSE OK\r\n")
        await asyncio.sleep(2)


async def test_datagrams_go_to_real_servers_and_back() -> None:
    class Server(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast("asyncio.DatagramTransport", transport)

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            self.transport.sendto(data[::-1], addr)

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Server, local_addr=("127.0.0.1", 0))
    try:
        async with on_line() as (_, terminal):
            await terminal.open(0, "udp.example", transport.get_extra_info("sockname")[1], kind="UDP")
            await terminal.ask(b'AT+QISEND=0,3,"abc"', b"SEND OK\r\n")
            assert await terminal.until(b'"cba"\r\n') == b'\r\n+QIURC: "recv",0,3,"cba"\r\n'
            assert await terminal.ask(b"AT+QISEND=0,0") == b"\r\n+QISEND: 3,0,0\r\n\r\nOK\r\n"
    finally:
        transport.close()


async def test_a_datagram_to_an_unused_port_gets_no_reply() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    async with on_line() as (_, terminal):
        await terminal.open(0, "udp.example", port, kind="UDP")
        for _ in range(3):
            await terminal.ask(b'AT+QISEND=0,3,"abc"', b"SEND OK\r\n")

        assert await terminal.read() == b""


async def test_a_loop_whose_connections_are_redirected_redirects_none_of_the_emulator(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def never(*args: object, **kwargs: object) -> None:
        raise AssertionError("the emulator went through the loop's own methods")

    loop = asyncio.get_running_loop()
    async with server() as (port, _), on_line() as (_, terminal):
        for name in ("create_connection", "create_datagram_endpoint", "getaddrinfo", "sock_connect"):
            monkeypatch.setattr(loop, name, never)

        await terminal.open(0, "127.0.0.1", port, kind="TCP")
        await terminal.open(1, "127.0.0.1", port, kind="UDP")
        monkeypatch.undo()


async def test_peers_run_in_a_context_of_their_own() -> None:
    route = contextvars.ContextVar("route", default="none")
    seen = []

    async def peer(connection: PeerConnection) -> None:
        seen.append(route.get())

    async with on_line() as (emulator, terminal):
        emulator.network.add_host("peer.example", peer)
        route.set("over the module")
        await terminal.open(0, "peer.example")
        await asyncio.sleep(1)

    assert seen == ["none"]


# Scripted peers


async def test_a_script_reads_and_writes_as_it_likes() -> None:
    async def greeter(connection: PeerConnection) -> None:
        name = await connection.receive_exactly(4)
        assert (connection.service_type, connection.host, connection.port) == ("TCP", "greeter.example", 99)
        rest = await connection.receive()
        connection.send(b"hello " + name + b"/" + rest)
        connection.close()

    async with on_line() as (emulator, terminal):
        emulator.network.add_host("greeter.example", greeter)
        await terminal.open(0, "greeter.example", 99)
        await terminal.ask(b'AT+QISEND=0,3,"Ann"', b"SEND OK\r\n")
        await terminal.ask(b'AT+QISEND=0,3,"eXY"', b"SEND OK\r\n")
        assert await terminal.read() == (b'\r\n+QIURC: "recv",0,13,"hello Anne/XY"\r\n\r\n+QIURC: "closed",0\r\n')


async def test_a_script_receives_the_end() -> None:
    output = []

    async def peer(connection: PeerConnection) -> None:
        while data := await connection.receive():
            output.append(data)

        output.append(b"the end")
        with pytest.raises(EOFError):
            await connection.receive_exactly(1)

    async with on_line(latency=0.1) as (emulator, terminal):
        emulator.network.add_host("peer.example", peer)
        await terminal.open(0, "peer.example")
        await terminal.ask(b'AT+QISEND=0,3,"abc"', b"SEND OK\r\n")
        await terminal.ask(b"AT+QICLOSE=0", b"CLOSE OK\r\n")
        await asyncio.sleep(1)

    assert output == [b"abc", b"the end"]


@pytest.mark.parametrize("host", ["peer.example", "198.51.100.7"])
async def test_a_datagram_script_reads_to_the_end_too(host: str) -> None:
    ended = asyncio.Event()

    async def peer(connection: PeerConnection) -> None:
        assert await connection.receive() == b"abc"
        assert await connection.receive() == b""
        ended.set()

    async with on_line(latency=0.1) as (emulator, terminal):
        emulator.network.add_host(host, peer)
        await terminal.open(0, host, kind="UDP")
        await terminal.ask(b'AT+QISEND=0,3,"abc"', b"SEND OK\r\n")
        await terminal.ask(b"AT+QICLOSE=0", b"CLOSE OK\r\n")
        async with asyncio.timeout(5):
            await ended.wait()


async def test_a_network_that_loses_every_datagram_loses_no_question_for_a_name() -> None:
    async with on_line(loss=1.0) as (emulator, terminal):
        await terminal.open(0, "peer.example", kind="UDP")
        assert emulator.network.datagrams_lost == 0


async def test_a_script_that_fails_is_reported_and_closes(loop_errors: Contexts) -> None:
    async def peer(connection: PeerConnection) -> None:
        raise ZeroDivisionError

    async with on_line() as (emulator, terminal):
        emulator.network.add_host("peer.example", peer)
        terminal.type(b'AT+QIOPEN=0,0,"TCP","peer.example",7')
        assert b'"closed",0' in await terminal.read()

    assert [type(context["exception"]) for context in loop_errors] == [ZeroDivisionError]


async def test_a_peer_that_does_not_read_stops_acknowledging() -> None:
    release = asyncio.Event()

    async def peer(connection: PeerConnection) -> None:
        await release.wait()
        while await connection.receive():
            pass

    async with on_line(send_buffer=1 << 20) as (emulator, terminal):
        emulator.network.add_host("peer.example", peer)
        await terminal.open(0, "peer.example")
        for _ in range(70):
            await terminal.ask(b'AT+QISEND=0,1024,"%b"' % (b"a" * 1024), b"SEND OK\r\n")

        assert b"+QISEND: 71680,65536,6144\r\n" in await terminal.ask(b"AT+QISEND=0,0")
        release.set()
        await asyncio.sleep(1)
        assert b"+QISEND: 71680,71680,0\r\n" in await terminal.ask(b"AT+QISEND=0,0")


async def test_jitter_keeps_the_order_of_a_stream() -> None:
    data = bytes(range(0x20, 0x7F)) * 20
    async with on_line(latency=0.1, jitter=0.5) as (emulator, terminal):
        emulator.network.add_host("source.example", SourcePeer(data, chunk=50, stays_open=True))
        await terminal.open(0, "source.example")
        output = await terminal.read(10)

    pieces = output.split(b'\r\n+QIURC: "recv",0,50,"')[1:]
    assert b"".join(piece[:50] for piece in pieces) == data


async def test_datagrams_are_lost_by_the_seed() -> None:
    async def run(seed: int) -> int:
        async with on_line(loss=0.3, seed=seed) as (emulator, terminal):
            emulator.network.add_host("echo.example", EchoPeer())
            await terminal.open(0, "echo.example", kind="UDP")
            for _ in range(100):
                await terminal.ask(b'AT+QISEND=0,1,"x"', b"SEND OK\r\n")

            await asyncio.sleep(1)
            received = terminal.received.count(b"recv")
            assert emulator.network.datagrams_lost == 100 - received
            return received

    first, again = await run(5), await run(5)
    assert first == again
    assert 35 <= first <= 65


async def test_two_modules_may_share_a_network() -> None:
    network = Network()
    sink = SinkPeer()
    network.add_host("sink.example", sink)
    async with on_line(network) as (_, one), on_line(network) as (_, two):
        await one.open(0, "sink.example")
        await two.open(0, "sink.example")
        await one.ask(b'AT+QISEND=0,3,"one"', b"SEND OK\r\n")
        await two.ask(b'AT+QISEND=0,3,"two"', b"SEND OK\r\n")
        await asyncio.sleep(1)

    assert sink.connections == [b"one", b"two"]


async def test_an_emulator_that_is_closed_ends_its_connections() -> None:
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        ended.set()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listener:
        async with Emulator(line="memory") as emulator:
            terminal = Terminal()
            await emulator.connect(terminal)
            await terminal.ask(b"ATE0")
            await terminal.open(0, "a.example", listener.sockets[0].getsockname()[1])

        async with asyncio.timeout(60):
            await ended.wait()


async def test_the_same_seed_gives_the_same_run_to_the_byte_and_the_moment() -> None:
    async def run(seed: int) -> list[Piece]:
        settings: dict[str, Any] = {
            "latency": 0.1,
            "jitter": 0.3,
            "loss": 0.2,
            "chunks": (1, 9),
            "send_fail_taken": 0.1,
        }
        async with on_line(baudrate=115200, seed=seed, **settings) as (emulator, terminal):
            emulator.network.add_host("echo.example", EchoPeer())
            await terminal.open(0, "echo.example", kind="TCP")
            await terminal.open(1, "echo.example", kind="UDP")
            for number in range(40):
                terminal.type(b'AT+QISEND=%d,4,"%04d"' % (number % 2, number))
                await asyncio.sleep(0.05)

            await asyncio.sleep(5)
            return terminal.pieces

    first, again, other = await run(1), await run(1), await run(2)

    start, second = first[0].time, again[0].time
    assert [piece.data for piece in first] == [piece.data for piece in again]
    assert [piece.time - start for piece in first] == pytest.approx([piece.time - second for piece in again])
    assert [piece.data for piece in first] != [piece.data for piece in other]
