"""Passing bytes on, both ways, between a program's socket and a connection of the module."""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import Any, Final, Protocol

from ..transports.stream_ends import DatagramEnd
from .local import LocalStream

logger = logging.getLogger("bc260y_aio")

# The most data that may wait in the transport, in bytes, before a program is held back: enough for full commands.
HIGH_WATER: Final = 4096


# How often to look whether a program that has ended its sending still has its socket, in seconds: from, and to.
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0
# How long a peer may take to acknowledge what such a program wrote, in seconds, before its silence counts.
_ACK_TIMEOUT: Final = 60.0


class Remote(Protocol):
    """The module's end.

    Attributes:
        transport: the module's transport.
    """

    transport: Any

    async def receive(self) -> bytes:
        """Return received data, ``b""`` at the end; raise OSError when the connection is lost."""

    async def send(self, data: bytes) -> None:
        """Send bytes, waiting while too many of them wait; raise OSError when they cannot be sent."""

    @property
    def received(self) -> int:
        """How many bytes have been received."""
        ...

    def close(self) -> None:
        """Send waiting data, and close."""

    def abort(self) -> None:
        """Close at once."""

    async def wait_closed(self) -> None:
        """Wait until the connection is over; raise OSError when not everything was acknowledged."""


class RemoteDatagrams:
    """The module's end of datagrams with one peer."""

    def __init__(self, end: DatagramEnd) -> None:
        """Take an end over."""
        self._end = end
        self.transport = end.transport
        self.close = end.close
        self.abort = end.abort
        self.wait_closed = end.wait_closed

    @property
    def received(self) -> int:
        """How many bytes have been received."""
        return self._end.received

    async def receive(self) -> bytes:
        """Return the next datagram that is not empty; ``b""`` at the end."""
        while (received := await self._end.receive()) is not None:
            if received[0]:
                return received[0]

        return b""

    async def send(self, data: bytes) -> None:
        """Send a datagram. One that cannot be sent is lost, as datagrams are."""
        try:
            await self._end.send(data)
        except (OSError, ValueError) as exc:
            if self._end.lost.is_set():
                raise

            logger.warning("%r: %d bytes from a program cannot be sent: %s", self._end.transport, len(data), exc)


async def relay(local: LocalStream, remote: Remote, *, linger: float | None = None) -> None:
    """Pass everything on, both ways, until either side ends; then close both.

    When a program closes its socket, everything it wrote is sent, and then the module's connection is closed. When it
    ends its sending only, the peer is not notified, for a module cannot; data of the peer is passed on until it
    closes. When the peer closes, the program receives everything, and then the end. When the connection is lost, and
    when this is cancelled, the program sees a reset.

    Args:
        local: the program's socket.
        remote: the module's end.
        linger: the connection of a program that has ended its sending is closed all the same when the peer has
            acknowledged everything, and then been silent for so long, in seconds; None for no such limit.
    """
    try:
        await _pass_on(local, remote, linger)
        local.end()
        remote.close()
        await remote.wait_closed()
    except (OSError, ValueError) as exc:
        logger.warning("a bridged connection was lost: %s", exc)
        remote.abort()
        local.reset()
    except BaseException:
        remote.abort()
        local.reset()
        raise
    else:
        await local.finish()


async def while_connected(client: LocalStream, work: Coroutine[Any, Any, object]) -> bool:
    """Do something while a client waits for it; return whether it was done, rather than the client gone."""
    task = asyncio.create_task(work, name="bc260y.bridge.connect")
    ahead = client.look_ahead()
    try:
        await asyncio.wait((task, ahead), return_when=asyncio.FIRST_COMPLETED)
        # A client that already sends more is watched no longer: that would be to read more than can be passed on. One
        # that has ended its sending is looked for, since it may still read.
        while not task.done() and (ahead.result() or client.look_for_program() is not False):
            await asyncio.wait((task,), timeout=None if ahead.result() else _LONGEST_PAUSE)
    finally:
        await _cancelled(task)

    # It may have come to its end all the same.
    if task.cancelled():
        return False

    task.result()
    return True


async def _pass_on(local: LocalStream, remote: Remote, linger: float | None) -> None:
    upload = asyncio.create_task(_upload(local, remote), name="bc260y.bridge.upload")
    download = asyncio.create_task(_download(local, remote), name="bc260y.bridge.download")
    try:
        ended, _ = await asyncio.wait((upload, download), return_when=asyncio.FIRST_COMPLETED)
        if download not in ended:
            upload.result()
            await _linger(local, remote, download, linger)
        else:
            download.result()
    finally:
        await _cancelled(upload, download)


async def _upload(local: LocalStream, remote: Remote) -> None:
    while data := await local.receive():
        await remote.send(data)


async def _download(local: LocalStream, remote: Remote) -> None:
    while data := await remote.receive():
        await local.send(data)

    await local.flushed()


async def _linger(local: LocalStream, remote: Remote, download: asyncio.Task[None], limit: float | None) -> None:
    """Go on passing on what the peer sends to a program that has ended its sending, for as long as it may read."""
    acked = asyncio.create_task(_acked(remote), name="bc260y.bridge.acked")
    clock, pause, received, since = asyncio.get_running_loop().time, _FIRST_PAUSE, -1, 0.0
    try:
        while local.look_for_program() is not False:
            if not acked.done() or remote.received != received:
                received, since = remote.received, clock()
            elif limit is not None and clock() - since >= limit:
                return

            if (await asyncio.wait((download,), timeout=pause))[0]:
                download.result()
                return

            pause = min(2 * pause, _LONGEST_PAUSE)
    finally:
        await _cancelled(acked)


async def _acked(remote: Remote) -> None:
    # An error is reported when the connection is closed.
    with contextlib.suppress(OSError):
        await remote.transport.wait_acked(_ACK_TIMEOUT)


async def _cancelled(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks, and wait until they have ended."""
    for task in tasks:
        task.cancel()

    await asyncio.gather(*tasks, return_exceptions=True)
