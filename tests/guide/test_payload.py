"""Payload on the line, as text and as hex, and what the module counts (guide 2.2.1, 2.2.5, 4.2.2 and the rest of 4)."""

import asyncio
from typing import Any

import pytest

from bc260y_aio import AckStatus, CommandFailed, Modem, NotAcknowledged
from bc260y_aio.at.syntax import PayloadFormat
from bc260y_aio.emulator import PeerConnection
from tests.guide.bench import Bench, Recorder, datagrams, on_air, quiet, stream

TEXT, HEX = PayloadFormat.TEXT, PayloadFormat.HEX

any_service = pytest.mark.parametrize("service", ["TCP", "UDP"])


async def open_to(modem: Modem, service: str, host: str) -> tuple[Any, Recorder]:
    """Open a socket of a kind."""
    if service == "TCP":
        return await stream(modem, host)

    return await datagrams(modem, host)


async def send(bench: Bench, service: str, data: bytes) -> bytes:
    """Send data over a new socket to a sink, and return the command line that it went out in."""
    transport, _ = await open_to(bench.modem, service, "sink.example")
    bench.wire.clear()
    if service == "TCP":
        transport.write(data)
    else:
        transport.sendto(data)

    await transport.drained()
    await quiet()
    assert bench.wire.said == b"\r\nOK\r\n\r\nSEND OK\r\n"
    assert bench.hosts.sink.data == data
    (line,) = bench.wire.commands
    return line


async def receive(bench: Bench, service: str, data: bytes) -> bytes:
    """Let a peer send data over a new socket, and return what the module said of it."""
    connections: list[PeerConnection] = []

    async def talker(connection: PeerConnection) -> None:
        connections.append(connection)
        await connection.receive()

    bench.network.add_host("talker.example", talker)
    _, protocol = await open_to(bench.modem, service, "talker.example")
    bench.wire.clear()
    connections[0].send(data)
    if service == "TCP":
        assert await protocol.until_data(len(data)) == data
    else:
        assert await protocol.until_datagrams(1) == [data]

    return bench.wire.said


# The setting


async def test_the_payload_formats_can_be_asked_for_and_set_by_hand() -> None:
    async with on_air() as bench:
        assert await bench.modem.execute('AT+QICFG="dataformat"') == ['+QICFG: "dataformat",1,1']
        assert await bench.modem.execute('AT+QICFG="dataformat",0,1') == []
        assert await bench.modem.execute('AT+QICFG="dataformat"') == ['+QICFG: "dataformat",0,1']
        with pytest.raises(CommandFailed):
            await bench.modem.execute('AT+QICFG="dataformat",2,0')


@pytest.mark.parametrize(("mode", "formats"), [("text", (TEXT, TEXT)), ("hex", (HEX, HEX)), ("auto", (TEXT, HEX))])
async def test_a_mode_sets_the_formats_it_needs_and_they_outlive_a_restart(mode: str, formats: Any) -> None:
    async with on_air({"data_format": mode}) as bench:
        nvram = bench.emulator.nvram
        assert (nvram.send_format, nvram.receive_format) == formats
        writes = nvram.writes
        bench.emulator.restart()
        await quiet(5)
        assert (nvram.send_format, nvram.receive_format) == formats
        assert nvram.writes == writes


async def test_formats_that_are_right_already_are_not_written_again() -> None:
    async with on_air({"data_format": "text"}) as bench:
        assert bench.emulator.nvram.writes == 0
        assert b'AT+QICFG="dataformat"' in bench.wire.commands
        await send(bench, "TCP", b"text")
        assert bench.emulator.nvram.writes == 0


async def test_the_formats_that_were_found_can_be_restored_at_the_end() -> None:
    async with on_air({"restore_data_format": True}) as bench:
        nvram = bench.emulator.nvram
        assert (nvram.send_format, nvram.receive_format) == (HEX, HEX)
        await bench.modem.close()
        assert (nvram.send_format, nvram.receive_format, nvram.writes) == (TEXT, TEXT, 2)


async def test_formats_that_were_changed_behind_the_modems_back_are_found_out() -> None:
    async with on_air() as bench:
        await bench.modem.execute('AT+QICFG="dataformat",0,0')
        assert await receive(bench, "TCP", b"hi,quectel") == b'\r\n+QIURC: "recv",0,10,"hi,quectel"\r\n'


async def test_formats_that_were_changed_by_hand_are_set_right_before_the_next_send() -> None:
    async with on_air() as bench:
        transport, _ = await stream(bench.modem, "sink.example")
        await bench.modem.execute('AT+QICFG="dataformat",0,0')
        bench.wire.clear()
        transport.write(b"123")
        await transport.wait_acked(10)
        assert bench.hosts.sink.data == b"123"
        assert bench.wire.commands[:3] == [
            b'AT+QICFG="dataformat"',
            b'AT+QICFG="dataformat",1,1',
            b'AT+QISEND=0,3,"313233"',
        ]


# Sending


@any_service
async def test_text_is_sent_as_it_is(service: str) -> None:
    async with on_air({"data_format": "text"}) as bench:
        assert await send(bench, service, b"1234567890") == b'AT+QISEND=0,10,"1234567890"'


@any_service
async def test_json_stands_between_quotes_and_keeps_its_own(service: str) -> None:
    async with on_air({"data_format": "text"}) as bench:
        assert await send(bench, service, b'{"a":"b","b":"b"}') == b'AT+QISEND=0,17,"{"a":"b","b":"b"}"'


@any_service
async def test_hex_is_sent_with_the_length_of_what_it_stands_for(service: str) -> None:
    async with on_air() as bench:
        assert await send(bench, service, b"123") == b'AT+QISEND=0,3,"313233"'


