"""The module's registration with the network: its state, and the ``+CEREG`` URCs."""

import asyncio
from typing import Final

from ...at.information import RegistrationStatus
from ...at.urcs import AddressAssigned, RegistrationChanged
from ..options import Options
from ..radio import Radio
from ..radio.radio import SIGNALLING
from .response_writer import ResponseWriter

# The tracking area, the cell and the access technology (NB-IoT) of a registered module.
_AREA: Final = ("5A31", "0C2F7A12", "9")


class Registration:
    """A module's registration.

    Args:
        options: how long registering takes, and which address the module gets.
        radio: the module's radio.
        writer: writes the URCs.

    Attributes:
        status: whether the module is registered.
        mode: which ``+CEREG`` URCs are switched on.
    """

    def __init__(self, options: Options, radio: Radio, writer: ResponseWriter) -> None:
        self._options = options
        self._radio = radio
        self._writer = writer
        self._timer: asyncio.TimerHandle | None = None
        self.status = RegistrationStatus.NOT_REGISTERED
        self.mode = 0

    @property
    def is_registered(self) -> bool:
        """Whether sockets can be opened."""
        return self.status.is_registered

    @property
    def area(self) -> tuple[str, ...]:
        """Where the module is registered, as far as the ``+CEREG`` mode shows it."""
        return _AREA if self.mode >= 2 and self.is_registered else ()

    def reset(self) -> None:
        """Take the state of a start: not registered, nothing under way."""
        self._cancel()
        self.status = RegistrationStatus.NOT_REGISTERED
        self.mode = 0

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def start(self) -> None:
        """Be registered as a module that has been running for a while, or be about to."""
        self._radio.switch_on()
        if self._options.registration_delay:
            self.search()
        else:
            self.status = RegistrationStatus.HOME

    def search(self) -> None:
        """Register with the network in as long as that takes."""
        self._cancel()
        self._radio.switch_on()
        if not self._options.registration_delay:
            self.register()
            return

        self.change(RegistrationStatus.SEARCHING)
        delay = self._options.registration_delay
        self._timer = asyncio.get_running_loop().call_later(delay, self.register)

    def register(self) -> None:
        """Register with the network, and report it."""
        self.change(RegistrationStatus.HOME)
        self._radio.send(SIGNALLING)
        self._writer.notify(AddressAssigned(self._options.address))

    def leave(self) -> None:
        """Stop being registered, and stop searching. The connections and the radio are the caller's to end."""
        self._cancel()
        self.change(RegistrationStatus.NOT_REGISTERED)

    def change(self, status: RegistrationStatus) -> None:
        """Change the status; the URC is written if it is switched on. Sockets are not affected."""
        if status is not self.status:
            self.status = status
            if self.mode:
                self._writer.notify(RegistrationChanged(status, self.area))
