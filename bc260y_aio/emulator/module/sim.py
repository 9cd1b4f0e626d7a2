"""The SIM: whether it is there, whether it wants a PIN, and its few files."""

import enum
from typing import Final

from ..options import Options
from .mobile_error import MobileError

# How often a wrong PIN, and a wrong PUK, may be entered (manual 7.5, 7.6).
PIN_TRIES: Final = 3
PUK_TRIES: Final = 10

# The files that AT+CRSM and AT+CSIM find, by their identity (TS 31.102): the ICCID and the IMSI.
EF_ICCID: Final = 0x2FE2
EF_IMSI: Final = 0x6F07


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
        state: whether it is there, and what it asks for.
        tries: how often each code may still be entered.
        sessions: the logical channels that are open (AT+CCHO).
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._pin = options.pin
        self._selected = 0
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

    # Files

    def read(self, file: int) -> str | None:
        """Return the contents of a file in hex; None if there is no such file."""
        match file:
            case 0x2FE2:
                return _swapped(self._options.iccid)
            case 0x6F07:
                imsi = self._options.imsi
                # The first half byte says whether the digits are odd in number (TS 31.102, 4.2.2).
                return f"{len(imsi) // 2 + 1:02X}" + _swapped(("9" if len(imsi) % 2 else "1") + imsi)
            case _:
                return None

    def command(self, apdu: str) -> str:
        """Carry out a command of the card (TS 102 221) in hex, and return its response: SELECT and READ BINARY."""
        match apdu[2:4].upper():
            case "A4":
                self._selected = int(apdu[10:14] or "0", 16)
                return "9000" if self.read(self._selected) else "6A82"
            case "B0":
                contents = self.read(self._selected)
                return f"{contents}9000" if contents else "6986"
            case _:
                return "6D00"


def _swapped(digits: str) -> str:
    """Return digits as a card stores them: the two of each byte change places."""
    padded = digits + "F" * (len(digits) % 2)
    return "".join(padded[index + 1] + padded[index] for index in range(0, len(padded), 2))


_STATES: Final = {"ready": "READY", "none": "ABSENT", "pin": "PIN", "puk": "PUK"}
