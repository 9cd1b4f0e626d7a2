"""Our end of a socket that a program has the other end of."""

import asyncio
import contextlib
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from .descriptor import has_hung_up
from .held import is_held

# How much is read from a program at a time, in bytes. A packet is never longer.
_READ_SIZE: Final = 16 * 1024
# The most data that may wait for a program that does not read, in bytes, before the module's transport is paused.
_MOST_WAITING: Final = 4 * 1024 * 1024
# How long a program that has received the end may take to close its socket, in seconds.
_PATIENCE: Final = 1.0
# SO_LINGER for no time: closing resets the connection.
_AT_ONCE: Final = struct.pack("ii", 1, 0)


class LocalStream:
    """Our end of a TCP connection with a program.

    Attributes:
        is_gone: whether the program has closed its socket, and reads nothing any more.
        is_held: returns, when the program has ended its sending, whether it still has its socket, and so may read; None
            where that cannot be known. It reads the system's table by default.
    """

    is_held: Callable[[], bool | None]

    def __init__(self, sock: socket.socket) -> None:
        """Take the socket over."""
        sock.setblocking(False)
        self.is_gone = False
        self.is_held = lambda: is_held(sock)
        self._sock = sock
        self._ahead: asyncio.Task[bytes] | None = None
        self._waiting: deque[bytes] = deque()
        self._waiting_size = 0
        self._flusher: asyncio.Task[None] | None = None
        self._has_room = asyncio.Event()
        self._unread = b""

    @property
    def sockname(self) -> Any:
        """The address of this end."""
        return self._sock.getsockname()

    @property
    def peername(self) -> Any:
        """The address of the program's end."""
        return self._sock.getpeername()

    async def receive(self) -> bytes:
        """Return what the program wrote next, waiting for it; ``b""`` when it has closed its socket."""
        if self._unread:
            data, self._unread = self._unread, b""
            return data

        ahead, self._ahead = self._ahead, None
        return await (self._receive() if ahead is None else ahead)

    async def _receive(self) -> bytes:
        try:
            data = await asyncio.get_running_loop().sock_recv(self._sock, _READ_SIZE)
        except OSError:
            # The program has closed its socket with something left to read in it.
            data, self.is_gone = b"", True

        if not data:
            self.look_for_program()

        return data

    def look_for_program(self) -> bool | None:
        """Return whether a program that has ended its sending still has its socket; None if that cannot be known."""
        held = False if self.is_gone else self.is_held()
        if held is False:
            self.is_gone = True

        return held

    def unread(self, data: bytes) -> None:
        """Put back data that was received last, or the rest of it."""
        self._unread = data + self._unread

    def look_ahead(self) -> asyncio.Task[bytes]:
        """Begin to receive before :meth:`receive` is called, which returns the same then."""
        self._ahead = self._ahead or asyncio.create_task(self._receive(), name="bc260y.bridge.ahead")
        return self._ahead

    async def send(self, data: bytes) -> None:
        """Pass bytes on to the program, and wait while more than 4 MiB wait for it; nothing happens if it is gone.

        A module cannot be held back, so a program that is slow for a moment must not cost the connection.
        """
        if not (self._waiting_size or self.is_gone):
            data = self._send_at_once(data)

        if self.is_gone or not data:
            return

        self._waiting.append(data)
        self._waiting_size += len(data)
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush(), name="bc260y.bridge.flush")

        while self._waiting_size > _MOST_WAITING and not self._flusher.done():
            self._has_room.clear()
            await self._has_room.wait()

    def _send_at_once(self, data: bytes) -> bytes:
        """Send what the kernel takes, without a task; return the rest."""
        try:
            return data[self._sock.send(data) :]
        except (BlockingIOError, InterruptedError):
            return data
        except OSError:
            self.is_gone = True
            return b""

    async def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                data = self._waiting.popleft()
                await loop.sock_sendall(self._sock, data)
                self._waiting_size -= len(data)
                self._has_room.set()
        except OSError:
            self.is_gone = True
        finally:
            if self.is_gone:
                self._waiting.clear()
                self._waiting_size = 0

            self._has_room.set()

    async def flushed(self) -> None:
        """Wait until the kernel has taken everything that was sent, or the program is gone."""
        if self._flusher is not None:
            await asyncio.wait((self._flusher,))

    def end(self) -> None:
        """Let the program read the end of its input after what it was sent."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    async def finish(self) -> None:
        """End, and close when the program has closed, or after a second; data that it still writes is discarded."""
        await self.flushed()
        self.end()
        try:
            async with asyncio.timeout(_PATIENCE):
                while await self.receive():
                    pass
        except TimeoutError:
            pass
        finally:
            self.close()

    def reset(self) -> None:
        """Close, so that the program gets ECONNRESET."""
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)

        self.close()

    def close(self) -> None:
        """Close."""
        tasks = [task for task in (self._ahead, self._flusher) if task is not None and not task.done()]
        self._ahead = self._flusher = None
        self._close_after(tasks)

    def _close_after(self, tasks: list[asyncio.Task[Any]]) -> None:
        """Close the socket when no task waits for it any more."""
        if not tasks:
            self._sock.close()
            return

        task, *others = tasks
        task.add_done_callback(lambda _: self._close_after(others))
        task.cancel()


class LocalPackets(LocalStream):
    """Our end of a pair of sockets with a program that keeps the bounds of packets."""

    def __init__(self, sock: socket.socket) -> None:
        """Take the socket over."""
        super().__init__(sock)
        self.is_held = lambda: not has_hung_up(sock)

    async def receive(self) -> bytes:
        """Return the next packet that the program sent, waiting for it; ``b""`` when it has closed its socket."""
        while not (data := await super().receive()) and not self.is_gone and not has_hung_up(self._sock):
            # An empty packet is none that a module could send.
            continue

        return data

    async def send(self, data: bytes) -> None:
        """Pass a packet on to the program, but for an empty one, which would look like the end."""
        if data:
            await super().send(data)

    async def finish(self) -> None:
        """Close; there is no end of input among packets."""
        await self.flushed()
        self.close()

    def reset(self) -> None:
        """Close."""
        self.close()
