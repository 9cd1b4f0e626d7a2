"""How many busy modems does one process serve, and what does each cost?

Every modem has a socket that its peer sends to without pause and to which the program writes without pause, on a line
of 115200 baud each way. The modules and their wires are in another process, behind ptys, in real time; the bytes arrive
every few milliseconds, as a serial driver hands them on. Shown are the CPU time of this process per modem, how late its
loop was in calling back what was due (the 99th percentile), and how many bytes were lost for being left unread.

Beside it stand the same driver without the wire-time gate, which sleeps through a payload whose length is known, and
the same driver on pyserial-asyncio's own transport.
"""

import asyncio
import contextlib
import dataclasses
import os
import resource
import statistics
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import serial_asyncio

from bc260y_aio import BC260YError, Modem
from bc260y_aio.port import Port, open_port

from .common import ROUNDS, Chart, Promise, Table, interleaved, median, percent, script
from .fake import BITS_PER_BYTE, push
from .ports import Opener, opened_by
from .ptys import Ptys, Setup, pushed

BAUDRATE: Final = 115200
COUNTS: Final = (1, 16, 64, 128, 256)
# How many modems the variants are compared with.
_COMPARED: Final = 64
_PUSH: Final = 512
_GRAIN: Final = 0.004
_TICK: Final = 0.01


@dataclass(frozen=True, slots=True)
class Load:
    """The cost of serving some modems.

    Attributes:
        cpu: the share of a core.
        lag: how late the loop was, in seconds.
        lost: how many bytes were lost.
        up: how many bytes a second each modem sent, on average.
        down: how many bytes a second each received.
    """

    cpu: float
    lag: float
    lost: int
    up: float
    down: float


# Variants of the port


async def with_gate(path: str) -> Port:
    """Open a port as the modem does."""
    return await open_port(path, BAUDRATE)


async def without_gate(path: str) -> Port:
    """Open a port without a known rate, which is never paused."""
    port = await open_port(path, BAUDRATE)
    port.baudrate = None
    return port


class _PlainLine:
    """A line on pyserial-asyncio's transport as it is."""

    def __init__(self, path: str) -> None:
        self._path = path

    async def connect(self, protocol: asyncio.Protocol, /) -> asyncio.Transport:
        loop = asyncio.get_running_loop()
        transport, _ = await serial_asyncio.create_serial_connection(loop, lambda: protocol, self._path, BAUDRATE)
        return transport  # type: ignore[no-any-return]

    async def close(self) -> None:
        pass


async def plain(path: str) -> Port:
    """Open a port on pyserial-asyncio's transport, never paused."""
    return await Port(path, _PlainLine(path))._open()


PORTS: Final[dict[str, Opener]] = {
    "bc260y_aio": with_gate,
    "without the gate": without_gate,
    "on pyserial-asyncio": plain,
}


# The load


