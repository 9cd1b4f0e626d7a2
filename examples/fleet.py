"""Run fifty emulated modems in one process, each of which reports to one server, with faults of its own.

Usage: ``python examples/fleet.py [MODEMS]``. Everything runs on a clock that jumps over every wait, so ten minutes
pass in seconds.
"""

import asyncio
import sys
from collections import Counter

from bc260y_aio import Modem
from bc260y_aio.emulator import Emulator, Network, Options, PeerConnection
from bc260y_aio.testing import virtual_clock

REPORTS = 10
PAUSE = 60.0


async def device(number: int, network: Network) -> float:
    """Report every minute over its own module, and return how long its radio was connected, in seconds."""
    options = Options().with_settings(line="memory", baudrate=9600, send_fail_taken=0.05, send_ok_lost=0.02)
    async with (
        Emulator(options, network=network, seed=number) as emulator,
        Modem(emulator.url) as modem,
    ):
        reader, writer = await modem.open_connection("collector.example", 9000)
        for report in range(REPORTS):
            writer.write(b"device %d, report %d\n" % (number, report))
            await writer.drain()
            assert await reader.readline() == b"thank you\n"
            await asyncio.sleep(PAUSE)

        writer.close()
        await writer.wait_closed()
        return emulator.radio.connected_seconds


async def main(count: int) -> None:
    """Run the fleet, and check what arrived."""
    arrived: Counter[bytes] = Counter()

    async def collector(connection: PeerConnection) -> None:
        while True:
            arrived[await connection.receive_until(b"\n")] += 1
            connection.send(b"thank you\n")

    network = Network("average", seed=1)
    network.add_host("collector.example", collector)
    connected = await asyncio.gather(*(device(number, network) for number in range(count)))
    print(f"{count} modems sent {count * REPORTS} reports in {asyncio.get_running_loop().time():.0f} s; ", end="")
    print(f"{len(arrived)} arrived, {arrived.total() - len(arrived)} of them twice")
    print(f"their radios were connected for {sum(connected) / count:.0f} s on average")
    assert set(arrived.values()) == {1}
    assert len(arrived) == count * REPORTS


if __name__ == "__main__":
    fleet = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    print(f"this is an emulated module, {fleet} times")
    with asyncio.Runner(loop_factory=virtual_clock()) as runner:
        runner.run(main(fleet))
