"""Sockets of the module: connectIDs, sending, receiving, ends."""

import asyncio

import pytest

from bc260y_aio.emulator import EchoPeer, Network, PeerConnection, Sent, SinkPeer, SourcePeer
from tests.emulator.terminal import on_line

HEX = b'AT+QICFG="dataformat",1,1'


def network(**settings: float) -> Network:
    found = Network(**settings)  # type: ignore[arg-type]
    found.add_host("echo.example", EchoPeer())
    return found


# Opening


async def test_an_open_is_answered_and_then_reported() -> None:
    async with on_line(network(latency=0.3)) as (_, terminal):
        assert await terminal.ask(b'AT+QIOPEN=0,0,"TCP","echo.example",7') == b"\r\nOK\r\n"
        began = asyncio.get_running_loop().time()
        assert await terminal.until(b"0,0\r\n") == b"\r\n+QIOPEN: 0,0\r\n"
        assert terminal.pieces[-1].time - began == pytest.approx(0.6)


async def test_other_commands_are_answered_while_an_open_is_under_way() -> None:
    async with on_line(network(latency=5.0)) as (_, terminal):
        await terminal.ask(b'AT+QIOPEN=0,0,"TCP","echo.example",7')
        assert await terminal.ask(b"AT+QISTATE?") == (b'\r\n+QISTATE: 0,"TCP","echo.example",7,0,1,0,1\r\n\r\nOK\r\n')
        assert await terminal.ask(b'AT+QISEND=0,2,"no"', b"FAIL\r\n") == b"\r\nOK\r\n\r\nSEND FAIL\r\n"
        assert await terminal.read(20) == b"\r\n+QIOPEN: 0,0\r\n"


async def test_a_module_has_five_sockets() -> None:
    async with on_line(network()) as (emulator, terminal):
        for connect_id in range(5):
            await terminal.open(connect_id, "echo.example", kind=("TCP", "UDP")[connect_id % 2])

        assert await terminal.ask(b'AT+QIOPEN=0,5,"TCP","echo.example",7', b"ERROR\r\n") == b"\r\nERROR\r\n"
        assert sorted(emulator.module.sockets) == [0, 1, 2, 3, 4]
        states = await terminal.ask(b"AT+QISTATE?")
        assert states.count(b"+QISTATE: ") == 5
        assert b'+QISTATE: 3,"UDP","echo.example",7,0,2,0,1\r\n' in states

        for connect_id in range(5):
            payload = b"%d" % connect_id * 3
            await terminal.ask(b'AT+QISEND=%d,3,"%b"' % (connect_id, payload), b"SEND OK\r\n")
            assert await terminal.read() == b'\r\n+QIURC: "recv",%d,3,"%b"\r\n' % (connect_id, payload)


async def test_a_module_may_be_given_more_sockets() -> None:
    async with on_line(network(), sockets=256) as (emulator, terminal):
        for connect_id in range(256):
            await terminal.open(connect_id, "echo.example")

        assert len(emulator.module.sockets) == 256
        assert await terminal.ask(b"AT+QICLOSE=?") == b"\r\n+QICLOSE: (0-255)\r\n\r\nOK\r\n"


async def test_a_connect_id_in_use_is_refused_at_once() -> None:
    async with on_line(network(), cme=1, socket_errors=True) as (_, terminal):
        await terminal.open(0, "echo.example")
        line = b'AT+QIOPEN=0,0,"TCP","echo.example",7'
        assert await terminal.ask(line, b"563\r\n") == b"\r\n+CME ERROR: 563\r\n"


