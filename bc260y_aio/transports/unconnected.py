"""UDP to many peers: a datagram transport with a connectID for each of them."""

import asyncio
import contextlib
import contextvars
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Final

from ..errors import ConnectionLost
from ..line.inbox import Inbox
from ..sockets.addresses import Address, host_name, port_number
from ..sockets.module_socket import ModuleSocket
from ..sockets.outbox import DatagramOutbox
from ..sockets.rai import RAI, effective
from ..sockets.tasks import TaskSet
from ..usage import ConnectionUsage
from .buffers import Buffer, checked_buffer
from .flow import FlowControl
from .socket_facade import SocketFacade

# A peer that was sent to keeps its connectID at least so long, in seconds, so that it can answer.
_REPLY_GRACE: Final = 3.0
# How often a sender that wants a connectID checks whether one became free, in seconds.
_LOOK_INTERVAL: Final = 0.5


class _Peer:
    """One peer: its outbox, and its socket while it has one."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.outbox = DatagramOutbox()
        self.socket: ModuleSocket | None = None
        self.sender: asyncio.Task[None] | None = None
        self.is_opening = False
        self.unanswered = 0

    @property
    def is_idle(self) -> bool:
        return self.sender is None

    def quiet_from(self) -> float:
        """Return the time, by the loop's clock, from which on its socket may be recycled."""
        assert self.socket is not None
        return self.socket.sent_at + (_REPLY_GRACE if self.unanswered else 0.0)


