"""Sessions with a module that can be repeated, and a function that records them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final

from bc260y_aio.emulator import EchoPeer, Emulator, Network
from bc260y_aio.modem.modem import Modem
from bc260y_aio.port import Port
from bc260y_aio.recording import Recorder

Session = Callable[[Modem], Awaitable[None]]

SIZES: Final = (1, 200, 513, 1100, 1700)
PATIENCE: Final = 10.0


@contextlib.asynccontextmanager
async def echoing() -> AsyncIterator[Emulator]:
    """Start an emulated module with an echo server in its network."""
    network = Network()
    network.add_host("echo.example", EchoPeer(), address="192.0.2.77")
    async with Emulator(network=network, line="memory") as emulator:
        yield emulator


async def record(session: Session, path: Path, *, mask: bool = False) -> None:
    """Run a session, and record it."""
    async with echoing() as emulator, Recorder(emulator.url, path, mask=mask) as recorder, Modem(recorder.url) as modem:
        await session(modem)


async def one_after_the_other(modem: Modem) -> None:
    """Open five sockets, use each, and close them, in a fixed order."""
    assert len(await modem.resolve("echo.example")) == 1
    services = ("TCP", "UDP", "TCP", "UDP", "TCP")
    streams = [await modem.open_connection("echo.example", 7) for service in services if service == "TCP"]
    endpoints = [await modem.open_datagram_endpoint("echo.example", 7) for service in services if service == "UDP"]
    for size, (reader, writer) in zip(SIZES, streams, strict=False):
        writer.write(bytes(range(256)) * (size // 256) + b"x" * (size % 256))
        assert len(await reader.readexactly(size)) == size

    for endpoint in endpoints:
        await endpoint.send(b"21.5")
        assert await endpoint.receive() == b"21.5"
        endpoint.close()
        await endpoint.wait_closed()

    for _, writer in streams:
        writer.close()
        await writer.wait_closed()


async def all_at_once(modem: Modem) -> None:
    """Use five sockets concurrently."""

    async def use(number: int) -> None:
        reader, writer = await modem.open_connection("echo.example", 7)
        for turn in range(3):
            data = bytes([number]) * (SIZES[number] + turn)
            writer.write(data)
            assert await reader.readexactly(len(data)) == data

        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(use(number) for number in range(5)))


async def read_until(port: Port, ending: bytes) -> bytes:
    """Read from a port until the data ends so, and return it."""
    received = b""
    async with asyncio.timeout(PATIENCE):
        while not received.endswith(ending):
            received += await port.read()

    return received