@pytest.mark.parametrize(
    ("host", "code"),
    [("nobody.invalid", 565), ("203.0.113.9", 566), ("127.0.0.1", 566), ("closed.example", 566)],
)
async def test_a_failed_open_blocks_its_connect_id_until_it_is_closed(host: str, code: int) -> None:
    async with on_line(network()) as (_, terminal):
        line = b'AT+QIOPEN=0,0,"TCP","%b",9' % host.encode()
        assert await terminal.ask(line, b"%d\r\n" % code) == b"\r\nOK\r\n\r\n+QIOPEN: 0,%d\r\n" % code
        assert b",9,0,0,0,1\r\n" in await terminal.ask(b"AT+QISTATE=1,0")
        assert await terminal.ask(line, b"ERROR\r\n") == b"\r\nERROR\r\n"
        assert await terminal.ask(b"AT+QICLOSE=0", b"CLOSE OK\r\n") == b"\r\nOK\r\n\r\nCLOSE OK\r\n"
        await terminal.open(0, "echo.example")


async def test_a_failed_open_may_leave_its_connect_id_free() -> None:
    async with on_line(network(), close_after_failure=False) as (_, terminal):
        await terminal.ask(b'AT+QIOPEN=0,0,"TCP","nobody.invalid",7', b"565\r\n")
        assert await terminal.ask(b"AT+QICLOSE=0", b"ERROR\r\n") == b"\r\nERROR\r\n"
        await terminal.open(0, "echo.example")


async def test_an_unanswered_open_fails_after_60_seconds() -> None:
    async with on_line(network()) as (emulator, terminal):
        emulator.network.outage = True
        began = asyncio.get_running_loop().time()
        await terminal.ask(b'AT+QIOPEN=0,0,"TCP","echo.example",7', b"569\r\n")
        assert terminal.pieces[-1].time - began == pytest.approx(60)
        emulator.network.outage = False
        assert await terminal.read() == b""


async def test_a_socket_closed_while_it_is_opened_is_not_reported_again() -> None:
    async with on_line(network(latency=1.0)) as (_, terminal):
        await terminal.ask(b'AT+QIOPEN=0,0,"TCP","echo.example",7')
        assert await terminal.ask(b"AT+QICLOSE=0", b"CLOSE OK\r\n") == b"\r\nOK\r\n\r\nCLOSE OK\r\n"
        assert await terminal.read(10) == b""


async def test_a_socket_cannot_be_opened_before_the_module_is_registered() -> None:
    async with on_line(network(), registration_delay=30.0) as (_, terminal):
        reply = await terminal.ask(b'AT+QIOPEN=0,0,"TCP","echo.example",7', b"561\r\n")
        assert reply == b"\r\nOK\r\n\r\n+QIOPEN: 0,561\r\n"


@pytest.mark.parametrize(
    "line",
    [
        b'AT+QIOPEN=1,0,"TCP","echo.example",7',
        b'AT+QIOPEN=0,0,"SCTP","echo.example",7',
        b'AT+QIOPEN=0,0,"TCP","echo.example",0',
        b'AT+QIOPEN=0,0,"TCP","echo.example",7,0,2',
        b'AT+QIOPEN=0,0,"TCP","%b",7' % (b"a" * 151),
        b"AT+QIOPEN=0,0",
    ],
)
async def test_an_open_that_cannot_be_is_an_error(line: bytes) -> None:
    async with on_line(network()) as (emulator, terminal):
        assert await terminal.ask(line, b"ERROR\r\n") == b"\r\nERROR\r\n"
        assert emulator.module.sockets == {}


# Local ports


async def test_a_local_port_is_busy_for_70_seconds_after_its_close() -> None:
    line = b'AT+QIOPEN=0,0,"TCP","echo.example",7,40001'
    async with on_line(network()) as (_, terminal):
        await terminal.ask(line, b"+QIOPEN: 0,0\r\n")
        assert await terminal.ask(b'AT+QIOPEN=0,1,"TCP","echo.example",7,40001', b"574\r\n")
        await terminal.ask(b"AT+QICLOSE=1", b"CLOSE OK\r\n")
        state = await terminal.ask(b"AT+QISTATE=1,0")
        assert state == b'\r\n+QISTATE: 0,"TCP","echo.example",7,40001,2,0,1\r\n\r\nOK\r\n'

        await terminal.ask(b"AT+QICLOSE=0", b"CLOSE OK\r\n")
        await asyncio.sleep(69)
        assert b"+QIOPEN: 0,556\r\n" in await terminal.ask(line, b"556\r\n")
        # An open that failed did not have the port, so closing what is left of it does not begin the wait anew.
        await terminal.ask(b"AT+QICLOSE=0", b"CLOSE OK\r\n")
        await asyncio.sleep(2)
        assert b"+QIOPEN: 0,0\r\n" in await terminal.ask(line, b"+QIOPEN: 0,0\r\n")