@any_service
@pytest.mark.parametrize("mode", ["hex", "text", "auto"])
@pytest.mark.parametrize("size", [1, 511, 512])
async def test_the_length_reported_is_the_length_sent(service: str, mode: str, size: int) -> None:
    async with on_air({"data_format": mode}) as bench:
        line = await send(bench, service, b"x" * size)
        width = 2 if mode == "hex" else 1
        assert line == b'AT+QISEND=0,%d,"%b"' % (size, (b"78" if width == 2 else b"x") * size)


@pytest.mark.parametrize(("mode", "sizes"), [("hex", [512, 512, 512, 464]), ("text", [1024, 976])])
async def test_data_longer_than_a_command_takes_is_cut(mode: str, sizes: list[int]) -> None:
    async with on_air({"data_format": mode}) as bench:
        transport, _ = await stream(bench.modem, "sink.example")
        transport.write(b"0123456789" * 200)
        await transport.wait_acked(10)
        assert bench.hosts.sink.data == b"0123456789" * 200
        assert [sent.size for sent in bench.emulator.module.rai_log] == sizes


@any_service
@pytest.mark.parametrize("data", [b"line\r\n", b"\0", b"\x1b", b"\x7f", "é".encode()])
async def test_data_that_text_cannot_carry_is_refused_before_the_wire(service: str, data: bytes) -> None:
    async with on_air({"data_format": "text"}) as bench:
        transport, _ = await open_to(bench.modem, service, "sink.example")
        with pytest.raises(ValueError, match="0x20 to 0x7E"):
            (transport.write if service == "TCP" else transport.sendto)(data)

        await quiet()
        assert bench.count("+QISEND") == 0


async def test_the_next_command_waits_for_the_outcome_of_a_send() -> None:
    async with on_air(send_buffer=1024) as bench:
        bench.network.latency = 2.0
        one, _ = await stream(bench.modem, "sink.example")
        two, _ = await datagrams(bench.modem, "report.example")
        bench.wire.clear()
        one.write(bytes(4096))
        for _ in range(5):
            two.sendto(b"report")

        await asyncio.gather(bench.modem.execute("AT+CSQ"), one.wait_acked(60), two.drained())
        commands = [
            line for towards, data in bench.wire.pieces for line in data.split(b"\r") if towards == ">" and line
        ]
        under_way = False
        for towards, data in bench.wire.pieces:
            if towards == ">":
                assert not under_way
                under_way = data.startswith(b"AT+QISEND") and not data.endswith(b",0\r")
            elif b"SEND OK" in data:
                under_way = False

        assert len(commands) > 13


async def test_one_command_at_a_time_and_its_answer_before_the_next() -> None:
    async with on_air() as bench:
        transport, _ = await stream(bench.modem, "sink.example")
        bench.wire.clear()
        transport.write(bytes(5000))
        await asyncio.gather(*(bench.modem.execute("AT+CSQ") for _ in range(5)), transport.wait_acked(60))
        directions = [towards for towards, _ in bench.wire.pieces]
        assert directions[::2] == [">"] * len(directions[::2])
        assert directions[1::2] == ["<"] * len(directions[1::2])
        assert all(data.count(b"\r") == 1 for towards, data in bench.wire.pieces if towards == ">")


# Receiving


@any_service
async def test_text_is_received_as_it_is(service: str) -> None:
    async with on_air({"data_format": "text"}) as bench:
        said = await receive(bench, service, b"hi,quectel")
        assert said == b'\r\n+QIURC: "recv",0,10,"hi,quectel"\r\n'


@any_service
async def test_hex_is_received_decoded(service: str) -> None:
    async with on_air() as bench:
        said = await receive(bench, service, b"1234567890")
        assert said == b'\r\n+QIURC: "recv",0,10,"31323334353637383930"\r\n'


@any_service
@pytest.mark.parametrize("mode", ["hex", "text"])
async def test_received_data_may_look_like_anything(service: str, mode: str) -> None:
    data = b'"\r\n\r\nOK\r\n\r\n+QIURC: "closed",0\r\n\r\nRDY\r\n+QIURC: "recv",0,5,"'
    async with on_air({"data_format": mode}) as bench:
        await receive(bench, service, data)
        assert bench.modem.is_open
        assert len(await bench.modem.sockets()) == 1


# Counting


async def test_send_ok_means_the_stack_has_it_and_the_ack_that_the_peer_has() -> None:
    async with on_air() as bench:
        transport, _ = await stream(bench.modem, "sink.example")
        bench.network.outage = True
        transport.write(bytes(94))
        await transport.drained()
        assert await transport.ack_status() == AckStatus(sent=94, acked=0, unacked=94)
        with pytest.raises(NotAcknowledged) as caught:
            await transport.wait_acked(30)

        assert caught.value.unacked == 94
        bench.network.outage = False
        await transport.wait_acked(30)
        assert await transport.ack_status() == AckStatus(sent=94, acked=94, unacked=0)
        assert b"\r\n+QISEND: 94,94,0\r\n\r\nOK\r\n" in bench.wire.said
        assert bench.wire.commands[-1] == b"AT+QISEND=0,0"


async def test_the_counters_begin_anew_with_each_connection() -> None:
    async with on_air() as bench:
        for _ in range(2):
            transport, protocol = await stream(bench.modem, "echo.example")
            transport.write(bytes(50))
            await protocol.until_data(50)
            assert await transport.ack_status() == AckStatus(50, 50, 0)
            transport.close()
            await protocol.lost.wait()


async def test_acknowledgements_mean_something_for_tcp_only() -> None:
    async with on_air() as bench:
        transport, _ = await datagrams(bench.modem, "sink.example")
        transport.sendto(bytes(94))
        await transport.drained()
        assert await transport.ack_status() == AckStatus(sent=94, acked=0, unacked=0)
