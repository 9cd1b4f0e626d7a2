"""Days and hours of a program over an emulated module, each over in a moment, with what the package shows alone."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, cast

import pytest

from bc260y_aio import RAI, LocalPortBusy, Modem, ModemTransport
from bc260y_aio.emulator import Emulator, Network, PeerConnection, RadioState
from bc260y_aio.testing import virtual_clock

HOUR = 3600.0
DAY = 24 * HOUR


def run(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=virtual_clock()) as runner:
        runner.run(main)


def now() -> float:
    return asyncio.get_running_loop().time()


def test_a_day_of_keepalives() -> None:
    async def main() -> None:
        network = Network("good")
        sink = network.add_sink("sink.example")
        async with Emulator(line="memory", network=network) as emulator, Modem(emulator.url) as modem:
            _, writer = await modem.open_connection("sink.example", 7)
            cast("ModemTransport", writer.transport).set_keepalive(600, b"?")
            await asyncio.sleep(DAY)
            assert 140 <= len(sink.data) <= 144
            assert len(sink.data) <= emulator.radio.connections <= 2 * len(sink.data) + 2
            writer.close()
            await writer.wait_closed()

        assert now() > DAY

    run(main())


def test_a_local_port_is_free_again_after_seventy_seconds() -> None:
    async def main() -> None:
        network = Network()
        network.add_echo("echo.example")
        async with Emulator(line="memory", network=network) as emulator, Modem(emulator.url) as modem:
            for begin in (0.0, 70.0):
                reader, writer = await modem.open_connection("echo.example", 7, local_addr=("", 40_000))
                assert begin <= now() < begin + 2
                writer.write(b"hello")
                assert await reader.read(5) == b"hello"
                writer.close()
                await writer.wait_closed()

        async with (
            Emulator(line="memory", network=network) as emulator,
            Modem(emulator.url, wait_for_local_port=False) as modem,
        ):
            _, writer = await modem.open_connection("echo.example", 7, local_addr=("", 40_000))
            writer.close()
            await writer.wait_closed()
            with pytest.raises(LocalPortBusy):
                await modem.open_connection("echo.example", 7, local_addr=("", 40_000))

    run(main())


def test_a_cycle_of_psm() -> None:
    async def main() -> None:
        connections: list[PeerConnection] = []

        async def server(connection: PeerConnection) -> None:
            connections.append(connection)
            await connection.wait_closed()

        network = Network("good")
        network.add_host("meter.example", server)
        async with Emulator(line="memory", network=network, sleep_after=10.0) as emulator, Modem(emulator.url) as modem:
            await modem.set_psm(periodic_update=timedelta(hours=12), active_time=timedelta(seconds=10))
            async with await modem.open_datagram_endpoint("meter.example", 5683) as endpoint:
                await endpoint.send(b"21.5", rai=RAI.NO_FURTHER_DATA)
                await modem.sleep()
                await emulator.radio.released()
                await asyncio.sleep(11)
                assert emulator.radio.state is RadioState.PSM

                sent = now()
                with emulator.radio.measure() as span:
                    connections[0].send(b"new tariff")
                    assert await endpoint.receive() == b"new tariff"

                assert now() - sent == pytest.approx(12 * HOUR, abs=60)
                assert span.psm_seconds == pytest.approx(12 * HOUR, abs=60)
                assert span.connections == 1
                assert span.connected_seconds < 25
                assert span.energy_mwh < 2

    run(main())


def test_release_assistance_saves_a_meter_energy_in_a_day() -> None:
    async def main() -> None:
        network = Network("average", loss=0.0)
        network.add_echo("meter.example")
        spans = {}
        for rai in (RAI.NONE, RAI.ONE_REPLY):
            async with Emulator(line="memory", network=network) as emulator, Modem(emulator.url) as modem:
                async with await modem.open_datagram_endpoint("meter.example", 5683) as endpoint:
                    await emulator.radio.released()
                    with emulator.radio.measure() as span:
                        for _ in range(24):
                            await endpoint.send(b"%-50d" % 21, rai=rai)
                            await endpoint.receive()
                            await asyncio.sleep(HOUR)

                assert span.connections == 24
                spans[rai] = span

        with_rai, without = spans[RAI.ONE_REPLY], spans[RAI.NONE]
        assert with_rai.connected_seconds < without.connected_seconds / 4
        assert with_rai.energy_mwh < without.energy_mwh / 2

    run(main())


def test_two_runs_of_the_same_day_are_the_same() -> None:
    async def main(told: list[str]) -> None:
        network = Network("edge", seed=7)
        network.add_echo("meter.example")
        async with Emulator(line="memory", network=network, baudrate=9600) as emulator, Modem(emulator.url) as modem:
            endpoint = await modem.open_datagram_endpoint("meter.example", 5683)
            for number in range(24):
                await endpoint.send(b"%d" % number)
                await asyncio.sleep(HOUR)

            told.append(f"{emulator.radio.usage} {network.datagrams_lost} {now()!r}")
            endpoint.close()

    told: list[str] = []
    for _ in range(2):
        run(main(told))

    assert told[0] == told[1]
    assert " 0 " not in told[0].rpartition("mWh")[2]
