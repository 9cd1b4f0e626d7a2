"""Report a reading by UDP, let the network release the radio at once, and let the module sleep in between.

Usage: ``python examples/udp_sensor.py [PORT HOST UDP_PORT]``. Without a serial port, or BC260Y_PORT, a module is
emulated, one that falls asleep after half a second, and a server is started on this machine.
"""

import asyncio
import contextlib
import os
import sys
from typing import Any

import bc260y_aio

EMULATED = "emulator://?latency=0.05&sleep_after=0.5&wake_time=0.2"
REPORTS = 3
ATTEMPTS = 5
ANSWER_TIMEOUT = 20.0


async def report(endpoint: bc260y_aio.DatagramEndpoint, reading: bytes) -> bytes:
    """Send a reading until it is answered: datagrams may be lost, either way."""
    for _ in range(ATTEMPTS):
        await endpoint.send(reading, rai=bc260y_aio.RAI.ONE_REPLY)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_TIMEOUT):
                return await endpoint.receive()

    raise TimeoutError(f"no answer to {ATTEMPTS} datagrams")


async def main(port: str, host: str, udp_port: int, pause: float) -> None:
    """Send a few reports, asleep in between."""
    async with (
        bc260y_aio.Modem(port) as modem,
        await modem.open_datagram_endpoint(host, udp_port) as endpoint,
    ):
        for number in range(REPORTS):
            async with modem.awake():
                print((await report(endpoint, b'{"report":%d,"celsius":21.5}' % number)).decode())

            # UDP sockets survive deep sleep; the next report wakes the module.
            await asyncio.sleep(pause)


class Acknowledge(asyncio.DatagramProtocol):
    """A server that answers each report."""

    def connection_made(self, transport: Any) -> None:
        """Keep the transport."""
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Send the answer."""
        self.transport.sendto(b"got " + data, addr)


async def on_emulator(port: str) -> None:
    """Report to a server on this machine."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Acknowledge, local_addr=("127.0.0.1", 0))
    try:
        await main(port, "meters.example", transport.get_extra_info("sockname")[1], pause=1.0)
    finally:
        transport.close()


if __name__ == "__main__":
    if len(sys.argv) == 4:
        asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), pause=60.0))
        sys.exit()

    named = os.environ.get("BC260Y_PORT") or EMULATED
    if not named.startswith("emulator:"):
        sys.exit(f"a real module ({named}) needs a server to report to: PORT HOST UDP_PORT")

    print(f"this is an emulated module ({named})")
    asyncio.run(on_emulator(named))
