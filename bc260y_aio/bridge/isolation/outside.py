"""The process with the modem: it serves the connections of a program inside namespaces."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable, Coroutine
from typing import Any, Final

from ...sockets.tasks import TaskSet
from ...transports.stream_ends import Opener, StreamEnd
from ..association import DatagramRelay
from ..descriptor import has_hung_up
from ..local import LocalStream
from ..relay import HIGH_WATER, relay, while_connected
from .control import Control

logger = logging.getLogger("bc260y_aio")

# How much is read of a datagram, in bytes.
_READ_SIZE: Final = 16 * 1024


class IsolationError(OSError):
    """The program cannot be run in namespaces of its own.

    Attributes:
        status: the exit status that a shell would return.
    """

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


class IsolatedProgram:
    """A program in namespaces of its own, whose connections go over a modem.

    It must be made while this process has one thread, and before an event loop runs.
    """

    def __init__(self, command: list[str]) -> None:
        """Fork the process that will run the program; it waits for :meth:`run`.

        Args:
            command: the program and its arguments.
        """
        self._control, theirs = Control.pair()
        self._pid = os.fork()
        if self._pid == 0:
            from .inside import run

            self._control.close()
            run(theirs, command)

        theirs.close()
        self._is_reaped = False
        self._ready: dict[str, Any] = {}
        self._ended: asyncio.Future[int]
        self._opener: Opener
        self._tasks = TaskSet("isolated")

    def wait_ready(self) -> None:
        """Wait until the namespaces are made.

        Raises:
            IsolationError: they cannot be made.
        """
        match self._control.receive():
            case ({"ready": _} as ready, _):
                self._ready = ready
            case ({"failed": str(message)}, _):
                raise IsolationError(message)
            case _:
                raise IsolationError("the process inside the namespaces has ended")

        if not self._ready.get("resets"):
            logger.warning("without INET_DIAG_DESTROY in this kernel a lost connection looks like an ended one")

    async def run(self, opener: Opener, flush_timeout: float) -> int:
        """Run the program, and serve it until it has ended and what it wrote is sent.

        Args:
            opener: what opens connections: a modem.
            flush_timeout: how long the sending may take at the end, in seconds.

        Returns:
            Its exit status; the number of a signal, negative, that has ended it.

        Raises:
            IsolationError: there is no such program.
        """
        loop = asyncio.get_running_loop()
        self._opener, self._ended = opener, loop.create_future()
        self._control.setblocking(False)
        loop.add_reader(self._control, self._read_control)
        self._control.send({"run": True})
        try:
            status = await self._ended
            # Data of programs that have ended is passed on when the process inside has ended.
            await asyncio.to_thread(self._reap)
            self._read_control()
            await self._tasks.wait_all(flush_timeout)
            return status
        finally:
            loop.remove_reader(self._control)
            await self._tasks.wait_all(0.0)

    def signal(self, number: int) -> None:
        """Send a signal to the program."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, number)

    def close(self) -> None:
        """End what is left of it."""
        self._control.close()
        if not self._is_reaped:
            self.signal(signal.SIGTERM)
            self._reap()

    def _reap(self) -> None:
        if not self._is_reaped:
            os.waitpid(self._pid, 0)
            self._is_reaped = True

    # Requests of the process inside

    def _read_control(self) -> None:
        while True:
            try:
                received = self._control.receive()
            except (BlockingIOError, OSError):
                return

            if received is None:
                asyncio.get_running_loop().remove_reader(self._control)
                if not self._ended.done():
                    self._ended.set_exception(IsolationError("the process inside the namespaces has ended"))

                return

            self._serve(*received)

    def _serve(self, message: dict[str, Any], descriptor: int) -> None:
        match message:
            case {"stream": int(number), "host": str(host), "port": int(port)}:
                sock = socket.socket(fileno=descriptor)
                self._spawn(sock, self._serve_stream(sock, number, host, port), f"stream {number}")
            case {"datagrams": int(number)}:
                sock = socket.socket(fileno=descriptor)
                self._spawn(sock, self._serve_datagrams(sock), f"datagrams {number}")
            case {"ended": int(status)}:
                self._ended.set_result(status)
            case {"failed": str(text)}:
                self._ended.set_exception(IsolationError(text, message.get("status", 1)))

    def _spawn(self, sock: socket.socket, work: Coroutine[Any, Any, None], name: str) -> None:
        # A task that is cancelled before it begins does nothing, so it cannot close the socket.
        self._tasks.spawn(work, name).add_done_callback(lambda _: sock.close())

    async def _serve_stream(self, sock: socket.socket, number: int, host: str, port: int) -> None:
        local = _ForwardedStream(sock, lambda: self._control.send({"lost": number}))
        end = StreamEnd(HIGH_WATER)
        try:
            if await while_connected(local, self._opener.create_connection(lambda: end, host, port)):
                await relay(local, end)
            else:
                local.close()
        except (OSError, ValueError) as exc:
            logger.warning("%s:%d: %s", host, port, exc)
            local.reset()
        except BaseException:
            end.abort()
            local.reset()
            raise

    async def _serve_datagrams(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        sock.setblocking(False)
        async with _ForwardedDatagrams(self._opener, sock) as datagrams:
            while packet := await loop.sock_recv(sock, _READ_SIZE):
                datagrams.pass_on(packet)


class _ForwardedStream(LocalStream):
    """A connection of the program, whose other end is in the process inside."""

    def __init__(self, sock: socket.socket, on_reset: Callable[[], None]) -> None:
        super().__init__(sock)
        self.is_held = lambda: not has_hung_up(sock)
        self._on_reset = on_reset

    def reset(self) -> None:
        self._on_reset()
        super().reset()


class _ForwardedDatagrams(DatagramRelay):
    """The datagrams of one socket of the program."""

    def __init__(self, opener: Opener, sock: socket.socket) -> None:
        super().__init__(opener)
        self._sock = sock

    def deliver(self, packet: bytes) -> None:
        with contextlib.suppress(OSError):
            self._sock.send(packet)
