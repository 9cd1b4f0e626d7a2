"""What befalls a module by chance: between two bytes that it says, or while it sends."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ...at.responses import Response
from ...at.urcs import AddressAssigned, PowerChanged, PowerEvent, Unrecognised

if TYPE_CHECKING:
    from .bc260y import Module

# What a module may say while it answers, whatever it was asked.
_UNASKED: Final = ("+CSCON: 1", "+CPIN: READY", '+CTZEU: "+32",0', "+QIND: PB DONE")


class Mishaps:
    """The mishaps of a module.

    Args:
        module: the module.

    Attributes:
        unplug: takes the line away for a while; to be set.
    """

    def __init__(self, module: "Module") -> None:
        self._module = module
        self._next: asyncio.Handle | None = None
        self._silence: asyncio.TimerHandle | None = None
        self.unplug: Callable[[], None] = lambda: None

    def stop(self) -> None:
        """Let what was about to happen not happen: the module has lost power."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def close(self) -> None:
        """Leave nothing behind: no timer, and no outage."""
        self.stop()
        if self._silence is not None:
            self._silence.cancel()
            self._speak_again()

    # While it says something

    def cut(self, data: bytes) -> bytes:
        """Return what the module gets to say of some data before something happens to it, if it does."""
        if self._next is not None:
            return b""

        for kind, happen in (
            ("restart", self._module.restart),
            ("deep_sleep", self._module.sleep.fall),
            ("unplugged", self.unplug),
        ):
            if (kind != "deep_sleep" or self._module.sleep.mode == 1) and self._module.faults.strikes(kind):
                self._next = asyncio.get_running_loop().call_soon(self._happen, happen)
                return self._module.faults.cut(kind, data)

        return data

    def _happen(self, what: Callable[[], None]) -> None:
        self._next = None
        what()

    def unasked(self, size: int) -> tuple[int, Response]:
        """Return before which of so many lines of an answer something unasked is said, and what."""
        die = self._module.faults.die("urc_inside.what")
        urcs: list[Response] = [
            AddressAssigned(self._module.options.address),
            PowerChanged(PowerEvent.EXIT_PSM),
            *map(Unrecognised, _UNASKED),
        ]
        return die.randrange(size), die.choice(urcs)

    # While it sends

    def fall_silent(self) -> None:
        """Let the network fall silent for a while."""
        if self._silence is None:
            self._module.network.outage = True
            seconds = self._module.faults.outage_for
            self._silence = asyncio.get_running_loop().call_later(seconds, self._speak_again)

    def _speak_again(self) -> None:
        self._silence = None
        self._module.network.outage = False
