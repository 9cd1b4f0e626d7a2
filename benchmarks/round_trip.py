"""The cost of an AT command, from the call to its answer, compared with the bare descriptor and other libraries.

``AT+CSQ`` goes out, ``+CSQ: 23,0`` and ``OK`` come back, over a pty from a process that answers at memory speed. The
physical limit is the raw descriptor watched with ``add_reader``: one write, one read, no parsing. The streams of the
serial libraries wait for the ``OK`` and parse nothing either. What speaks AT is to be compared with what speaks AT.

The time of one round trip is the median of its round; CPU is that of this process, all its threads included.
"""

import asyncio
import contextlib
import importlib
import os
import statistics
import time
import tty
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from bc260y_aio import Modem

from .common import ROUNDS, Chart, Promise, Table, interleaved, median, micro, ratios, script
from .ptys import Ptys

COMMAND: Final = "AT+CSQ"
_BAUDRATE: Final = 921600

Ask: TypeAlias = Callable[[], Awaitable[Any]]
Peer: TypeAlias = Callable[[str], "contextlib.AbstractAsyncContextManager[Ask]"]


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one round trip: time, and CPU time, in seconds."""

    wall: float
    cpu: float


# Peers: each opens a port, and yields a function that makes one round trip


@contextlib.asynccontextmanager
async def raw(path: str) -> AsyncIterator[Ask]:
    """Watch the bare descriptor."""
    loop = asyncio.get_running_loop()
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    tty.setraw(fd)
    received = bytearray()
    answered: asyncio.Future[bytes]

    def ready() -> None:
        received.extend(os.read(fd, 4096))
        if received.endswith(b"OK\r\n"):
            answered.set_result(bytes(received))
            received.clear()

    async def ask() -> bytes:
        nonlocal answered
        answered = loop.create_future()
        os.write(fd, b"AT+CSQ\r")
        return await answered

    loop.add_reader(fd, ready)
    try:
        yield ask
    finally:
        loop.remove_reader(fd)
        os.close(fd)


@contextlib.asynccontextmanager
async def driver(path: str) -> AsyncIterator[Ask]:
    """Use the modem of this package."""
    async with Modem(path, baudrate=_BAUDRATE) as modem:
        yield lambda: modem.execute(COMMAND)


def streams(library: str) -> Peer:
    """Make a peer of a library that has pyserial-asyncio's streams."""

    @contextlib.asynccontextmanager
    async def peer(path: str) -> AsyncIterator[Ask]:
        module = importlib.import_module(library)
        reader, writer = await module.open_serial_connection(url=path, baudrate=_BAUDRATE)

        async def ask() -> Any:
            writer.write(b"AT+CSQ\r")
            return await reader.readuntil(b"OK\r\n")

        try:
            yield ask
        finally:
            writer.close()
            # pyserial-asyncio closes in a later turn of the loop.
            await asyncio.sleep(0.01)

    return peer


@contextlib.asynccontextmanager
async def pyatcommand(path: str) -> AsyncIterator[Ask]:
    """Use pyatcommand, which blocks."""
    module = importlib.import_module("pyatcommand")
    client = module.AtClient(port=path, baudrate=115200, command_timeout=5)
    await asyncio.to_thread(client.connect, autobaud=False, retry_timeout=5, echo=False)

    async def ask() -> Any:
        return client.send_command(COMMAND, timeout=5).info

    try:
        yield ask
    finally:
        await asyncio.to_thread(client.disconnect)


@contextlib.asynccontextmanager
async def async_gsm_modem(path: str) -> AsyncIterator[Ask]:
    """Use async-gsm-modem."""
    module = importlib.import_module("async_gsm_modem.base")
    modem = module.ATModem(path, 115200)
    await modem.connect()
    command = module.Command(COMMAND.encode())
    try:
        yield lambda: modem.send_command(command)
    finally:
        await modem.close()


@contextlib.asynccontextmanager
async def gsmmodem(path: str) -> AsyncIterator[Ask]:
    """Use the line layer of python-gsmmodem-new, which blocks; its modem class needs a SIM card for SMS."""
    module = importlib.import_module("gsmmodem.serial_comms")
    comms = module.SerialComms(path, 115200)
    comms.connect()

    async def ask() -> Any:
        return comms.write("AT+CSQ\r")

    try:
        yield ask
    finally:
        await asyncio.to_thread(comms.close)


