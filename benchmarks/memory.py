"""A line in memory, and an event loop that never waits.

The loop's clock stands still but for two things: the driver's own work, which takes the CPU time that it takes, and
waiting, which is skipped and counted in full. So a second on the wire costs no second, the figures are those of a wire
that keeps its pace exactly, and what else the machine does is not in them. Neither are the system calls of a real port:
for those there are the ptys.
"""

import asyncio
import contextlib
import selectors
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, TypeVar

from bc260y_aio import Modem
from bc260y_aio.port import Port

from .fake import Module, PacedModule
from .ports import opened_by

T = TypeVar("T")


class SkippingLoop(asyncio.SelectorEventLoop):
    """An event loop that skips its waits.

    Attributes:
        waits: how often the loop had to wait.
    """

    def __init__(self) -> None:
        self.waits = 0
        self._ahead = 0.0
        self._not_counted = 0.0
        super().__init__(_SkippingSelector(self))

    def time(self) -> float:
        """Return the time: CPU time used, and time skipped."""
        return time.process_time() + self._ahead

    def skip(self, seconds: float) -> None:
        """Wait."""
        self.waits += 1
        self._ahead += seconds

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the clock: work inside does not count, since it is not the driver's."""
        began = time.process_time()
        try:
            yield
        finally:
            self._ahead -= time.process_time() - began


class _SkippingSelector(selectors.DefaultSelector):
    def __init__(self, loop: SkippingLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            # Nothing is due and nothing will be: only another thread could change that.
            return super().select(5.0) or self._give_up()

        events = super().select(0)
        if not events and timeout > 0:
            self._loop.skip(timeout)

        return events

    def _give_up(self) -> list[tuple[selectors.SelectorKey, int]]:
        raise RuntimeError("the loop would wait for ever")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a loop that skips its waits."""
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        return runner.run(work)


class MemoryLine:
    """A paced line between a fake module and a port.

    Attributes:
        paced: the paced module.
        heard: how many bytes the driver has written.
        said: how many bytes it was given.
        wakes: how often it was woken to take them.
    """

    def __init__(self, baudrate: int, *, grain: float = 0.001) -> None:
        self.paced = PacedModule(Module(), baudrate, grain=grain)
        self.heard = 0
        self.said = 0
        self.wakes = 0
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SkippingLoop)
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._protocol: asyncio.Protocol | None = None
        self._is_paused = False
        self._kept = b""

    async def connect(self, protocol: asyncio.Protocol, /) -> asyncio.Transport:
        self._protocol = protocol
        transport = _Transport(self)
        protocol.connection_made(transport)
        return transport

    async def close(self) -> None:
        self.end()

    def end(self) -> None:
        """Hang up."""
        protocol, self._protocol = self._protocol, None
        if self._timer is not None:
            self._timer.cancel()

        if protocol is not None:
            protocol.connection_lost(None)

    def push_from(self, source: Callable[[], bytes]) -> None:
        """Push what a source returns, from now on and without pause."""
        self.paced.begin(self._loop.time())
        self.paced.source = source
        self._watch()

    def say(self, data: bytes) -> None:
        """Let the module write something, after its pending output."""
        with self._loop.stopped():
            self.paced.add(data, self._loop.time())
            self._watch()

    # Callbacks of the port's transport

    def hear(self, data: bytes) -> None:
        with self._loop.stopped():
            self.heard += len(data)
            self.paced.hear(data, self._loop.time())
            self._watch()

    def pause(self, *, on: bool) -> None:
        self._is_paused = on
        if not on:
            self._loop.call_soon(self._hand_out)

    def _watch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

        due = self.paced.when() if self._protocol is not None else None
        self._timer = self._loop.call_at(due, self._ring) if due is not None else None

    def _ring(self) -> None:
        with self._loop.stopped():
            # A timer may fire a clock's tick early.
            self._kept += self.paced.say(self._loop.time() + 1e-9)
            self._watch()

        self._hand_out()

    def _hand_out(self) -> None:
        if self._kept and not self._is_paused and self._protocol is not None:
            data, self._kept = self._kept, b""
            self.said += len(data)
            self.wakes += 1
            self._protocol.data_received(data)


class _Transport(asyncio.Transport):
    def __init__(self, line: MemoryLine) -> None:
        super().__init__()
        self._line = line

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._line.hear(bytes(data))

    def pause_reading(self) -> None:
        self._line.pause(on=True)

    def resume_reading(self) -> None:
        self._line.pause(on=False)

    def close(self) -> None:
        asyncio.get_running_loop().call_soon(self._line.end)

    def abort(self) -> None:
        self.close()


@contextlib.asynccontextmanager
async def open_modem(line: MemoryLine, baudrate: int, **options: Any) -> AsyncIterator[Modem]:
    """Open a modem on a line in memory."""

    async def open_port(_: str) -> Port:
        return await Port("memory://fake", line, baudrate=baudrate)._open()

    modem = Modem("memory://fake", baudrate=baudrate, **options)
    with opened_by(open_port):
        await modem.open()

    try:
        yield modem
    finally:
        await modem.close()
