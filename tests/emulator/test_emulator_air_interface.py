"""The air interface: half duplex, block by block, so that an acknowledgement does not wait for queued segments."""

import asyncio
import itertools
import random
from dataclasses import dataclass, field

import pytest

from bc260y_aio.emulator import Network, PeerConnection
from bc260y_aio.emulator.radio.air_interface import AirInterface, Direction, Transfer
from tests.emulator.terminal import on_line

UP, DOWN = Direction.UP, Direction.DOWN


def now() -> float:
    return asyncio.get_running_loop().time()


@dataclass
class Air:
    """An air interface that records when each transfer is through."""

    rate_up: int | None = 1000
    rate_down: int | None = 680
    through: list[tuple[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.interface = AirInterface(self, lambda direction, transfer: None)

    def add(self, direction: Direction, size: int, name: str = "") -> None:
        self.interface.add(direction, Transfer(size, lambda: self.through.append((name, round(now(), 6)))))


async def test_transfers_of_one_direction_follow_each_other() -> None:
    air = Air()
    air.interface.start()
    for name in "abc":
        air.add(UP, 250, name)

    await asyncio.sleep(10)
    assert air.through == [("a", 2.0), ("b", 4.0), ("c", 6.0)]


async def test_nothing_is_transferred_before_the_start_and_the_uplink_comes_first() -> None:
    air = Air()
    air.add(DOWN, 85, "down")
    air.add(UP, 125, "up")
    await asyncio.sleep(5)
    assert air.through == []
    air.interface.start()
    await asyncio.sleep(5)
    assert air.through == [("up", 6.0), ("down", 7.0)]


async def test_a_small_downlink_waits_for_one_block_of_a_long_uplink() -> None:
    air = Air()
    air.interface.start()
    for name in "ab":
        air.add(UP, 1250, name)

    await asyncio.sleep(3.3)
    air.add(DOWN, 17, "ack")
    await asyncio.sleep(20)
    # The fourth block ends at 4.0; 17 bytes take 0.2 s.
    assert air.through == [("ack", 4.2), ("a", 10.2), ("b", 20.2)]


async def test_the_blocks_of_two_long_transfers_alternate() -> None:
    air = Air()
    air.interface.start()
    air.add(UP, 375, "up")
    air.add(DOWN, 255, "down")
    await asyncio.sleep(10)
    assert air.through == [("up", 5.0), ("down", 6.0)]


async def test_an_uplink_interrupts_a_long_downlink_as_well() -> None:
    air = Air()
    air.interface.start()
    air.add(DOWN, 850, "down")
    await asyncio.sleep(0.5)
    air.add(UP, 125, "up")
    await asyncio.sleep(20)
    assert air.through == [("up", 2.0), ("down", 11.0)]


@pytest.mark.parametrize("rate", [None, 8000])
async def test_a_direction_without_a_rate_takes_no_time_but_waits_for_its_turn(rate: int | None) -> None:
    air = Air(rate_up=rate, rate_down=None)
    air.interface.start()
    air.add(UP, 1000, "up")
    air.add(DOWN, 1000, "down")
    await asyncio.sleep(5)
    assert air.through == ([("up", 0.0), ("down", 0.0)] if rate is None else [("down", 0.125), ("up", 1.0)])


async def test_a_rate_that_changes_applies_from_the_next_run_of_blocks() -> None:
    air = Air()
    air.interface.start()
    air.add(UP, 125, "a")
    air.add(UP, 125, "b")
    air.rate_up = 500
    await asyncio.sleep(10)
    assert air.through == [("a", 1.0), ("b", 3.0)]


async def test_a_stopped_transfer_begins_again_and_the_time_on_the_air_counts() -> None:
    air = Air()
    air.interface.start()
    air.add(UP, 250, "a")
    await asyncio.sleep(1.5)
    air.interface.stop()
    assert air.interface.transmitting(now()) == pytest.approx(1.5)
    await asyncio.sleep(5)
    air.interface.start()
    await asyncio.sleep(5)
    assert air.through == [("a", 8.5)]
    assert air.interface.transmitting(now()) == pytest.approx(3.5)


async def test_the_remaining_time_is_known_at_any_moment() -> None:
    air = Air()
    air.interface.start()
    air.add(UP, 250)
    air.add(DOWN, 170)
    for moment, up, down in ((0.0, 2.0, 2.0), (0.5, 1.5, 2.0), (1.0, 1.0, 2.0), (1.5, 1.0, 1.5), (9.0, 0.0, 0.0)):
        await asyncio.sleep(moment - now())
        assert air.interface.remaining(UP, now()) == pytest.approx(up)
        assert air.interface.remaining(DOWN, now()) == pytest.approx(down)


@pytest.mark.parametrize("seed", range(20))
async def test_a_busy_air_interface_wastes_no_time_and_keeps_the_order_of_each_direction(seed: int) -> None:
    rng, air = random.Random(seed), Air()
    air.interface.start()
    names: dict[Direction, list[str]] = {UP: [], DOWN: []}
    seconds = 0.0
    for number in range(40):
        direction, size = rng.choice((UP, DOWN)), (rng.randrange(1, 1200) if number else 1200)
        air.add(direction, size, f"{direction.name}{number}")
        names[direction].append(f"{direction.name}{number}")
        seconds += size * 8 / (1000 if direction is UP else 680)
        await asyncio.sleep(rng.random())

    await asyncio.sleep(1000)
    order = [name for name, _ in air.through]
    for direction in Direction:
        assert [name for name in order if name.startswith(direction.name)] == names[direction]

    assert air.through[-1][1] == pytest.approx(seconds, abs=1e-4)


# Acknowledgements of TCP over it


async def test_an_acknowledgement_comes_one_round_trip_after_its_segment_left_the_air() -> None:
    network = Network(rate_up=2500, rate_down=4000, latency=0.6)
    arrivals: list[tuple[int, float]] = []

    async def sink(connection: PeerConnection) -> None:
        while await connection.receive():
            arrivals.append((connection.received, now()))

    network.add_host("sink.example", sink)
    async with on_line(network, send_buffer=16384, send_segments=18) as (emulator, terminal):
        await terminal.open(0, "sink.example")
        for _ in range(18):
            await terminal.ask(b'AT+QISEND=0,512,"%b"' % (b"x" * 512), b"SEND OK\r\n")

        socket, acked, acks = emulator.module.sockets[0], 0, []
        while acked < 18 * 512:
            await asyncio.sleep(0.01)
            if socket.acked_bytes != acked:
                acked = socket.acked_bytes
                acks.append((acked, now()))

    assert [size for size, _ in acks] == [size for size, _ in arrivals] == list(range(512, 18 * 512 + 1, 512))
    # After the peer has it: the way down, the rest of a block of the uplink, and the acknowledgement itself.
    waits = [ack - arrival for (_, ack), (_, arrival) in zip(acks, arrivals, strict=True)]
    assert min(waits) >= 0.6 + 40 * 8 / 4000
    assert max(waits) <= 0.6 + 125 * 8 / 2500 + 40 * 8 / 4000 + 0.02
    # Segments leave the air one after another, with one acknowledgement between them.
    steps = [later - earlier for (_, earlier), (_, later) in itertools.pairwise(arrivals)]
    assert max(steps) == pytest.approx(552 * 8 / 2500 + 40 * 8 / 4000, abs=0.09)


async def test_energy_counts_each_byte_on_the_air_once_whatever_the_order() -> None:
    network = Network(rate_up=2500, rate_down=4000, latency=0.3)
    network.add_echo("echo.example")
    async with on_line(network) as (emulator, terminal):
        await terminal.open(0, "echo.example")
        await emulator.radio.released()
        began = now()
        with emulator.radio.measure() as span:
            for _ in range(6):
                await terminal.ask(b'AT+QISEND=0,500,"%b"' % (b"x" * 500), b"SEND OK\r\n")

            assert (await terminal.read(60)).count(b"x" * 500) == 6

        assert (span.bytes_sent, span.bytes_received) == (6 * 540, 6 * 540 + 6 * 40)
        assert span.transmit_seconds == pytest.approx(6 * 540 * 8 / 2500)
        assert span.connected_seconds == pytest.approx(terminal.pieces[-1].time - began + 20.0, abs=0.2)


async def test_a_measured_block_includes_what_the_radio_still_has_to_send() -> None:
    network = Network(rate_up=1000, rrc_setup=1.0)
    network.add_sink("sink.example")
    async with on_line(network) as (emulator, terminal):
        await terminal.open(0, "sink.example", kind="UDP")
        await emulator.radio.released()
        with emulator.radio.measure() as span:
            for rai in (0, 1):
                await terminal.ask(b'AT+QISEND=0,97,"%b",%d' % (b"x" * 97, rai), b"SEND OK\r\n")

            assert (span.transmit_seconds, span.bytes_sent) == (0, 0)

        assert (span.connected_seconds, span.transmit_seconds, span.bytes_sent) == (3.0, 2.0, 250)
        before = emulator.radio.usage
        await emulator.radio.released()
        assert emulator.radio.bytes_sent - before.sent == 250
        assert emulator.radio.transmit_seconds - before.transmitting == pytest.approx(2.0)


async def test_a_radio_that_is_switched_off_loses_what_it_has_not_sent() -> None:
    network = Network(rate_up=1000)
    sink = network.add_sink("sink.example")
    async with on_line(network) as (_, terminal):
        await terminal.open(0, "sink.example", kind="UDP")
        for _ in range(3):
            await terminal.ask(b'AT+QISEND=0,97,"%b"' % (b"x" * 97), b"SEND OK\r\n")

        await asyncio.sleep(1.5)
        await terminal.ask(b"AT+CFUN=0")
        await asyncio.sleep(10)
        assert (len(sink.pieces), network.datagrams_lost) == (1, 2)


async def test_a_connection_that_is_closing_breaks_when_the_radio_is_switched_off() -> None:
    network, ends = Network(rate_up=1000), asyncio.Queue[str]()

    async def peer(connection: PeerConnection) -> None:
        try:
            while await connection.receive():
                pass

            ends.put_nowait("closed")
        except ConnectionResetError:
            ends.put_nowait("reset")

    network.add_host("sink.example", peer)
    async with on_line(network) as (_, terminal):
        for is_switched_off, end in ((False, "closed"), (True, "reset")):
            await terminal.open(0, "sink.example")
            await terminal.ask(b'AT+QISEND=0,960,"%b"' % (b"x" * 960), b"SEND OK\r\n")
            await terminal.ask(b"AT+QICLOSE=0", b"CLOSE OK\r\n")
            if is_switched_off:
                await terminal.ask(b"AT+CFUN=0")

            assert await ends.get() == end
