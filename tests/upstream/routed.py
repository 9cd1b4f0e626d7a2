"""Event loops that are born routed: each over an emulated module of its own, opened when it is first needed."""

import asyncio
import contextlib
import functools
import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from bc260y_aio import Modem
from bc260y_aio.routing import route_new_loops

# No latency, and more sockets than a module has: some tests hold many.
SOCKETS: Final = 40
EMULATED: Final = f"emulator://?sockets={SOCKETS}"


class LazyModem:
    """A modem with the methods that a route needs; it opens itself.

    Attributes:
        uses: how often each of the methods has done its work.
    """

    def __init__(self, uses: Counter[str]) -> None:
        self.uses = uses
        self._modem: Modem | None = None
        self._opening = asyncio.Lock()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "sock_connect":
            raise AttributeError(name)

        return functools.partial(self._use, name)

    async def _use(self, name: str, *args: Any, **kwds: Any) -> Any:
        if self._modem is None:
            self._modem = Modem(EMULATED, sockets=SOCKETS, close_timeout=1.0, nvram_gap=0.0)

        async with self._opening:
            if not self._modem.is_open:
                await self._modem.open()

        result = await getattr(self._modem, name)(*args, **kwds)
        self.uses[name] += 1
        return result

    def close(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close the modem, if it was opened, on its loop, which does not run."""
        if self._modem is not None:
            loop.run_until_complete(self._modem.close())
            self._modem = None

    def settle(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait, on a loop that does not run, until the module has no socket left, for a second at most."""
        if self._modem is not None and self._modem.is_open:
            loop.run_until_complete(self._settle(self._modem))

    async def _settle(self, modem: Modem) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                while await modem.sockets():
                    pass


class Births:
    """Routes every event loop that is made from now on, over a module of its own.

    Attributes:
        uses: how often a modem's methods have done their work.
    """

    def __init__(self) -> None:
        self.uses: Counter[str] = Counter()
        self._modems: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, LazyModem] = weakref.WeakKeyDictionary()
        # Loopback as well, where the servers of tests are; they themselves are the host's.
        route_new_loops(self._bear, lambda host, port: True, on_close=lambda loop: self._modems[loop].close(loop))

    def _bear(self, loop: asyncio.AbstractEventLoop) -> LazyModem:
        return self._modems.setdefault(loop, LazyModem(self.uses))

    def settle(self) -> None:
        """Let what is being closed come to its end, on all loops that could run."""
        for loop, modem in list(self._modems.items()):
            if not (loop.is_running() or loop.is_closed()):
                modem.settle(loop)

    def settled_before(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that lets that happen before it does what another does."""

        @functools.wraps(function)
        def settle_first(*args: Any, **kwds: Any) -> Any:
            self.settle()
            return function(*args, **kwds)

        return settle_first
