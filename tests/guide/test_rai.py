"""Release assistance: which of the sends of a write carries it to the network (guide 2.2.5)."""

import asyncio

import pytest

import bc260y_aio
from bc260y_aio import RAI, Modem
from bc260y_aio.emulator import Emulator
from bc260y_aio.tracing import CommandSent
from tests.guide.bench import Bench, datagrams, on_air, quiet, stream, unconnected


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


@pytest.mark.parametrize(
    ("firmware", "expected"),
    [("manual", []), ("R02A01", ["AT+QNBIOTRAI=1"])],
)
async def test_the_network_is_asked_to_release_the_radio_after_the_last_close(
    firmware: str, expected: list[str]
) -> None:
    asked: list[str] = []
    async with Emulator(line="memory", firmware=firmware) as emulator:
        emulator.network.add_http("sink.example", {"/": "hello"})
        async with Modem(emulator.url, rai_on_close=True) as modem:
            modem.trace(lambda event: asked.append(event.command) if isinstance(event, CommandSent) else None)
            for _ in range(2):
                reader, writer = await modem.open_connection("sink.example", 80)
                writer.write(b"GET / HTTP/1.1\r\nHost: sink.example\r\nConnection: close\r\n\r\n")
                await reader.read()
                writer.close()
                await writer.wait_closed()
                await quiet()

    releases = [line for line in asked if "QNBIOTRAI" in line]
    # What the module has is queried once.
    assert releases == ["AT+QNBIOTRAI=?", *expected * 2]