async def test_after_a_restart_no_local_port_is_busy() -> None:
    line = b'AT+QIOPEN=0,0,"TCP","echo.example",7,40001'
    async with on_line(network()) as (emulator, terminal):
        await terminal.ask(line, b"+QIOPEN: 0,0\r\n")
        await terminal.ask(b"AT+QICLOSE=0", b"CLOSE OK\r\n")
        emulator.restart()
        await terminal.read(10)
        assert b"+QIOPEN: 0,0\r\n" in await terminal.ask(line, b"+QIOPEN: 0,0\r\n")


async def test_tcp_and_udp_have_local_ports_of_their_own() -> None:
    async with on_line(network()) as (_, terminal):
        await terminal.ask(b'AT+QIOPEN=0,0,"TCP","echo.example",7,40001', b"+QIOPEN: 0,0\r\n")
        await terminal.ask(b'AT+QIOPEN=0,1,"UDP","echo.example",7,40001', b"+QIOPEN: 1,0\r\n")


# Sending


async def test_sent_data_is_echoed_by_the_peer_after_a_round_trip() -> None:
    async with on_line(network(latency=0.3)) as (_, terminal):
        await terminal.open(0, "echo.example")
        reply = await terminal.ask(b'AT+QISEND=0,10,"1234567890"', b"SEND OK\r\n")
        assert reply == b"\r\nOK\r\n\r\nSEND OK\r\n"
        sent = terminal.pieces[-1].time
        assert await terminal.read(2) == b'\r\n+QIURC: "recv",0,10,"1234567890"\r\n'
        assert terminal.pieces[-1].time - sent == pytest.approx(0.6)


async def test_a_payload_may_hold_quotes_and_commas() -> None:
    async with on_line(network()) as (_, terminal):
        await terminal.open(0, "echo.example")
        await terminal.ask(b'AT+QISEND=0,17,"{"a":"b","b":"b"}"', b"SEND OK\r\n")
        assert await terminal.read() == b'\r\n+QIURC: "recv",0,17,"{"a":"b","b":"b"}"\r\n'


async def test_payload_is_written_in_the_formats_that_the_nvram_holds() -> None:
    async with on_line(network()) as (emulator, terminal):
        await terminal.open(0, "echo.example")
        assert await terminal.ask(b'AT+QICFG="dataformat"') == b'\r\n+QICFG: "dataformat",0,0\r\n\r\nOK\r\n'
        await terminal.ask(b'AT+QICFG="dataformat",1,0')
        await terminal.ask(b'AT+QISEND=0,3,"313233"', b"SEND OK\r\n")
        assert await terminal.read() == b'\r\n+QIURC: "recv",0,3,"123"\r\n'
        await terminal.ask(b'AT+QICFG="dataformat",0,1')
        await terminal.ask(b'AT+QISEND=0,3,"123"', b"SEND OK\r\n")
        assert await terminal.read() == b'\r\n+QIURC: "recv",0,3,"313233"\r\n'
        assert emulator.module.nvram_writes == 2


@pytest.mark.parametrize(
    "line",
    [
        b'AT+QISEND=0,3,"ab"',
        b'AT+QISEND=0,3,"abcd"',
        b'AT+QISEND=0,1025,"%b"' % (b"a" * 1025),
        b'AT+QISEND=0,3,"abc",3',
        b'AT+QISEND=0,3,"a\x00c"',
        b'AT+QISEND=1,3,"abc"',
        b"AT+QISEND=1,0",
        b"AT+QISEND=0",
    ],
)
async def test_a_send_that_cannot_be_is_an_error(line: bytes) -> None:
    async with on_line(network()) as (emulator, terminal):
        await terminal.open(0, "echo.example")
        assert await terminal.ask(line, b"ERROR\r\n") == b"\r\nERROR\r\n"
        assert emulator.module.sockets[0].sent == 0


