"""Say hello to an echo server over the module: asyncio streams, as anywhere.

Usage: ``python examples/hello.py [PORT]``. Without a serial port, or BC260Y_PORT, a module is emulated, and an echo
server is started on this machine.
"""

import asyncio
import os
import sys

import bc260y_aio

EMULATED = "emulator://?latency=0.1&baudrate=115200"


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back what arrives."""
    while data := await reader.read(1024):
        writer.write(data)

    writer.close()


async def main(port: str, host: str, tcp_port: int) -> None:
    """Greet, and print the answer."""
    async with bc260y_aio.Modem(port) as modem:
        reader, writer = await modem.open_connection(host, tcp_port)
        writer.write(b"hello over NB-IoT\n")
        print((await reader.readline()).decode(), end="")
        writer.close()
        await writer.wait_closed()


async def on_emulator(port: str) -> None:
    """Greet a server on this machine."""
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        await main(port, "echo.example", server.sockets[0].getsockname()[1])


if __name__ == "__main__":
    named = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("BC260Y_PORT") or EMULATED
    if named.startswith("emulator:"):
        print(f"this is an emulated module ({named})")
        asyncio.run(on_emulator(named))
    else:
        asyncio.run(main(named, "tcpbin.com", 4242))
