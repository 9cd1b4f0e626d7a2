"""The serial line as the module's UART sees it: bytes take their time, come in pieces, and may suffer on the way."""

# The rules, which hold for every kind of line:
#
# 1. Ten bits a byte. A byte arrives when its last bit has, counted from when the line began to be busy, so that the
#    rate is exact in the long run however late a timer fires. Bytes that are due within one tick arrive together: no
#    timer a byte, and none at all while the line is idle.
# 2. There is no flow control, as there is none on the module's UART. What a host does not read is kept, up to a limit,
#    and then dropped and counted. What nobody is there to hear is lost.
# 3. What a host writes waits until its time has come. Beyond a limit no more is taken from it: that is the brake that a
#    serial driver applies to its program, and nothing that the module does.

import abc
import asyncio
import random
from collections.abc import Callable
from typing import Final

from ..faults import Faults
from .noise import Noise

# A byte on the wire: start bit, eight data bits, stop bit.
BITS_PER_BYTE: Final = 10

# Bytes that are due within this long arrive together, in seconds.
TICK: Final = 0.008

# A timer may fire this much early, in bytes: the resolution of a loop's clock.
_EARLY: Final = 1e-3

# What a host does not read is kept up to here, in bytes.
HELD_LIMIT: Final = 1024 * 1024

# A host is held back once this much of what it wrote waits, in bytes.
UNREAD_LIMIT: Final = 16 * 1024


class Paced:
    """A queue of bytes that lets them through at a rate, in pieces.

    Args:
        deliver: takes what comes out.
        rate: in bytes a second; None for no limit.
        size: draws the size of the next piece, in bytes; None for no cutting.
    """

    def __init__(
        self, deliver: Callable[[bytes], None], rate: float | None, size: Callable[[], int] | None = None
    ) -> None:
        self._deliver = deliver
        self._rate = rate
        self._size = size
        self._buffer = bytearray()
        self._is_busy = False
        self._began = 0.0
        self._passed = 0
        self._timer: asyncio.Handle | None = None

    def __len__(self) -> int:
        return len(self._buffer)

    @property
    def rate(self) -> float | None:
        """How fast bytes get through, in bytes a second; None for at once."""
        return self._rate

    @rate.setter
    def rate(self, rate: float | None) -> None:
        self._rate = rate
        if self._is_busy:
            self._began, self._passed = asyncio.get_running_loop().time(), 0

        if self._timer is not None:
            self._timer.cancel()
            self._schedule()

    def write(self, data: bytes) -> None:
        """Let bytes through after those written before."""
        if not data:
            return

        if self._rate is None and self._size is None:
            self._deliver(data)
            return

        self._buffer += data
        if not self._is_busy:
            self._is_busy = True
            self._began, self._passed = asyncio.get_running_loop().time(), 0
            self._schedule()

    def clear(self) -> None:
        """Drop what has not come out yet."""
        self._buffer.clear()
        self._is_busy = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _schedule(self) -> None:
        loop = asyncio.get_running_loop()
        if self._rate is None:
            self._timer = loop.call_soon(self._release)
        else:
            batch = min(len(self._buffer), max(1, round(self._rate * TICK)))
            self._timer = loop.call_at(self._began + (self._passed + batch) / self._rate, self._release)

    def _release(self) -> None:
        self._timer = None
        if self._rate is None:
            self._pass_on(self._size() if self._size else len(self._buffer))
        else:
            elapsed = asyncio.get_running_loop().time() - self._began
            due = min(len(self._buffer), int(elapsed * self._rate + _EARLY) - self._passed)
            self._passed += due
            while due > 0 and self._buffer:
                piece = min(due, self._size()) if self._size else due
                due -= piece
                self._pass_on(piece)

        # Delivering may have led to more being written, or to everything being dropped.
        if self._timer is None and self._buffer:
            self._schedule()
        elif self._timer is None:
            self._is_busy = False

    def _pass_on(self, size: int) -> None:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._deliver(data)


class End(abc.ABC):
    """The host's end of a line: where a program opens it."""

    def __init__(self) -> None:
        self.line: Line | None = None

    @property
    @abc.abstractmethod
    def url(self) -> str:
        """What a program opens; known once the end is started."""

    @property
    @abc.abstractmethod
    def held(self) -> int:
        """How many bytes wait for the host to read them."""

    @property
    def baudrate(self) -> int | None:
        """The rate that the host has set, in baud; None when this kind of line has none."""
        return None

    @abc.abstractmethod
    async def start(self) -> None:
        """Make the line, so that a program can open it.

        Raises:
            OSError: the system refused.
        """

    @abc.abstractmethod
    async def close(self) -> None:
        """Hang up for good."""

    @abc.abstractmethod
    def hang_up(self) -> None:
        """Take the line away from the host, as when a cable is pulled."""

    @abc.abstractmethod
    async def plug_in(self) -> None:
        """Bring it back."""

    @abc.abstractmethod
    def send(self, data: bytes) -> bool:
        """Give bytes to the host, now or when it reads; return False if there is none."""

    @abc.abstractmethod
    def brake(self, *, on: bool) -> None:
        """Stop, or go on, taking bytes from the host."""


