"""A UDP socket of a modem in another thread, as a datagram transport of this one's loop."""

import asyncio
import contextlib
import contextvars
from collections import deque
from collections.abc import Callable
from typing import Any

from ...sockets.rai import RAI, effective
from ...transports import Buffer, FlowControl, checked_buffer


class RelayedDatagramProtocol(asyncio.DatagramProtocol):
    """The protocol in the modem's thread; it passes on what it receives.

    Attributes:
        transport: the module's transport, which is that thread's.
        can_be_paused: whether it lets received datagrams wait; one without a peer does not.
    """

    transport: Any
    can_be_paused = False

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._local: RelayedDatagrams | None = None
        self._lost: tuple[Exception | None] | None = None
        self._is_paused = False
        # The size of what the module's transport has, and the program has not been told of.
        self._untold = 0

    # In the modem's thread

    def connection_made(self, transport: Any) -> None:
        """Take the transport, and let received datagrams wait in it."""
        self.transport = transport
        self.can_be_paused = hasattr(transport, "pause_reading")
        self._pause_reading()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Pass a datagram on."""
        self._pass("received", data, addr)

    def error_received(self, exc: Exception) -> None:
        """Pass an error on."""
        self._pass("failed", exc)

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass the end on."""
        self._lost = (exc,)
        self._pass("lost", exc)

    def pause_writing(self) -> None:
        """Let the program's transport take what is sent from now on for what waits."""
        self._is_paused = True

    def resume_writing(self) -> None:
        """Tell the program's transport what has been taken meanwhile."""
        self._is_paused = False
        self._tell_taken()

    def _tell_taken(self) -> None:
        if self._untold and not self._is_paused:
            size, self._untold = self._untold, 0
            self._pass("taken", size)

    def _pass(self, what: str, *args: Any) -> None:
        if self._local is not None and not self._local.pass_on(what, *args):
            # The program's loop is closed.
            self.transport.abort()

    def _join(self, local: "RelayedDatagrams") -> None:
        self._local = local
        if self._lost is not None:
            self._pass("lost", *self._lost)
        elif local.is_reading():
            self._resume_reading()

    def _pause_reading(self) -> None:
        if self.can_be_paused:
            self.transport.pause_reading()

    def _resume_reading(self) -> None:
        if self.can_be_paused:
            self.transport.resume_reading()

    def _send(self, data: bytes, addr: Any, rai: RAI) -> None:
        try:
            self.transport.sendto(data, addr, rai=rai)
        except (OSError, TypeError, ValueError) as exc:
            self._pass("failed", exc)

        self._untold += len(data)
        self._tell_taken()

    # In the program's thread

    def join(self, local: "RelayedDatagrams") -> None:
        """Begin to pass things on."""
        self._call(self._join, local)

    def send(self, data: bytes, addr: Any, rai: RAI) -> None:
        """Send a datagram."""
        self._call(self._send, data, addr, rai)

    def pause_reading(self) -> None:
        """Let what is received wait."""
        self._call(self._pause_reading)

    def resume_reading(self) -> None:
        """Pass on what has waited."""
        self._call(self._resume_reading)

    def close(self) -> None:
        """Send the data that waits, and close."""
        self._call(self.transport.close)

    def abort(self) -> None:
        """Close at once."""
        self._call(self.transport.abort)

    def _call(self, function: Callable[..., object], *args: Any) -> None:
        # After the modem's end there is nothing left to do.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *args)


