"""The life of a session: before it, whether it stands, and how it ends (guide 4.1, 4.2.6, 4.2.9, 4.2.10)."""

import asyncio
from collections.abc import Callable

import pytest

import bc260y_aio
from bc260y_aio import AckStatus, ConnectionLost, ModemClosed, NotAcknowledged
from tests.guide.bench import Bench, now, on_air, quiet, stream

DAY = 24 * 3600.0


# Before


async def test_a_modem_begins_as_the_guide_does() -> None:
    async with on_air() as bench:
        commands = list(dict.fromkeys(bench.wire.commands))
        assert commands[0] == b"AT"
        assert commands[2:] == [
            b"ATE0",
            b"AT+CMEE?",
            b"AT+CMEE=1",
            b"AT+QSCLK?",
            b"AT+QSCLK=0",
            b'AT+QICFG="dataformat"',
            b'AT+QICFG="dataformat",1,1',
            b"AT+CEREG?",
            b"AT+QISTATE?",
        ]
        assert bench.emulator.module.sleep.mode == 0


async def test_a_modem_reports_its_registration_and_its_address() -> None:
    async with on_air(address="10.177.135.245") as bench:
        bench.wire.clear()
        registration = await bench.modem.registration()
        assert (registration.mode, registration.status.name) == (0, "HOME")
        assert await bench.modem.addresses() == ["10.177.135.245"]
        assert bench.wire.commands == [b"AT+CEREG?", b"AT+CGPADDR?"]
        assert bench.wire.said == b'\r\n+CEREG: 0,1\r\n\r\nOK\r\n\r\n+CGPADDR: 5,"10.177.135.245"\r\n\r\nOK\r\n'


async def test_the_registration_can_be_waited_for() -> None:
    async with on_air(registration_delay=30.0) as bench:
        registration = await bench.modem.wait_registered(60)
        assert registration.status.is_registered
        assert 30 <= now() < 33
        bench.emulator.restart()
        with pytest.raises(bc260y_aio.NotRegistered):
            await bench.modem.wait_registered(10)

        assert (await bench.modem.wait_registered(60)).status.is_registered


@pytest.mark.parametrize("found", [0, 1])
async def test_the_sleep_setting_that_was_found_comes_back_when_all_is_done(found: int) -> None:
    async with on_air() as bench:
        await bench.modem.close()
        bench.emulator.module.sleep.mode = found
        await bench.modem.open()
        assert bench.emulator.module.sleep.mode == 0
        await bench.modem.close()
        assert bench.emulator.module.sleep.mode == 1
        assert bench.wire.commands[-1] == b"AT+QSCLK=1"


# The end


async def test_a_close_looks_first_whether_everything_was_acknowledged() -> None:
    async with on_air() as bench:
        transport, protocol = await stream(bench.modem, "sink.example")
        transport.write(b"1234567890")
        await transport.drained()
        bench.wire.clear()
        transport.close()
        await protocol.lost.wait()
        assert bench.wire.commands == [b"AT+QISEND=0,0", b"AT+QICLOSE=0"]
        assert bench.wire.said == b"\r\n+QISEND: 10,10,0\r\n\r\nOK\r\n\r\nOK\r\n\r\nCLOSE OK\r\n"
        assert protocol.losses == [None]


async def test_a_close_waits_for_acknowledgements_that_take_their_time() -> None:
    async with on_air() as bench:
        transport, protocol = await stream(bench.modem, "sink.example")
        bench.network.latency = 3.0
        transport.write(b"1234567890")
        await transport.drained()
        transport.close()
        await protocol.lost.wait()
        # The questions come at intervals of half the time that has passed.
        assert 6 <= now() <= 9
        assert protocol.losses == [None]
        assert bench.hosts.sink.data == b"1234567890"


async def test_a_close_reports_what_was_not_acknowledged() -> None:
    async with on_air({"close_timeout": 10.0}) as bench:
        _, writer = await bench.modem.open_connection("sink.example", 7)
        bench.network.outage = True
        began = now()
        writer.write(b"1234567890")
        writer.close()
        with pytest.raises(NotAcknowledged) as caught:
            await writer.wait_closed()

        assert caught.value.unacked == 10
        assert now() - began == pytest.approx(10, abs=1)
        assert bench.wire.commands[-1] == b"AT+QICLOSE=0"
        bench.network.outage = False
        _, writer = await bench.modem.open_connection("sink.example", 7)
        writer.write(b"1234567890")
        writer.close()
        await writer.wait_closed()


async def test_everything_written_is_sent_before_a_close() -> None:
    async with on_air() as bench:
        _, writer = await bench.modem.open_connection("sink.example", 7)
        writer.write(bytes(50_000))
        writer.close()
        await writer.wait_closed()
        assert len(bench.hosts.sink.data) == 50_000


async def test_delivery_can_be_waited_for_through_a_stream_writer() -> None:
    async with on_air() as bench:
        _, writer = await bench.modem.open_connection("sink.example", 7)
        writer.write(b"1234567890")
        await bc260y_aio.wait_acked(writer, 10)
        assert bench.hosts.sink.data == b"1234567890"
        bench.network.outage = True
        writer.write(b"1234567890")
        with pytest.raises(NotAcknowledged):
            await bc260y_aio.wait_acked(writer, 10)

        writer.transport.abort()


