"""A line in memory: the host's end of it is an asyncio transport in the same process."""

import asyncio
import contextvars
import weakref
from itertools import count
from typing import TYPE_CHECKING, Final, cast

from ...errors import PortBusy, PortLost, PortNotFound
from .uart import LineEndpoint

if TYPE_CHECKING:
    from ..radio import Radio

# The buffer sizes at which a transport pauses and resumes writing, in bytes.
_HIGH_WATER: Final = 64 * 1024
_LOW_WATER: Final = 16 * 1024

_numbers = count(1)


class MemoryEndpoint(LineEndpoint):
    """The host's endpoint of a line in memory.

    Attributes:
        radio: the radio of the module at the other end, if that is emulated.
    """

    radio: "Radio | None" = None

    def __init__(self) -> None:
        super().__init__()
        self._name = f"bc260y-{next(_numbers)}"
        self._transport: MemoryTransport | None = None
        self._is_connected = False

    @property
    def url(self) -> str:
        return f"memory://{self._name}"

    @property
    def held(self) -> int:
        return self._transport.held if self._transport is not None else 0

    @staticmethod
    def at(url: str) -> "MemoryEndpoint | None":
        """Return the started endpoint that has this URL, or None."""
        return _started.get(url)

    async def start(self) -> None:
        self._is_connected = True
        _started[self.url] = self

    async def close(self) -> None:
        _started.pop(self.url, None)
        self.hang_up()

    def hang_up(self) -> None:
        self._is_connected = False
        if self._transport is not None:
            self._transport.lose(PortLost(f"{self.url} was hung up"))

    async def plug_in(self) -> None:
        self._is_connected = True

    def connect(self, protocol: asyncio.Protocol) -> "MemoryTransport":
        """Give the line to a protocol; ``connection_made`` has been called when this returns.

        Raises:
            PortNotFound: the line is hung up.
            PortBusy: another protocol has it.
        """
        if not self._is_connected:
            raise PortNotFound(f"there is no {self.url}")

        if self._transport is not None:
            raise PortBusy(f"{self.url} is in use")

        transport = self._transport = MemoryTransport(self, protocol)
        protocol.connection_made(transport)
        assert self.line is not None
        self.line.connected()
        return transport

    def send(self, data: bytes) -> bool:
        transport = self._transport
        if transport is None or transport.is_closing():
            return False

        transport.feed(data)
        return True

    def pause_reading(self) -> None:
        # Nothing to stop: a transport calls its protocol's `pause_writing`.
        pass

    def resume_reading(self) -> None:
        if self._transport is not None:
            self._transport.host_bytes_taken()

    def release(self) -> None:
        """Let another transport have the line."""
        self._transport = None


# The lines in memory that a program of this process can open.
_started: "weakref.WeakValueDictionary[str, MemoryEndpoint]" = weakref.WeakValueDictionary()


