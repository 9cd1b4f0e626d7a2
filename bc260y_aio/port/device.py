"""A device by its URL: pyserial's object, and the thread for its blocking calls."""

import asyncio
import concurrent.futures
import contextlib
import io
import os
import socket
import sys
from typing import Any, Final, TextIO

from ..errors import PortError, PortLost
from .pyserial import protocol_socket, protocol_spy, serial
from .translation import TermiosError, checked_scheme, translated
from .transport import SerialTransport

# How long close() lets written bytes leave before it drops them, and then waits for the descriptor, in seconds each.
CLOSE_TIMEOUT: Final = 1.0


class SocketSerial(protocol_socket.Serial):
    """``socket://`` that takes any descriptor number, keeps the first bytes of the other end, and closes at once."""

    _socket: socket.socket | None = None

    def open(self) -> None:
        super().open()
        assert self._socket is not None
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def reset_input_buffer(self) -> None:
        """Do nothing: a new connection holds no stale bytes."""

    def close(self) -> None:
        self.is_open = False
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class SpySerial(protocol_spy.Serial):
    """``spy://`` that closes the file it writes to."""

    _file: TextIO | None = None

    def from_url(self, url: str) -> str:
        stderr = sys.stderr
        device = super().from_url(url)
        assert self.formatter is not None
        self._file = None if self.formatter.output is stderr else self.formatter.output
        if isinstance(self.formatter, protocol_spy.FormatRaw):
            raise ValueError("unknown option: 'raw'")

        return device

    def close(self) -> None:
        super().close()
        if self._file is not None:
            self._file.close()


PATCHED: Final[dict[str, type[SocketSerial | SpySerial]]] = {"socket": SocketSerial, "spy": SpySerial}


class Device:
    """A pyserial object, and the thread on which its blocking calls run, one after another."""

    def __init__(self, url: str, baudrate: int) -> None:
        self._url = url
        self.has_baudrate = checked_scheme(url) != "socket"
        self._thread = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix=f"bc260y[{url}]")
        self._opening = self._thread.submit(_open_serial, url, baudrate)
        self._releasing: concurrent.futures.Future[None] | None = None

    async def connect(self, protocol: asyncio.Protocol, /) -> asyncio.Transport:
        """Wait until the port is open, and return a transport on it.

        Raises:
            PortError, ValueError: as :func:`open_port` does.
        """
        # Waited for through the loop, so that a virtual clock stands still meanwhile.
        loop = asyncio.get_running_loop()
        instance = await loop.run_in_executor(self._thread, self._opening.result)
        _check_loop(loop, instance.fileno())
        with translated(f"cannot open {self._url}"):
            transport: asyncio.Transport = SerialTransport(loop, protocol, instance, self.release)

        return transport

    async def set_baudrate(self, baudrate: int) -> None:
        """Change the rate, even if the call is cancelled.

        Raises:
            PortLost, ValueError: as :meth:`Port.set_baudrate` does.
        """
        loop, instance = asyncio.get_running_loop(), self._opening.result()
        change = loop.run_in_executor(self._thread, _set_baudrate, self._url, instance, baudrate)
        # The outcome is for a caller that still waits; asyncio would complain of an exception that nobody looks at.
        change.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.shield(change)

    def release(self) -> None:
        """Let the thread close the object, even one that is still to be opened; do not wait for it."""
        if self._releasing is None:
            try:
                self._releasing = self._thread.submit(self._release)
            except RuntimeError:
                # The program is exiting, and has stopped all such threads.
                self._release()
                self._releasing = concurrent.futures.Future()
                self._releasing.set_result(None)

            self._thread.shutdown(wait=False)

    def _release(self) -> None:
        if not self._opening.cancelled() and self._opening.exception() is None:
            _close_serial(self._opening.result())

    async def close(self) -> None:
        """Release the object; wait for it for a bounded time, and not at all if it is not even open yet."""
        self.release()
        assert self._releasing is not None
        if self._opening.done():
            await asyncio.wait({asyncio.wrap_future(self._releasing)}, timeout=CLOSE_TIMEOUT)


# On the thread


def _open_serial(url: str, baudrate: int) -> serial.SerialBase:
    # An inter-byte timeout of 0 is pyserial's way to VMIN 1.
    options: dict[str, Any] = {
        "baudrate": baudrate,
        "timeout": 0,
        "write_timeout": 0,
        "inter_byte_timeout": 0,
        "exclusive": True,
    }
    patched = PATCHED.get(checked_scheme(url))

    with translated(f"cannot open {url}"), contextlib.ExitStack() as undo:
        instance: Any = patched(**options) if patched else serial.serial_for_url(url, do_not_open=True, **options)
        undo.callback(_close_serial, instance)
        if patched:
            instance.port = url

        if type(instance).fileno is io.RawIOBase.fileno:
            raise ValueError("it has no file descriptor to watch")

        instance.open()
        undo.pop_all()

    return instance  # type: ignore[no-any-return]


def _check_loop(loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
    try:
        loop.remove_reader(descriptor)
    except NotImplementedError:
        kind = type(loop).__name__
        raise PortError(f"a {kind} cannot watch a port: take asyncio's selector loop, or uvloop, on POSIX") from None


def _set_baudrate(url: str, instance: serial.SerialBase, baudrate: int) -> None:
    before = instance.baudrate
    with translated(f"cannot set {url} to {baudrate} baud", PortLost):
        try:
            instance.baudrate = baudrate
        except ValueError:
            instance.baudrate = before
            raise

        os.set_blocking(instance.fileno(), False)


def _close_serial(instance: Any) -> None:
    # Closing a tty waits for its output, up to 30 s of it: drop what is left.
    with contextlib.suppress(OSError, TermiosError):
        if instance.is_open and getattr(instance, "out_waiting", 0):
            instance.reset_output_buffer()

    with contextlib.suppress(OSError):
        instance.close()
