"""A modem on an event loop and in a thread of its own, for all others."""

import asyncio
import concurrent.futures
import contextlib
import logging
import os
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, Protocol, TypeAlias, TypeVar

import anyio.lowlevel

from ...bridge import BridgedSocket, DescriptorOwner, LocalStream, Remote, open_ends, relay
from ...errors import ModemClosed
from ...sockets.tasks import TaskSet
from ...tls import TlsSessions
from ..exclusive import MODEM_THREAD_PREFIX
from ..rules import Router
from .names import SocketNames, identity

logger = logging.getLogger("bc260y_aio")

T = TypeVar("T")

# How long, at the end, what the program wrote may take to be sent, in seconds; and what follows.
FLUSH_TIMEOUT: Final = 60.0
_CLOSE_TIMEOUT: Final = 60.0
# The kernel's buffer for data of a program, in bytes: about as much as on a slow network.
# Programs end without waiting for that.
_SEND_BUFFER: Final = 64 * 1024


class ProcessModem(Router, Protocol):
    """The modem of a process: a :class:`bc260y_aio.Modem`, or anything else with its methods."""

    @property
    def name(self) -> str:
        """Its short name, for logs and for the thread."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether it can be used."""
        ...

    async def open(self) -> object:
        """Open it.

        Raises:
            OSError: it cannot be opened.
        """

    async def close(self) -> None:
        """Close it."""

    def check_datagram(self, data: bytes) -> None:
        """Check that data can be sent as one datagram.

        Raises:
            OSError: EMSGSIZE, it is too long.
            ValueError: its bytes cannot be sent in the data format.
        """


# A call in the modem's thread.
Work: TypeAlias = Callable[[ProcessModem], Awaitable[T]]


