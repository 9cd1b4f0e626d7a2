"""The module's registration with the network: its state, and the URCs about it."""

import asyncio
from typing import TYPE_CHECKING, Final

from ...at.information import RegistrationStatus
from ...at.urcs import AddressAssigned
from ..network import Network
from ..network.attach import AttachStatus
from ..network.cell import NB_IOT
from ..options import Options
from ..radio import Radio
from ..radio.radio import SIGNALLING
from .lines import ParameterUrc, join_fields, quoted
from .nvram import Nvram
from .response_writer import ResponseWriter
from .sim import Sim

if TYPE_CHECKING:
    from collections.abc import Callable

# The URC modes that report the cause of a reject, and the times of PSM that the network granted (manual 4.3).
_WITH_CAUSE: Final = (3, 5)
_WITH_TIMES: Final = (4, 5)


class Registration:
    """A module's registration.

    Args:
        options: how long registering takes, and which address the module gets.
        network: its answer to an attach, its cell, and whether it grants PSM.
        nvram: which URCs are switched on, AT+CFUN and AT+COPS.
        sim: without a SIM that is ready there is no registration.
        radio: the module's radio.
        writer: writes the URCs.

    Attributes:
        status: whether the module is registered.
        cause: the EMM cause of the reject in which the last search ended; None when it did not end so.
        is_detached: AT+CGATT=0 was the last word.
        registered: called after each registration; to be set.
        rejected: called before a registration ends because the network rejects the module; to be set.
        left: called after the registration has ended; to be set.
    """

    def __init__(
        self, options: Options, network: Network, nvram: Nvram, sim: Sim, radio: Radio, writer: ResponseWriter
    ) -> None:
        self._options = options
        self._network = network
        self._nvram = nvram
        self._sim = sim
        self._radio = radio
        self._writer = writer
        self._timer: asyncio.TimerHandle | None = None
        self._unwatch = network.watch_attach(self._network_changed)
        self._waiters: list[asyncio.Future[None]] = []
        self.status = RegistrationStatus.NOT_REGISTERED
        self.cause: int | None = None
        self.is_detached = False
        self.registered: Callable[[], None]
        self.rejected: Callable[[], None]
        self.left: Callable[[], None]

    @property
    def is_registered(self) -> bool:
        """Whether sockets can be opened."""
        return self.status.is_registered

    @property
    def is_covered(self) -> bool:
        """Whether there is a cell."""
        return self._network.has_cell

    @property
    def is_searching(self) -> bool:
        """Whether the module looks for a network."""
        return self.status is RegistrationStatus.SEARCHING

    @property
    def is_roaming(self) -> bool:
        """Whether the module is registered with another operator than its own."""
        return self.status is RegistrationStatus.ROAMING

    @property
    def can_register(self) -> bool:
        """Whether the module tries to: it is on the air, has a SIM, and no command detached it."""
        stays_away = self.is_detached or self._nvram.operator[0] == 2
        return self._nvram.function == 1 and self._sim.is_ready and not stays_away

    # Its fields in a response

    def fields(self, mode: int, status: RegistrationStatus | None = None) -> str:
        """Return what ``+CEREG`` shows in a mode, from the status on."""
        status = self.status if status is None else status
        cell = self._network.cell
        area = mode >= 2 and status.is_registered
        rejected = mode in _WITH_CAUSE and status is RegistrationStatus.DENIED and self.cause is not None
        timed = mode in _WITH_TIMES and status.is_registered and self._has_psm
        return join_fields(
            int(status),
            *((quoted(cell.tracking_area), quoted(cell.cell_id), NB_IOT) if area else ("", "", "")),
            *((0, self.cause) if rejected else ("", "")),
            *((quoted(self._nvram.active_time), quoted(self._nvram.periodic_update)) if timed else ()),
        )

    def older_fields(self, mode: int) -> str:
        """Return what ``+CREG`` shows in a mode, from the status on: location in mode 2 only, cause in mode 3 only."""
        return self.fields(mode) if mode != 3 or not self.is_registered else str(int(self.status))

    @property
    def _has_psm(self) -> bool:
        return self._network.psm and self._nvram.psm_times is not None

    # From start to end

    def reset(self) -> None:
        """Take the state of a start: not registered, nothing under way."""
        self._cancel()
        self.status = RegistrationStatus.NOT_REGISTERED
        self.is_detached = False

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def start(self) -> None:
        """Be registered as a module that has been running for a while, or be about to."""
        is_accepted = self._network.attach().status is AttachStatus.ACCEPTED
        if not self.can_register or self._options.registration_delay or not is_accepted:
            self.search()
            return

        self._radio.switch_on()
        self.status = self._granted
        self.registered()

    def close(self) -> None:
        """Follow the network no more."""
        self._unwatch()

    @property
    def _granted(self) -> RegistrationStatus:
        return RegistrationStatus[self._options.registration.upper()]

    def search(self) -> None:
        """Register with the network in as long as that takes, if the module may."""
        self._cancel()
        self.cause = None
        if not self.can_register:
            return

        self._radio.switch_on()
        if not self._network.has_cell:
            self.change(RegistrationStatus.SEARCHING)
        elif self._options.registration_delay:
            self.change(RegistrationStatus.SEARCHING)
            delay = self._options.registration_delay
            self._timer = asyncio.get_running_loop().call_later(delay, self.register)
        else:
            self.register()

    def register(self) -> None:
        """Attach to the network, and report how that ends."""
        self._timer = None
        result = self._network.attach()
        self.cause = result.cause or None
        match result.status:
            case AttachStatus.ACCEPTED:
                self._radio.send(SIGNALLING)
                self.change(self._granted)
                self._writer.notify(AddressAssigned(self._options.address))
                self.registered()
            case AttachStatus.DENIED:
                self.change(RegistrationStatus.DENIED)
            case AttachStatus.RETRYING | AttachStatus.NO_CELL:
                self.change(RegistrationStatus.SEARCHING)

        self._settle()

    def _network_changed(self) -> None:
        """Lose the network, or find it, as its answer to an attach is another now."""
        if not self._radio.is_on:
            return

        if self._network.attach().status is AttachStatus.NO_CELL:
            self._cancel()
            self.change(RegistrationStatus.SEARCHING)
            self._settle()
        elif self._network.attach().status is not AttachStatus.ACCEPTED and self.is_registered:
            self.rejected()
            self.register()
        elif not self.is_registered:
            self.search()

    def leave(self) -> None:
        """Stop being registered, and stop searching. The connections and the radio are the caller's to end."""
        self._cancel()
        self.change(RegistrationStatus.NOT_REGISTERED)
        self._settle()
        self.left()

    def change(self, status: RegistrationStatus) -> None:
        """Change the status; the URCs are written if they are switched on. Sockets are not affected."""
        if status is self.status:
            return

        self.status = status
        if mode := self._nvram.report_mode("+CEREG"):
            self._writer.notify(ParameterUrc("+CEREG", self.fields(mode)))

        if mode := self._nvram.report_mode("+CREG"):
            self._writer.notify(ParameterUrc("+CREG", self.older_fields(mode)))

    async def settled(self) -> None:
        """Wait until a registration that is under way has ended; return at once if none is."""
        while self._timer is not None:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    def _settle(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
