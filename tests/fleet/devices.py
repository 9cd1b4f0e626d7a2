"""Devices and a backend for the tests of fleets; workers import them by name."""

import os
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bc260y_aio import Modem
from bc260y_aio.emulator import Network, PeerConnection

COLLECTOR = "collector.example"


async def report(modem: Modem, number: int) -> None:
    """Report over TCP, and wait for the answer."""
    reader, writer = await modem.open_connection(COLLECTOR, 9000)
    try:
        writer.write(b"device %d\n" % number)
        if await reader.readline() != b"thank you\n":
            raise ConnectionError("the collector did not answer")
    finally:
        writer.close()

    await writer.wait_closed()


async def send_datagram(modem: Modem, number: int) -> None:
    """Send a datagram, and wait for nothing."""
    async with await modem.open_datagram_endpoint(COLLECTOR, 9000) as endpoint:
        await endpoint.send(b"device %d\n" % number)


async def fail_if_odd(modem: Modem, number: int) -> None:
    """Report, if the number is even."""
    if number % 2:
        raise LookupError(f"device {number} has no sensor")

    await report(modem, number)


async def report_from_a_worker_that_dies(modem: Modem, number: int) -> None:
    """Report; the first time, device 3 takes its whole process with it."""
    if number == 3:
        _die_once(Path(os.environ["FLEET_TEST_FILE"]))

    await report(modem, number)


def _die_once(died: Path) -> None:
    if not died.exists():
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)


def collect(network: Network) -> Callable[[], Counter[str]]:
    """Add the collector, which counts what arrives."""
    counted: Counter[str] = Counter()
    seen: Counter[bytes] = Counter()

    async def collector(connection: PeerConnection) -> None:
        while True:
            line = await connection.receive_until(b"\n")
            seen[line] += 1
            counted["arrived"] += 1
            connection.send(b"thank you\n")

    network.add_host(COLLECTOR, collector)
    return lambda: counted + Counter(devices=len(seen))