@pytest.mark.parametrize(
    "line", [b'AT+QISEND=0,513,"%b"' % (b"61" * 513), b'AT+QISEND=0,2,"6162"00', b'AT+QISEND=0,2,"61zz"']
)
async def test_hex_is_refused_where_it_is_too_long_or_none(line: bytes) -> None:
    async with on_line(network()) as (_, terminal):
        await terminal.ask(HEX)
        await terminal.open(0, "echo.example")
        assert await terminal.ask(line, b"ERROR\r\n") == b"\r\nERROR\r\n"


async def test_the_largest_payloads_get_through() -> None:
    sink = SinkPeer()
    async with on_line(network()) as (emulator, terminal):
        emulator.network.add_host("sink.example", sink)
        await terminal.open(0, "sink.example")
        await terminal.ask(b'AT+QISEND=0,1024,"%b"' % (b"a" * 1024), b"SEND OK\r\n")
        await terminal.ask(HEX)
        await terminal.ask(b'AT+QISEND=0,512,"%b"' % (b"00FF" * 256), b"SEND OK\r\n")
        await terminal.read()

    assert sink.data == b"a" * 1024 + b"\x00\xff" * 256


async def test_acks_follow_a_round_trip_later() -> None:
    async with on_line(network(latency=0.5)) as (_, terminal):
        await terminal.open(0, "echo.example")
        await terminal.ask(b'AT+QISEND=0,3,"abc"', b"SEND OK\r\n")
        assert await terminal.ask(b"AT+QISEND=0,0") == b"\r\n+QISEND: 3,0,3\r\n\r\nOK\r\n"
        await asyncio.sleep(0.99)
        assert await terminal.ask(b"AT+QISEND=0,0") == b"\r\n+QISEND: 3,0,3\r\n\r\nOK\r\n"
        await asyncio.sleep(0.02)
        assert b"+QISEND: 3,3,0\r\n" in await terminal.ask(b"AT+QISEND=0,0")


async def test_an_outage_stops_acks_and_data_until_it_is_over() -> None:
    async with on_line(network(latency=0.1)) as (emulator, terminal):
        await terminal.open(0, "echo.example")
        emulator.network.outage = True
        await terminal.ask(b'AT+QISEND=0,3,"abc"', b"SEND OK\r\n")
        assert await terminal.read(100) == b""
        assert await terminal.ask(b"AT+QISEND=0,0") == b"\r\n+QISEND: 3,0,3\r\n\r\nOK\r\n"

        emulator.network.outage = False
        assert await terminal.read() == b'\r\n+QIURC: "recv",0,3,"abc"\r\n'
        assert await terminal.ask(b"AT+QISEND=0,0") == b"\r\n+QISEND: 3,3,0\r\n\r\nOK\r\n"


async def test_a_connection_that_the_network_forgot_receives_nothing() -> None:
    async with on_line(network()) as (emulator, terminal):
        await terminal.open(0, "echo.example")
        emulator.module.sockets[0].is_cut = True
        await terminal.ask(b'AT+QISEND=0,3,"ACK"', b"SEND OK\r\n")
        assert await terminal.read(100) == b""
        assert await terminal.ask(b"AT+QISEND=0,0") == b"\r\n+QISEND: 3,0,3\r\n\r\nOK\r\n"


async def test_a_connection_that_the_network_forgot_does_not_hear_its_peer_go_on_or_end() -> None:
    async def peer(connection: PeerConnection) -> None:
        await asyncio.sleep(5)
        connection.send(b"hello")
        await connection.drain()

    async with on_line() as (emulator, terminal):
        emulator.network.add_host("peer.example", peer)
        await terminal.open(0, "peer.example")
        emulator.module.sockets[0].is_cut = True
        assert await terminal.read(60) == b""
        assert b",2,0,1\r\n" in await terminal.ask(b"AT+QISTATE=1,0")


