"""The setting of the tests of clients: a routed modem, real servers in threads, a record of all socket calls."""

import asyncio
import concurrent.futures
import contextlib
import functools
import gc
import socket
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Final, TypeVar

import bc260y_aio
from bc260y_aio import Modem
from bc260y_aio.emulator import Emulator, Network

T = TypeVar("T")

# Any name will do: the emulator's names all lead to this machine.
HOST: Final = "peer.example"

# How long a server may take to start or to stop, in seconds.
_PATIENCE: Final = 20.0

_PACKAGE: Final = str(Path(bc260y_aio.__file__).parent)


# A modem, and clients on it


class Stage:
    """A modem on an emulated module.

    Attributes:
        emulator: the module.
        modem: the modem.
    """

    def __init__(self, emulator: Emulator, modem: Modem) -> None:
        self.emulator = emulator
        self.modem = modem

    @property
    def opened(self) -> int:
        """How many sockets the module was asked to open so far."""
        return self.emulator.module.commands["+QIOPEN"]

    @property
    def in_use(self) -> int:
        """How many sockets the module has now."""
        return len(self.emulator.module.sockets)

    @contextlib.asynccontextmanager
    async def routed(self, doors: Collection[int] = ()) -> AsyncIterator[None]:
        """Route what a client does over the modem: it opens sockets of the module, no others, and leaves none open.

        Args:
            doors: the ports of this machine that lead to the modem, too.
        """
        before = self.opened
        with _witnessed(doors) as seen, self.modem.route(exclusive=True):
            yield

        # A client that forgets to close says so when it is collected: a warning, and so a failure.
        gc.collect()
        assert not seen, seen
        assert self.opened > before
        async with asyncio.timeout(10):
            while await self.modem.sockets():
                pass


@contextlib.asynccontextmanager
async def on_stage(
    network: Network | None = None, *, modem: type[Modem] = Modem, **emulation: Any
) -> AsyncIterator[Stage]:
    """Open a modem on an emulator with these options."""
    # The collections after each client then skip the objects that exist already.
    gc.freeze()
    try:
        async with (
            Emulator(network=network, line="memory", **emulation) as emulator,
            modem(emulator.url, close_timeout=2.0, nvram_gap=0.0) as opened,
        ):
            yield Stage(emulator, opened)
    finally:
        gc.unfreeze()


async def play_twice(client: Callable[[], Awaitable[None]], **emulation: Any) -> None:
    """Run a client twice over one modem, with a route of its own each time."""
    async with on_stage(**emulation) as stage:
        for _ in range(2):
            async with stage.routed():
                await client()


# Servers


@contextlib.asynccontextmanager
async def elsewhere(server: AbstractAsyncContextManager[T]) -> AsyncIterator[T]:
    """Run a server in another thread, on a loop of asyncio's own, outside of every route; give what it gives."""
    started: concurrent.futures.Future[tuple[T, Callable[[], object]]] = concurrent.futures.Future()

    async def serve() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        async with server as value:
            started.set_result((value, lambda: loop.call_soon_threadsafe(stop.set)))
            await stop.wait()

    def run() -> None:
        try:
            with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
                runner.run(serve())
        except BaseException as exc:
            if started.done():
                raise

            started.set_exception(exc)

    thread = threading.Thread(target=run, name="server")
    with _unwatched(thread):
        # In a thread, so that a virtual clock does not pass while the server starts.
        value, stop = await asyncio.to_thread(started.result, _PATIENCE)
        try:
            yield value
        finally:
            stop()
            await asyncio.to_thread(thread.join, _PATIENCE)
            assert not thread.is_alive()


def listening() -> socket.socket:
    """Make a socket that listens on the loopback interface, on a port that is free."""
    return socket.create_server(("127.0.0.1", 0))


def port_of(sock: Any) -> int:
    """Tell the port of a socket, or of a server that has one."""
    port: int = (sock.sockets[0] if hasattr(sock, "sockets") else sock).getsockname()[1]
    return port


# The witness: an audit hook sees who connects to this machine itself. What goes further than that, and what is asked of
# the host's resolver, is refused everywhere (tests/guard.py).


_servers: Final[set[int]] = set()
_seen: list[str] | None = None
_doors: Collection[int] = ()


@contextlib.contextmanager
def _unwatched(thread: threading.Thread) -> Iterator[None]:
    thread.start()
    assert thread.ident is not None
    _servers.add(thread.ident)
    try:
        yield
    finally:
        _servers.discard(thread.ident)


@contextlib.contextmanager
def _witnessed(doors: Collection[int]) -> Iterator[list[str]]:
    """Collect what is connected or sent over the host's network meanwhile, but by this package and by servers."""
    global _seen, _doors
    _install()
    _seen, _doors = [], doors
    try:
        yield _seen
    finally:
        _seen = None


@functools.cache
def _install() -> None:
    sys.addaudithook(_witness)


def _witness(event: str, arguments: tuple[Any, ...]) -> None:
    if _seen is None or not event.startswith("socket.") or threading.get_ident() in _servers:
        return

    if _is_of_a_client(event, arguments) and not _is_ours():
        _seen.append(f"{event}{arguments!r}")


def _is_of_a_client(event: str, arguments: tuple[Any, ...]) -> bool:
    match event, arguments:
        case "socket.connect", (_, ("127.0.0.1", port)) if port in _doors:
            return False
        case (("socket.connect" | "socket.sendto" | "socket.sendmsg"), (sock, *_)):
            return sock.family in (socket.AF_INET, socket.AF_INET6)
        case _:
            return False


def _is_ours() -> bool:
    """Whether this package is what makes the call: the emulator's network, or the bridge."""
    frame = sys._getframe(2)
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_code.co_filename.startswith((f"{_PACKAGE}/emulator", f"{_PACKAGE}/bridge")):
            return True

    return False
