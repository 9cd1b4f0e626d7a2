"""UDP sockets of a program's own, connected or not, over a modem in another thread.

The program's socket stays unchanged. Its data for a peer goes to a socket on the loopback interface instead, one
for each peer, and the modem's thread passes it on; the peer's answers arrive from there. So blocking and non-blocking
calls, ``select`` and event loops work as always, and destinations on this machine too. The methods that return
addresses are replaced, and return the peers'.
"""

import asyncio
import errno
import logging
import os
import select
import socket
import threading
import weakref
from collections.abc import Callable
from typing import Any, Final

from ...bridge import DescriptorOwner
from ..destinations import literal
from .names import Identity, identity
from .thread import ModemThread, ProcessModem

logger = logging.getLogger("bc260y_aio")

Address = tuple[str, int]

# Every datagram of up to so many bytes can be sent, in whatever format (guide 2.2.5).
_ALWAYS_SENT: Final = 512
# How much is read at a time, in bytes: the largest datagram.
_READ_SIZE: Final = 65536
# How often to look whether a program has closed its socket without a call, in seconds.
_INTERVAL: Final = 1.0


class ProgramDatagrams:
    """The UDP sockets of a program that have sent to another machine."""

    def __init__(self, thread: ModemThread) -> None:
        """Take what has the modem."""
        self._thread = thread
        self._sockets: dict[Identity, _ProgramSocket] = {}
        self._ports: weakref.WeakKeyDictionary[socket.socket, int] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()
        thread.on_stop.append(self._wake_all)

    def check(self, data: Any) -> None:
        """Check that a datagram is short enough.

        Raises:
            OSError: EMSGSIZE, it is not.
        """
        view = memoryview(data)
        if view.nbytes > _ALWAYS_SENT:

            async def work(modem: ProcessModem) -> None:
                modem.check_datagram(bytes(view))

            self._thread.wait_for(work, None)

    def local_address(self, sock: socket.socket, peer: Address) -> Any:
        """Return the address on this machine that leads to a peer.

        Raises:
            OSError: EBADF, the socket is closed; or there are no more descriptors.
            ModemClosed: this is a child process, which has no modem.
        """
        with self._lock:
            key = identity(sock)
            if key is None:
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))

            program = self._sockets.get(key)
            if program is None:
                self._thread.check_process()
                program = _ProgramSocket(self._thread, sock, self._ports.get(sock, 0))
                self._sockets[key] = program
                self._thread.call(self._thread.spawn, program.serve, lambda: self._sockets.pop(key, None))

            return program.local_address(peer)

    def connect(self, sock: socket.socket, peer: Address) -> None:
        """Connect a socket to a peer.

        Raises:
            OSError: as :meth:`local_address` does.
        """
        sock.connect(self.local_address(sock, peer))

    def translated(self, sock: socket.socket, address: Any) -> Any:
        """Return the peer's address for that of its socket on this machine; any other address as it is."""
        key = identity(sock) if self._sockets else None
        program = self._sockets.get(key) if key is not None else None
        return address if program is None else program.peer_of(address)

    def bound(self, sock: socket.socket, address: Any) -> None:
        """Note the port that a program asked for, which may be any."""
        self._ports[sock] = address[1]

    def closed(self, key: Identity) -> None:
        """Note that a program has closed a socket, or one of its descriptors."""
        if (program := self._sockets.get(key)) is not None:
            program.wake()

    def _wake_all(self) -> None:
        for program in tuple(self._sockets.values()):
            program.wake()