class ModemThread:
    """A modem in a thread of its own, which opens it again when it was lost.

    Everything here may be called from any other thread, except under "In the modem's thread".

    Attributes:
        on_stop: functions that are called in the modem's thread when the program ends.
    """

    def __init__(self, modem: ProcessModem) -> None:
        """Take a modem that is not open."""
        self._modem = modem
        self._pid = os.getpid()
        self._thread = threading.Thread(
            target=self._run, name=f"{MODEM_THREAD_PREFIX}{modem.name}].thread", daemon=True
        )
        self._loop: asyncio.AbstractEventLoop
        self._opened: concurrent.futures.Future[None] = concurrent.futures.Future()
        self.on_stop: list[Callable[[], object]] = []
        self._ends: dict[LocalStream, DescriptorOwner] = {}
        self._flush_timeout = FLUSH_TIMEOUT

    @property
    def tls_sessions(self) -> TlsSessions | None:
        """The TLS sessions of the modem; None if it keeps none."""
        return getattr(self._modem, "tls_sessions", None)

    # Life

    def start(self) -> None:
        """Start the thread, and open the modem.

        Raises:
            OSError: as :meth:`Modem.open` does.
        """
        self._thread.start()
        try:
            self._opened.result()
        except BaseException:
            self.stop()
            raise

    def stop(self, flush_timeout: float = FLUSH_TIMEOUT) -> None:
        """Send what the program wrote, close the modem, and end the thread.

        Calling it twice, and in a child process, is harmless.

        Args:
            flush_timeout: how long the sending may take, in seconds.
        """
        if os.getpid() == self._pid and self._thread.is_alive():
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stop, flush_timeout)

            self._thread.join(flush_timeout + _CLOSE_TIMEOUT)

    def _stop(self, flush_timeout: float) -> None:
        self._flush_timeout = flush_timeout
        self._stopping.set()
        for function in self.on_stop:
            function()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        # Have anyio load what it runs on now: imported at the program's end, it would make Python forget that it was a
        # KeyboardInterrupt that ended the program, and change the exit status.
        await anyio.lowlevel.checkpoint()

        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._is_opening = asyncio.Lock()
        self._relays = TaskSet("bridge")
        opening = asyncio.ensure_future(self._modem.open())
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait((opening, stopping), return_when=asyncio.FIRST_COMPLETED)
            opening.cancel()
            await asyncio.wait((opening,))
            opening.result()
            self._opened.set_result(None)
            await stopping
        except BaseException as exc:
            if not self._opened.done():
                self._opened.set_exception(exc)
        finally:
            for local, owner in self._ends.items():
                local.is_held = lambda: False
                owner.end()

            await self._relays.wait_all(self._flush_timeout)
            await self._modem.close()

    # Work

    def submit(self, work: Work[T], undo: Callable[[T], object] | None = None) -> "concurrent.futures.Future[T]":
        """Have something done with the modem, once it is open.

        Args:
            work: what to do.
            undo: is called with the result, in the modem's thread, if the future was cancelled before that came.

        Raises:
            ModemClosed: the thread has ended; or it is that of another process.
        """
        self.check_process()
        future: concurrent.futures.Future[T] = concurrent.futures.Future()
        try:
            self._loop.call_soon_threadsafe(self._start, work, future, undo)
        except RuntimeError:
            raise ModemClosed("the modem is closed") from None

        return future

    def check_process(self) -> None:
        """Check that this is not a child process, where the thread is not.

        Raises:
            ModemClosed: it is.
        """
        if os.getpid() != self._pid:
            raise ModemClosed("the modem belongs to the parent process")

    def call(self, function: Callable[..., object], *args: Any) -> None:
        """Have a function called in the modem's thread; nothing happens once that has ended."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *args)

    def _start(self, work: Work[T], future: "concurrent.futures.Future[T]", undo: Callable[[T], object] | None) -> None:
        task = self._loop.create_task(self._do(work))
        task.add_done_callback(lambda done: _settle(done, future, undo))
        future.add_done_callback(lambda done: self.call(task.cancel) if done.cancelled() else None)

    async def _do(self, work: Work[T]) -> T:
        if self._stopping.is_set():
            raise ModemClosed("the program has ended")

        return await work(await self.opened_modem())

    # In the modem's thread

    @property
    def is_stopping(self) -> bool:
        """Whether the program has ended."""
        return self._stopping.is_set()

    def spawn(self, function: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> None:
        """Run a coroutine function that serves the program; what it does is waited for at the end."""
        self._relays.spawn(function(*args), "datagrams")

    async def opened_modem(self) -> ProcessModem:
        """Return the modem, opened again if it was lost.

        Raises:
            OSError: it cannot be opened.
        """
        async with self._is_opening:
            if not self._modem.is_open:
                logger.warning("%r: opening it again", self._modem)
                await self._modem.open()

            return self._modem

    # Waiting for what is done there

    async def done(self, work: Work[T], undo: Callable[[T], object] | None = None) -> T:
        """Have something done, and wait for it on this thread's loop.

        Args:
            work: what to do, in the modem's thread.
            undo: is called with the result if the caller has stopped waiting, in either thread.

        Raises:
            ModemClosed: as :meth:`submit` does.
        """
        future = self.submit(work, undo)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            future.add_done_callback(lambda late: _undo(late, undo))
            raise
        finally:
            # An exception refers to this frame, and must not be referred to by it.
            del future

    def wait_for(
        self,
        work: Work[T],
        timeout: float | None,
        undo: Callable[[T], object] | None = None,
    ) -> T:
        """Have something done, and block for it.

        Args:
            work: what to do, in the modem's thread.
            timeout: for how long, in seconds.
            undo: is called with the result if the caller has stopped waiting, in either thread.

        Raises:
            TimeoutError: it took too long.
            ModemClosed: as :meth:`submit` does.
        """
        future = self.submit(work, undo)
        try:
            return future.result(timeout)
        except BaseException as exc:
            is_late = isinstance(exc, TimeoutError) and not future.done()
            future.cancel()
            future.add_done_callback(lambda late: _undo(late, undo))
            if is_late:
                raise TimeoutError("timed out") from None

            raise
        finally:
            # An exception refers to this frame, and must not be referred to by it.
            del future

    # Sockets

    def opening(self, host: str, port: int, kind: int, **kwds: Any) -> Work[BridgedSocket]:
        """Return the work that opens a connection, and results in a socket of this machine that leads to it."""

        async def work(modem: ProcessModem) -> BridgedSocket:
            theirs, local, remote = await open_ends(modem, host, port, kind, **kwds)
            theirs.owner = DescriptorOwner(theirs)
            if kind == socket.SOCK_STREAM and local.is_held() is None:
                # Not on Linux: a program that has passed its descriptor on is taken for one that has closed.
                local.is_held = theirs.owner.is_open

            self._ends[local] = theirs.owner
            if (key := identity(theirs)) is not None:
                info = remote.transport.get_extra_info
                SocketNames(info("sockname"), info("peername")).set_for(key)

            self._relays.spawn(self._relay(local, remote), f"{remote.transport.get_extra_info('connect_id')}")
            if kind == socket.SOCK_STREAM:
                theirs.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)

            return theirs

        return work

    async def _relay(self, local: LocalStream, remote: Remote) -> None:
        try:
            await relay(local, remote)
        finally:
            del self._ends[local]


def _settle(
    task: "asyncio.Task[T]", future: "concurrent.futures.Future[T]", undo: Callable[[T], object] | None
) -> None:
    """Pass the outcome of a task on; nobody but ``undo`` takes a result that comes after a cancellation."""
    if task.cancelled():
        future.cancel()
    elif not future.set_running_or_notify_cancel():
        _undo(task, undo)
    elif (exc := task.exception()) is not None:
        future.set_exception(exc)
    else:
        future.set_result(task.result())


def _undo(late: "concurrent.futures.Future[T] | asyncio.Task[T]", undo: Callable[[T], object] | None) -> None:
    # That an exception was looked at is noted, also where there is nothing to undo.
    if not late.cancelled() and late.exception() is None and undo is not None:
        undo(late.result())
