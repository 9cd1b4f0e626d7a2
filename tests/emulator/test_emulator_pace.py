"""A paced line takes the same time in memory, as a pty and as a TCP port, on a real and on a virtual clock."""

import asyncio
from collections.abc import Callable

import pytest

from bc260y_aio import Modem
from bc260y_aio.emulator import Emulator, SourcePeer
from bc260y_aio.emulator.line.memory import MemoryTransport
from bc260y_aio.testing import virtual_clock
from tests.emulator.terminal import Terminal, on_line

LINES = ("memory", "pty", "tcp")
LoopFactory = Callable[[], asyncio.AbstractEventLoop] | None


async def download(line: str, size: int, baudrate: int) -> float:
    """Return how long a download takes from opening the socket to its end, in seconds."""
    async with Emulator(line=line, baudrate=baudrate) as emulator:
        data = bytes(index % 251 for index in range(size))
        emulator.network.add_host("source.example", SourcePeer(data))
        async with Modem(emulator.url) as modem:
            began = asyncio.get_running_loop().time()
            reader, writer = await modem.open_connection("source.example", 7)
            assert await reader.read() == data
            seconds = asyncio.get_running_loop().time() - began
            writer.close()
            await writer.wait_closed()
            return seconds


def measure(line: str, size: int, baudrate: int, loop_factory: LoopFactory) -> float:
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(download(line, size, baudrate))


# On a pty the system takes its time for each wake-up, and 64 kilobytes are some thousand.
@pytest.mark.parametrize(
    ("line", "kilobytes"),
    [(line, size) for line in LINES for size in (1, 4, 16, 64) if (line, size) != ("pty", 64)],
)
def test_a_paced_download_takes_its_wire_time_on_a_virtual_clock(line: str, kilobytes: int) -> None:
    seconds = measure(line, kilobytes * 1024, 115200, virtual_clock())
    # In hex, with the headers of the pushes and the commands besides.
    assert 1.0 < seconds / (kilobytes * 1024 * 2 * 10 / 115200) < 1.06


@pytest.mark.parametrize("line", LINES)
def test_a_paced_download_is_no_faster_than_its_wire_on_a_real_clock(line: str) -> None:
    assert measure(line, 2 * 1024, 460800, None) > 2 * 1024 * 2 * 10 / 460800


def test_an_emulator_with_all_defaults_works_on_a_virtual_clock() -> None:
    async def echo() -> bytes:
        async with Emulator() as emulator, Modem(emulator.url) as modem:
            assert emulator.url.startswith("/dev/")
            emulator.network.add_echo("echo.example")
            reader, writer = await modem.open_connection("echo.example", 7)
            writer.write(bytes(4000))
            data = await reader.readexactly(4000)
            writer.close()
            await asyncio.sleep(3600)
            return data

    with asyncio.Runner(loop_factory=virtual_clock()) as runner:
        assert runner.run(echo()) == bytes(4000)


# Data received in memory while reading is paused


async def test_pieces_that_arrive_while_reading_is_paused_are_passed_on_together() -> None:
    async with on_line(chunk=1) as (emulator, terminal):
        terminal.pieces.clear()
        terminal.transport.pause_reading()
        emulator.line.write(b"abc")
        await asyncio.sleep(1)
        terminal.transport.resume_reading()
        emulator.line.write(b"de")
        await asyncio.sleep(1)
        assert [piece.data for piece in terminal.pieces] == [b"abc", b"d", b"e"]


async def test_received_data_can_be_fetched_while_reading_is_paused() -> None:
    async with on_line(chunk=1) as (emulator, terminal):
        transport = terminal.transport
        assert isinstance(transport, MemoryTransport)
        transport.pause_reading()
        assert not transport.fetch()
        emulator.line.write(b"abc")
        await asyncio.sleep(1)
        assert transport.fetch()
        assert not transport.fetch()
        assert (terminal.pieces[-1].data, transport.held) == (b"abc", 0)
        emulator.line.write(b"d")
        await asyncio.sleep(1)
        transport.abort()
        assert not transport.fetch()


async def test_fetching_may_pause_reading_again_and_loses_nothing() -> None:
    class Pausing(Terminal):
        def data_received(self, data: bytes) -> None:
            self.transport.pause_reading()
            super().data_received(data)

    async with Emulator(line="memory", baudrate=9600) as emulator:
        terminal = Pausing()
        transport = await emulator.connect(terminal)
        assert isinstance(transport, MemoryTransport)
        for byte in range(50):
            emulator.line.write(bytes([byte]))
            await asyncio.sleep(0.002)
            transport.fetch()

        transport.resume_reading()
        await asyncio.sleep(1)
        assert terminal.received == bytes(range(50))
        transport.abort()
