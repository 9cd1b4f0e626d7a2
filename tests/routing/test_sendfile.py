"""Files that a program has the loop send, over the modem."""

import asyncio
import io
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.contract.certificates import client_context, server_context

from .servers import PEER, connected, free, routable, serving

pytestmark = pytest.mark.loops("asyncio", "eager", "uvloop")

DATA = bytes(range(256)) * 200


class Deposit:
    """A server that keeps what comes until the end, or answers once so much has come."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = await reader.readexactly(self.size)
        self.received.set_result(data)
        writer.write(b"thanks")
        await reader.read()


@pytest.mark.parametrize("tls", [False, True])
async def test_a_file_goes_out_whole_between_what_is_written_before_and_after(tmp_path: Path, tls: bool) -> None:
    path = tmp_path / "reading"
    path.write_bytes(DATA)
    loop = asyncio.get_running_loop()
    deposit = Deposit(len(DATA) + 13)
    server, client = (server_context(), client_context()) if tls else (None, None)
    async with routable() as modem, serving(deposit, context=server) as port:
        with modem.route(), path.open("rb") as file:
            reader, writer = await asyncio.open_connection(PEER, port, ssl=client)
            writer.write(b"before")
            assert await loop.sendfile(writer.transport, file) == len(DATA)
            assert file.tell() == len(DATA)
            writer.write(b", after")
            # The streams go on as if nothing had been: flow control, and reading.
            await writer.drain()
            assert await reader.readexactly(6) == b"thanks"
            assert await deposit.received == b"before" + DATA + b", after"
            writer.close()
            await writer.wait_closed()

        await free(modem)


async def test_a_part_of_a_file_goes_out() -> None:
    loop = asyncio.get_running_loop()
    deposit = Deposit(1000)
    file = io.BytesIO(DATA)
    async with routable() as modem, serving(deposit) as port:
        with modem.route():
            reader, writer = await asyncio.open_connection(PEER, port)
            assert await loop.sendfile(writer.transport, file, 100, 700) == 700
            assert await loop.sendfile(writer.transport, file, len(DATA) - 300, 500) == 300
            assert await loop.sendfile(writer.transport, file, len(DATA)) == 0
            assert file.tell() == len(DATA)
            assert await reader.readexactly(6) == b"thanks"
            assert await deposit.received == DATA[100:800] + DATA[-300:]
            writer.close()
            await writer.wait_closed()


async def test_a_file_for_a_peer_that_goes_away_ends_in_an_error() -> None:
    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    loop = asyncio.get_running_loop()
    async with routable(baudrate=115200) as modem, serving(leave) as port:
        with modem.route():
            _, writer = await asyncio.open_connection(PEER, port)
            with pytest.raises(ConnectionError):
                await loop.sendfile(writer.transport, io.BytesIO(bytes(1 << 20)))

            writer.close()
            with pytest.raises(OSError):  # noqa: PT011 - the kernel's reset, or what stayed unacknowledged
                await writer.wait_closed()

            with pytest.raises(RuntimeError, match="closing"):
                await loop.sendfile(writer.transport, io.BytesIO(b"late"))


async def test_a_caller_that_gives_up_leaves_the_connection_in_order() -> None:
    class Endless:
        def read(self, size: int = -1) -> bytes:
            return bytes(size)

    loop = asyncio.get_running_loop()
    heard = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            heard.set()
            if data.endswith(b"bye"):
                writer.write(b"thanks")

    async with routable() as modem, serving(listen) as port:
        with modem.route():
            reader, writer = await asyncio.open_connection(PEER, port)
            task = asyncio.create_task(loop.sendfile(writer.transport, Endless()))  # type: ignore[arg-type]
            await heard.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

            writer.write(b"bye")
            async with asyncio.timeout(20):
                await writer.drain()
                assert await reader.readexactly(6) == b"thanks"

            writer.close()
            await writer.wait_closed()


async def test_an_invalid_file_or_number_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "reading"
    path.write_bytes(DATA)
    loop = asyncio.get_running_loop()
    async with routable() as modem, serving() as port:
        with modem.route(), path.open("rb") as file, path.open() as text:
            _, writer = await asyncio.open_connection(PEER, port)
            wrong: list[tuple[Any, tuple[Any, ...], type[Exception], str]] = [
                (text, (), ValueError, "binary"),
                (file, (-1,), ValueError, "offset"),
                (file, (0, 0), ValueError, "count"),
                (file, ("0",), TypeError, "offset"),
                (file, (0, 1.5), TypeError, "count"),
            ]
            for what, numbers, error, message in wrong:
                with pytest.raises(error, match=message):
                    await loop.sendfile(writer.transport, what, *numbers)

            with pytest.raises(RuntimeError, match="fallback is disabled"):
                await loop.sendfile(writer.transport, file, fallback=False)

            writer.close()
            await writer.wait_closed()


# uvloop sends no files of its own.
@pytest.mark.loops("asyncio", "eager")
async def test_files_for_this_machine_and_for_sockets_of_a_client_are_sent_as_ever(tmp_path: Path) -> None:
    path = tmp_path / "reading"
    path.write_bytes(DATA)
    loop = asyncio.get_running_loop()
    deposits = [Deposit(len(DATA)), Deposit(len(DATA))]
    async with routable() as modem, serving(deposits[0]) as here, serving(deposits[1]) as there:
        with modem.route(), path.open("rb") as file:
            _, writer = await asyncio.open_connection("127.0.0.1", here)
            assert await loop.sendfile(writer.transport, file) == len(DATA)
            assert await deposits[0].received == DATA
            writer.close()
            await writer.wait_closed()

            async with connected(there) as sock:
                assert sock.type == socket.SOCK_STREAM
                assert await loop.sock_sendfile(sock, file) == len(DATA)
                assert await deposits[1].received == DATA

        await free(modem)
