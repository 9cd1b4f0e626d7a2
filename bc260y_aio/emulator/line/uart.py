"""The serial line at the module's UART: its rate, the pieces in which bytes arrive, and line faults."""

# The rules, which hold for every kind of line:
#
# 1. Ten bits a byte. A byte arrives when its last bit has, counted from when the line began to be busy, so that the
#    rate is exact in the long run however late a timer fires. Bytes that are due within one tick arrive together, and
#    so does a line that ends within a few: no timer a byte, and none at all while the line is idle.
# 2. There is no flow control, as there is none on the module's UART. Bytes that a host does not read are kept up to a
#    limit, and then dropped and counted. Without a host they are lost.
# 3. Bytes that a host writes wait until their time has come. Beyond a limit no more is read from it: a serial driver
#    blocks its program in the same way; the module does not.

import abc
import asyncio
import math
from collections.abc import Callable
from typing import Final

from ..faults import Faults
from .noise import LineNoise

# A byte on the wire: start bit, eight data bits, stop bit.
BITS_PER_BYTE: Final = 10

# Bytes that are due within this long arrive together, in seconds: as long as a common USB adapter collects them.
TICK: Final = 0.016

# A line of the module that ends within this long arrives whole, in seconds: a driver takes a silence of 0.1 s for the
# end of what the module writes.
WHOLE_LINE: Final = 0.064

# A timer may fire this much early, in bytes: the resolution of a loop's clock.
_EARLY: Final = 1e-3

# A command line of a module ends within this many bytes.
_LONGEST_LINE: Final = 4096

# The most bytes that are kept for a host that does not read.
HELD_LIMIT: Final = 1024 * 1024

# Reading from a host pauses once so many of its bytes wait.
UNREAD_LIMIT: Final = 16 * 1024


class PacedQueue:
    """A queue of bytes that passes them on at a rate, in pieces.

    Args:
        deliver: is called with each piece.
        rate: in bytes a second; None for no limit.
        size: draws the size of the next piece, in bytes; None for no limit.
        end: the byte that ends a line: those before it arrive with it, since nothing can happen before.
        longest: how long a line may take to arrive so, in seconds.
        is_noticed: whether somebody notices all the same that something comes; then the first bytes of a run arrive
            for themselves.

    Attributes:
        waiting: how many bytes have not been passed on.
    """

    __slots__ = (
        "_began",
        "_buffer",
        "_deliver",
        "_end",
        "_is_busy",
        "_is_noticed",
        "_longest",
        "_loop",
        "_passed",
        "_rate",
        "_size",
        "_tick",
        "_timer",
        "waiting",
    )
    _loop: asyncio.AbstractEventLoop

    def __init__(
        self,
        deliver: Callable[[bytes], None],
        rate: float | None,
        size: Callable[[], int] | None = None,
        end: bytes = b"",
        longest: float = math.inf,
        is_noticed: Callable[[], bool] = lambda: False,
    ) -> None:
        self._deliver = deliver
        self._size = size
        self._end = end
        self._longest = longest
        self._is_noticed = is_noticed
        self._buffer = bytearray()
        self._is_busy = False
        self._began = 0.0
        self._passed = 0
        self._timer: asyncio.Handle | None = None
        self.waiting = 0
        self.rate = rate

    @property
    def rate(self) -> float | None:
        """How fast bytes are passed on, in bytes a second; None for at once."""
        return self._rate

    @rate.setter
    def rate(self, rate: float | None) -> None:
        self._rate = rate
        self._tick = max(1, round(rate * TICK)) if rate else 0
        if self._is_busy:
            self._began, self._passed = self._loop.time(), 0

        if self._timer is not None:
            self._timer.cancel()
            self._schedule()

    def write(self, data: bytes) -> None:
        """Add bytes; they are passed on after those added before."""
        if not data:
            return

        if self._rate is None and self._size is None:
            self._deliver(data)
            return

        self._buffer += data
        self.waiting += len(data)
        if not self._is_busy:
            self._is_busy = True
            self._loop = asyncio.get_running_loop()
            self._began, self._passed = self._loop.time(), 0
            self._schedule()

    def clear(self) -> None:
        """Drop the bytes that have not been passed on."""
        self._buffer.clear()
        self.waiting = 0
        self._is_busy = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _schedule(self) -> None:
        if self._rate is None:
            self._timer = self._loop.call_soon(self._release)
        else:
            piece = self.waiting if self.waiting <= self._tick else self._next_piece(self._rate)
            self._timer = self._loop.call_at(self._began + (self._passed + piece) / self._rate, self._release)

    def _next_piece(self, rate: float) -> int:
        """Return how many of the bytes arrive together next, where they are more than those of a tick."""
        buffer, tick = self._buffer, self._tick
        if not self._end or (not self._passed and self._is_noticed()):
            return tick

        # A line that would be cut in two; it keeps a whole one before it waiting for a tick at most. Most of a module's
        # lines begin with an empty one.
        start = 2 if buffer.startswith(b"\r\n") else 0
        longest = self._longest if buffer.find(self._end, start, tick) < 0 else 2 * TICK
        return max(tick, buffer.find(self._end, tick - 1, int(min(_LONGEST_LINE, rate * longest))) + 1)

    def _release(self) -> None:
        self._timer = None
        rate, size = self._rate, self._size
        due = self.waiting
        if rate is not None:
            due = min(due, int((self._loop.time() - self._began) * rate + _EARLY) - self._passed)
            self._passed += due

        if size is None:
            self._pass_on(due)
        elif rate is None:
            self._pass_on(size())
        else:
            while due > 0 and self.waiting:
                piece = min(due, size())
                due -= piece
                self._pass_on(piece)

        # The call may have added bytes, or dropped all of them.
        if self._timer is None and self.waiting:
            self._schedule()
        elif self._timer is None:
            self._is_busy = False

    def _pass_on(self, size: int) -> None:
        buffer = self._buffer
        if size >= self.waiting:
            data = bytes(buffer)
            buffer.clear()
        else:
            data = bytes(buffer[:size])
            del buffer[:size]

        self.waiting = len(buffer)
        self._deliver(data)


