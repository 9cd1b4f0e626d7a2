"""The radio of the module: rates, paging, release assistance, PSM, and the ledger."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bc260y_aio.emulator import (
    Currents,
    EchoPeer,
    Emulator,
    Network,
    PeerConnection,
    Radio,
    RadioState,
    SinkPeer,
    Usage,
)
from bc260y_aio.emulator.radio.paging import next_occasion
from tests.emulator.terminal import Bench, on_line

# Sizes on the air: a datagram of ten bytes, and a TCP segment without any.
TEN = 38
BARE = 40

# T3412 of 12 h and T3324 of 10 s, as AT+CPSMS takes them.
PSM = b'AT+CPSMS=1,,,"00101100","00000101"'
HALF_A_DAY = 12 * 3600.0


def now() -> float:
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def with_socket(kind: str = "UDP", **settings: Any) -> AsyncIterator[tuple[Bench, PeerConnection]]:
    """Open a socket to a peer that the test controls, and wait until the radio is idle again."""
    connections: asyncio.Queue[PeerConnection] = asyncio.Queue()

    async def peer(connection: PeerConnection) -> None:
        connections.put_nowait(connection)
        await connection.wait_closed()

    network = Network(settings.pop("network", None))
    network.add_host("peer.example", peer)
    async with on_line(network, **settings) as bench:
        await bench.terminal.open(0, "peer.example", 7, kind)
        await bench.emulator.radio.released()
        yield bench, await connections.get()


def state_of(bench: Bench) -> tuple[str, str]:
    """The states of the module and of its radio."""
    return bench.emulator.module.sleep.state.name, bench.emulator.radio.state.name


async def wake(bench: Bench) -> None:
    """Wake a module that fell asleep while the radio was waited for."""
    bench.terminal.type(b"AT")
    await bench.terminal.read(1)


async def send(bench: Bench, rai: int = 0) -> None:
    assert await bench.terminal.ask(b'AT+QISEND=0,10,"0123456789",%d' % rai, b"SEND OK\r\n")


# The states


async def test_an_unused_radio_is_idle() -> None:
    async with on_line() as (emulator, terminal):
        await terminal.read(100)
        assert emulator.radio.state is RadioState.IDLE
        assert emulator.radio.idle_seconds == 100
        assert (emulator.radio.connections, emulator.radio.bytes_sent) == (0, 0)


async def test_a_datagram_keeps_the_radio_connected_until_the_network_finds_it_inactive() -> None:
    async with with_socket() as (bench, _):
        radio = bench.emulator.radio
        with radio.measure() as span:
            await send(bench)
            assert state_of(bench)[1] == "CONNECTED"
            await bench.terminal.read(19.9)
            assert state_of(bench)[1] == "CONNECTED"
            await bench.terminal.read(0.2)
            assert state_of(bench)[1] == "IDLE"

        assert (span.connections, span.bytes_sent) == (1, TEN)
        assert span.connected_seconds == pytest.approx(20.0)


async def test_traffic_of_either_direction_begins_the_inactivity_anew() -> None:
    async with with_socket(rrc_inactivity=10.0) as (bench, connection):
        with bench.emulator.radio.measure() as span:
            await send(bench)
            await bench.terminal.read(8)
            connection.send(b"reply")
            await bench.terminal.read(8)
            await send(bench)

        assert span.connections == 1
        assert span.connected_seconds == pytest.approx(26.0)


async def test_release_assistance_one_releases_the_radio_at_once() -> None:
    async with with_socket() as (bench, _):
        radio = bench.emulator.radio
        with radio.measure() as span:
            await send(bench, rai=1)
            await bench.terminal.read(0.01)
            assert state_of(bench)[1] == "IDLE"

        assert span.connections == 1
        assert span.connected_seconds == pytest.approx(0.0, abs=1e-6)


async def test_release_assistance_two_releases_the_radio_after_one_reply() -> None:
    async with with_socket() as (bench, connection):
        radio = bench.emulator.radio
        with radio.measure() as span:
            await send(bench, rai=2)
            await bench.terminal.read(3)
            assert state_of(bench)[1] == "CONNECTED"
            connection.send(b"reply")
            await bench.terminal.read(0.01)
            assert state_of(bench)[1] == "IDLE"

        assert span.connections == 1
        assert span.connected_seconds == pytest.approx(3.0)


async def test_a_reply_that_does_not_come_is_waited_for_as_long_as_any_traffic() -> None:
    async with with_socket() as (bench, _):
        with bench.emulator.radio.measure() as span:
            await send(bench, rai=2)

        assert span.connected_seconds == pytest.approx(20.0)


async def test_what_follows_the_one_reply_is_no_reply() -> None:
    async with with_socket(rrc_release=5.0) as (bench, connection):
        with bench.emulator.radio.measure() as span:
            await send(bench, rai=2)
            await bench.terminal.read(3)
            connection.send(b"reply")
            await bench.terminal.read(2)
            connection.send(b"more")
            await bench.terminal.read(30)

        assert span.connections == 1
        assert span.connected_seconds == pytest.approx(3.0 + 2.0 + 20.0)


async def test_a_reply_that_comes_when_the_radio_was_released_is_no_reply_any_more() -> None:
    async with with_socket() as (bench, connection):
        await send(bench, rai=2)
        await bench.terminal.read(30)
        assert state_of(bench)[1] == "IDLE"
        with bench.emulator.radio.measure() as span:
            connection.send(b"late")
            await bench.terminal.read(60)

        assert span.connections == 1
        assert span.connected_seconds == pytest.approx(20.0)


async def test_a_send_without_release_assistance_waits_for_no_reply() -> None:
    async with with_socket() as (bench, connection):
        with bench.emulator.radio.measure() as span:
            await send(bench, rai=2)
            await bench.terminal.read(2)
            await send(bench)
            connection.send(b"reply")
            await bench.terminal.read(60)

        assert span.connected_seconds == pytest.approx(22.0)


async def test_the_next_send_withdraws_release_assistance() -> None:
    async with with_socket(rrc_release=5.0) as (bench, _):
        with bench.emulator.radio.measure() as span:
            await send(bench, rai=1)
            await bench.terminal.read(2)
            await send(bench)

        assert span.connections == 1
        assert span.connected_seconds == pytest.approx(22.0)


async def test_a_release_takes_as_long_as_the_network_needs() -> None:
    async with with_socket(rrc_release=0.5) as (bench, _):
        with bench.emulator.radio.measure() as span:
            await send(bench, rai=1)

        assert span.connected_seconds == pytest.approx(0.5)


async def test_over_tcp_an_acknowledgement_is_the_one_reply_and_needs_a_connection_after_no_further_data() -> None:
    async with with_socket("TCP", latency=1.0) as (bench, _):
        for rai, connections, seconds in ((2, 1, 2.0), (1, 2, 20.0)):
            with bench.emulator.radio.measure() as span:
                await send(bench, rai)
                await bench.terminal.read(30)

            assert span.connections == connections
            assert span.connected_seconds == pytest.approx(seconds)


async def test_several_things_that_wait_at_the_base_station_are_one_reply() -> None:
    async with with_socket(rate_down=8000) as (bench, connection):
        with bench.emulator.radio.measure() as span:
            await send(bench, rai=2)
            for _ in range(3):
                connection.send(bytes(1000 - 28))

            await bench.terminal.read(30)

        assert span.connections == 1
        assert span.connected_seconds == pytest.approx(3.0)
        assert span.bytes_received == 3000


# Set-up and rates


async def test_connecting_takes_its_time_and_counts_as_connected() -> None:
    async with with_socket(rrc_setup=2.0) as (bench, connection):
        began = now()
        with bench.emulator.radio.measure() as span:
            await send(bench, rai=1)
            await connection.receive()
            assert now() - began == pytest.approx(2.0)
            await bench.terminal.read(1)

        assert span.connected_seconds == pytest.approx(2.0)
        await send(bench)
        await connection.receive()
        began = now()
        await send(bench)
        await connection.receive()
        assert now() == began


async def test_sending_takes_its_time_at_the_rate_and_the_sockets_share_it() -> None:
    sinks = [SinkPeer(), SinkPeer()]
    network = Network(rate_up=1000)
    for number, sink in enumerate(sinks):
        network.add_host(f"sink{number}.example", sink)

    async with on_line(network) as (emulator, terminal):
        for number in range(2):
            await terminal.open(number, f"sink{number}.example", 7, "UDP")

        await emulator.radio.released()
        began = now()
        with emulator.radio.measure() as span:
            for number in range(2):
                await terminal.ask(b'AT+QISEND=%d,97,"%b"' % (number, b"x" * 97), b"SEND OK\r\n")

            await sinks[0].until(97)
            assert now() - began == pytest.approx(1.0)
            await sinks[1].until(97)
            assert now() - began == pytest.approx(2.0)

        assert span.transmit_seconds == pytest.approx(2.0)
        assert span.connected_seconds == pytest.approx(22.0)


async def test_receiving_takes_its_time_at_the_rate() -> None:
    async with with_socket(rate_down=1000, latency=0.5) as (bench, connection):
        await send(bench)
        await connection.receive()
        began = now()
        connection.send(bytes(97))
        assert b'"recv",0,97' in await bench.terminal.until(b'"recv",0,97')
        assert now() - began == pytest.approx(1.5)


async def test_a_stream_of_many_segments_comes_in_order_at_the_rate() -> None:
    network = Network(rate_up=16_000, rate_down=16_000, rrc_setup=1.0, drx=2.56)
    network.add_host("echo.example", EchoPeer())
    async with on_line(network) as (emulator, terminal):
        await terminal.open(0, "echo.example")
        await emulator.radio.released()
        began = now()
        for number in range(4):
            await terminal.ask(b'AT+QISEND=0,1000,"%b"' % (b"%d" % number * 1000), b"SEND OK\r\n")

        received = await terminal.read(60)
        assert [received.count(b"%d" % number * 500) for number in range(4)] == [2] * 4
        seconds = 1 + 4 * 2 * (1040 * 8 / 16_000) + 4 * BARE * 8 / 16_000
        assert terminal.pieces[-1].time - began == pytest.approx(seconds)


async def test_questions_of_the_module_go_over_the_radio_too() -> None:
    async with on_line(Network(rrc_setup=1.0, latency=0.1)) as (emulator, terminal):
        emulator.network.add_echo("echo.example")
        await terminal.ask(b'AT+QPING=0,"echo.example",4,2')
        assert await terminal.read(5) == (
            b"\r\n+QPING: 0,198.51.100.1,32,1200,52\r\n\r\n+QPING: 0,198.51.100.1,32,200,52\r\n"
            b"\r\n+QPING: 0,2,2,0,200,1200,700\r\n"
        )
        await emulator.radio.released()
        asked = now()
        await terminal.ask(b'AT+QIDNSGIP=0,"echo.example"')
        await terminal.until(b"198.51.100.1\r\n")
        assert now() - asked == pytest.approx(1.2)
        assert emulator.radio.connections == 2


async def test_a_ping_that_the_radio_makes_too_slow_is_lost() -> None:
    async with on_line(Network(rrc_setup=3.0, latency=0.6)) as (_, terminal):
        await terminal.ask(b'AT+QPING=0,"a.example",4,2')
        assert await terminal.read(30) == (
            b"\r\n+QPING: 569\r\n\r\n+QPING: 0,198.51.100.1,32,1200,52\r\n\r\n+QPING: 0,2,1,1,1200,1200,1200\r\n"
        )


# Paging


@pytest.mark.parametrize(
    ("now", "cycles", "occasion"),
    [
        (7.0, (0.0, 0.0, 0.0), 7.0),
        (0.0, (2.56, 0.0, 0.0), 0.0),
        (0.1, (2.56, 0.0, 0.0), 2.56),
        (2.56, (2.56, 0.0, 0.0), 2.56),
        (10.3, (10.24, 0.0, 0.0), 20.48),
        (1.0, (0.0, 20.48, 2.56), 1.0),
        (3.0, (0.0, 20.48, 2.56), 20.48),
        (1.0, (1.28, 20.48, 2.56), 1.28),
        (1.5, (1.28, 20.48, 2.56), 20.48),
        (81.0, (2.56, 81.92, 10.24), 81.92),
        (90.0, (2.56, 81.92, 10.24), 81.92 + 10.24 - 2.56 + 0.0),
        (92.0, (2.56, 81.92, 10.24), 163.84),
    ],
)
def test_a_radio_listens_at_its_paging_occasions(
    now: float, cycles: tuple[float, float, float], occasion: float
) -> None:
    expected = max(now, occasion) if occasion != pytest.approx(89.6) else 163.84
    assert next_occasion(now, *cycles) == pytest.approx(expected)


@pytest.mark.parametrize("drx", [1.28, 2.56, 5.12, 10.24])
async def test_an_idle_radio_receives_at_its_next_paging_occasion(drx: float) -> None:
    async with with_socket(drx=drx) as (bench, connection):
        await bench.terminal.read(0.1)
        began = now()
        connection.send(b"hello")
        await bench.terminal.until(b'"hello"\r\n')
        assert 0 < now() - began < drx
        assert now() / drx == pytest.approx(round(now() / drx))
        connection.send(b"again")
        assert await bench.terminal.until(b'"again"\r\n')
        assert now() / drx == pytest.approx(round(now() / drx))


async def test_an_uplink_brings_the_downlink_that_waits_for_paging() -> None:
    async with with_socket(drx=10.24) as (bench, connection):
        await bench.terminal.read(1)
        connection.send(b"hello")
        assert await bench.terminal.read(1) == b""
        began = now()
        await send(bench)
        await bench.terminal.until(b'"hello"\r\n')
        assert now() == began


@pytest.mark.parametrize("asks", [True, False])
async def test_with_edrx_downlink_waits_for_the_extended_cycle(asks: bool) -> None:
    settings: dict[str, Any] = {} if asks else {"edrx": 81.92}
    async with with_socket(drx=2.56, **settings) as (bench, connection):
        if asks:
            await bench.terminal.ask(b'AT+CEDRXS=1,5,"0101"')
            await bench.emulator.radio.released()

        await bench.terminal.read(81.92 - now() + 5)
        connection.send(b"hello")
        await bench.terminal.until(b'"hello"\r\n')
        assert now() == pytest.approx(2 * 81.92)


# PSM


async def test_after_the_active_time_the_radio_sleeps_and_downlink_is_held_back_until_the_module_sends() -> None:
    async with with_socket() as (bench, connection):
        radio = bench.emulator.radio
        await bench.terminal.ask(b"AT+QNBIOTEVENT=1,1")
        await bench.terminal.ask(PSM)
        await radio.released()
        began = now()
        assert await bench.terminal.until(b"\r\n+QNBIOTEVENT: ") == b"\r\n+QNBIOTEVENT: "
        assert await bench.terminal.until(b"\r\n") == b'"ENTER PSM"\r\n'
        assert now() - began == pytest.approx(10.0)
        assert state_of(bench)[1] == "PSM"
        connection.send(b"hello")
        assert await bench.terminal.read(3600) == b""
        assert radio.psm_seconds == pytest.approx(3600.0)
        await bench.terminal.ask(b'AT+QISEND=0,1,"x"')
        assert await bench.terminal.read(1) == (
            b'\r\nSEND OK\r\n\r\n+QNBIOTEVENT: "EXIT PSM"\r\n\r\n+QIURC: "recv",0,5,"hello"\r\n'
        )
        assert state_of(bench)[1] == "CONNECTED"


async def test_the_periodic_update_brings_held_back_data_and_wakes_a_module_in_deep_sleep() -> None:
    async with with_socket(sleep_after=5.0, dsevent_at_once=True) as (bench, connection):
        radio, module = bench.emulator.radio, bench.emulator.module
        await wake(bench)
        for line in (b"AT+QNBIOTEVENT=1,1", b'AT+QCFG="dsevent",1', PSM):
            await bench.terminal.ask(line)

        assert b'"ENTER DEEPSLEEP"' in await bench.terminal.read(100)
        assert state_of(bench) == ("DEEP_SLEEP", "PSM")
        began = now()
        connection.send(b"hello")
        received = await bench.terminal.until(b'"hello"\r\n', HALF_A_DAY)
        assert received == (
            b'\r\n+QNBIOTEVENT: "EXIT DEEPSLEEP"\r\n\r\n+QNBIOTEVENT: "EXIT PSM"\r\n\r\n+QIURC: "recv",0,5,"hello"\r\n'
        )
        assert HALF_A_DAY - 100 < now() - began < HALF_A_DAY
        assert radio.psm_seconds == pytest.approx(HALF_A_DAY, abs=120)
        assert module.tcpip.datagrams_missed == 0
        assert b'"ENTER DEEPSLEEP"' in await bench.terminal.read(100)


async def test_with_psm_the_module_does_not_sleep_deeply_before_the_radio_does() -> None:
    async with with_socket(sleep_after=5.0) as (bench, connection):
        await wake(bench)
        await bench.terminal.ask(PSM)
        await bench.emulator.radio.released()
        await bench.terminal.read(9)
        connection.send(b"hello")
        assert await bench.terminal.until(b'"hello"\r\n')
        assert state_of(bench)[0] == "AWAKE"
        await bench.terminal.read(20 + 10.1)
        assert state_of(bench)[0] == "DEEP_SLEEP"


async def test_a_network_may_refuse_psm() -> None:
    async with with_socket(psm=False) as (bench, connection):
        await bench.terminal.ask(PSM)
        await bench.terminal.read(100)
        assert state_of(bench)[1] == "IDLE"
        connection.send(b"hello")
        assert await bench.terminal.until(b'"hello"\r\n')


async def test_psm_without_an_active_time_is_not_asked_for_and_one_of_no_time_begins_at_once() -> None:
    async with with_socket(keeps_omitted=False) as (bench, _):
        await bench.terminal.ask(b'AT+CPSMS=1,,,"00101100"')
        await bench.terminal.read(1000)
        assert state_of(bench)[1] == "IDLE"
        await bench.terminal.ask(b'AT+CPSMS=1,,,"00101100","00000000"')
        await bench.emulator.radio.released()
        assert state_of(bench)[1] == "PSM"
        await bench.terminal.ask(b"AT+CPSMS=0")
        await bench.emulator.radio.released()
        assert state_of(bench)[1] == "IDLE"


@pytest.mark.parametrize("line", [b'AT+CPSMS=1,,,"2"', b'AT+CPSMS=1,,,,"11"', b'AT+CEDRXS=1,5,"000"'])
async def test_times_that_cannot_be_are_refused(line: bytes) -> None:
    async with on_line() as (emulator, terminal):
        assert await terminal.ask(line, b"ERROR\r\n") == b"\r\nERROR\r\n"
        assert emulator.radio.connections == 0


# Off, and asleep without PSM


async def test_a_radio_that_is_off_receives_nothing_and_sends_nothing() -> None:
    async with with_socket(drx=10.24) as (bench, connection):
        radio = bench.emulator.radio
        await bench.terminal.read(1)
        connection.send(b"paged in vain")
        await bench.terminal.read(1)
        await bench.terminal.ask(b"AT+CFUN=0")
        await bench.terminal.read(100)
        with radio.measure() as span:
            connection.send(b"lost")
            await send(bench)
            assert await bench.terminal.read(100) == b""

        assert span.seconds[RadioState.OFF] == pytest.approx(100.0)
        assert (connection.received, span.connections) == (0, 0)
        assert bench.emulator.network.datagrams_lost == 3
        await bench.terminal.ask(b"AT+CFUN=1")
        assert state_of(bench)[1] == "CONNECTED"


async def test_a_sleeping_module_without_psm_misses_downlink_after_its_connection() -> None:
    async with with_socket(sleep_after=10.0) as (bench, connection):
        radio = bench.emulator.radio
        await wake(bench)
        with radio.measure() as span:
            await send(bench)
            await bench.terminal.read(60)
            connection.send(b"lost")
            await bench.terminal.read(60)

        assert span.seconds[RadioState.DEEP_SLEEP] == pytest.approx(100.0)
        assert span.connections == 1
        assert span.connected_seconds == pytest.approx(20.0)
        assert bench.emulator.module.tcpip.datagrams_missed == 1


async def test_a_module_that_boots_is_off_and_then_registers() -> None:
    async with Emulator(line="memory", boot_time=5.0, registration_delay=8.0) as emulator:
        emulator.restart()
        await asyncio.sleep(13.5)
        radio = emulator.radio
        assert radio.seconds[RadioState.OFF] == pytest.approx(5.0)
        assert (radio.state, radio.connections) == (RadioState.CONNECTED, 1)


async def test_a_started_emulator_has_a_radio() -> None:
    emulator = Emulator(line="memory")
    with pytest.raises(RuntimeError, match="has not been started"):
        _ = emulator.radio

    async with emulator:
        assert isinstance(emulator.radio, Radio)

    assert emulator.radio.state.name == "OFF"


# The ledger


def usage(connected: float = 0.0, psm: float = 0.0, idle: float = 0.0, sending: float = 0.0) -> Usage:
    seconds = {RadioState.CONNECTED: connected, RadioState.PSM: psm, RadioState.IDLE: idle}
    return Usage(dict.fromkeys(RadioState, 0.0) | seconds, sending, 1, 0, 0, Currents())


def test_charge_and_energy_follow_from_the_currents() -> None:
    assert usage(idle=3600).charge_mah == pytest.approx(0.11)
    assert usage(psm=3600 * 24 * 365).charge_mah == pytest.approx(0.0008 * 24 * 365)
    assert usage(connected=36).charge_mah == pytest.approx(0.5)
    assert usage(connected=36, sending=36).charge_mah == pytest.approx(2.7)
    assert usage(connected=36).energy_mwh == pytest.approx(0.5 * 3.6)


def test_entries_can_be_subtracted_and_read() -> None:
    difference = usage(connected=30, idle=100) - usage(connected=10, idle=50)
    assert (difference.connected_seconds, difference.idle_seconds, difference.connections) == (20, 50, 0)
    assert str(usage(connected=20, idle=5)) == (
        "1 connection, 0 bytes up, 0 down; connected 20.0 s, idle 5.0 s; 1.0006 mWh"
    )


async def test_other_currents_can_be_put_in() -> None:
    async with with_socket() as (bench, _):
        radio = bench.emulator.radio
        radio.currents = Currents(receive_ma=18.0, volts=3.3)
        with radio.measure() as span:
            await send(bench)

        assert span.charge_mah == pytest.approx(18 * 20 / 3600)
        assert span.energy_mwh == pytest.approx(3.3 * 18 * 20 / 3600)

    async with on_line(receive_ma=18.0) as (emulator, _):
        assert emulator.radio.currents == Currents(receive_ma=18.0)

    with pytest.raises(ValueError, match="receive_ma must be a number"):
        Currents(receive_ma=-1)


async def test_a_span_reports_the_use_so_far_and_at_its_end_the_remaining_costs() -> None:
    async with with_socket() as (bench, _):
        radio = bench.emulator.radio
        with radio.measure() as span:
            await send(bench)
            await bench.terminal.read(5)
            assert span.connected_seconds == pytest.approx(5.0)

        assert span.connected_seconds == pytest.approx(20.0)
        await bench.terminal.read(100)
        assert span.connected_seconds == pytest.approx(20.0)