class Line:
    """The module's end of the line, and the wire.

    Args:
        end: the host's end.
        baudrate: the module's rate, in baud.
        is_paced: bytes take the time that they take at that rate; otherwise none.
        size: draws the size of the next piece that the host hears, in bytes; None for no cutting.
        is_strict: a host that has set another rate hears garbage, and is heard as garbage.
        noise: the random sequence that garbage is made of.
        faults: what befalls bytes on the way.

    Attributes:
        received: takes what the host wrote; to be set.
        drained: is called whenever the host has heard something; to be set.
        connected: is called when a host begins to listen; to be set.
        transmit_filter: changes the module's bytes just before the host hears them; None to leave them alone.
        receive_filter: changes the host's bytes just before the module hears them; None to leave them alone.
        bytes_in: what the module has heard.
        bytes_out: what the line has carried of what it said.
        bytes_lost: what nobody was there to hear, or what came when too much was unread.
    """

    def __init__(
        self,
        end: End,
        *,
        baudrate: int = 9600,
        is_paced: bool = False,
        size: Callable[[], int] | None = None,
        is_strict: bool = False,
        noise: random.Random | None = None,
        faults: Faults | None = None,
    ) -> None:
        rate = baudrate / BITS_PER_BYTE if is_paced else None
        self._end = end
        self._end.line = self
        self._baudrate = baudrate
        self._is_strict = is_strict
        self._noise = noise or random.Random(0)
        self._outgoing = Paced(self._transmit, rate, size)
        self._incoming = Paced(self._receive, rate)
        faults = faults or Faults()
        self._way_out = Noise(faults, "out", self._say, "noise_delayed", "stalled")
        self._way_in = Noise(faults, "in", self._hear, "noise_delayed")
        self._next_baudrate: int | None = None
        self.received: Callable[[bytes], None] = lambda data: None
        self.drained: Callable[[], None] = lambda: None
        self.connected: Callable[[], None] = lambda: None
        self.transmit_filter: Callable[[bytes], bytes] | None = None
        self.receive_filter: Callable[[bytes], bytes] | None = None
        self.bytes_in = 0
        self.bytes_out = 0
        self.bytes_lost = 0

    def __repr__(self) -> str:
        pace = "" if self._outgoing.rate is None else " paced"
        return f"<Line {self._end.url} {self._baudrate} baud{pace} backlog={self.backlog} unread={self.unread}>"

    @property
    def pace(self) -> int | None:
        """The rate at which bytes get through, in baud; None for at once."""
        return None if self._outgoing.rate is None else self._baudrate

    @property
    def backlog(self) -> int:
        """How many bytes the module has said that the host has not heard yet."""
        return len(self._outgoing) + self._way_out.waiting + self._end.held

    @property
    def unread(self) -> int:
        """How many bytes the host has written that have not arrived yet."""
        return len(self._incoming) + self._way_in.waiting

    # The module's side

    def write(self, data: bytes) -> None:
        """Say something."""
        if self.backlog + len(data) > HELD_LIMIT:
            self.bytes_lost += len(data)
        else:
            self._outgoing.write(data)

    def set_baudrate(self, baudrate: int) -> None:
        """Change the module's rate, in baud, once everything said before has left. An unpaced line stays unpaced."""
        self._next_baudrate = baudrate
        if not self._outgoing:
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
        self._way_out.carry(self._garbled(data))
        if self._next_baudrate is not None and not self._outgoing:
            self._change_rate()

        self.drained()

    def _say(self, data: bytes) -> None:
        if self.transmit_filter is not None:
            data = self.transmit_filter(data)

        if not self._end.send(data):
            self.bytes_lost += len(data)

        self.drained()

    def _receive(self, data: bytes) -> None:
        self.bytes_in += len(data)
        self._way_in.carry(self._garbled(data))
        self._release()

    def _hear(self, data: bytes) -> None:
        if self.receive_filter is not None:
            data = self.receive_filter(data)

        self.received(data)
        self._release()

    def _release(self) -> None:
        if len(self._incoming) <= UNREAD_LIMIT // 2:
            self._end.brake(on=False)

    def _garbled(self, data: bytes) -> bytes:
        rate = self._end.baudrate if self._is_strict else None
        if rate is None or rate == self._baudrate:
            return data

        return bytes(self._noise.getrandbits(8) | 0x80 for _ in data)

    # The host's side

    def hear(self, data: bytes) -> None:
        """Take what the host wrote."""
        self._incoming.write(data)
        if len(self._incoming) >= UNREAD_LIMIT:
            self._end.brake(on=True)

    def close(self) -> None:
        """Be silent from now on."""
        self.forget()
        self.received = lambda data: None
        self.drained = self.connected = lambda: None

    def forget(self) -> None:
        """Drop what is under way in either direction: the line is gone."""
        for way in (self._incoming, self._outgoing, self._way_in, self._way_out):
            way.clear()

        if self._next_baudrate is not None:
            self._change_rate()