def _ignore() -> None:
    """Do nothing: a function for each line would take memory."""


class LineEndpoint(abc.ABC):
    """The host's endpoint of a line: what a program opens."""

    def __init__(self) -> None:
        self.line: Line | None = None

    @property
    @abc.abstractmethod
    def url(self) -> str:
        """The address that a program opens; known once the endpoint is started."""

    @property
    @abc.abstractmethod
    def held(self) -> int:
        """How many bytes wait until the host reads them."""

    @property
    def baudrate(self) -> int | None:
        """The rate that the host has set, in baud; None where this kind of line has none."""
        return None

    @abc.abstractmethod
    async def start(self) -> None:
        """Open the endpoint, so that a program can connect to it.

        Raises:
            OSError: the system refused.
        """

    @abc.abstractmethod
    async def close(self) -> None:
        """Hang up for good."""

    @abc.abstractmethod
    def hang_up(self) -> None:
        """Disconnect the host, as when a cable is pulled."""

    @abc.abstractmethod
    async def plug_in(self) -> None:
        """Connect it again."""

    @abc.abstractmethod
    def send(self, data: bytes) -> bool:
        """Send bytes to the host, now or when it reads; return False if there is no host."""

    @abc.abstractmethod
    def pause_reading(self) -> None:
        """Read no more from the host for now. Pausing twice is harmless."""

    @abc.abstractmethod
    def resume_reading(self) -> None:
        """Go on reading. Resuming twice is harmless."""


