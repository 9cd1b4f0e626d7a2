"""A process whose sockets go over a modem, as ``bc260y-aio run`` has it: this one, for the length of a block.

Code in such a block is a program; it may block, for the modem and the network are in the modem's thread.
"""

import asyncio
import contextlib
import itertools
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, Final, TypeVar

from bc260y_aio import Modem, SocketInfo
from bc260y_aio.emulator import Emulator, Peer
from bc260y_aio.routing import loops, new_loops, socket_calls
from bc260y_aio.routing.process import ModemThread, policy, route_process

T = TypeVar("T")

# How long anything that a program waits for may take, in seconds.
PATIENCE: Final = 10.0

_MISSING: Final = object()


class OwnModem:
    """A modem that brings its module along. Both live on the modem's loop.

    Attributes:
        emulator: the module.
        modem: the modem; known once it has been opened.
        opened: how often it has been opened.
    """

    name = "own"
    modem: Modem

    def __init__(self, emulator: Emulator, **options: Any) -> None:
        self.emulator = emulator
        self.opened = 0
        self._options = {"close_timeout": 2.0, "nvram_gap": 0.0} | options

    def __getattr__(self, name: str) -> Any:
        return getattr(self.modem, name)

    async def open(self) -> None:
        """Open the modem, on a module that is switched on first."""
        self.opened += 1
        if self.opened == 1:
            await self.emulator.start()
            self.modem = Modem(self.emulator.url, **self._options)

        await self.modem.open()

    async def close(self) -> None:
        """Close the modem, and switch the module off."""
        await self.modem.close()
        await self.emulator.close()


class RoutedProcess:
    """What tests need of a process that is routed.

    Attributes:
        thread: the modem's thread.
        own: the modem.
        emulator: its module.
        addresses: the address of each host, by its name.
    """

    def __init__(self, peers: Mapping[str, Peer], emulation: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        self.emulator = Emulator(line="memory", names=False, **emulation)
        self.addresses = {name: self.emulator.network.add_host(name, peer) for name, peer in peers.items()}
        self.own = OwnModem(self.emulator, **options)
        self.thread = ModemThread(self.own)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run something on the modem's loop, whether or not the modem is open."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.thread._loop).result(PATIENCE)

    def sockets(self) -> list[SocketInfo]:
        """Return the module's sockets."""
        return self.run(self.own.modem.sockets())

    async def lose(self) -> None:
        """Take the line away, and wait until the modem has noticed; it runs on the modem's loop."""
        self.emulator.hang_up()
        await until(lambda: not self.own.is_open)

    def wait_free(self) -> None:
        """Wait until the module has no socket left."""

        async def free() -> None:
            while await self.own.modem.sockets():
                pass

        self.run(free())


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread is about to do."""
    async with asyncio.timeout(PATIENCE):
        for _ in itertools.count():
            if condition():
                return

            await asyncio.sleep(0.001)


@contextlib.contextmanager
def routed_process(
    peers: Mapping[str, Peer], *, data_format: str = "hex", flush_timeout: float = PATIENCE, **emulation: Any
) -> Iterator[RoutedProcess]:
    """Route this process over a modem whose network has these hosts."""
    process = RoutedProcess(peers, emulation, {"data_format": data_format})
    process.thread.start()
    try:
        with _undone():
            route_process(process.thread)
            yield process
    finally:
        process.thread.stop(flush_timeout)


@contextlib.contextmanager
def _undone() -> Iterator[None]:
    """Take back at the end what otherwise lasts as long as the process."""
    policies, count = list(socket_calls._policies), loops._exclusive._count
    with contextlib.ExitStack() as stack:
        for owner, name in (
            *((socket.socket, name) for name in policy._REPLACEMENTS),
            *((loop_class, "__init__") for loop_class in new_loops._loop_classes()),
            *((ssl.SSLContext, name) for name in ("sslsocket_class", "wrap_socket")),
        ):
            stack.callback(_put_back, owner, name, vars(owner).get(name, _MISSING))

        try:
            yield
        finally:
            # The loops of the block are routed as long as they live.
            while loops._exclusive._count > count:
                loops._exclusive.end()

            for one in [one for one in socket_calls._policies if one not in policies]:
                socket_calls.uninstall(one)


def _put_back(owner: Any, name: str, value: Any) -> None:
    if value is not _MISSING:
        setattr(owner, name, value)
    elif name in vars(owner):
        delattr(owner, name)