async def test_udp_counts_what_was_sent_and_no_acknowledgements() -> None:
    async with on_line(network()) as (_, terminal):
        await terminal.open(0, "echo.example", kind="UDP")
        await terminal.ask(b'AT+QISEND=0,3,"abc"', b"SEND OK\r\n")
        await terminal.read()
        assert await terminal.ask(b"AT+QISEND=0,0") == b"\r\n+QISEND: 3,0,0\r\n\r\nOK\r\n"


async def test_udp_never_waits_for_space() -> None:
    async with on_line(network(), send_buffer=1024) as (emulator, terminal):
        await terminal.open(0, "echo.example", kind="UDP")
        emulator.network.outage = True
        for _ in range(20):
            terminal.type(b'AT+QISEND=0,1024,"%b"' % (b"a" * 1024))
            assert await terminal.read() == b"\r\nOK\r\n\r\nSEND OK\r\n"


async def test_send_ok_waits_for_space() -> None:
    async with on_line(network(), send_buffer=2048) as (emulator, terminal):
        await terminal.open(0, "echo.example")
        emulator.network.outage = True
        payload = b'AT+QISEND=0,1024,"%b"' % (b"a" * 1024)
        await terminal.ask(payload, b"SEND OK\r\n")
        await terminal.ask(payload, b"SEND OK\r\n")
        terminal.type(payload)
        assert await terminal.read(5) == b"\r\nOK\r\n"

        assert await terminal.ask(b"AT") == b"\r\nOK\r\n"
        emulator.network.outage = False
        assert (await terminal.read()).startswith(b"\r\nSEND OK\r\n")
        assert emulator.module.sockets[0].sent == 3072


async def test_a_send_without_space_fails_and_nothing_of_it_is_taken() -> None:
    async with on_line(network(), send_buffer=1024, send_timeout=10.0) as (emulator, terminal):
        await terminal.open(0, "echo.example")
        emulator.network.outage = True
        payload = b'AT+QISEND=0,1024,"%b"' % (b"a" * 1024)
        await terminal.ask(payload, b"SEND OK\r\n")
        began = asyncio.get_running_loop().time()
        assert await terminal.ask(payload, b"FAIL\r\n") == b"\r\nOK\r\n\r\nSEND FAIL\r\n"
        assert terminal.pieces[-1].time - began == pytest.approx(10)
        assert await terminal.ask(b"AT+QISEND=0,0") == b"\r\n+QISEND: 1024,0,1024\r\n\r\nOK\r\n"


async def test_space_on_one_socket_is_none_on_another() -> None:
    payload = b'AT+QISEND=%d,1024,"' + b"a" * 1024 + b'"'
    async with on_line(network(latency=1.0), send_buffer=1024, send_timeout=10.0) as (emulator, terminal):
        emulator.network.add_sink("sink.example")
        emulator.network.add_stalled("stuck.example", after=0)
        await terminal.open(0, "sink.example")
        await terminal.open(1, "stuck.example")
        for connect_id in (0, 0, 1):
            await terminal.ask(payload % connect_id, b"SEND OK\r\n")

        # The second payload of the first socket is acknowledged while the second socket waits.
        terminal.type(payload % 1)
        assert await terminal.read(9) == b"\r\nOK\r\n"
        assert await terminal.read(2) == b"\r\nSEND FAIL\r\n"


async def test_a_send_and_a_close_wait_for_the_send_before_them() -> None:
    async with on_line(network(), send_buffer=1024, send_timeout=10.0) as (emulator, terminal):
        await terminal.open(0, "echo.example")
        await terminal.open(1, "echo.example")
        emulator.network.outage = True
        payload = b'AT+QISEND=0,1024,"%b"' % (b"a" * 1024)
        await terminal.ask(payload, b"SEND OK\r\n")
        terminal.type(payload, b"AT+QICLOSE=1", b"ATI")
        assert await terminal.read(9) == b"\r\nOK\r\n"
        received = await terminal.read(2)
        assert received.startswith(b"\r\nSEND FAIL\r\n\r\nOK\r\n\r\nCLOSE OK\r\n\r\nQuectel")


