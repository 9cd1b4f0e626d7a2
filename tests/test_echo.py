"""The main job, end to end: a megabyte of random data is echoed, over one socket and over five at once."""

import asyncio
import os

import pytest

from bc260y_aio import Modem, PortNotFound
from bc260y_aio.emulator import Emulator

MEGABYTE = 1_000_000


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back what comes."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()

    writer.close()


async def round_trip(modem: Modem, port: int, data: bytes) -> bytes:
    """Send data to the echo server, and return what comes back."""
    reader, writer = await modem.open_connection("echo.example", port)

    async def send() -> None:
        for start in range(0, len(data), 8192):
            writer.write(data[start : start + 8192])
            await writer.drain()

    sending = asyncio.create_task(send())
    received = await reader.readexactly(len(data))
    await sending
    writer.close()
    await writer.wait_closed()
    return received


async def echo_on(sockets: int) -> bool:
    """Echo a megabyte on each of some sockets, and return whether all came back unchanged."""
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    shares = [os.urandom(MEGABYTE) for _ in range(sockets)]
    async with server, Modem("emulator://") as modem:
        received = await asyncio.gather(*(round_trip(modem, port, share) for share in shares))
        return received == shares and await modem.sockets() == []


# On a loop without debug mode, which takes ten times as long for this many bytes.
@pytest.mark.parametrize("sockets", [1, 5])
def test_a_megabyte_comes_back_byte_for_byte_on_each_socket(sockets: int) -> None:
    assert asyncio.run(echo_on(sockets))


async def test_the_url_of_a_line_in_memory_opens_like_any_other() -> None:
    async with Emulator(line="memory") as emulator:
        for _ in range(2):
            async with Modem(emulator.url) as modem:
                assert await modem.resolve("echo.example") == ["198.51.100.1"]

    with pytest.raises(PortNotFound):
        await Modem("memory://nobody").open()
