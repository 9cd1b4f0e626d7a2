"""The faults that happen at random: between two bytes that the module writes, or while it sends."""

import asyncio
from collections.abc import Callable
from typing import Final

from ...at.responses import Response
from ...at.urcs import AddressAssigned, PowerChanged, PowerEvent, Unrecognised
from ..faults import Faults
from ..network import Network
from ..options import Options
from .power import Sleep

# URCs that a module may write inside the answer to any command.
_STRAY: Final = ("+CSCON: 1", "+CPIN: READY", '+CTZEU: "+32",0', "+QIND: PB DONE")


class RandomFaults:
    """Draws the faults of a module, and lets them happen.

    Args:
        options: the module's address.
        faults: how likely each fault is.
        network: the network that falls silent.
        sleep: the sleep that begins.
        restart: restarts the module.

    Attributes:
        unplug: takes the line away for a while; to be set.
    """

    def __init__(
        self, options: Options, faults: Faults, network: Network, sleep: Sleep, restart: Callable[[], None]
    ) -> None:
        self._options = options
        self._faults = faults
        self._network = network
        self._sleep = sleep
        self._restart = restart
        self._next: asyncio.Handle | None = None
        self._outage: asyncio.TimerHandle | None = None
        self.unplug: Callable[[], None] = lambda: None

    def stop(self) -> None:
        """Cancel the fault that was about to happen: the module has lost power."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def close(self) -> None:
        """Leave nothing behind: no timer, and no outage."""
        self.stop()
        if self._outage is not None:
            self._outage.cancel()
            self._end_outage()

    # While the module writes

    def cut(self, data: bytes) -> bytes:
        """Return how much of some data the module writes before a fault happens, if one does."""
        if self._next is not None:
            return b""

        faults = self._faults
        if not (faults.restart or faults.deep_sleep or faults.unplugged):
            return data

        for kind, happen in (
            ("restart", self._restart),
            ("deep_sleep", self._sleep.fall_asleep),
            ("unplugged", self.unplug),
        ):
            if (kind != "deep_sleep" or self._sleep.mode == 1) and faults.occurs(kind):
                self._next = asyncio.get_running_loop().call_soon(self._happen, happen)
                return faults.cut(kind, data)

        return data

    def _happen(self, what: Callable[[], None]) -> None:
        self._next = None
        what()

    def stray_urc(self, size: int) -> tuple[int, Response]:
        """Return before which of so many lines of an answer a stray URC stands, and which."""
        sequence = self._faults.random("urc_inside.what")
        urcs: list[Response] = [
            AddressAssigned(self._options.address),
            PowerChanged(PowerEvent.EXIT_PSM),
            *map(Unrecognised, _STRAY),
        ]
        return sequence.randrange(size), sequence.choice(urcs)

    # While it sends

    def draw_outage(self) -> None:
        """Let the network fall silent for a while, if that fault occurs."""
        if self._faults.occurs("outage") and self._outage is None:
            self._network.outage = True
            self._outage = asyncio.get_running_loop().call_later(self._faults.outage_for, self._end_outage)

    def _end_outage(self) -> None:
        self._outage = None
        self._network.outage = False