async def test_urcs_may_come_between_ok_and_the_outcome() -> None:
    async with on_line(network(), completion_delay=0.1) as (emulator, terminal):
        await terminal.open(0, "echo.example")
        began = asyncio.get_running_loop().time()
        terminal.type(b'AT+QISEND=0,3,"abc"', b"AT+QICLOSE=0")
        await asyncio.sleep(0.05)
        emulator.send_urc("+HELLO: 1")
        assert await terminal.read() == (b"\r\nOK\r\n\r\n+HELLO: 1\r\n\r\nSEND OK\r\n\r\nOK\r\n\r\nCLOSE OK\r\n")
        assert terminal.pieces[-1].time - began == pytest.approx(0.2)


async def test_a_socket_that_ends_before_the_result_of_its_send_fails_the_send() -> None:
    async with on_line(network(), completion_delay=1.0) as (emulator, terminal):
        await terminal.open(0, "echo.example")
        terminal.type(b'AT+QISEND=0,3,"abc"')
        await asyncio.sleep(0.5)
        emulator.module.tcpip.break_connections()
        assert await terminal.read(2) == b'\r\nOK\r\n\r\n+QIURC: "closed",0\r\n\r\nSEND FAIL\r\n'


async def test_release_assistance_is_written_down() -> None:
    async with on_line(network()) as (emulator, terminal):
        await terminal.open(0, "echo.example", kind="UDP")
        await terminal.ask(b'AT+QISEND=0,3,"abc"', b"SEND OK\r\n")
        await terminal.ask(b'AT+QISEND=0,2,"de",2', b"SEND OK\r\n")
        await terminal.ask(b'AT+QISEND=0,1,"f",1', b"SEND OK\r\n")

        assert list(emulator.module.rai_log) == [Sent(0, 3, 0), Sent(0, 2, 2), Sent(0, 1, 1)]
        assert emulator.module.qisends == 3


# Receiving


async def test_received_data_is_pushed_1024_bytes_at_a_time() -> None:
    data = bytes(range(0x20, 0x7F)) * 30
    async with on_line(network()) as (emulator, terminal):
        emulator.network.add_host("source.example", SourcePeer(data[:2500], chunk=2500, stays_open=True))
        await terminal.open(0, "source.example")
        assert await terminal.read() == b"".join(
            b'\r\n+QIURC: "recv",0,%d,"%b"\r\n' % (len(piece), piece)
            for piece in (data[:1024], data[1024:2048], data[2048:2500])
        )


async def test_a_large_datagram_is_pushed_in_pieces_and_an_empty_one_as_such() -> None:
    async def peer(connection: PeerConnection) -> None:
        assert await connection.receive() == b"go"
        connection.send(b"x" * 1500)
        connection.send(b"")

    async with on_line() as (emulator, terminal):
        emulator.network.add_host("peer.example", peer)
        await terminal.open(0, "peer.example", kind="UDP")
        await terminal.ask(b'AT+QISEND=0,2,"go"', b"SEND OK\r\n")
        assert await terminal.read() == (
            b'\r\n+QIURC: "recv",0,1024,"' + b"x" * 1024 + b'"\r\n'
            b'\r\n+QIURC: "recv",0,476,"' + b"x" * 476 + b'"\r\n'
            b'\r\n+QIURC: "recv",0,0,""\r\n'
        )


async def test_a_slow_line_holds_a_tcp_peer_back() -> None:
    connections: list[PeerConnection] = []

    async def peer(connection: PeerConnection) -> None:
        connections.append(connection)
        while connection.sent < 1_000_000:
            connection.send(bytes(1024))
            await connection.drain()

    async with on_line(baudrate=115200) as (emulator, terminal):
        emulator.network.add_host("source.example", peer)
        await terminal.open(0, "source.example")
        await asyncio.sleep(10)

        said = emulator.line.bytes_out
        assert said == pytest.approx(115200, rel=0.02)
        assert connections[0].sent - said < 40_000
        assert emulator.line.backlog < 3200