class RelayedDatagrams(FlowControl, asyncio.DatagramTransport):
    """A UDP socket of a modem in another thread, as an asyncio datagram transport.

    An error of a datagram, such as its size or its address, is reported to ``error_received``.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        protocol: asyncio.BaseProtocol,
        remote: RelayedDatagramProtocol,
        on_lost: Callable[["RelayedDatagrams"], None],
    ) -> None:
        """Make a transport, and introduce it to its protocol; ``on_lost`` is called at the end."""
        super().__init__()
        self._loop = loop
        self._protocol: Any = protocol
        self._remote = remote
        self._on_lost = on_lost
        self._context = contextvars.copy_context()
        self._size = 0
        self._is_reading = True
        self._waiting: deque[tuple[bytes, Any]] = deque()
        self._is_closing = False
        self._is_lost = False
        loop.call_soon(self._begin, context=self._context)

    def __repr__(self) -> str:
        state = " closed" if self._is_lost else " closing" if self._is_closing else ""
        return f"<{type(self).__name__} of {self._remote.transport!r}{state}>"

    def _begin(self) -> None:
        self._protocol.connection_made(self)
        self._remote.join(self)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return ``peername``, ``sockname`` or ``socket``."""
        return default if name == "modem" else self._remote.transport.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Set the protocol."""
        self._protocol = protocol

    def get_protocol(self) -> Any:
        """Return the protocol."""
        return self._protocol

    # Receiving

    def is_reading(self) -> bool:
        """Return whether datagrams are delivered as they come."""
        return self._is_reading and not self._is_closing

    def pause_reading(self) -> None:
        """Deliver nothing until :meth:`resume_reading`; a socket without a peer goes on."""
        if self.is_reading() and self._remote.can_be_paused:
            self._is_reading = False
            self._remote.pause_reading()

    def resume_reading(self) -> None:
        """Deliver what has waited, and what comes."""
        if not self._is_reading and not self._is_closing:
            self._is_reading = True
            self._loop.call_soon(self._deliver, context=self._context)
            self._remote.resume_reading()

    def take_waiting(self) -> list[bytes]:
        """Return what waits in this thread, and deliver it no more."""
        waiting = [data for data, _ in self._waiting]
        self._waiting.clear()
        return waiting

    def _deliver(self) -> None:
        while self._waiting and self.is_reading():
            self._notify("datagram_received", *self._waiting.popleft())

    # Sending

    def get_write_buffer_size(self) -> int:
        """Return how many bytes are on their way to the modem's thread, or wait there since it has paused writing."""
        return self._size

    def sendto(self, data: Buffer, addr: Any = None, *, rai: RAI | None = None) -> None:
        """Send a datagram.

        Args:
            data: the bytes.
            addr: the peer.
            rai: the release assistance indication; that of :func:`bc260y_aio.rai` by default.

        Raises:
            TypeError: the data is not bytes-like.
        """
        piece = bytes(checked_buffer(data))
        if not self._is_closing:
            self._size += len(piece)
            self._remote.send(piece, addr, effective(rai))
            self._maybe_pause()

    # Closing

    def is_closing(self) -> bool:
        """Return whether the transport is closing or closed."""
        return self._is_closing

    def close(self) -> None:
        """Send the data that waits, and close."""
        if not self._is_closing:
            self._is_closing = True
            self._remote.close()

    def abort(self) -> None:
        """Close at once."""
        self._is_closing = True
        self._remote.abort()

    # From the modem's thread

    def pass_on(self, what: str, *args: Any) -> bool:
        """Call a method in the program's thread; return whether its loop still exists."""
        try:
            self._loop.call_soon_threadsafe(getattr(self, f"_{what}"), *args, context=self._context)
        except RuntimeError:
            return False

        return True

    def _received(self, data: bytes, addr: Any) -> None:
        if not self._is_closing:
            self._waiting.append((data, addr))
            self._deliver()

    def _failed(self, exc: Exception) -> None:
        if not self._is_lost:
            self._protocol.error_received(exc)

    def _taken(self, size: int) -> None:
        self._size -= size
        if not self._is_lost:
            self._maybe_resume()

    def _lost(self, exc: Exception | None) -> None:
        if not self._is_lost:
            self._is_closing = self._is_lost = True
            self._on_lost(self)
            self._protocol.connection_lost(exc)
