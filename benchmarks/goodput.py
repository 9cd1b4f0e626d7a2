"""The share of the line rate that is payload.

A TCP connection's writer, or five of them, write without pause; or a peer sends without pause to one, or to five. The
wire is paced exactly, in memory, and the driver's CPU time is time that the wire waits (see ``memory.py``): so a ratio
below one is the driver's doing: the turnaround between an answer and the next command, and pieces that are not full.

The limit is counted from the bytes of the dialogue: a full AT+QISEND, its ``OK`` and ``SEND OK``, one after the other;
or one push after the other.
"""

import asyncio
import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from bc260y_aio import Modem
from bc260y_aio.sockets.dataformat import Mode

from .common import ROUNDS, Chart, Promise, Table, interleaved, median, ratios, script
from .fake import BITS_PER_BYTE, push, send_size
from .memory import MemoryLine, open_modem, run

RATES: Final = (9600, 115200, 460800, 921600)
RECORD: Final = 50


@dataclass(frozen=True, slots=True)
class Payload:
    """The payload that is sent, and its format.

    Attributes:
        name: its name in the table.
        mode: the payload format of the modem.
        printable: whether it is text.
    """

    name: str
    mode: Mode
    printable: bool

    def best_as_text(self, *, is_reading: bool) -> bool:
        """Whether it is best written as text."""
        return self.mode == "text" or (self.mode == "auto" and self.printable and not is_reading)


PAYLOADS: Final = (
    Payload("hex", "hex", printable=False),
    Payload("text", "text", printable=True),
    Payload("auto, of text", "auto", printable=True),
    Payload("auto, of anything", "auto", printable=False),
)


@dataclass(frozen=True, slots=True)
class Case:
    """A case to measure.

    Attributes:
        baudrate: the rate of the line, in baud.
        payload: what is sent.
        record: how many bytes are written at a time, or are in one push; None for full chunks.
        sockets: how many are busy.
        is_reading: whether payload is received rather than sent.
    """

    baudrate: int
    payload: Payload
    record: int | None = None
    sockets: int = 1
    is_reading: bool = False

    @property
    def as_text(self) -> bool:
        """Whether the payload is best written as text."""
        return self.payload.best_as_text(is_reading=self.is_reading)

    @property
    def full(self) -> int:
        """How many bytes a full chunk has."""
        return 1024 if self.as_text else 512

    @property
    def size(self) -> int:
        """How many bytes a record has."""
        return self.full if self.record is None else self.record

    @property
    def limit(self) -> float:
        """The most payload that the wire can carry, in bytes a second."""
        if self.is_reading:
            wire = len(push(0, bytes(self.size), text=self.as_text))
            return self.size / wire * self.baudrate / BITS_PER_BYTE

        return self.full / sum(send_size(self.full, text=self.as_text)) * self.baudrate / BITS_PER_BYTE

    def make(self) -> bytes:
        """Return a record."""
        noise = random.Random(self.size)
        printable = self.payload.printable
        return bytes(noise.choices(range(0x20, 0x7F), k=self.size)) if printable else noise.randbytes(self.size)


# One case


async def _write(modem: Modem, case: Case, line: MemoryLine, pieces: int) -> float:
    """Write on every socket until so many full chunks are sent; return the goodput in bytes a second."""
    loop = asyncio.get_running_loop()
    streams = [await modem.open_connection("peer.example", 7) for _ in range(case.sockets)]
    record = case.make()
    count = pieces * case.full // (case.sockets * len(record))
    began = loop.time()

    async def write(writer: asyncio.StreamWriter) -> None:
        for _ in range(count):
            writer.write(record)
            await writer.drain()

        transport: Any = writer.transport
        await transport.drained()

    await asyncio.gather(*(write(writer) for _, writer in streams))
    seconds = loop.time() - began
    taken = [line.paced.module.taken[connect_id][0] for connect_id in range(case.sockets)]
    assert taken == [count * len(record)] * case.sockets, taken
    for _, writer in streams:
        writer.close()

    return sum(taken) / seconds


