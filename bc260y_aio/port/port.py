"""The serial port: bytes in, bytes out, and its end."""

import asyncio
import logging
import types
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from ..errors import PortError, PortNotFound
from .device import CLOSE_TIMEOUT, Device
from .gate import Gate
from .receiver import Receiver
from .translation import check_baudrate, checked_scheme

if TYPE_CHECKING:
    from ..emulator.line import MemoryEndpoint
    from ..emulator.radio import Radio

logger = logging.getLogger(__name__)

# The module's factory setting, in baud.
DEFAULT_BAUDRATE: Final = 9600


async def open_port(url: str, baudrate: int | None = DEFAULT_BAUDRATE) -> "Port":
    """Open a serial port, for this program alone.

    Args:
        url: a device path; ``socket://host:port``; a pyserial URL that has a file descriptor, such as
            ``spy:///dev/ttyUSB0``, which shows the bytes on standard error; ``emulator://`` with its options; or the
            ``memory://`` URL of an emulator, a recorder or a replay in this process.
        baudrate: the rate in baud. None when it is not known or has no meaning: a device is then set to 9600, and
            :meth:`Port.pause` does nothing.

    Raises:
        PortNotFound: there is no such port.
        PortBusy: another program uses it, or this one may not open it.
        PortError: it could not be opened for another reason, which the message has.
        ValueError: the URL is malformed, of an unknown scheme, or of one that cannot be watched; or the device does
            not know the rate.
    """
    check_baudrate(baudrate)
    match checked_scheme(url):
        case "emulator":
            return await _open_emulator(url, baudrate)
        case "memory":
            return await _open_memory(url)
        case _:
            return await _open_device(url, url, baudrate)


async def _open_device(url: str, device: str, baudrate: int | None, emulator: "Closable | None" = None) -> "Port":
    line = Device(device, DEFAULT_BAUDRATE if baudrate is None else baudrate)
    return await Port(url, line, baudrate=baudrate if line.has_baudrate else None, emulator=emulator)._open()


async def _open_emulator(url: str, baudrate: int | None) -> "Port":
    from ..emulator import Emulator

    emulator = Emulator.from_url(url)
    await emulator.start()
    # An emulated line has the pace of its options, whatever rate a pty is set to, unless it is strict about the rate.
    rate = baudrate if emulator.options.baudrate_strict else emulator.options.baudrate
    if emulator.url.startswith("memory://"):
        return await Port(url, emulator, baudrate=rate)._open()

    return await _open_device(url, emulator.url, rate, emulator)


async def _open_memory(url: str) -> "Port":
    from ..emulator.line import MemoryEndpoint

    end = MemoryEndpoint.at(url)
    if end is None or end.line is None:
        raise PortNotFound(f"{url}: there is no such line in this process")

    return await Port(url, _BorrowedLine(end), baudrate=end.line.pace)._open()


