"""The SIM: whether it is there, and whether it wants a PIN."""

import enum
from typing import Final

from ..options import Options
from .card import Card
from .mobile_error import MobileError

# How often a wrong PIN, and a wrong PUK, may be entered (manual 7.5, 7.6).
PIN_TRIES: Final = 3
PUK_TRIES: Final = 10

# How a command of the card names the PIN; and what it answers where there is no such code (TS 102 221, 9.5.1, 10.2.1).
_PIN_REFERENCE: Final = "01"
_NO_SUCH_CODE: Final = "6A88"
_BLOCKED: Final = "6983"


class SimState(enum.StrEnum):
    """The states that AT+CPIN? reports, and an empty slot."""

    READY = "READY"
    PIN = "SIM PIN"
    PUK = "SIM PUK"
    ABSENT = "none"


class Sim:
    """The SIM of a module.

    Args:
        options: its numbers, and what it asks for.

    Attributes:
        card: its files.
        state: whether it is there, and what it asks for.
        tries: how often each code may still be entered.
        sessions: the logical channels that are open (AT+CCHO).
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._pin = options.pin
        self.card = Card(options)
        self.state = SimState[_STATES[options.sim]]
        self.tries = {SimState.PIN: PIN_TRIES, SimState.PUK: PUK_TRIES}
        self.sessions: set[int] = set()
        if self.state is SimState.PUK:
            self.tries[SimState.PIN] = 0

    @property
    def is_ready(self) -> bool:
        """Whether the module can register with it."""
        return self.state is SimState.READY

    def reset(self) -> None:
        """Ask for the PIN again, if it is one that does; a start of the module does that."""
        self.sessions.clear()
        if self._options.sim == "pin" and self.state is SimState.READY:
            self.state = SimState.PIN

    def require(self, *, unlocked: bool = True) -> None:
        """Check that the SIM is there, and asks for nothing.

        Raises:
            MobileError: it is not, or does.
        """
        if self.state is SimState.ABSENT:
            raise MobileError(10)

        if unlocked and self.state is not SimState.READY:
            raise MobileError(11 if self.state is SimState.PIN else 12)

    # Codes

    def enter(self, code: str, new: str | None) -> None:
        """Enter the code that is asked for; after a PUK, with the new PIN.

        Raises:
            MobileError: nothing is asked for, or the code is wrong.
        """
        self.require(unlocked=False)
        if self.state is SimState.READY:
            raise MobileError(3)

        asked = self.state
        if not self.tries[asked]:
            raise MobileError(13)

        right = self._pin if asked is SimState.PIN else self._options.puk
        if code != right or (asked is SimState.PUK and not new):
            self._count_wrong(asked)
            raise MobileError(16)

        self._pin = new or self._pin
        self.tries = {SimState.PIN: PIN_TRIES, SimState.PUK: PUK_TRIES}
        self.state = SimState.READY

    def _count_wrong(self, asked: SimState) -> None:
        self.tries[asked] -= 1
        if asked is SimState.PIN and not self.tries[asked]:
            self.state = SimState.PUK

    # Commands of the card

    def command(self, apdu: str) -> str:
        """Carry out a command of the card (TS 102 221) in hex, and return its response.

        SELECT, GET RESPONSE and READ BINARY; VERIFY PIN and UNBLOCK PIN without a code, which ask for the tries left.
        """
        match apdu[2:4].upper():
            case "20" if len(apdu) <= 10:
                return self._tries_left(SimState.PIN, apdu[6:8])
            case "2C" if len(apdu) <= 10:
                return self._tries_left(SimState.PUK, apdu[6:8])
            case _:
                return self.card.command(apdu, unlocked=self.is_ready)

    def _tries_left(self, code: SimState, reference: str) -> str:
        if reference != _PIN_REFERENCE:
            return _NO_SUCH_CODE

        return f"63C{self.tries[code]:X}" if self.tries[code] else _BLOCKED


_STATES: Final = {"ready": "READY", "none": "ABSENT", "pin": "PIN", "puk": "PUK"}
