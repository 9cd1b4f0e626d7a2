"""The module's sockets as anyio's."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

import anyio
from anyio.abc import ConnectedUDPSocket, SocketAttribute, SocketStream, UDPSocket
from anyio.lowlevel import checkpoint

from ..transports.stream_ends import DatagramEnd, StreamEnd

E = TypeVar("E", StreamEnd, DatagramEnd)


class ModemAttribute(anyio.TypedAttributeSet):
    """Typed attributes of the module's socket under a stream, through TLS too."""

    #: the asyncio transport, for what anyio has no word for: ``stream.extra(ModemAttribute.transport).wait_acked(60)``
    transport: Any = anyio.typed_attribute()
    #: the connectID; not of an unconnected UDP socket, which has one for each peer
    connect_id: int = anyio.typed_attribute()


class _ModemSocket(Generic[E]):
    """Code that streams and UDP sockets share."""

    def __init__(self, end: E) -> None:
        self._end: E = end
        self._is_closed = False
        self._receive_guard = anyio.ResourceGuard("reading from")
        self._send_guard = anyio.ResourceGuard("writing to")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._end.transport!r}>"

    async def aclose(self) -> None:
        """Close the socket, once the module has sent, and the peer acknowledged, what was given to it.

        In a cancelled scope, and where this is cancelled, it is closed at once.

        Raises:
            anyio.BrokenResourceError: not everything was sent and acknowledged in time.
        """
        reports = not self._is_closed and not self._end.lost.is_set()
        self._is_closed = True
        self._end.close()
        try:
            await checkpoint()
            await self._end.lost.wait()
        except BaseException:
            self._end.abort()
            raise

        if reports and self._end.error is not None:
            raise anyio.BrokenResourceError from self._end.error

    @contextmanager
    def _guarded(self, guard: anyio.ResourceGuard) -> Iterator[None]:
        """Let one task in at a time, and raise what anyio raises."""
        with guard:
            if self._is_closed:
                raise anyio.ClosedResourceError

            try:
                yield
            except OSError as exc:
                if self._is_closed:
                    raise anyio.ClosedResourceError from None

                if not (self._end.lost.is_set() or self._end.transport.is_closing()):
                    raise

                raise anyio.BrokenResourceError from exc

    # About it

    @property
    def _raw_socket(self) -> Any:
        return self._end.transport.get_extra_info("socket")

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        """The typed attributes: anyio's :class:`~anyio.abc.SocketAttribute` and :class:`ModemAttribute`."""
        info = self._end.transport.get_extra_info
        sockname, peername = info("sockname"), info("peername")
        attributes: dict[Any, Callable[[], Any]] = {
            ModemAttribute.transport: lambda: self._end.transport,
            SocketAttribute.family: lambda: self._raw_socket.family,
            SocketAttribute.local_address: lambda: sockname[:2],
            SocketAttribute.local_port: lambda: sockname[1],
            SocketAttribute.raw_socket: lambda: self._raw_socket,
        }
        if peername is not None:
            attributes[SocketAttribute.remote_address] = lambda: peername[:2]
            attributes[SocketAttribute.remote_port] = lambda: peername[1]
            attributes[ModemAttribute.connect_id] = lambda: info("connect_id")

        return attributes


class ModemSocketStream(_ModemSocket[StreamEnd], SocketStream):
    """A TCP connection of the module as an anyio byte stream."""

    _rest = b""

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """Receive at most so many bytes.

        Raises:
            anyio.EndOfStream: the peer has closed.
            anyio.ClosedResourceError: the stream is closed.
            anyio.BrokenResourceError: the connection was lost; its cause is the reason.
            anyio.BusyResourceError: another task is receiving.
            ValueError: ``max_bytes`` is less than 1.
        """
        if max_bytes < 1:
            raise ValueError("max_bytes must be a positive integer")

        with self._guarded(self._receive_guard):
            await checkpoint()
            data = self._rest or await self._end.receive()
            if self._is_closed:
                raise anyio.ClosedResourceError

            if not data:
                raise anyio.EndOfStream

            self._rest = data[max_bytes:]
            return data[:max_bytes]

    async def send(self, item: bytes) -> None:
        """Send bytes, and wait until the module has taken them. Of a send that is cancelled, any part may go out.

        Raises:
            anyio.ClosedResourceError: the stream is closed.
            anyio.BrokenResourceError: the connection was lost; its cause is the reason.
            anyio.BusyResourceError: another task is sending.
            ValueError: the modem sends text only, and this is not text.
        """
        with self._guarded(self._send_guard):
            await checkpoint()
            await self._end.send(item)

    async def send_eof(self) -> None:
        """Refuse.

        Raises:
            NotImplementedError: always: a module cannot close one direction only.
        """
        raise NotImplementedError("a module's connection cannot be closed in one direction only")


class ModemConnectedUDPSocket(_ModemSocket[DatagramEnd], ConnectedUDPSocket):
    """A UDP socket of the module, connected to one peer, as anyio's."""

    async def receive(self) -> bytes:
        """Receive a datagram.

        Raises:
            anyio.ClosedResourceError: the socket is closed.
            anyio.BrokenResourceError: it was lost; its cause is the reason.
            anyio.BusyResourceError: another task is receiving.
        """
        return (await _receive_datagram(self))[0]

    async def send(self, item: bytes) -> None:
        """Send a datagram, and wait until the module has taken it.

        Raises:
            OSError: this one could not be sent; the socket stays good. EMSGSIZE when it is too long.
            anyio.ClosedResourceError: the socket is closed.
            anyio.BrokenResourceError: it was lost; its cause is the reason.
            anyio.BusyResourceError: another task is sending.
        """
        with self._guarded(self._send_guard):
            await checkpoint()
            await self._end.send(item)


class ModemUDPSocket(_ModemSocket[DatagramEnd], UDPSocket):
    """A UDP socket of the module for many peers, as anyio's."""

    async def receive(self) -> tuple[bytes, tuple[str, int]]:
        """Receive a datagram and the address that it was sent from; raises what a connected one raises."""
        return await _receive_datagram(self)

    async def send(self, item: tuple[bytes, tuple[str, int]]) -> None:
        """Send a datagram to an address; raises what a connected one raises."""
        with self._guarded(self._send_guard):
            await checkpoint()
            await self._end.send(*item)


async def _receive_datagram(sock: _ModemSocket[DatagramEnd]) -> tuple[bytes, tuple[str, int]]:
    with sock._guarded(sock._receive_guard):
        await checkpoint()
        received = await sock._end.receive()
        if sock._is_closed or received is None:
            raise anyio.ClosedResourceError

        return received[0], received[1][:2]
