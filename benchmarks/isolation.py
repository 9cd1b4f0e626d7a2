"""What `run --isolated` adds to a program beside `run`: CPU time to a saturated transfer, and seconds to its start.

The program sends bytes that are no text at 115200 baud, or receives them. The CPU time of all its processes, but not
of the emulator, is read after a tenth of the bytes, and again at the end, so that nobody's start is in it.
"""

import asyncio
import os
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from bc260y_aio.emulator import Emulator, PeerConnection

from .common import ROUNDS, Promise, Table, interleaved, median, ratios, script

_ROOT: Final = Path(__file__).parents[1]
_BAUDRATE: Final = 115200
_SIZE: Final = 60 * 1024
_BRIEF_SIZE: Final = 4 * 1024
_TIMEOUT: Final = 120
# What the peer sends is no more at a time than a module keeps for a socket.
_CHUNK: Final = 1024

_DATA: Final = bytes(range(256))
_PROGRAMS: Final = {
    "nothing": "",
    "sending": """
import socket, sys
with socket.create_connection(("peer.example", 7), timeout=100) as sock:
    sock.sendall(bytes(range(256)) * (int(sys.argv[1]) // 256))
    sock.recv(1)
""",
    "receiving": """
import socket, sys
with socket.create_connection(("peer.example", 7), timeout=100) as sock:
    sock.sendall(b"x")
    left = int(sys.argv[1])
    while left:
        left -= len(sock.recv(4096))
    sock.sendall(b"y")
    sock.recv(1)
""",
}
WAYS: Final = ("run", "run --isolated")


@dataclass(frozen=True)
class Found:
    """One run of a program.

    Attributes:
        start: how long a program took that does nothing, in seconds.
        cpu: the CPU time of the processes during the transfer, in seconds.
        wall: how long the transfer took, in seconds.
    """

    start: float
    cpu: float
    wall: float

    @property
    def share(self) -> float:
        """The share of one core that the transfer took, in percent."""
        return 100 * self.cpu / self.wall


class _Peer:
    """The other end of the transfer, which reads the clocks."""

    def __init__(self, size: int, *, is_sending: bool) -> None:
        self._size = size
        self._is_sending = is_sending
        self._readings: list[tuple[float, float]] = []
        self.pid = 0

    async def serve(self, connection: PeerConnection) -> None:
        first = await connection.receive()
        passed = 0 if self._is_sending else len(first)
        while passed < self._size:
            if self._is_sending:
                connection.send(_DATA * (_CHUNK // len(_DATA)))
                await connection.drain()
                passed += _CHUNK
            else:
                passed += len(await connection.receive())

            if not self._readings and passed > self._size // 10:
                self._read_clocks()

        if self._is_sending:
            # The program has received everything.
            await connection.receive()

        self._read_clocks()
        connection.close()

    def _read_clocks(self) -> None:
        self._readings.append((time.monotonic(), cpu_time(self.pid)))

    @property
    def wall_and_cpu(self) -> tuple[float, float]:
        (began, before), (ended, after) = self._readings
        return ended - began, after - before


def cpu_time(pid: int) -> float:
    """Return the CPU time of a process and of its descendants, in seconds."""
    # The clock of another process: clock_getcpuclockid(3).
    return sum(time.clock_gettime(~one << 3 | 2) for one in _tree(pid))


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _tree(int(child))


async def _run(way: str, url: str, program: Path, *arguments: str, peer: _Peer | None = None) -> float:
    """Run a program, and return how long it took, in seconds."""
    command = [sys.executable, "-m", "bc260y_aio", "run", "--port", url, "--baudrate", str(_BAUDRATE)]
    command += [] if way == "run" else ["--isolated", "--", sys.executable]
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(*command, program, *arguments, cwd=_ROOT, stdin=DEVNULL)
    if peer is not None:
        peer.pid = process.pid

    try:
        async with asyncio.timeout(_TIMEOUT):
            status = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert status == 0, command
    return time.monotonic() - began


def _write_programs(folder: Path) -> None:
    for name, text in _PROGRAMS.items():
        (folder / f"{name}.py").write_text(text)


async def _measure_way(way: str, direction: str, size: int) -> Found:
    peer = _Peer(size, is_sending=direction == "receiving")
    with tempfile.TemporaryDirectory() as folder:
        _write_programs(Path(folder))
        async with Emulator(line="tcp", baudrate=_BAUDRATE) as emulator:
            emulator.network.add_host("peer.example", peer.serve)
            start = await _run(way, emulator.url, Path(folder, "nothing.py"))
            await _run(way, emulator.url, Path(folder, f"{direction}.py"), str(size), peer=peer)

    wall, cpu = peer.wall_and_cpu
    return Found(start, cpu, wall)


def measure_way(way: str, direction: str, size: int) -> Found:
    """Run a program that does nothing, and one that transfers."""
    return asyncio.run(_measure_way(way, direction, size))


def measure(rounds: int = ROUNDS, *, brief: bool = False) -> Table:
    """Measure both ways in turns. Brief: a short transfer."""
    size = _BRIEF_SIZE if brief else _SIZE
    rows, promises = [], []
    for direction in ("sending", "receiving"):
        found = interleaved({way: partial(measure_way, way, direction, size) for way in WAYS}, rounds, is_warm=True)
        plain, isolated = (found[way] for way in WAYS)
        rows += [_row(direction, way, found[way]) for way in WAYS]
        added = median([ours.share - theirs.share for ours, theirs in zip(isolated, plain, strict=True)])
        ratio = ratios([one.cpu for one in isolated], [one.cpu for one in plain])
        later = median([ours.start - theirs.start for ours, theirs in zip(isolated, plain, strict=True)])
        promises += [
            Promise(f"{direction}: percent of a core that isolation adds", added, 10),
            Promise(f"{direction}: CPU time, of that under run", ratio, 1.1),
            Promise("seconds that isolation adds to a start", later, 0.5),
        ]

    columns = ["", "CPU, s", "transfer, s", "percent of a core", "start and end, s"]
    note = f"{size} bytes that are no text at {_BAUDRATE} baud; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}."
    return Table("The cost of isolation", columns, rows, [note], promises=promises)


def _row(direction: str, way: str, found: list[Found]) -> list[str]:
    values = ([one.cpu for one in found], [one.wall for one in found], [one.share for one in found])
    cells = [f"{median(column):.2f}" for column in values]
    return [f"{direction}, `{way}`", *cells, f"{median([one.start for one in found]):.2f}"]


if __name__ == "__main__":
    script(measure, __doc__)
