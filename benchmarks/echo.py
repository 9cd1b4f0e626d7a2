"""How long does 512 bytes take to come back through the stream API, compared with asyncio over loopback TCP?

A program writes 512 bytes to a ``StreamWriter`` and reads them from the ``StreamReader``. Over the module that is an
AT+QISEND of a kilobyte, its ``OK`` and ``SEND OK``, and a push of another kilobyte, over a pty from a process that
answers at memory speed. Over TCP it is 512 bytes each way, from a process that echoes. The raw pty, without asyncio and
with nothing parsed, is the physical limit of the first.
"""

import asyncio
import os
import random
import socket
import statistics
import subprocess
import sys
import time
import tty
from typing import TYPE_CHECKING, Final

from bc260y_aio import Modem

from .common import ROUNDS, Chart, Promise, Table, interleaved, median, micro, ratios, script
from .cores import keep_apart
from .fake import SENT, push
from .ptys import Ptys, Setup

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE: Final = 512
_BAUDRATE: Final = 921600
_OURS: Final = "bc260y_aio over the pty"
_TCP: Final = "asyncio over loopback TCP"

_ECHO_SERVER: Final = """
import socket, sys
listener = socket.socket(fileno=int(sys.argv[1]))
peer, _ = listener.accept()
peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
while data := peer.recv(65536):
    peer.sendall(data)
"""


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, count: int) -> float:
    """Return the median time of a round trip."""
    payload = random.Random(1).randbytes(SIZE)
    times = []
    for _ in range(count):
        began = time.perf_counter()
        writer.write(payload)
        echoed = await reader.readexactly(SIZE)
        times.append(time.perf_counter() - began)

    assert echoed == payload
    writer.close()
    await writer.wait_closed()
    return statistics.median(times)


async def _over_module(path: str, count: int) -> float:
    async with Modem(path, baudrate=_BAUDRATE) as modem:
        return await _echo(*await modem.open_connection("echo.example", 7), count)


def over_module(count: int) -> float:
    """Echo over a fake module on a pty."""
    with Ptys(1, Setup(echoes=True)) as ptys:
        return asyncio.run(_over_module(ptys.paths[0], count))


async def _over_tcp(address: tuple[str, int], count: int) -> float:
    return await _echo(*await asyncio.open_connection(*address), count)


def over_tcp(count: int) -> float:
    """Echo over loopback TCP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.fileno()
        with subprocess.Popen([sys.executable, "-c", _ECHO_SERVER, str(number)], pass_fds=[number]) as process:
            keep_apart(process.pid)
            median_time = asyncio.run(_over_tcp(listener.getsockname(), count))
            process.wait(10)

    return median_time


def over_raw_pty(count: int) -> float:
    """Write the same bytes to the bare pty, and read the answer; nothing else."""
    payload = random.Random(1).randbytes(SIZE)
    line = b'AT+QISEND=0,%d,"%b"\r' % (SIZE, payload.hex().upper().encode())
    due = len(SENT + push(0, payload))
    times = []
    with Ptys(1, Setup(echoes=True)) as ptys:
        fd = os.open(ptys.paths[0], os.O_RDWR | os.O_NOCTTY)
        tty.setraw(fd)
        for _ in range(count):
            began = time.perf_counter()
            os.write(fd, line)
            received = 0
            while received < due:
                received += len(os.read(fd, 65536))

            times.append(time.perf_counter() - began)

        os.close(fd)

    return statistics.median(times)


def measure(rounds: int = ROUNDS, *, brief: bool = False) -> Table:
    """Measure all three; see :class:`benchmarks.common.Measure`."""
    count = 300 if brief else 1500
    contenders: dict[str, Callable[[], float]] = {
        "raw pty": lambda: over_raw_pty(count),
        _OURS: lambda: over_module(count),
        _TCP: lambda: over_tcp(count),
    }
    found = interleaved(contenders, rounds)
    tcp = found[_TCP]
    return Table(
        f"An echo of {SIZE} bytes",
        ["", "time, µs", "of TCP"],
        [[name, micro(median(times)), f"{ratios(times, tcp):.2f}"] for name, times in found.items()],
        chart=Chart("", "microseconds", {"": [(name, median(times) * 1e6) for name, times in found.items()]}),
        promises=[Promise("time of an echo, of asyncio's over TCP", ratios(found[_OURS], tcp), 1.5)],
    )


if __name__ == "__main__":
    script(measure, __doc__)
