"""The radio costs of a program, and its delays: release assistance, PSM, eDRX, poor coverage."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from bc260y_aio import RAI
from bc260y_aio.at.urcs import PowerChanged, PowerEvent
from bc260y_aio.emulator import PeerConnection, RadioState
from tests.guide.bench import Bench, Hosts, datagrams, now, on_air, quiet, stream


def reachable() -> tuple[Hosts, "asyncio.Queue[PeerConnection]"]:
    """Make a network with a host that says what the test lets it say."""
    hosts, connections = Hosts(), asyncio.Queue[PeerConnection]()

    async def peer(connection: PeerConnection) -> None:
        connections.put_nowait(connection)
        await connection.wait_closed()

    hosts.network.add_host("peer.example", peer)
    return hosts, connections


def state_of(bench: Bench) -> RadioState:
    return bench.emulator.radio.state


# Release assistance


async def test_release_assistance_on_the_last_datagram_ends_the_connection_at_once() -> None:
    async with on_air(hosts=Hosts(coverage="good")) as bench:
        radio = bench.emulator.radio
        async with await bench.modem.open_datagram_endpoint("report.example", 7) as endpoint:
            await radio.released()
            with radio.measure() as with_it:
                for number in range(3):
                    await endpoint.send(b"%d" % number, rai=RAI.NO_FURTHER_DATA if number == 2 else RAI.NONE)

                await endpoint.transport.drained()

            await radio.released()
            with radio.measure() as without:
                for number in range(3):
                    await endpoint.send(b"%d" % number)

                await endpoint.transport.drained()

        assert with_it.connections == without.connections == 1
        assert with_it.connected_seconds < 1
        assert 20 < without.connected_seconds < 21
        assert with_it.energy_mwh < without.energy_mwh / 10


async def test_release_assistance_for_one_reply_ends_the_connection_with_it() -> None:
    async with on_air(hosts=Hosts(coverage="good")) as bench:
        radio = bench.emulator.radio
        async with await bench.modem.open_datagram_endpoint("echo.example", 7) as endpoint:
            await radio.released()
            with radio.measure() as span:
                await endpoint.send(b"21.5", rai=RAI.ONE_REPLY)
                assert await endpoint.receive() == b"21.5"

        assert span.connections == 1
        assert span.connected_seconds < 3


# PSM and eDRX


async def test_in_psm_what_comes_is_held_back_until_the_program_sends() -> None:
    hosts, connections = reachable()
    async with on_air(hosts=hosts) as bench:
        events: list[Any] = []
        bench.modem.subscribe(events.append, PowerChanged)
        transport, protocol = await datagrams(bench.modem, "peer.example")
        connection = await connections.get()
        await bench.modem.execute("AT+QNBIOTEVENT=1,1")
        await bench.modem.set_psm(periodic_update=timedelta(hours=12), active_time=timedelta(seconds=10))
        await quiet(60)
        assert state_of(bench) is RadioState.PSM
        connection.send(b"held")
        await quiet(3600)
        assert protocol.datagrams == []
        transport.sendto(b"I am here")
        assert await protocol.until_datagrams(1) == [b"held"]
        assert events == [PowerChanged(PowerEvent.ENTER_PSM), PowerChanged(PowerEvent.EXIT_PSM)]


async def test_psm_that_is_given_up_is_over() -> None:
    hosts, connections = reachable()
    async with on_air(hosts=hosts) as bench:
        _, protocol = await datagrams(bench.modem, "peer.example")
        connection = await connections.get()
        await bench.modem.set_psm(active_time=timedelta(seconds=2))
        await quiet(60)
        connection.send(b"held")
        await bench.modem.set_psm()
        assert await protocol.until_datagrams(1) == [b"held"]
        await quiet(60)
        assert state_of(bench) is RadioState.IDLE


async def test_edrx_delays_what_comes_by_up_to_its_cycle() -> None:
    hosts, connections = reachable()
    async with on_air(hosts=hosts) as bench:
        _, protocol = await datagrams(bench.modem, "peer.example")
        connection = await connections.get()
        await bench.modem.set_edrx(timedelta(seconds=163.84))
        await bench.emulator.radio.released()
        await quiet(10)
        connection.send(b"late")
        assert await protocol.until_datagrams(1, timeout=200) == [b"late"]
        assert now() == pytest.approx(163.84, abs=0.1)


# Coverage


@pytest.mark.parametrize("coverage", ["good", "average", "edge"])
async def test_a_stream_arrives_complete_and_in_order_whatever_the_coverage(coverage: str) -> None:
    async with on_air(hosts=Hosts(coverage=coverage)) as bench:
        transport, protocol = await stream(bench.modem, "echo.example")
        sent = bytes(range(256)) * 8
        transport.write(sent)
        assert await protocol.until_data(len(sent), timeout=600) == sent


# Power


async def test_a_module_that_loses_power_is_off_in_the_ledger() -> None:
    async with on_air() as bench:
        transport, _ = await datagrams(bench.modem, "report.example")
        await bench.emulator.radio.released()
        with bench.emulator.radio.measure() as span:
            transport.sendto(b"1")
            await quiet(5)
            bench.emulator.module.stop()
            await quiet(100)

        assert span.connected_seconds == pytest.approx(5, abs=0.5)
        assert span.seconds[RadioState.OFF] == pytest.approx(100)