# Whether it speaks AT stands first. The slow ones make fewer round trips.
PEERS: Final[dict[str, tuple[bool, int, Peer]]] = {
    "raw add_reader": (False, 1000, raw),
    "bc260y_aio": (True, 1000, driver),
    "pyserial-asyncio": (False, 1000, streams("serial_asyncio")),
    "pyserial-asyncio-fast": (False, 1000, streams("serial_asyncio_fast")),
    "serialx": (False, 1000, streams("serialx")),
    "pyatcommand": (True, 5, pyatcommand),
    "async-gsm-modem": (True, 200, async_gsm_modem),
    "python-gsmmodem-new": (True, 200, gsmmodem),
}


async def _ask(peer: Peer, path: str, count: int) -> Cost:
    async with peer(path) as ask:
        answer = await ask()
        text = answer.decode() if isinstance(answer, bytes) else str(answer)
        assert "+CSQ: 23,0" in text or text == "23,0", answer
        times = []
        cpu = time.process_time()
        for _ in range(count):
            began = time.perf_counter()
            await ask()
            times.append(time.perf_counter() - began)

        return Cost(statistics.median(times), (time.process_time() - cpu) / count)


def round_trips(peer: Peer, count: int) -> Cost:
    """Make round trips with a peer, over a pty of its own."""
    with Ptys() as ptys:
        return asyncio.run(_ask(peer, ptys.paths[0], count))


def _contenders(*, brief: bool) -> tuple[dict[str, Callable[[], Cost]], dict[str, str]]:
    """Return the peers that run here, and the reasons why others do not."""
    able: dict[str, Callable[[], Cost]] = {}
    unable: dict[str, str] = {}
    for name, (_, count, peer) in PEERS.items():
        count = max(3, count // 3) if brief else count
        try:
            round_trips(peer, 1)
        except ModuleNotFoundError:
            unable[name] = "not installed; it comes with the extra `bench`"
        except Exception as exc:
            unable[name] = f"did not run here: {type(exc).__name__}: {exc}"
        else:
            able[name] = lambda peer=peer, count=count: round_trips(peer, count)  # type: ignore[misc]

    return able, unable


def measure(rounds: int = ROUNDS, *, brief: bool = False) -> Table:
    """Measure every peer that is installed; see :class:`benchmarks.common.Measure`."""
    able, unable = _contenders(brief=brief)
    found = interleaved(able, rounds)
    wall = {name: [cost.wall for cost in costs] for name, costs in found.items()}
    cpu = {name: [cost.cpu for cost in costs] for name, costs in found.items()}
    rows = []
    for name, (speaks_at, _, _) in PEERS.items():
        speaks = "yes" if speaks_at else "no"
        if name in found:
            beside = [f"{ratios(kind[name], kind['raw add_reader']):.2f}" for kind in (wall, cpu)]
            rows.append([name, speaks, micro(median(wall[name])), beside[0], micro(median(cpu[name])), beside[1]])
        else:
            rows.append([name, speaks, "not installed" if "not installed" in unable[name] else "-", "-", "-", "-"])

    bars = {
        what: [(name, median(values) * 1e6) for name, values in kind.items()]
        for what, kind in {"time": wall, "CPU": cpu}.items()
    }
    return Table(
        "An AT command and its answer, over a pty",
        ["", "speaks AT", "time, µs", "of raw", "CPU, µs", "of raw"],
        rows,
        [f"{name}: {reason}" for name, reason in unable.items()],
        Chart("", "microseconds a round trip", bars, logarithmic=True),
        _promises(wall, cpu),
    )


def _promises(wall: dict[str, list[float]], cpu: dict[str, list[float]]) -> list[Promise]:
    ours, raw = "bc260y_aio", "raw add_reader"
    speakers = [name for name, (speaks_at, _, _) in PEERS.items() if speaks_at and name in cpu and name != ours]
    promises = [Promise("time of an AT round trip, of raw add_reader's", ratios(wall[ours], wall[raw]), 1.5)]
    if speakers:
        best = min(speakers, key=lambda name: median(cpu[name]))
        promises.append(
            Promise(f"its CPU time, of {best}'s, the best that speaks AT", ratios(cpu[ours], cpu[best]), 0.5)
        )

    return promises


if __name__ == "__main__":
    script(measure, __doc__)
