"""How many calls does the driver make: a command, a piece sent, a push, an echo, an open and a close?

Calls are counted, not timed, so the figures are the same on every machine of one Python version, however busy it is.
A call is one of a Python function or of a built-in, made by the package or by what the package calls; the event loop's
own turns and the fake module are left out. The line is in memory and hands bytes over at once.

The second figure is the bytecode instructions that the package's own functions execute.
"""

import asyncio
import contextlib
import functools
import itertools
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

import bc260y_aio
from bc260y_aio import Modem
from bc260y_aio.port import Port

from .common import ROUNDS, Table, script
from .fake import Module, push
from .ports import opened_by

PAYLOAD: Final = bytes(range(256)) * 2
_PACKAGE: Final = str(Path(bc260y_aio.__file__).parent)
# The event loop's own turns, also on the virtual clock, and the other end of the line.
_LEFT_OUT: Final = tuple(
    [str(Path(asyncio.__file__).with_name(name)) for name in ("base_events.py", "events.py", "runners.py")]
    + [str(Path(__file__).parent), "selectors.py", str(Path(_PACKAGE) / "testing" / "clock.py")]
)

Operation = Callable[[], Awaitable[object]]


class ImmediateLine:
    """A line in memory that hands over what is written in the next turn of the loop."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self._protocol: asyncio.Protocol | None = None

    async def connect(self, protocol: asyncio.Protocol, /) -> asyncio.Transport:
        self._protocol = protocol
        transport = _Transport(self)
        protocol.connection_made(transport)
        return transport

    async def close(self) -> None:
        self.hang_up()

    def hang_up(self) -> None:
        protocol, self._protocol = self._protocol, None
        if protocol is not None:
            protocol.connection_lost(None)

    def deliver(self, data: bytes) -> None:
        """Hand bytes of the module over to the driver."""
        if self._protocol is not None and data:
            self._protocol.data_received(data)


class _Transport(asyncio.Transport):
    def __init__(self, line: ImmediateLine) -> None:
        super().__init__()
        self._line = line
        self._loop = asyncio.get_running_loop()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._loop.call_soon(self._line.deliver, self._line.module.feed(bytes(data)))

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def close(self) -> None:
        self._loop.call_soon(self._line.hang_up)

    def abort(self) -> None:
        self.close()


class Count:
    """The cost of one operation.

    Attributes:
        calls: calls of Python functions and built-ins, by file; "" is what the package calls outside of itself.
        instructions: bytecode instructions of the package's own functions.
    """

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.instructions = 0

    @property
    def total(self) -> int:
        """All calls."""
        return self.calls.total()

    def on_call(self, frame: FrameType, event: str, _: Any) -> None:
        """Count a call; a function for :func:`sys.setprofile`."""
        if event in {"call", "c_call"} and (place := _place(frame.f_code)) is not None:
            self.calls[place] += 1

    def on_line(self, frame: FrameType, event: str, _: Any) -> Any:
        """Count instructions; a function for :func:`sys.settrace`."""
        if not _place(frame.f_code):
            return None

        if event == "opcode":
            self.instructions += 1
        else:
            frame.f_trace_lines, frame.f_trace_opcodes = False, True

        return self.on_line


@functools.cache
def _place(code: CodeType) -> str | None:
    """Return the file of the package that a function stands in, "" for another, None for one that is left out."""
    name = code.co_filename
    if name.startswith(_LEFT_OUT) or name.endswith(_LEFT_OUT):
        return None

    return Path(name).relative_to(_PACKAGE).as_posix() if name.startswith(_PACKAGE) else ""


async def count(operation: Operation, *, times: int = 21) -> Count:
    """Count what an operation costs, once it is warm: the median one of so many times.

    A pause of the machine makes timers fire that a running one never sees; it costs one of the times a few calls more.
    """
    for _ in range(3):
        await operation()

    counts = [Count() for _ in range(times)]
    for one in counts:
        sys.setprofile(one.on_call)
        try:
            await operation()
        finally:
            sys.setprofile(None)

    instructions = [Count() for _ in range(times)]
    for one in instructions:
        sys.settrace(one.on_line)
        try:
            await operation()
        finally:
            sys.settrace(None)

    median = sorted(counts, key=lambda one: one.total)[times // 2]
    median.instructions = sorted(one.instructions for one in instructions)[times // 2]
    return median


async def count_all() -> dict[str, Count]:
    """Count every operation, on a modem that is open."""
    module = Module()
    line = ImmediateLine(module)

    async def open_port(_: str) -> Port:
        return await Port("memory://calls", line, baudrate=None)._open()

    with opened_by(open_port):
        async with Modem("memory://calls", baudrate=115200) as modem:
            return await _count_all(modem, module, line)


async def _count_all(modem: Modem, module: Module, line: ImmediateLine) -> dict[str, Count]:
    found = {"execute": await count(lambda: modem.execute("AT+CSQ"))}
    reader, writer = await modem.open_connection("peer.example", 7)
    arriving = push(int(writer.get_extra_info("connect_id")), PAYLOAD)

    async def send() -> None:
        writer.write(PAYLOAD[:500])
        await writer.transport.drained()  # type: ignore[attr-defined]

    async def receive() -> None:
        line.deliver(arriving)
        await reader.readexactly(len(PAYLOAD))

    async def echo() -> None:
        writer.write(PAYLOAD)
        await reader.readexactly(len(PAYLOAD))

    found["a 500-byte write, until it is drained"] = await count(send)
    found["a push of 512 bytes"] = await count(receive)
    module.echoes = True
    found["an echo of 512 bytes"] = await count(echo)
    module.echoes = False

    async def open_and_close() -> None:
        _, other = await modem.open_connection("peer.example", 7)
        other.close()
        with contextlib.suppress(OSError):
            await other.wait_closed()

    found["an open and a close"] = await count(open_and_close)
    writer.close()
    await writer.wait_closed()
    return found


def measure(rounds: int = ROUNDS, *, brief: bool = False) -> Table:
    """Count, once: every round would find the same.

    Args:
        rounds: no effect.
        brief: no effect.
    """
    found = asyncio.run(count_all())
    places = sorted(set(itertools.chain.from_iterable(one.calls for one in found.values())) - {""})
    rows = [
        ["calls", *(str(one.total) for one in found.values())],
        ["instructions", *(str(one.instructions) for one in found.values())],
        *([f"calls by {place}", *(str(one.calls[place]) for one in found.values())] for place in places),
        ["calls by other code", *(str(one.calls[""]) for one in found.values())],
    ]
    title = f"Calls of the driver, on Python {sys.version_info.major}.{sys.version_info.minor}"
    return Table(title, ["", *found], rows)


if __name__ == "__main__":
    script(measure, __doc__)