async def _read(modem: Modem, case: Case, line: MemoryLine, pieces: int) -> float:
    """Read on every socket what is pushed without pause; return the goodput in bytes a second."""
    loop = asyncio.get_running_loop()
    streams = [await modem.open_connection("peer.example", 7) for _ in range(case.sockets)]
    record = case.make()
    frames = itertools.cycle([push(number, record, text=case.as_text) for number in range(case.sockets)])
    line.push_from(lambda: next(frames))
    count = pieces // case.sockets
    received: list[float] = []

    async def read(reader: asyncio.StreamReader) -> None:
        for _ in range(count):
            assert await reader.readexactly(len(record)) == record
            received.append(loop.time())

    await asyncio.gather(*(read(reader) for reader, _ in streams))
    line.paced.source = None
    for _, writer in streams:
        writer.close()

    # The first one has waited for the start.
    return (len(received) - 1) * len(record) / (received[-1] - received[0])


async def measure_case(case: Case, pieces: int) -> float:
    """Return the goodput of a case, in bytes a second."""
    line = MemoryLine(case.baudrate)
    async with open_modem(line, case.baudrate, data_format=case.payload.mode) as modem:
        return await (_read if case.is_reading else _write)(modem, case, line, pieces)


# All of them

_SHAPES: Final = tuple(itertools.product((False, True), (1, 5)))


def _rows(*, brief: bool) -> Iterator[tuple[int, Payload, int | None]]:
    for rate, payload, record in itertools.product(RATES, PAYLOADS, (None, RECORD)):
        # Records make the same difference for every format.
        if record is None or payload.mode == "hex" or not brief:
            yield rate, payload, record


def _contender(case: Case, *, brief: bool) -> Callable[[], float]:
    if case.is_reading:
        pieces = 20 if brief else 60
    else:
        # The one switch to text, a write to NVRAM, is a part of the cost of `auto`.
        pieces = (1000 if case.payload.mode == "auto" else 200) * (1 if brief else 5)

    return lambda: run(measure_case(case, pieces)) / case.limit


def measure(rounds: int = ROUNDS, *, brief: bool = False) -> Table:
    """Measure every case; see :class:`benchmarks.common.Measure`."""
    rows = list(_rows(brief=brief))
    cases = [Case(*row, sockets=sockets, is_reading=is_reading) for row in rows for is_reading, sockets in _SHAPES]
    found = interleaved({repr(case): _contender(case, brief=brief) for case in cases}, rounds)
    share = {case: median(found[repr(case)]) for case in cases}
    cells = []
    chart: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        writing, reading = Case(*row), Case(*row, is_reading=True)
        shares = [share[Case(*row, sockets=sockets, is_reading=is_reading)] for is_reading, sockets in _SHAPES]
        rate, payload, record = row
        figures = [f"{one:.3f}" for one in shares]
        name = f"{payload.name}, {'full' if record is None else f'{record} B'}"
        cells.append([f"{rate}, {name}", f"{writing.limit:.0f}", *figures[:2], f"{reading.limit:.0f}", *figures[2:]])
        if record is None:
            chart.setdefault(payload.name, []).append((rate, share[writing] * writing.limit))

    return Table(
        "Goodput: of the capacity of the wire",
        ["baud, payload", "to write, B/s", "1 writer", "5 writers", "to read, B/s", "1 reader", "5 readers"],
        cells,
        chart=Chart("baud", "written, bytes a second", chart, logarithmic=True),
        promises=_promises(found),
    )


def _promises(found: dict[str, list[float]]) -> list[Promise]:
    hexed, text, auto, auto_of_anything = PAYLOADS

    def compare(one: Case, other: Case) -> float:
        return ratios(found[repr(one)], found[repr(other)]) * one.limit / other.limit

    promises = []
    for rate, share in ((115200, 0.99), (921600, 0.95)):
        at = partial(Case, rate)
        promises += [
            Promise(f"{rate} baud: full hex pieces, of the wire", median(found[repr(at(hexed))]), share, at_least=True),
            Promise(
                f"records of {RECORD} bytes, of full pieces", compare(at(hexed, RECORD), at(hexed)), 0.97, at_least=True
            ),
            Promise("text, of hex", compare(at(text), at(hexed)), 1.9, at_least=True),
            Promise("auto, of text, where it is text", compare(at(auto), at(text)), 0.98, at_least=True),
            Promise("auto, of hex, where it is not", compare(at(auto_of_anything), at(hexed)), 0.98, at_least=True),
        ]

    return promises


if __name__ == "__main__":
    script(measure, __doc__)