class _User:
    """A program that keeps one modem busy in both directions."""

    def __init__(self, path: str) -> None:
        self.sent = 0
        self.checksum = 0
        self.received = 0
        self.is_lost = False
        self._modem = Modem(path, baudrate=BAUDRATE)
        self._over = False

    async def run(self, ready: asyncio.Barrier, over: asyncio.Event) -> None:
        """Open, exchange data until the end, and make sure that everything was sent."""
        async with self._modem as modem:
            reader, writer = await modem.open_connection("peer.example", 7)
            transport: Any = writer.transport
            transport.set_write_buffer_limits(high=4 * _PUSH)
            reading = asyncio.create_task(self._read(reader))
            writing = asyncio.create_task(self._write(writer))
            await ready.wait()
            await over.wait()
            self._over = True
            # The fake module counts what was lost on the line.
            with self._noting_loss():
                await writing
                await transport.drained()

            writer.close()
            with self._noting_loss():
                await reading

    @contextlib.contextmanager
    def _noting_loss(self) -> Iterator[None]:
        try:
            yield
        except BC260YError:
            self.is_lost = True

    async def _write(self, writer: asyncio.StreamWriter) -> None:
        payload = os.urandom(_PUSH)
        while not self._over:
            writer.write(payload)
            self.sent += len(payload)
            self.checksum = zlib.crc32(payload, self.checksum)
            await writer.drain()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        expected = pushed(_PUSH)
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                payload = await reader.readexactly(_PUSH)
                assert payload == expected[self.received // _PUSH % len(expected)], "damaged"
                self.received += _PUSH


async def _watch_lag(lags: list[float]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + _TICK
        await asyncio.sleep(_TICK)
        lags.append(loop.time() - due)


async def _serve(paths: list[str], seconds: float, lags: list[float]) -> tuple[list[_User], Load]:
    users = [_User(path) for path in paths]
    ready, over = asyncio.Barrier(len(paths) + 1), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for user in users:
            group.create_task(user.run(ready, over))

        await ready.wait()
        # The first pushes arrive while other modems are being opened.
        await asyncio.sleep(0.3)
        sent, received = sum(user.sent for user in users), sum(user.received for user in users)
        watch = group.create_task(_watch_lag(lags))
        began, cpu = time.perf_counter(), time.process_time()
        await asyncio.sleep(seconds)
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
        sent, received = sum(user.sent for user in users) - sent, sum(user.received for user in users) - received
        watch.cancel()
        over.set()

    each = len(paths) * took
    late = statistics.quantiles(lags, n=100)[98]
    return users, Load(cpu / took, late, 0, sent / each, received / each)


def serve(count: int, seconds: float, opener: Opener = with_gate) -> Load:
    """Serve so many modems for so long, and check every byte."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 16 * count + 256)), hard))
    with Ptys(count, Setup(baudrate=BAUDRATE, grain=_GRAIN, pushes=_PUSH)) as ptys:
        with opened_by(opener):
            users, load = asyncio.run(_serve(ptys.paths, seconds, []))

        seen = ptys.close()

    lost = sum(one.lost for one in seen)
    for user, one in zip(users, seen, strict=True):
        assert one.lost or not user.is_lost, "a connection ended, and nothing was lost on the line"
        assert user.is_lost or one.taken == (user.sent, user.checksum), (
            f"sent {user.sent} bytes, of which {one.taken[0]} came"
        )

    return dataclasses.replace(load, lost=lost)


def measure(rounds: int = ROUNDS, *, brief: bool = False) -> Table:
    """Measure all counts, and the variants; see :class:`benchmarks.common.Measure`."""
    seconds = 1.0 if brief else 4.0
    contenders = {f"{count}": partial(serve, count, seconds) for count in COUNTS} | {
        f"{_COMPARED}, {name}": partial(serve, _COMPARED, seconds, opener)
        for name, opener in PORTS.items()
        if opener is not with_gate
    }
    found = interleaved(contenders, rounds, is_warm=True)
    rows, shares = [], []
    for name, loads in found.items():
        count = int(name.partition(",")[0])
        cpu = median([load.cpu for load in loads])
        lag = median([load.lag for load in loads])
        up, down = (f"{median([getattr(load, way) for load in loads]):.0f}" for way in ("up", "down"))
        lost = str(sum(load.lost for load in loads))
        rows.append([name, percent(cpu), f"{cpu / count * 100:.3f} %", f"{lag * 1e3:.1f}", up, down, lost])
        if name.isdigit():
            shares.append((count, cpu * 100))

    limit = _PUSH / len(push(0, bytes(_PUSH))) * BAUDRATE / BITS_PER_BYTE
    return Table(
        f"Busy modems in one process, {BAUDRATE} baud each way",
        ["modems", "CPU", "each", "lag, ms", "up, B/s", "down, B/s", "bytes lost"],
        rows,
        [f"The wire carries {limit:.0f} B/s down. Answers wait for the push before them, which slows the way up."],
        Chart("modems", "CPU, percent of a core", {"bc260y_aio": shares}, logarithmic=True),
        [
            Promise("percent of a core for 128 busy modems", dict(shares)[128], 15.0),
            Promise("bytes lost by 256", sum(load.lost for load in found["256"]), 0),
        ],
    )


if __name__ == "__main__":
    script(measure, __doc__)
