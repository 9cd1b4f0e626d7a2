"""The transport of a serial port: pyserial-asyncio's, patched."""

import asyncio
import contextlib
import os
from collections.abc import Callable
from typing import Final

from .pyserial import serial, serial_asyncio

# The most data that one wake-up reads, in bytes.
READ_SIZE: Final = 64 * 1024

# The shortest interval at which a closing port checks whether its last bytes have left, in seconds.
CLOSE_GRAIN: Final = 0.01

# A byte on the wire: start bit, eight data bits, stop bit.
BITS_PER_BYTE: Final = 10


class SerialTransport(serial_asyncio.SerialTransport):  # type: ignore[misc]
    """A transport over the descriptor of a pyserial object.

    Args:
        loop: the running loop.
        protocol: whose ``connection_made`` is called soon.
        instance: the open pyserial object.
        release: called once after ``connection_lost``; closes the object without blocking.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        protocol: asyncio.Protocol,
        instance: serial.SerialBase,
        release: Callable[[], None],
    ) -> None:
        self._ended = False
        # The other end accepts nothing any more.
        self._write_failed = False
        self._draining: asyncio.TimerHandle | None = None
        self._release = release
        self._fd = instance.fileno()
        self._spy = getattr(instance, "formatter", None)
        super().__init__(loop, protocol, instance)
        os.set_blocking(self._fd, False)

    def _read_ready(self) -> bool:
        """Read the descriptor and pass the bytes on; return whether there were any."""
        try:
            data = os.read(self._fd, READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as exc:
            self._abort(exc)
            return False

        if not data:
            self._abort(EOFError("the other end hung up"))
            return False

        self._protocol.data_received(data)
        if self._spy is not None:
            self._spy.rx(data)

        return True

    def fetch(self) -> bool:
        """Read and pass on available bytes, even while reading is paused; return whether there were any."""
        return not self._closing and self._read_ready()

    def write(self, data: bytes) -> None:
        if self._closing or self._write_failed or not data:
            return

        if self._spy is not None:
            self._spy.tx(data)

        sent = 0 if self._write_buffer else self._send(data)
        if sent < len(data) and not self._write_failed:
            self._write_buffer.append(bytes(data[sent:]))
            self._ensure_writer()
            self._maybe_pause_protocol()

    def _write_ready(self) -> None:
        while self._write_buffer:
            chunk = self._write_buffer[0]
            sent = self._send(chunk)
            if self._write_failed:
                return

            if sent < len(chunk):
                self._write_buffer[0] = memoryview(chunk)[sent:]
                break

            del self._write_buffer[0]

        self._maybe_resume_protocol()
        if not self._write_buffer:
            self._remove_writer()
            if self._closing:
                self._close_when_sent()

    def _send(self, data: bytes | memoryview) -> int:
        """Write without blocking; return how many bytes the kernel took."""
        try:
            return os.write(self._fd, data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as exc:
            # Bytes of the other end may still wait to be read, but not in the middle of a write.
            self._write_failed = True
            self._remove_writer()
            self._write_buffer.clear()
            self.loop.call_soon(self._read_rest_and_abort, exc)
            return 0

    def _read_rest_and_abort(self, exc: OSError) -> None:
        while not self._ended and self._read_ready():
            pass

        self._abort(exc)

    def _close(self, exc: Exception | None = None) -> None:
        self._closing = True
        self._remove_reader()
        if not self._write_buffer:
            self._close_when_sent()

    def _close_when_sent(self) -> None:
        waiting = 0
        with contextlib.suppress(OSError):
            waiting = getattr(self.serial, "out_waiting", 0)

        if waiting:
            wire_time = waiting * BITS_PER_BYTE / self.serial.baudrate
            self._draining = self.loop.call_later(max(wire_time, CLOSE_GRAIN), self._close_when_sent)
        else:
            self._abort(None)

    def _abort(self, exc: Exception | None) -> None:
        if self._ended:
            return

        self._closing = self._ended = True
        self._remove_reader()
        self._remove_writer()
        self._write_buffer.clear()
        if self._draining is not None:
            self._draining.cancel()

        self.loop.call_soon(self._call_connection_lost, exc)

    def _call_connection_lost(self, exc: Exception | None) -> None:
        try:
            self._protocol.connection_lost(exc)
        finally:
            self._release()