async def test_an_answer_comes_soon_after_the_push_before_it() -> None:
    async with on_line(baudrate=9600) as (emulator, terminal):
        emulator.network.add_host("source.example", SourcePeer(bytes(100_000)))
        await terminal.open(0, "source.example")
        await asyncio.sleep(10)
        terminal.unread.clear()
        began = asyncio.get_running_loop().time()
        await terminal.ask(b"AT")
        assert terminal.pieces[-1].time - began < 3.5


async def test_a_slow_line_loses_datagrams() -> None:
    async def peer(connection: PeerConnection) -> None:
        for _ in range(100):
            connection.send(bytes(1024))

    async with on_line(baudrate=115200) as (emulator, terminal):
        emulator.network.add_host("source.example", peer)
        await terminal.open(0, "source.example", kind="UDP")
        received = await terminal.read(60)

        assert received.count(b"recv") + emulator.network.datagrams_lost == 100
        assert 16 <= received.count(b"recv") <= 34


async def test_two_busy_peers_share_the_line() -> None:
    async with on_line(baudrate=115200) as (emulator, terminal):
        emulator.network.add_host("source.example", SourcePeer(bytes(500_000)))
        terminal.type(b'AT+QIOPEN=0,0,"TCP","source.example",7', b'AT+QIOPEN=0,1,"TCP","source.example",7')
        received = await terminal.read(20)

        assert received.count(b'"recv",0') == pytest.approx(received.count(b'"recv",1'), rel=0.25)


# The end


async def test_closed_comes_after_all_data_and_the_connect_id_stays_blocked() -> None:
    async with on_line(network(latency=0.2)) as (emulator, terminal):
        emulator.network.add_host("source.example", SourcePeer(b"bye"))
        await terminal.open(0, "source.example")
        assert await terminal.read() == b'\r\n+QIURC: "recv",0,3,"bye"\r\n\r\n+QIURC: "closed",0\r\n'

        assert b",4,0,1\r\n" in await terminal.ask(b"AT+QISTATE=1,0")
        assert await terminal.ask(b"AT+QISEND=0,0") == b"\r\n+QISEND: 0,0,0\r\n\r\nOK\r\n"
        assert b"SEND FAIL" in await terminal.ask(b'AT+QISEND=0,3,"abc"', b"FAIL\r\n")
        assert await terminal.ask(b'AT+QIOPEN=0,0,"TCP","echo.example",7', b"ERROR\r\n")
        assert await terminal.ask(b"AT+QICLOSE=0", b"CLOSE OK\r\n") == b"\r\nOK\r\n\r\nCLOSE OK\r\n"
        await terminal.open(0, "echo.example")


async def test_a_module_off_the_air_reports_the_end_of_its_tcp_connections_only() -> None:
    async with on_line(network(latency=1.0)) as (_, terminal):
        await terminal.open(0, "echo.example")
        await terminal.open(1, "echo.example", kind="UDP")
        await terminal.ask(b'AT+QIOPEN=0,2,"TCP","echo.example",7')
        assert await terminal.ask(b"AT+CFUN=0") == b"\r\nOK\r\n"
        assert await terminal.read(100) == b'\r\n+QIURC: "closed",0\r\n\r\n+QIOPEN: 2,570\r\n'
        assert await terminal.ask(b"AT+QISTATE?") == (
            b'\r\n+QISTATE: 0,"TCP","echo.example",7,0,4,0,1'
            b'\r\n+QISTATE: 1,"UDP","echo.example",7,0,2,0,1'
            b'\r\n+QISTATE: 2,"TCP","echo.example",7,0,0,0,1\r\n\r\nOK\r\n'
        )


