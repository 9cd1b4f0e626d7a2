"""Bytes that are lost, damaged, doubled, late or alone: either way of the line."""

import asyncio
from typing import Any

import pytest

from bc260y_aio.emulator import Emulator, Faults
from bc260y_aio.emulator.line.noise import LineNoise
from tests.emulator.terminal import on_line

LETTERS = bytes(range(0x41, 0x5B))


def through(*pieces: bytes, seed: int = 0, **settings: Any) -> tuple[bytes, Faults]:
    """Return the bytes after a noisy line."""
    faults, received = Faults(**settings), bytearray()
    faults.reseed(seed)
    noise = LineNoise(faults, "out", received.extend)
    for piece in pieces:
        noise.carry(piece)

    return bytes(received), faults


def test_bytes_are_lost() -> None:
    assert through(LETTERS, noise_lost=1.0, noise_gap=0)[0] == b""
    received, faults = through(LETTERS * 1000, noise_lost=0.01, noise_gap=0)
    assert len(received) == 26000 - faults.counts["noise_lost"]
    assert faults.counts["noise_lost"] == pytest.approx(260, rel=0.2)


def test_bytes_are_doubled() -> None:
    assert through(b"abc", noise_doubled=1.0, noise_gap=0)[0] == b"aabbcc"


def test_damaged_bytes_are_never_ascii() -> None:
    received, faults = through(LETTERS * 1000, noise_damaged=0.5, noise_gap=0)
    assert len(received) == 26000
    damaged = [byte for byte in received if byte >= 0x80]
    assert len(damaged) == faults.counts["noise_damaged"]
    assert bytes(byte for byte in received if byte < 0x80).translate(None, LETTERS) == b""
    assert len(set(damaged)) == 128


@pytest.mark.parametrize("size", [1, 7, 100])
def test_noise_does_not_depend_on_how_bytes_are_cut(size: int) -> None:
    data = LETTERS * 100
    settings: dict[str, Any] = {"noise_lost": 0.01, "noise_damaged": 0.01, "noise_doubled": 0.01, "noise_gap": 20}
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    assert through(*pieces, **settings)[0] == through(data, **settings)[0] != data


def test_the_gap_separates_two_bytes_with_noise() -> None:
    received, faults = through(bytes(10_000), noise_damaged=1.0, noise_lost=1.0, noise_gap=99)
    assert [byte >= 0x80 for byte in received] == [byte % 100 == 0 for byte in range(10_000)]
    assert faults.counts == {"noise_damaged": 100}


def test_the_same_seed_brings_the_same_noise_and_a_kind_does_not_move_another() -> None:
    data = LETTERS * 100
    assert through(data, noise_lost=0.01, noise_gap=0) == through(data, noise_lost=0.01, noise_gap=0)
    assert through(data, noise_lost=0.01, noise_gap=0)[0] != through(data, seed=1, noise_lost=0.01, noise_gap=0)[0]
    damaged, _ = through(data, noise_damaged=0.02, noise_gap=0)
    assert damaged == through(data, noise_damaged=0.02, noise_gap=0)[0]


def test_noise_may_be_switched_on_and_off_at_any_time() -> None:
    faults, received = Faults(noise_gap=0), bytearray()
    noise = LineNoise(faults, "in", received.extend)
    for rate, letter in ((0.0, b"a"), (1.0, b"b"), (0.0, b"c"), (1.0, b"d")):
        faults.noise_lost = rate
        noise.carry(letter * 3)

    assert received == b"aaaccc"


# On a line


async def test_the_module_reads_and_writes_through_noise() -> None:
    async with on_line() as (emulator, terminal):
        emulator.faults.noise_damaged, emulator.faults.noise_gap = 1.0, 0
        terminal.type(b"AT+CSQ")
        assert [byte & 0x80 for byte in await terminal.read()] == []
        emulator.faults.noise_damaged = 0.0
        terminal.type(b"")
        assert await terminal.read() == b"\r\nERROR\r\n"
        emulator.line.write(b"x")
        emulator.faults.noise_doubled = 1.0
        emulator.line.write(b"+A")
        assert await terminal.read() == b"x++AA"


async def test_bytes_may_come_late_either_way_and_stay_in_order() -> None:
    async with on_line(noise_delayed_by=5.0) as (emulator, terminal):
        emulator.faults.noise_delayed = 1.0
        began = asyncio.get_running_loop().time()
        terminal.type(b"AT")
        await asyncio.sleep(1)
        assert emulator.line.unread == 3
        emulator.faults.noise_delayed = 0.0
        terminal.type(b"AT+CSQ")
        assert await terminal.read(3) == b""
        await terminal.read(2)
        assert [piece.time - began for piece in terminal.pieces[-2:]] == pytest.approx([5, 5])


async def test_bytes_may_come_one_by_one_either_way() -> None:
    async with on_line(noise_split=1.0) as (emulator, terminal):
        received: list[bytes] = []

        def record(data: bytes) -> bytes:
            received.append(data)
            return data

        emulator.line.receive_filter = record
        before = len(terminal.pieces)
        assert await terminal.ask(b"AT") == b"\r\nOK\r\n"
        assert received == [b"A", b"T", b"\r"]
        assert [piece.data for piece in terminal.pieces[before:]] == [b"\r", b"\n", b"O", b"K", b"\r", b"\n"]


async def test_late_bytes_are_lost_with_the_line() -> None:
    async with on_line(noise_delayed_by=5.0) as (emulator, terminal):
        emulator.faults.noise_delayed = 1.0
        terminal.type(b"AT")
        await asyncio.sleep(1)
        emulator.hang_up()
        assert (emulator.line.unread, emulator.line.backlog) == (0, 0)
        await asyncio.sleep(10)
        assert emulator.module.commands["AT"] == 0


async def test_a_transport_that_closes_lets_late_bytes_arrive() -> None:
    async with Emulator(line="memory", noise_delayed=1.0, noise_delayed_by=5.0) as emulator:
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        class Protocol(asyncio.Protocol):
            def connection_lost(self, exc: Exception | None) -> None:
                ended.set_result(None)

        transport = await emulator.connect(Protocol())
        transport.write(b"AT\r")
        transport.close()
        await ended
        assert emulator.module.commands["AT"] == 1
