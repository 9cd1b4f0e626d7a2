"""What does an emulated device cost: calls of each command and each idle second, memory, and work per report?

Everything is in memory and on the virtual clock, so calls are counted exactly, as `calls` does; in the last row the
calls of the event loop and of the virtual clock are included. A device is an emulated module at 9600 baud with an open
modem and one TCP connection; it reports once a minute, as in examples/fleet.py, and its report is answered.
"""

import asyncio
import gc
import sys
import time
import tracemalloc
from types import FrameType
from typing import Any, Final, Self

from bc260y_aio import Modem
from bc260y_aio.emulator import Emulator, Network, PeerConnection
from bc260y_aio.testing import virtual_clock

from .calls import count
from .common import ROUNDS, Promise, Table, median, script

_BAUDRATE: Final = 9600
_IDLE: Final = 3600.0
_PAUSE: Final = 60.0
_EARLIER: Final = 30


class Terminal(asyncio.Protocol):
    """A program at the host's end of a line, without a driver."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self._answered: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if data.endswith(b"OK\r\n") and self._answered is not None and not self._answered.done():
            self._answered.set_result(None)

    async def ask(self, line: bytes) -> None:
        """Write a command line, and wait until it is answered."""
        self._answered = asyncio.get_running_loop().create_future()
        self.transport.write(line)
        await self._answered


class Device:
    """An emulated module with its modem, and a connection to a collector."""

    def __init__(self, network: Network, number: int) -> None:
        self._network = network
        self._number = number
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        # An exit stack would take half a kilobyte of memory.
        self._emulator: Emulator
        self._modem: Modem

    async def start(self) -> None:
        """Start the module, and connect."""
        self._emulator = Emulator(line="memory", baudrate=_BAUDRATE, network=self._network, seed=self._number)
        await self._emulator.start()
        self._modem = Modem(self._emulator.url)
        await self._modem.open()
        self._reader, self._writer = await self._modem.open_connection("collector.example", 9000)

    async def report(self) -> None:
        """Send a report, and wait until it is answered."""
        self._writer.write(b"device %d\n" % self._number)
        await self._writer.drain()
        assert await self._reader.readline() == b"thank you\n"

    async def stop(self) -> None:
        """Close everything."""
        self._writer.close()
        await self._modem.close()
        await self._emulator.close()


def network() -> Network:
    """Return a network with a collector that answers each line."""

    async def collector(connection: PeerConnection) -> None:
        while True:
            await connection.receive_until(b"\n")
            connection.send(b"thank you\n")

    made = Network("average", seed=1)
    made.add_host("collector.example", collector)
    return made


class AllCalls:
    """All calls of Python functions and built-ins that are made inside the block."""

    def __init__(self) -> None:
        self.total = 0

    def _on_call(self, frame: FrameType, event: str, _: Any) -> None:
        self.total += event in {"call", "c_call"}

    def __enter__(self) -> Self:
        sys.setprofile(self._on_call)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)


async def count_command() -> int:
    """Return the calls that an emulated module makes for AT+CSQ, besides the loop's."""
    async with Emulator(line="memory", baudrate=_BAUDRATE) as emulator:
        terminal = Terminal()
        await emulator.connect(terminal)
        await terminal.ask(b"ATE0\r")
        return (await count(lambda: terminal.ask(b"AT+CSQ\r"))).total


async def count_idle() -> float:
    """Return the calls of a virtual second of an idle device, with those of the loop."""
    device = Device(network(), 1)
    await device.start()
    await device.report()
    await asyncio.sleep(_PAUSE)
    with AllCalls() as calls:
        await asyncio.sleep(_IDLE)

    await device.stop()
    return calls.total / _IDLE


async def measure_memory(devices: int) -> float:
    """Return the memory of a device, in KiB."""
    shared = network()
    # What is kept for all of them is there before. CPython makes the first thirty objects of a class larger.
    earlier, measured = ([Device(shared, number) for number in range(count)] for count in (_EARLIER, devices))
    for device in earlier:
        await device.start()
        await device.report()

    await asyncio.sleep(_PAUSE)
    gc.collect()
    tracemalloc.start()
    for device in measured:
        await device.start()
        await device.report()

    await asyncio.sleep(_PAUSE)
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    for device in (*earlier, *measured):
        await device.stop()

    return held / devices / 1024


async def work(devices: int, reports: int, *, counts: bool) -> float:
    """Return the calls of a report, or its CPU time in milliseconds; opening and closing is shared by all reports."""
    shared = network()

    async def one(number: int) -> None:
        device = Device(shared, number)
        await device.start()
        for _ in range(reports):
            await device.report()
            await asyncio.sleep(_PAUSE)

        await device.stop()

    began = time.process_time()
    if counts:
        with AllCalls() as calls:
            await asyncio.gather(*map(one, range(devices)))

        return calls.total / (devices * reports)

    await asyncio.gather(*map(one, range(devices)))
    return (time.process_time() - began) * 1e3 / (devices * reports)


def run(operation: Any) -> Any:
    """Run a coroutine on a virtual clock."""
    with asyncio.Runner(loop_factory=virtual_clock()) as runner:
        return runner.run(operation)


def measure(rounds: int = ROUNDS, *, brief: bool = False) -> Table:
    """Measure; see :class:`benchmarks.common.Measure`."""
    devices = 10 if brief else 50
    memory = run(measure_memory(50))
    rows = [
        ["calls of the module for an AT+CSQ", str(run(count_command()))],
        ["calls of a virtual second of an idle device", f"{run(count_idle()):.2f}"],
        ["memory of a device, KiB", f"{memory:.1f}"],
        ["CPU of a report, ms", f"{median([run(work(devices, 10, counts=False)) for _ in range(rounds)]):.2f}"],
        ["calls of a report, with the loop's", f"{run(work(devices, 10, counts=True)):.0f}"],
    ]
    return Table("An emulated device", ["", "found"], rows, promises=[Promise("KiB of an emulated device", memory, 40)])


if __name__ == "__main__":
    script(measure, __doc__)
