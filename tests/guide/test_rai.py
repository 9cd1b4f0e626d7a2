"""Release assistance: which of the sends of a write carries it to the network (guide 2.2.5)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

import bc260y_aio
from bc260y_aio import RAI, Modem
from tests.guide.bench import Bench, Hosts, datagrams, now, on_air, quiet, stream, unconnected


def sent(bench: Bench) -> list[tuple[int, int]]:
    """The size and the RAI of each payload that the module was given."""
    return [(one.size, one.rai) for one in bench.emulator.module.rai_log]


async def test_a_packet_carries_the_option_of_its_call() -> None:
    async with on_air() as bench:
        transport, _ = await datagrams(bench.modem, "report.example")
        for indication in RAI:
            transport.sendto(b"123", rai=indication)

        await transport.drained()
        assert bench.wire.commands[-3:] == [
            b'AT+QISEND=0,3,"313233"',
            b'AT+QISEND=0,3,"313233",1',
            b'AT+QISEND=0,3,"313233",2',
        ]


async def test_only_the_last_send_of_a_write_that_is_cut_carries_it() -> None:
    async with on_air() as bench:
        transport, _ = await stream(bench.modem, "sink.example")
        transport.write(bytes(1500), rai=RAI.ONE_REPLY)
        await transport.drained()
        assert sent(bench) == [(512, 0), (512, 0), (476, 2)]


async def test_a_write_with_an_indication_is_not_run_together_with_the_next() -> None:
    async with on_air() as bench:
        transport, _ = await stream(bench.modem, "sink.example")
        transport.write(b"a" * 100)
        transport.write(b"b" * 100, rai=RAI.NO_FURTHER_DATA)
        transport.write(b"c" * 100)
        await transport.drained()
        assert sent(bench) == [(200, 1), (100, 0)]


async def test_a_send_that_has_to_be_repeated_carries_it_again() -> None:
    async with on_air() as bench:
        transport, _ = await stream(bench.modem, "sink.example")
        bench.emulator.faults.send_fail_dropped = 1.0
        transport.write(bytes(600), rai=RAI.NO_FURTHER_DATA)
        await quiet(0.1)
        bench.emulator.faults.send_fail_dropped = 0.0
        await transport.drained()
        assert sent(bench)[-2:] == [(512, 0), (88, 1)]
        assert len(bench.hosts.sink.data) == 600


async def test_a_client_that_cannot_pass_it_sends_within_a_block() -> None:
    async with on_air() as bench:
        _, writer = await bench.modem.open_connection("sink.example", 7)
        with bc260y_aio.rai(RAI.ONE_REPLY):
            writer.write(b"inside")
            await writer.drain()
            await asyncio.create_task(write_within_a_task(writer))

        writer.write(b"outside")
        writer.close()
        await writer.wait_closed()
        assert sent(bench) == [(6, 2), (6, 2), (7, 0)]


async def write_within_a_task(writer: asyncio.StreamWriter) -> None:
    writer.write(b"a task")


async def test_the_option_of_a_call_overrides_that_of_the_block() -> None:
    async with on_air() as bench:
        transport, _ = await datagrams(bench.modem, "report.example")
        many, _ = await unconnected(bench.modem)
        with bc260y_aio.rai(RAI.ONE_REPLY):
            transport.sendto(b"1", rai=RAI.NONE)
            transport.sendto(b"12", rai=RAI.NO_FURTHER_DATA)
            transport.sendto(b"123")
            await transport.drained()
            many.sendto(b"1234", ("report.example", 7))

        await quiet()
        assert sent(bench) == [(1, 0), (2, 1), (3, 2), (4, 2)]


@pytest.mark.parametrize("rai_on_close", [False, True])
async def test_the_last_send_before_a_close_can_announce_the_end(rai_on_close: bool) -> None:
    async with on_air({"rai_on_close": rai_on_close}) as bench:
        transport, protocol = await stream(bench.modem, "sink.example")
        transport.write(bytes(1000))
        transport.close()
        await protocol.lost.wait()
        assert sent(bench) == [(512, 0), (488, int(rai_on_close))]


async def test_an_indication_of_its_own_goes_before_that_of_the_close() -> None:
    async with on_air({"rai_on_close": True}) as bench:
        async with await bench.modem.open_datagram_endpoint("report.example", 7) as endpoint:
            await endpoint.send(b"first")
            await endpoint.send(b"last", rai=RAI.ONE_REPLY)

        assert sent(bench) == [(5, 0), (4, 2)]


# The release of the radio after the last close


def releases(bench: Bench) -> list[bytes]:
    """The commands that are about it."""
    return [line for line in bench.wire.commands if b"QNBIOTRAI" in line]


async def get(modem: Modem) -> None:
    """Get something from a server that closes first."""
    reader, writer = await modem.open_connection("http.example", 80)
    writer.write(b"GET / HTTP/1.1\r\nHost: http.example\r\nConnection: close\r\n\r\n")
    await reader.read()
    writer.close()
    await writer.wait_closed()


async def echo(modem: Modem) -> None:
    """Exchange something with a server that closes when the module does."""
    reader, writer = await modem.open_connection("echo.example", 7)
    writer.write(b"echo")
    await reader.readexactly(4)
    writer.close()
    await writer.wait_closed()


@asynccontextmanager
async def telling(options: dict[str, Any] | None = None, **settings: Any) -> AsyncIterator[Bench]:
    """A module whose firmware can be told, and a modem that tells it."""
    hosts = Hosts(latency=1.0, **settings)
    hosts.network.add_http("http.example", {"/": "hello"})
    options = {"rai_on_close": True} | (options or {})
    async with on_air(options, hosts, firmware="R02A01") as bench:
        yield bench


async def test_firmware_that_cannot_be_told_is_not_asked_again() -> None:
    async with on_air({"rai_on_close": True}) as bench:
        for _ in range(2):
            await echo(bench.modem)
            await quiet(10)

        assert releases(bench) == [b"AT+QNBIOTRAI=?"]


async def test_after_the_peer_s_close_one_reply_is_announced_and_then_nothing() -> None:
    async with telling() as bench:
        for _ in range(2):
            await get(bench.modem)
            await bench.emulator.radio.released()
            await quiet(10)

        # What the module has is queried once. The last of each time is for modules that close when their peers do.
        assert releases(bench) == [b"AT+QNBIOTRAI=?", *[b"AT+QNBIOTRAI=2", b"AT+QNBIOTRAI=1"] * 2]


async def test_a_close_of_our_own_is_over_before_its_end_is_announced() -> None:
    async with telling() as bench:
        await echo(bench.modem)
        assert releases(bench) == [b"AT+QNBIOTRAI=?"]
        await quiet(10)
        assert releases(bench) == [b"AT+QNBIOTRAI=?", b"AT+QNBIOTRAI=1"]


@pytest.mark.parametrize("exchange", [get, echo])
async def test_the_radio_is_released_once_the_close_is_over_and_not_paged_again(
    exchange: Callable[[Modem], Awaitable[None]],
) -> None:
    async with telling(jitter=0.5) as bench:
        for _ in range(20):
            with bench.emulator.radio.measure() as span:
                await exchange(bench.modem)
                closed = now()
                await bench.emulator.radio.released()
                # A round trip takes 3 s at the most.
                assert 2 <= now() - closed < 7
                await quiet(60)

            assert span.connections == 1


async def test_before_a_close_nothing_is_announced_where_it_can_be_afterwards() -> None:
    async with telling() as bench:
        _, writer = await bench.modem.open_connection("sink.example", 7)
        writer.write(b"last")
        writer.close()
        await writer.wait_closed()
        assert sent(bench) == [(4, 0)]
        async with await bench.modem.open_datagram_endpoint("report.example", 7) as endpoint:
            endpoint.transport.sendto(b"last")

        # A datagram is the last packet of its socket.
        assert sent(bench)[-1] == (4, 1)


async def test_a_connection_that_is_opened_meanwhile_keeps_the_radio() -> None:
    async with telling() as bench:
        await echo(bench.modem)
        _, writer = await bench.modem.open_connection("sink.example", 7)
        await quiet(30)
        assert releases(bench) == [b"AT+QNBIOTRAI=?"]
        writer.close()


@pytest.mark.parametrize(("exchange", "told"), [(get, b"AT+QNBIOTRAI=2"), (echo, b"AT+QNBIOTRAI=1")])
async def test_a_modem_that_is_closed_at_once_has_told_before(
    exchange: Callable[[Modem], Awaitable[None]], told: bytes
) -> None:
    async with telling() as bench:
        await exchange(bench.modem)
        began = now()
        await bench.modem.close()
        assert now() - began < 5
        assert releases(bench) == [b"AT+QNBIOTRAI=?", told]
        await bench.emulator.radio.released()
        assert now() - began < 5


async def test_the_connections_that_a_modem_closes_itself_are_the_last_too() -> None:
    async with telling() as bench:
        _, writer = await bench.modem.open_connection("echo.example", 7)
        await bench.modem.close()
        writer.close()
        assert releases(bench) == [b"AT+QNBIOTRAI=?", b"AT+QNBIOTRAI=1"]


async def test_a_close_of_the_modem_that_is_cancelled_waits_for_no_round_trip() -> None:
    async with telling() as bench:
        await echo(bench.modem)
        closing = asyncio.create_task(bench.modem.close())
        await asyncio.sleep(0)
        closing.cancel()
        began = now()
        with pytest.raises(asyncio.CancelledError):
            await closing

        assert now() - began < 1