class Line:
    """The module's UART, and the wire between it and the host.

    Args:
        endpoint: the host's endpoint.
        baudrate: the module's rate, in baud.
        is_paced: whether bytes take their time at that rate; otherwise they take none.
        size: draws the size of the next piece that the host receives, in bytes; None for no limit.
        is_strict: whether bytes of a host that has set another rate are garbage, both ways.
        faults: the faults of the line, and the random sequence for garbage.

    Attributes:
        received: is called with the bytes that the host wrote; to be set.
        drained: is called each time that bytes have left for the host; to be set.
        connected: is called when a host connects; to be set.
        may_sleep: returns whether the module sleeps, or may fall asleep; to be set.
        transmit_filter: changes the module's bytes just before the host receives them; None for no change.
        receive_filter: changes the host's bytes just before the module receives them; None for no change.
        is_paced: whether bytes take their time.
        bytes_in: how many bytes the module has received.
        bytes_out: how many bytes of the module have left it.
        bytes_lost: how many of them were lost: there was no host, or too many were unread.
    """

    def __init__(
        self,
        endpoint: LineEndpoint,
        *,
        baudrate: int = 9600,
        is_paced: bool = False,
        size: Callable[[], int] | None = None,
        is_strict: bool = False,
        faults: Faults | None = None,
    ) -> None:
        rate = baudrate / BITS_PER_BYTE if is_paced else None
        self.is_paced = is_paced
        self._endpoint = endpoint
        self._endpoint.line = self
        self._baudrate = baudrate
        self._is_strict = is_strict
        self._outgoing = PacedQueue(self._transmit, rate, size, end=b"\n", longest=WHOLE_LINE)
        # A module acts on command lines; the first bytes of one wake it, or keep it awake.
        self._incoming = PacedQueue(self._receive, rate, end=b"\r", is_noticed=self._is_noticed)
        self.may_sleep: Callable[[], bool] = lambda: True
        self._faults = faults = faults or Faults()
        self._noise_out = LineNoise(faults, "out", self._send_out, "noise_delayed", "stalled")
        self._noise_in = LineNoise(faults, "in", self._take_in, "noise_delayed")
        self._next_baudrate: int | None = None
        self.received: Callable[[bytes], None] = lambda data: None
        self.drained: Callable[[], None] = _ignore
        self.connected: Callable[[], None] = _ignore
        self.transmit_filter: Callable[[bytes], bytes] | None = None
        self.receive_filter: Callable[[bytes], bytes] | None = None
        self.bytes_in = 0
        self.bytes_out = 0
        self.bytes_lost = 0

    def __repr__(self) -> str:
        pace = "" if self._outgoing.rate is None else " paced"
        return f"<Line {self._endpoint.url} {self._baudrate} baud{pace} backlog={self.backlog} unread={self.unread}>"

    @property
    def pace(self) -> int | None:
        """The rate at which bytes are passed on, in baud; None for at once."""
        return None if self._outgoing.rate is None else self._baudrate

    @property
    def backlog(self) -> int:
        """How many bytes of the module the host has not received yet."""
        return self._outgoing.waiting + self._noise_out.waiting + self._endpoint.held

    @property
    def unread(self) -> int:
        """How many bytes of the host the module has not received yet."""
        return self._incoming.waiting + self._noise_in.waiting

    def _is_noticed(self) -> bool:
        return self.may_sleep()

    # The module's side

    def write(self, data: bytes) -> None:
        """Send bytes to the host."""
        if self.backlog + len(data) > HELD_LIMIT:
            self.bytes_lost += len(data)
        else:
            self._outgoing.write(data)

    def set_baudrate(self, baudrate: int) -> None:
        """Change the module's rate, in baud, once all bytes sent before have left. An unpaced line stays unpaced."""
        self._next_baudrate = baudrate
        if not self._outgoing.waiting:
            self._change_rate()

    def _change_rate(self) -> None:
        baudrate, self._next_baudrate = self._next_baudrate, None
        assert baudrate is not None
        self._baudrate = baudrate
        if self._outgoing.rate is not None:
            self._outgoing.rate = self._incoming.rate = baudrate / BITS_PER_BYTE

    # The wire

    def _transmit(self, data: bytes) -> None:
        self.bytes_out += len(data)
        has_left = self._noise_out.carry(self._garbled(data) if self._is_strict else data)
        if self._next_baudrate is not None and not self._outgoing.waiting:
            self._change_rate()

        if not has_left:
            self.drained()

    def _send_out(self, data: bytes) -> None:
        if self.transmit_filter is not None:
            data = self.transmit_filter(data)

        if not self._endpoint.send(data):
            self.bytes_lost += len(data)

        self.drained()

    def _receive(self, data: bytes) -> None:
        self.bytes_in += len(data)
        if not self._noise_in.carry(self._garbled(data) if self._is_strict else data):
            self._resume_host()

    def _take_in(self, data: bytes) -> None:
        if self.receive_filter is not None:
            data = self.receive_filter(data)

        self.received(data)
        self._resume_host()

    def _resume_host(self) -> None:
        if self._incoming.waiting <= UNREAD_LIMIT // 2:
            self._endpoint.resume_reading()

    def _garbled(self, data: bytes) -> bytes:
        rate = self._endpoint.baudrate
        if rate is None or rate == self._baudrate:
            return data

        garbage = self._faults.random("line")
        return bytes(garbage.getrandbits(8) | 0x80 for _ in data)

    # The host's side

    def host_wrote(self, data: bytes) -> None:
        """The host wrote bytes; they reach the module at the line's rate."""
        self._incoming.write(data)
        if self._incoming.waiting >= UNREAD_LIMIT:
            self._endpoint.pause_reading()

    def close(self) -> None:
        """Disconnect from the module: its callbacks are called no more."""
        self.clear()
        self.received = lambda data: None
        self.may_sleep = lambda: True
        self.drained = self.connected = _ignore

    def clear(self) -> None:
        """Drop all bytes that are under way, in both directions: the host is gone."""
        for way in (self._incoming, self._outgoing, self._noise_in, self._noise_out):
            way.clear()

        if self._next_baudrate is not None:
            self._change_rate()
