"""Errors of the module's function, which AT+CMEE lets it report by number or text (manual 9.3, 11)."""

from typing import Final

# The texts of the manual, by number; only those that an emulated module answers with.
TEXTS: Final = {
    3: "operation not allowed",
    4: "operation not supported",
    10: "SIM not inserted",
    11: "SIM PIN required",
    12: "SIM PUK required",
    13: "SIM failure",
    16: "incorrect password",
    22: "not found",
    30: "no network service",
    31: "network timeout",
    50: "incorrect Parameters",
    53: "not attached to network due to MT functionality restrictions",
    100: "unknown",
    103: "illegal MS",
    106: "illegal ME",
    107: "GPRS services not allowed",
    108: "GPRS services and non GPRS services not allowed",
    111: "PLMN not allowed",
    112: "location area not allowed",
    113: "roaming not allowed in this location area",
    114: "GPRS services not allowed in this PLMN",
    115: "No suitable cells in location area",
    122: "Congestion",
    128: "Unknown PDP address or PDP type",
    143: "Unknown PDP context",
    148: "unspecified GPRS error",
    171: "Last PDN disconnection not allowed",
}

# The error for each EMM cause of a reject that has one (TS 24.301, 9.9.3.9).
_BY_CAUSE: Final = {3: 103, 6: 106, 7: 107, 8: 108, 11: 111, 12: 112, 13: 113, 14: 114, 15: 115, 22: 122}


class MobileError(Exception):
    """Raised where the module's function fails; the command is refused with ``+CME ERROR`` if AT+CMEE allows it.

    Args:
        code: the number after ``+CME ERROR``.
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"{code}: {TEXTS[code]}")
        self.code = code

    @property
    def text(self) -> str:
        """The text of the number."""
        return TEXTS[self.code]

    @classmethod
    def of_cause(cls, cause: int) -> "MobileError":
        """Return the error for the EMM cause of a reject."""
        return cls(_BY_CAUSE.get(cause, 148))