async def test_a_socket_hears_again_however_much_it_missed_while_the_module_slept() -> None:
    async def peer(connection: PeerConnection) -> None:
        await connection.receive()
        for _ in range(10):
            await asyncio.sleep(1)
            for _ in range(10):
                connection.send(bytes(1024))

        connection.send(await connection.receive())

    async with on_line(Network(latency=1.0)) as (emulator, terminal):
        emulator.network.add_host("peer.example", peer)
        await terminal.open(0, "peer.example", kind="UDP")
        await terminal.ask(b'AT+QISEND=0,2,"go"', b"SEND OK\r\n")
        emulator.sleep()
        await terminal.read(20)
        assert emulator.module.tcpip.datagrams_missed == 100
        emulator.wake()
        await terminal.read()
        await terminal.ask(b'AT+QISEND=0,3,"abc"', b"SEND OK\r\n")
        assert await terminal.read(5) == b'\r\n+QIURC: "recv",0,3,"abc"\r\n'


async def test_closing_a_connect_id_that_is_not_in_use_is_an_error() -> None:
    async with on_line() as (_, terminal):
        assert await terminal.ask(b"AT+QICLOSE=0", b"ERROR\r\n") == b"\r\nERROR\r\n"


async def test_data_sent_before_a_close_still_arrives() -> None:
    sink = SinkPeer()
    async with on_line(network(latency=1.0)) as (emulator, terminal):
        emulator.network.add_host("sink.example", sink)
        await terminal.open(0, "sink.example")
        for _ in range(3):
            await terminal.ask(b'AT+QISEND=0,3,"abc"', b"SEND OK\r\n")

        await terminal.ask(b"AT+QICLOSE=0", b"CLOSE OK\r\n")
        assert sink.data == b""
        await asyncio.sleep(1.5)
        assert sink.data == b"abcabcabc"


async def test_nothing_is_pushed_for_a_socket_after_its_close() -> None:
    async with on_line(network(latency=0.1), baudrate=9600) as (emulator, terminal):
        emulator.network.add_host("source.example", SourcePeer(bytes(100_000)))
        await terminal.open(0, "source.example")
        await asyncio.sleep(3)
        reply = await terminal.ask(b"AT+QICLOSE=0", b"CLOSE OK\r\n")
        assert reply.endswith(b"\r\nOK\r\n\r\nCLOSE OK\r\n")
        assert await terminal.read(60) == b""


async def test_qistate_reports_by_context_and_by_socket() -> None:
    async with on_line(network()) as (_, terminal):
        await terminal.open(2, "echo.example")
        line = b'\r\n+QISTATE: 2,"TCP","echo.example",7,0,2,0,1\r\n'
        assert await terminal.ask(b"AT+QISTATE=0,0") == line + b"\r\nOK\r\n"
        assert await terminal.ask(b"AT+QISTATE=0,1") == b"\r\nOK\r\n"
        assert await terminal.ask(b"AT+QISTATE=1,2") == line + b"\r\nOK\r\n"
        assert await terminal.ask(b"AT+QISTATE=1,3") == b"\r\nOK\r\n"
        assert await terminal.ask(b"AT+QISTATE=2,0", b"ERROR\r\n") == b"\r\nERROR\r\n"


async def test_a_restart_takes_every_socket() -> None:
    ends = []

    async def peer(connection: PeerConnection) -> None:
        try:
            await connection.receive()
        except ConnectionResetError:
            ends.append(connection.service_type)
            raise

    async with on_line(network(latency=0.1)) as (emulator, terminal):
        emulator.network.add_host("peer.example", peer)
        await terminal.open(0, "peer.example", kind="TCP")
        await terminal.open(1, "peer.example", kind="UDP")
        emulator.restart()
        assert emulator.module.sockets == {}
        await terminal.until(b"+IP: 10.46.18.102\r\n")
        assert await terminal.ask(b"ATE0") == b"ATE0\r\nOK\r\n"
        await terminal.open(0, "echo.example")
        assert sorted(ends) == ["TCP", "UDP"]