class UnconnectedDatagramTransport(FlowControl, asyncio.DatagramTransport):
    """A UDP socket for many peers, as an asyncio datagram transport.

    Unlike a kernel socket, it has no port of its own: the module talks UDP to one peer a socket. So each peer gets a
    connectID when it is first sent to, and keeps it while there are enough. When none is free, the connectID
    of the peer that has been quiet longest is recycled, once nothing waits to be sent to it and it has answered, or
    has had three seconds for that; what it sends later is lost. Datagrams come only from peers that were sent to.
    A datagram of more than 1024 bytes arrives as several, for the module splits it (guide 2.3, note 4) and does
    not mark the parts.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        protocol: asyncio.BaseProtocol,
        *,
        open_socket: Callable[[Address], Awaitable[ModuleSocket]],
        has_free: Callable[[], bool],
        check: Callable[[Buffer], None],
        tasks: TaskSet,
        shared_inbox: Inbox,
        on_lost: Callable[[], None],
        extra: dict[str, Any],
    ) -> None:
        """Make a transport that has no peers yet.

        Args:
            loop: the running loop.
            protocol: the protocol.
            open_socket: opens a UDP socket to a peer, waiting for a free connectID.
            has_free: returns whether a connectID is free.
            check: raises for a datagram that cannot be sent.
            tasks: where its tasks go.
            shared_inbox: an inbox that ends when the module restarts or the port is lost.
            on_lost: is called at the end.
            extra: the values of ``get_extra_info``.
        """
        super().__init__()
        self._loop = loop
        self._protocol: Any = protocol
        self._open_socket = open_socket
        self._has_free = has_free
        self._changed = asyncio.Event()
        self._check = check
        self._tasks = tasks
        self._shared_inbox = shared_inbox
        shared_inbox.on_arrival = self._shared_inbox_ended
        self._on_lost = on_lost
        self._facade = SocketFacade(shared_inbox, service_type="UDP", sockname=extra["sockname"], peername=None)
        self._extra = {**extra, "socket": self._facade}
        self._context = contextvars.copy_context()
        self._closing = False
        self._lost = False
        # The peer that has been quiet longest comes first.
        self._peers: OrderedDict[Address, _Peer] = OrderedDict()
        loop.call_soon(protocol.connection_made, self, context=self._context)

    def __repr__(self) -> str:
        state = " closed" if self._lost else " closing" if self._closing else ""
        held = ",".join(str(peer.socket.connect_id) for peer in self._peers.values() if peer.socket is not None)
        return f"<{type(self).__name__} connectIDs={held or None} peers={len(self._peers)}{state}>"

    # About it

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return ``sockname``, ``socket``, ``modem`` or ``usage``."""
        return self.usage if name == "usage" else self._extra.get(name, default)

    @property
    def usage(self) -> tuple[ConnectionUsage, ...]:
        """What the sockets of the peers have cost that have one now; :meth:`bc260y_aio.Modem.usage` has all."""
        sockets = [peer.socket for peer in self._peers.values() if peer.socket is not None]
        return tuple(map(self._extra["ledger"].connection, sockets))

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Set the protocol."""
        self._protocol = protocol

    def get_protocol(self) -> Any:
        """Return the protocol."""
        return self._protocol

    def is_closing(self) -> bool:
        """Return whether the transport is closing or closed."""
        return self._closing

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait to be taken by the module, for all peers."""
        return sum(len(peer.outbox) for peer in self._peers.values())

    # Sending

    def sendto(self, data: Buffer, addr: Any = None, *, rai: RAI | None = None) -> None:
        """Send a datagram to a peer.

        As with asyncio, ``error_received`` gets what is wrong with a datagram, such as EMSGSIZE for one that is too
        long, and an address of the wrong types ends the transport with that TypeError.

        Args:
            data: the bytes: up to 512 with hex, up to 1024 with text.
            addr: the peer's name or address, and its port.
            rai: its release assistance indication; that of :func:`bc260y_aio.rai` by default.

        Raises:
            TypeError: the data is not bytes-like.
            ValueError: there is no address; or the modem sends text only, and this is not text.
        """
        checked_buffer(data)
        if addr is None:
            raise ValueError("an address is needed: the socket is not connected")

        if self._closing:
            return

        try:
            self._check(data)
        except OSError as exc:
            self._notify("error_received", exc)
            return

        if not data:
            return

        try:
            host, port = addr[:2]
            host_name(host)
            port_number(port, "UDP")
        except (OSError, ValueError) as exc:
            self._notify("error_received", exc)
            return
        except TypeError as exc:
            self._fatal_error(exc)
            return

        address = (host, port)
        peer = self._peers.setdefault(address, _Peer(address))
        self._peers.move_to_end(address)
        peer.outbox.put(data, effective(rai))
        if peer.sender is None:
            peer.sender = self._tasks.spawn(self._send(peer), f"{host}:{port}.sender")

        self._maybe_pause()

    async def _send(self, peer: _Peer) -> None:
        try:
            while peer.outbox:
                try:
                    await self._send_next(peer)
                except Exception as exc:
                    peer.outbox.drop(1)
                    if not self._lost:
                        self._context.run(self._notify, "error_received", exc)

                    if isinstance(exc, ConnectionLost):
                        await self._release_socket(peer)

                self._context.run(self._maybe_resume)
        finally:
            peer.sender = None
            self._changed.set()
            if peer.socket is None and self._peers.get(peer.address) is peer:
                del self._peers[peer.address]

        if self._closing:
            self._finish_if_sent()

    async def _send_next(self, peer: _Peer) -> None:
        if peer.socket is None:
            await self._free_connect_id()
            peer.is_opening = True
            try:
                peer.socket = await self._open_socket(peer.address)
            finally:
                peer.is_opening = False

            peer.socket.inbox.on_arrival = lambda: self._schedule_delivery(peer)
            self._schedule_delivery(peer)

        peer.unanswered += 1
        await peer.socket.send_next(peer.outbox)

    async def _release_socket(self, peer: _Peer) -> None:
        """Close the socket, so that the next datagram opens another."""
        socket, peer.socket = peer.socket, None
        if socket is not None:
            socket.inbox.on_arrival = None
            await asyncio.shield(socket.close())

    async def _free_connect_id(self) -> None:
        """If no connectID is free, recycle that of the peer that has been quiet longest, once that is possible."""
        while not self._has_free():
            holders = [peer for peer in self._peers.values() if peer.socket is not None]
            if not holders and not any(peer.is_opening for peer in self._peers.values()):
                return

            now = self._loop.time()
            for peer in holders:
                if peer.is_idle and peer.quiet_from() <= now:
                    await self._recycle(peer)
                    return

            self._changed.clear()
            soonest = min((peer.quiet_from() - now for peer in holders if peer.is_idle), default=_LOOK_INTERVAL)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(soonest, _LOOK_INTERVAL)):
                    await self._changed.wait()

    async def _recycle(self, peer: _Peer) -> None:
        assert peer.socket is not None
        del self._peers[peer.address]
        peer.socket.inbox.on_arrival = None
        await asyncio.shield(peer.socket.close())

    # Receiving

    def _schedule_delivery(self, peer: _Peer) -> None:
        self._loop.call_soon(self._deliver, peer, context=self._context)

    def _deliver(self, peer: _Peer) -> None:
        socket = peer.socket
        if socket is None or self._closing:
            return

        while socket.inbox and not self._closing:
            if self._peers.get(peer.address) is peer:
                self._peers.move_to_end(peer.address)

            peer.unanswered = max(peer.unanswered - 1, 0)
            self._changed.set()
            self._notify("datagram_received", socket.inbox.take(), peer.address)

    def _shared_inbox_ended(self) -> None:
        if self._shared_inbox.error is not None:
            self._force_close(self._shared_inbox.error)

    # Closing

    def close(self) -> None:
        """Send the data that waits, and close."""
        if not self._closing:
            self._closing = True
            self._finish_if_sent()

    def abort(self) -> None:
        """Close at once, and discard the data that waits."""
        self._force_close(None)

    def _finish_if_sent(self) -> None:
        if not self._lost and all(peer.is_idle for peer in self._peers.values()):
            self._lost = True
            self._tasks.spawn(self._finish(), "unconnected.finish")

    async def _finish(self) -> None:
        try:
            for peer in self._peers.values():
                if peer.socket is not None:
                    await asyncio.shield(peer.socket.close())
        finally:
            self._loop.call_soon(self._call_connection_lost, None, context=self._context)

    def _fatal_error(self, exc: BaseException) -> None:
        self._loop.call_exception_handler(
            {
                "message": "Fatal write error on datagram transport",
                "exception": exc,
                "transport": self,
                "protocol": self._protocol,
            }
        )
        self._force_close(exc)

    def _force_close(self, exc: BaseException | None) -> None:
        if self._lost:
            return

        self._closing = self._lost = True
        for peer in self._peers.values():
            peer.outbox.clear()
            if peer.sender is not None:
                peer.sender.cancel()

            if peer.socket is not None:
                peer.socket.close()

        self._loop.call_soon(self._call_connection_lost, exc, context=self._context)

    def _call_connection_lost(self, exc: BaseException | None) -> None:
        protocol, self._protocol = self._protocol, None
        self._shared_inbox.on_arrival = None
        self._on_lost()
        self._peers.clear()
        try:
            if protocol is not None:
                protocol.connection_lost(exc)
        finally:
            self._facade.close()
