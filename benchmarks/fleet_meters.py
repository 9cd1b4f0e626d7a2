"""The meters of the benchmark of fleets, and their collectors: a scripted one, and real servers in another process.

A meter with an even number reports by UDP, with an odd one by TCP; each waits for the collector's answer. A report is
known by its meter and its time, so a collector tells one that comes again from a new one.
"""

import asyncio
import contextlib
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, cast

from bc260y_aio import RAI, Modem
from bc260y_aio.emulator import Network, PeerConnection

COLLECTOR: Final = "collector.example"
PORT: Final = 9000

_ROOT: Final = Path(__file__).parents[1]
# How long a datagram may take until it is sent again, in seconds, each time.
_TIMEOUTS: Final = (10, 20, 40)


async def report(modem: Modem, number: int) -> None:
    """Report once."""
    line = b"%d %.3f\n" % (number, asyncio.get_running_loop().time())
    await (_report_udp if number % 2 == 0 else _report_tcp)(modem, line)


async def _report_udp(modem: Modem, line: bytes) -> None:
    async with await modem.open_datagram_endpoint(COLLECTOR, PORT) as endpoint:
        for timeout in _TIMEOUTS:
            await endpoint.send(line, rai=RAI.ONE_REPLY)
            try:
                async with asyncio.timeout(timeout):
                    while await endpoint.receive() != line:
                        pass

                    return
            except TimeoutError:
                continue

    raise TimeoutError("the collector did not answer")


async def _report_tcp(modem: Modem, line: bytes) -> None:
    reader, writer = await modem.open_connection(COLLECTOR, PORT)
    try:
        writer.write(line)
        if await reader.readline() != line:
            raise ConnectionError("the collector did not answer")
    finally:
        writer.close()

    await writer.wait_closed()


class Collector:
    """What arrived: each report once, and apart from them those that came again.

    Attributes:
        counted: ``arrived`` and ``again``.
    """

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()
        self._latest: dict[bytes, bytes] = {}

    def take(self, line: bytes) -> None:
        """Count a report."""
        meter, _, moment = line.partition(b" ")
        is_new = self._latest.get(meter) != moment
        self._latest[meter] = moment
        self.counted["arrived" if is_new else "again"] += 1


def scripted(network: Network) -> Callable[[], Counter[str]]:
    """Add a collector that is simulated."""
    collector = Collector()

    async def collect(connection: PeerConnection) -> None:
        while True:
            line = await connection.receive_until(b"\n")
            collector.take(line)
            connection.send(line)

    network.add_host(COLLECTOR, collect)
    return lambda: collector.counted


def real(network: Network, port: int) -> None:
    """Lead the name of the collector to a port of this machine."""
    network.add_host(COLLECTOR, ports={PORT: port})


# Real servers


@contextlib.contextmanager
def servers() -> Iterator[tuple[int, Counter[str]]]:
    """Start real servers in another process; yield their port, and what arrived, which is known after the block."""
    counted: Counter[str] = Counter()
    command = [sys.executable, "-m", __name__]
    with subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline()), counted
        finally:
            process.stdin.close()
            arrived, again = process.stdout.readline().split()
            counted.update(arrived=int(arrived), again=int(again))


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # asyncio's own transport is not an instance of it before Python 3.12.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, address: Any) -> None:
        self._collector.take(data)
        self._transport.sendto(data, address)


async def _serve() -> None:
    """Serve UDP and TCP until standard input ends."""
    collector = Collector()

    async def collect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while line := await reader.readline():
                collector.take(line)
                writer.write(line)

        writer.close()

    server = await asyncio.start_server(collect, "127.0.0.1", 0, backlog=4096)
    port = server.sockets[0].getsockname()[1]
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: _Datagrams(collector), ("127.0.0.1", port))
    print(port, flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    print(collector.counted["arrived"], collector.counted["again"], flush=True)


if __name__ == "__main__":
    asyncio.run(_serve())