# Whether it stands


async def test_a_session_that_stands_is_found_alive() -> None:
    async with on_air() as bench:
        transport, protocol = await stream(bench.modem, "sink.example")
        bench.wire.clear()
        await transport.check_alive(b"ACK")
        assert bench.wire.commands == [b'AT+QISEND=0,3,"41434B"', b"AT+QISEND=0,0"]
        assert await transport.ack_status() == AckStatus(3, 3, 0)
        assert protocol.losses == []


def network_forgets(bench: Bench) -> None:
    bench.emulator.module.sockets[0].is_cut = True


def network_is_silent(bench: Bench) -> None:
    bench.network.outage = True


dead = pytest.mark.parametrize("kill", [network_forgets, network_is_silent])


@dead
async def test_a_session_that_the_network_dropped_is_found_dead_within_ninety_seconds(
    kill: Callable[[Bench], None],
) -> None:
    async with on_air() as bench:
        transport, protocol = await stream(bench.modem, "sink.example")
        kill(bench)
        began = now()
        with pytest.raises(NotAcknowledged) as caught:
            await transport.check_alive(b"ACK")

        assert caught.value.unacked == 3
        assert now() - began == pytest.approx(90, abs=1)
        await protocol.lost.wait()
        assert protocol.losses == [caught.value]
        assert b"\r\n+QISEND: 3,0,3\r\n" in bench.wire.said
        await quiet()
        assert bench.wire.commands[-1] == b"AT+QICLOSE=0"
        bench.network.outage = False
        await stream(bench.modem, "sink.example")


async def test_a_session_that_the_module_reports_closed_is_found_dead_at_once() -> None:
    async with on_air() as bench:
        transport, protocol = await stream(bench.modem, "sink.example")
        network_forgets(bench)
        checking = asyncio.ensure_future(transport.check_alive(b"ACK"))
        await quiet(30)
        bench.emulator.module.tcpip.break_connections()
        with pytest.raises(ConnectionLost):
            await checking

        assert now() == pytest.approx(30, abs=1.5)
        await protocol.lost.wait()


async def test_undelivered_data_of_an_ended_connection_is_not_taken_for_delivered() -> None:
    async with on_air() as bench:
        reader, writer = await bench.modem.open_connection("sink.example", 7)
        network_forgets(bench)
        writer.write(b"1234567890")
        waiting = asyncio.ensure_future(bc260y_aio.wait_acked(writer, 60))
        await quiet(20)
        bench.emulator.module.tcpip.break_connections()
        with pytest.raises(ConnectionLost):
            await waiting

        assert await reader.read() == b""
        with pytest.raises(ConnectionLost):
            await bc260y_aio.wait_acked(writer, 60)

        writer.close()
        await writer.wait_closed()


async def test_a_closed_session_is_not_checked() -> None:
    async with on_air() as bench:
        transport, protocol = await stream(bench.modem, "sink.example")
        transport.close()
        with pytest.raises(ModemClosed):
            await transport.check_alive(b"ACK")

        await protocol.lost.wait()


# Keepalive


@dead
async def test_with_a_keepalive_a_dead_session_ends_by_itself(kill: Callable[[Bench], None]) -> None:
    async with on_air() as bench:
        transport, protocol = await stream(bench.modem, "sink.example")
        transport.set_keepalive(300, b"?")
        await quiet(1000)
        assert protocol.losses == []
        kill(bench)
        began = now()
        await protocol.lost.wait()
        assert isinstance(protocol.losses[0], NotAcknowledged)
        assert len(protocol.losses) == 1
        assert now() - began <= 300 + 90 + 2
        await quiet()
        assert await bench.modem.sockets() == []


async def test_with_a_keepalive_a_living_session_goes_on_for_a_day() -> None:
    async with on_air() as bench:
        transport, protocol = await stream(bench.modem, "sink.example")
        transport.set_keepalive(600, b"?")
        await quiet(DAY + 100)
        assert protocol.losses == []
        assert 140 <= len(bench.hosts.sink.data) <= 144
        transport.write(b"!")
        await transport.wait_acked(10)
        assert bench.hosts.sink.data.endswith(b"?!")


async def test_a_keepalive_is_silent_while_there_is_traffic_and_after_it_is_stopped() -> None:
    async with on_air() as bench:
        transport, _ = await stream(bench.modem, "sink.example")
        transport.set_keepalive(600, b"?")
        for _ in range(3):
            transport.write(b"data")
            await quiet(500)

        assert bench.hosts.sink.data == b"data" * 3
        transport.set_keepalive(None)
        await quiet(1500)
        assert bench.hosts.sink.data == b"data" * 3
        with pytest.raises(ValueError, match="keepalive"):
            transport.set_keepalive(0)


async def test_a_keepalive_ends_with_its_connection() -> None:
    async with on_air() as bench:
        transport, protocol = await stream(bench.modem, "sink.example")
        transport.set_keepalive(600, b"?")
        transport.close()
        await protocol.lost.wait()
        await quiet(1000)
        assert bench.hosts.sink.data == b""
        assert protocol.losses == [None]