class MemoryTransport(asyncio.Transport):
    """The host's end of a line in memory; it behaves like the transport of a serial port.

    Written bytes reach the module in a later iteration of the loop, at the line's rate. ``close()`` waits for that
    before ``connection_lost``; ``abort()`` does not.
    """

    def __init__(self, endpoint: MemoryEndpoint, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._loop = asyncio.get_running_loop()
        # Like every transport's, the protocol's methods are called in the context in which it was connected.
        self._context = contextvars.copy_context()
        self._protocol = protocol
        self._pieces: list[bytes] = []
        self._delivery: asyncio.Handle | None = None
        self._written = bytearray()
        self._carrying: asyncio.Handle | None = None
        self._limits = (_LOW_WATER, _HIGH_WATER)
        self._is_writing_paused = False
        self._is_paused = False
        self._is_closing = False
        self._is_lost = False
        self.held = 0

    def __repr__(self) -> str:
        state = "closed" if self._is_lost else "closing" if self._is_closing else "open"
        return f"<MemoryTransport {self._endpoint.url} {state} write={self.get_write_buffer_size()} read={self.held}>"

    # Reading

    def feed(self, data: bytes) -> None:
        """Take bytes of the module."""
        line = self._endpoint.line
        if line is not None and line.is_paced and not (self._pieces or self._is_paused):
            # A timer of the line has passed them on, so the protocol is not in the middle of anything.
            self._hand_over(data)
            return

        self._pieces.append(data)
        self.held += len(data)
        self._deliver_soon()

    def _deliver_soon(self) -> None:
        if self._delivery is None and self._pieces and not self._is_paused:
            self._delivery = self._loop.call_soon(self._deliver, context=self._context)

    def _deliver(self) -> None:
        self._delivery = None
        # Pieces that are added meanwhile are for the next iteration.
        for _ in range(len(self._pieces)):
            if self._is_paused or self._is_closing:
                break

            data = self._pieces.pop(0)
            self.held -= len(data)
            self._protocol.data_received(data)

        self._deliver_soon()
        if self._endpoint.line is not None:
            self._endpoint.line.drained()

    def _hand_over(self, data: bytes) -> None:
        try:
            self._context.run(self._protocol.data_received, data)
        except Exception as exc:
            context = {"message": "protocol.data_received() failed", "exception": exc, "protocol": self._protocol}
            self._loop.call_exception_handler(context)

    def is_reading(self) -> bool:
        return not (self._is_paused or self._is_closing)

    def pause_reading(self) -> None:
        self._is_paused = True

    def resume_reading(self) -> None:
        self._is_paused = False
        self._join_pieces()
        self._deliver_soon()

    def fetch(self) -> bool:
        """Pass on at once what has been received, also while reading is paused; return whether that was anything."""
        self._join_pieces()
        if self._is_closing or not self._pieces:
            return False

        data = self._pieces.pop(0)
        self.held -= len(data)
        self._protocol.data_received(data)
        if self._endpoint.line is not None:
            self._endpoint.line.drained()

        return True

    def _join_pieces(self) -> None:
        # A system, too, has one buffer for bytes that were received and not read.
        if len(self._pieces) > 1:
            self._pieces = [b"".join(self._pieces)]

    # Writing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"data must be bytes-like, not {type(data).__name__}")

        if self._is_closing or not data:
            return

        line = self._endpoint.line
        if line is not None and line.is_paced:
            # A timer of the line passes them on, so the module does nothing before this returns.
            line.host_wrote(bytes(data))
        else:
            self._written += data
            if self._carrying is None:
                self._carrying = self._loop.call_soon(self._carry)

        if not self._is_writing_paused and self.get_write_buffer_size() > self._limits[1]:
            self._is_writing_paused = True
            self._protocol.pause_writing()

    def _carry(self) -> None:
        self._carrying = None
        data = bytes(self._written)
        self._written.clear()
        if self._endpoint.line is not None:
            self._endpoint.line.host_wrote(data)

        self.host_bytes_taken()

    def host_bytes_taken(self) -> None:
        """The module has received bytes: there may be space again, or no data left."""
        if not (self._is_writing_paused or self._is_closing):
            return

        size = self.get_write_buffer_size()
        if self._is_writing_paused and size <= self._limits[0]:
            self._loop.call_soon(self._resume_writing, context=self._context)

        if self._is_closing and not size:
            self.lose(None)

    def _resume_writing(self) -> None:
        if self._is_writing_paused and not self._is_lost:
            self._is_writing_paused = False
            self._protocol.resume_writing()

    def can_write_eof(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        unread = self._endpoint.line.unread if self._endpoint.line is not None and not self._is_lost else 0
        return len(self._written) + unread

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._limits

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        high = (_HIGH_WATER if low is None else 4 * low) if high is None else high
        low = high // 4 if low is None else low
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")

        self._limits = (low, high)

    # Closing

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        self._is_closing = True
        if not self.get_write_buffer_size():
            self.lose(None)

    def abort(self) -> None:
        self.lose(None)

    def lose(self, exc: Exception | None) -> None:
        """End it now; the protocol is notified in the next iteration of the loop."""
        if self._is_lost:
            return

        self._is_lost = self._is_closing = True
        for handle in (self._carrying, self._delivery):
            if handle is not None:
                handle.cancel()

        self._written.clear()
        self._pieces.clear()
        self.held = 0
        if self._endpoint.line is not None:
            self._endpoint.line.clear()

        self._endpoint.release()
        self._loop.call_soon(self._protocol.connection_lost, exc, context=self._context)

    # The rest of a transport

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = cast("asyncio.Protocol", protocol)