class Port:
    """An open serial port: bytes in, bytes out, and its end.

    Made by :func:`open_port`; an async context manager that closes it.

    Attributes:
        url: the URL that was opened.
        baudrate: the rate in baud; None when it has no meaning (``socket://``, memory) or is not known.
    """

    def __init__(
        self, url: str, line: "Line", *, baudrate: int | None = None, emulator: "Closable | None" = None
    ) -> None:
        self.url = url
        self.baudrate = baudrate
        self._line = line
        self._emulator = emulator
        self._receiver = Receiver(url)
        self._gate = Gate(self._receiver.pause)
        self._transport: asyncio.Transport | None = None
        self._closing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: types.TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        rate = "" if self.baudrate is None else f" {self.baudrate} baud"
        return f"<Port {self.url}{rate} {self._state}>"

    @property
    def _state(self) -> str:
        if self._closing is not None:
            return "closed" if self._closing.done() else "closing"

        return "lost" if self._receiver.ended.done() else "open"

    @property
    def radio(self) -> "Radio | None":
        """The radio of the module, where that is emulated in this process and known here; None otherwise."""
        for end in (self._line, self._emulator):
            radio: Radio | None = getattr(end, "radio", None)
            if radio is not None:
                return radio

        return None

    # Receiving

    @property
    def in_waiting(self) -> int:
        """How many received bytes are not read yet."""
        return self._receiver.size

    @property
    def bytes_received(self) -> int:
        """How many bytes have arrived since the port was opened."""
        return self._receiver.read_total + self._receiver.size

    def read(self) -> Coroutine[Any, Any, bytes]:
        """Wait for bytes, and return all that arrived since the last read: at least one.

        A cancelled read loses nothing. Without a reader the port takes 256 KiB and leaves the rest in the kernel.

        Raises:
            PortLost: the port went away or was closed, and everything that had arrived before has been read. The next
                read raises it again.
            LocalProtocolError: another task is reading.
        """
        return self._receiver.read()

    def deliver(self, take: Callable[[bytes], None]) -> Coroutine[Any, Any, None]:
        """Call back with all bytes as soon as they arrive, until the port ends; see also :meth:`read`.

        A :meth:`read` returns its bytes a turn of the loop later. When this is cancelled, or the callback fails, the
        following bytes wait for the next reader.

        Args:
            take: called with at least one byte, never from inside :meth:`write`; it must not block.

        Raises:
            PortLost: the port went away or was closed, and all bytes that arrived before were passed to the callback.
            LocalProtocolError: another task is reading.
            Exception: the exception of the callback.
        """
        return self._receiver.deliver(take)

    def pause(self, seconds: float) -> None:
        """Stop watching the port for a time, so that the bytes of that time cost one wake-up; no byte is lost.

        The last call counts; ``pause(0)`` ends a pause. A loss of the port is noticed after the pause. Without a known
        rate this does nothing.
        """
        if self.baudrate is not None:
            self._receiver.pause(seconds)

    def expect(self, size: int) -> float:
        """Note that nothing useful can arrive before a number of bytes, and pause reading meanwhile if that pays.

        Call it after each read while such bytes are due, and once with 0 when they have come. It pauses the port only
        when the rate is known and the line was measured to keep it.

        Returns:
            How long the port is paused, in seconds.
        """
        if self.baudrate is None:
            return 0.0

        receiver = self._receiver
        return self._gate.expect(size, receiver.read_total, self.baudrate, is_paused=not receiver.is_watching)

    # Sending

    def write(self, data: bytes) -> None:
        """Send bytes after those written before. Never blocks: bytes that the port does not take at once are buffered.

        Raises:
            PortLost: the port went away or was closed.
        """
        if not self._receiver.is_open:
            self._receiver.check()

        assert self._transport is not None
        self._transport.write(data)

    async def set_baudrate(self, baudrate: int) -> None:
        """Change the rate of the open port, in baud. Bytes that have not left yet go out at the new rate.

        A cancelled call still changes it. On ``socket://`` and in memory this does nothing.

        Raises:
            PortLost: the port went away or was closed.
            ValueError: the device does not support this rate; it keeps the one that it had.
        """
        check_baudrate(baudrate)
        self._receiver.check()
        if not (isinstance(self._line, Device) and self._line.has_baudrate):
            return

        before, self.baudrate = self.baudrate, baudrate
        try:
            await self._line.set_baudrate(baudrate)
        except (PortError, ValueError):
            self.baudrate = before
            raise

    # Opening and closing

    async def _open(self) -> Self:
        try:
            self._transport = await self._line.connect(self._receiver)
            await self._receiver.made
        except BaseException:
            await self.close()
            raise

        return self

    async def close(self) -> None:
        """Close the port; release its descriptor, and its emulator if it has one.

        Written bytes get a second to leave, then they are dropped. A waiting reader gets PortLost at once. Closing
        twice is harmless, a cancelled close continues by itself, and nothing is ever raised.
        """
        if self._closing is None:
            self._receiver.close()
            self._closing = asyncio.create_task(self._close(), name=f"bc260y[{self.url}].close")

        await asyncio.shield(self._closing)

    async def abandon(self) -> None:
        """Release the descriptor of a port whose event loop has ended without a :meth:`close`."""
        if isinstance(self._line, Device):
            await self._line.close()

    async def _close(self) -> None:
        try:
            if self._transport is not None:
                self._transport.close()
                await asyncio.wait({self._receiver.ended}, timeout=CLOSE_TIMEOUT)
        finally:
            if self._transport is not None and not self._receiver.ended.done():
                self._transport.abort()

            for closable in (self._line, self._emulator):
                await self._close_quietly(closable)

    async def _close_quietly(self, closable: "Closable | None") -> None:
        if closable is None:
            return

        try:
            await closable.close()
        except Exception:
            logger.exception("%s: closing failed", self.url)


class Closable(Protocol):
    """A resource that is closed together with a port."""

    async def close(self) -> None:
        """Close it; never raise."""


class _BorrowedLine:
    """A line in memory that another object owns."""

    def __init__(self, end: "MemoryEndpoint") -> None:
        self._end = end
        self.radio = end.radio

    async def connect(self, protocol: asyncio.Protocol, /) -> asyncio.Transport:
        """Take the line."""
        return self._end.connect(protocol)

    async def close(self) -> None:
        """Leave the line open."""


class Line(Closable, Protocol):
    """The line under a port: a device, or the emulator's line in memory."""

    async def connect(self, protocol: asyncio.Protocol, /) -> asyncio.Transport:
        """Begin to pass bytes to the protocol, and return the transport for sending."""
