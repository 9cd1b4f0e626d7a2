"""Upload over all five sockets of a module at once, and know that every byte was acknowledged.

Usage: ``python examples/concurrent_upload.py [PORT HOST TCP_PORT]``. Without a serial port, or BC260Y_PORT, a module is
emulated, and a server that counts what it gets is started on this machine.
"""

import asyncio
import os
import sys

import bc260y_aio

EMULATED = "emulator://?latency=0.1&baudrate=115200"
SOCKETS = 5
ATTEMPTS = 3


async def upload(modem: bc260y_aio.Modem, host: str, tcp_port: int, data: bytes) -> int:
    """Upload and return the number of attempts it took; a lost connection is tried again from the start."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _, writer = await modem.open_connection(host, tcp_port)
            writer.write(data)
            writer.close()
            # Raises NotAcknowledged unless the peer has acknowledged every byte; it takes as long as there is progress.
            await writer.wait_closed()
        except OSError as exc:
            print(f"attempt {attempt}: {exc}")
        else:
            return attempt

    raise ConnectionError(f"gave up after {ATTEMPTS} attempts")


async def main(port: str, host: str, tcp_port: int) -> None:
    """Upload five times 4 KiB."""
    async with bc260y_aio.Modem(port) as modem:
        shares = [os.urandom(4096) for _ in range(SOCKETS)]
        attempts = await asyncio.gather(*(upload(modem, host, tcp_port, share) for share in shares))
        print(f"{sum(map(len, shares))} bytes acknowledged over {SOCKETS} sockets, attempts: {attempts}")


async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Receive everything, and print how much it was."""
    size = 0
    while data := await reader.read(65536):
        size += len(data)

    print(f"the server got {size} bytes")
    writer.close()


async def on_emulator(port: str) -> None:
    """Upload to a server on this machine."""
    server = await asyncio.start_server(count, "127.0.0.1", 0)
    async with server:
        await main(port, "upload.example", server.sockets[0].getsockname()[1])


if __name__ == "__main__":
    if len(sys.argv) == 4:
        asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
        sys.exit()

    port = os.environ.get("BC260Y_PORT") or EMULATED
    if not port.startswith("emulator:"):
        sys.exit(f"a real module ({port}) needs a server to upload to: PORT HOST TCP_PORT")

    print(f"this is an emulated module ({port})")
    asyncio.run(on_emulator(port))
