"""Sockets under ``bc260y-aio run``: their names, their ends, and how much passes through them."""

import asyncio
from pathlib import Path
from textwrap import dedent

import pytest

from bc260y_aio.emulator import Emulator, PeerConnection
from tests.cli.running import finished

WAYS = ["blocking", "asyncio", "uvloop"]

# The program, by each way; `converse` gets what the way has opened, and prints.
PROGRAM = """
    import asyncio, socket, sys

    async def with_streams():
        reader, writer = await asyncio.open_connection("peer.example", 7)
        {streams}
        writer.close()

    def with_a_socket():
        with socket.create_connection(("peer.example", 7), timeout=20) as sock:
            {blocking}

    match sys.argv[1]:
        case "blocking":
            with_a_socket()
        case "asyncio":
            asyncio.run(with_streams())
        case "uvloop":
            import uvloop
            uvloop.run(with_streams())
"""


async def ran(way: str, emulator: Emulator, folder: Path, *, streams: str, blocking: str) -> list[str]:
    path = folder / "program.py"
    path.write_text(dedent(PROGRAM).format(streams=dedent(streams).strip(), blocking=dedent(blocking).strip()))
    status, printed, complained = await finished("run", "--port", emulator.url, str(path), way)
    assert (status, complained) == (0, b"")
    return printed.decode().splitlines()


@pytest.mark.parametrize("way", WAYS)
async def test_a_program_that_ends_its_sending_receives_the_late_answer(way: str, tmp_path: Path) -> None:
    async def answer(connection: PeerConnection) -> None:
        await connection.receive_exactly(5)
        await asyncio.sleep(0.3)
        connection.send(b"late ")
        await connection.drain()
        await asyncio.sleep(0.3)
        connection.send(b"answer")
        await connection.drain()
        connection.close()

    async with Emulator(line="tcp", names=False) as emulator:
        emulator.network.add_host("peer.example", answer)
        printed = await ran(
            way,
            emulator,
            tmp_path,
            streams="writer.write(b'hello'); writer.write_eof(); print(await reader.read())",
            blocking="sock.sendall(b'hello'); sock.shutdown(socket.SHUT_WR); print(sock.makefile('rb').read())",
        )

    assert printed == ["b'late answer'"]


@pytest.mark.parametrize("way", WAYS)
async def test_a_socket_returns_the_peer_and_the_modules_local_address(way: str, tmp_path: Path) -> None:
    async def stay(connection: PeerConnection) -> None:
        await connection.receive()

    async with Emulator(line="tcp", names=False) as emulator:
        address = emulator.network.add_host("peer.example", stay)
        printed = await ran(
            way,
            emulator,
            tmp_path,
            streams="""
                info = writer.get_extra_info; print(*info("peername"), info("sockname")[0])
            """,
            blocking="print(*sock.getpeername(), sock.getsockname()[0])",
        )

    # By the name that it was opened by, where the program leaves resolving to the loop.
    assert printed == [f"{address if way == 'blocking' else 'peer.example'} 7 0.0.0.0"]


@pytest.mark.parametrize("way", WAYS)
async def test_more_passes_than_a_module_can_hold(way: str, tmp_path: Path) -> None:
    size = 8 * 2**20

    async def speak(connection: PeerConnection) -> None:
        for _ in range(size // 2**16):
            connection.send(bytes(2**16))
            await connection.drain()

        connection.close()

    async with Emulator(line="tcp", names=False) as emulator:
        emulator.network.add_host("peer.example", speak)
        printed = await ran(
            way,
            emulator,
            tmp_path,
            streams="print(len(await reader.read()))",
            blocking="print(len(sock.makefile('rb').read()))",
        )

    assert printed == [str(size)]


REFUSED = """
    import asyncio, gc, socket, uvloop

    async def by_a_loop():
        try:
            await asyncio.open_connection("203.0.113.1", 7)
        except OSError:
            pass

    def by_a_socket():
        try:
            socket.create_connection(("203.0.113.1", 7), timeout=10)
        except OSError:
            pass

    by_a_socket()
    asyncio.run(by_a_loop())
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    for number in range(3):
        by_a_socket()

    gc.collect()
    print([type(one).__name__ for one in gc.garbage if isinstance(one, BaseException)])

    async def main():
        await by_a_loop()
        gc.collect()
        gc.garbage.clear()
        await by_a_loop()
        gc.collect()
        print([type(one).__name__ for one in gc.garbage if isinstance(one, BaseException)])

    asyncio.run(main())
    uvloop.run(main())
"""


async def test_refused_connections_leave_no_reference_cycles(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(dedent(REFUSED))
    async with Emulator(line="tcp", names=False) as emulator:
        status, printed, complained = await finished("run", "--port", emulator.url, str(path))

    assert (status, complained) == (0, b"")
    assert printed.decode().splitlines() == ["[]"] * 3