class _ProgramSocket(asyncio.DatagramProtocol):
    """One UDP socket of a program, and the module's datagram endpoint for it."""

    def __init__(self, thread: ModemThread, sock: socket.socket, port: int) -> None:
        self._thread = thread
        self._family = sock.family
        self._owner = DescriptorOwner(sock)
        self._local_addr = ("", port) if port else None
        if sock.getsockname()[1] == 0:
            sock.bind(("", 0))

        host, self._port = sock.getsockname()[:2]
        loopback = "::1" if sock.family == socket.AF_INET6 else "127.0.0.1"
        bound = literal(host)
        self._host = host if bound is not None and bound.is_loopback else loopback
        self._relays: dict[Address, socket.socket] = {}
        self._peers: dict[Address, tuple[Any, ...]] = {}
        self._transport: Any = None
        self._stirred = asyncio.Event()
        self._lost: asyncio.Event = asyncio.Event()

    # In the program's thread

    def local_address(self, peer: Address) -> Any:
        relay = self._relays.get(peer)
        if relay is None:
            self._thread.check_process()
            relay = socket.socket(self._family, socket.SOCK_DGRAM)
            try:
                relay.setblocking(False)
                relay.bind((self._host, 0))
                # Datagrams of other programs on this machine are not the peer's.
                relay.connect((self._host, self._port))
            except BaseException:
                relay.close()
                raise

            address = relay.getsockname()
            self._peers[address[:2]] = (*peer, *address[2:])
            self._relays[peer] = relay
            self._thread.call(self._watch, relay, peer)

        return relay.getsockname()

    def peer_of(self, address: Any) -> Any:
        return self._peers.get(address[:2], address) if isinstance(address, tuple) else address

    def wake(self) -> None:
        self._thread.call(self._stirred.set)

    # In the modem's thread

    async def serve(self, forget: Callable[[], object]) -> None:
        """Serve until the program has closed its socket, or the thread is stopped."""
        try:
            while self._owner.is_open() and not self._thread.is_stopping:
                self._stirred.clear()
                await self._open()
                try:
                    async with asyncio.timeout(_INTERVAL):
                        await self._stirred.wait()
                except TimeoutError:
                    continue
        finally:
            forget()
            await self._finish()

    async def _open(self) -> None:
        if self._transport is not None or not any(_is_readable(relay) for relay in self._relays.values()):
            return

        try:
            modem = await self._thread.opened_modem()
            self._lost.clear()
            await modem.create_datagram_endpoint(lambda: self, self._local_addr)
        except OSError as exc:
            logger.warning("a UDP socket of the program cannot be opened over the modem: %s", exc)
            return

        for peer, relay in tuple(self._relays.items()):
            self._watch(relay, peer)

    async def _finish(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            # Data that the program sent before it closed its socket.
            await self._open()
            for peer, relay in self._relays.items():
                loop.remove_reader(relay)
                self._from_program(relay, peer)

            if self._transport is not None:
                self._transport.close()
                await self._lost.wait()
        finally:
            if self._transport is not None:
                self._transport.abort()

            for relay in self._relays.values():
                loop.remove_reader(relay)
                relay.close()

    def _watch(self, relay: socket.socket, peer: Address) -> None:
        if relay.fileno() < 0:
            return

        loop = asyncio.get_running_loop()
        if self._transport is None:
            # The data may come later than this call; it opens the module's socket when it is there.
            loop.add_reader(relay, self._stir, relay)
        else:
            loop.add_reader(relay, self._from_program, relay, peer)
            self._from_program(relay, peer)

    def _stir(self, relay: socket.socket) -> None:
        asyncio.get_running_loop().remove_reader(relay)
        self._stirred.set()

    def _from_program(self, relay: socket.socket, peer: Address) -> None:
        while self._transport is not None:
            try:
                data = relay.recv(_READ_SIZE)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                # The program has closed its socket.
                self._stirred.set()
                return

            try:
                self._transport.sendto(data, peer)
            except (OSError, ValueError) as exc:
                self.error_received(exc)

    # Callbacks of the module's transport

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        relay = self._relays.get(addr[:2])
        if relay is None or relay.fileno() < 0:
            return

        try:
            relay.send(data)
        except OSError as exc:
            logger.debug("a datagram from %s:%d was dropped: %s", *addr[:2], exc)
            # Most likely the program has closed its socket.
            self._stirred.set()

    def error_received(self, exc: Exception) -> None:
        logger.warning("a datagram of the program was not sent: %s", exc)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._lost.set()
        for peer, relay in tuple(self._relays.items()):
            self._watch(relay, peer)


def _is_readable(sock: socket.socket) -> bool:
    return sock.fileno() >= 0 and bool(select.select([sock], [], [], 0)[0])
