"""The scales of received signals: AT+CSQ (AT manual 4.1; TS 27.007, 8.5) and AT+CESQ (4.2; 8.69).

A module reports whole levels, and a number above them where a value is not known.
"""

from typing import Final

# The levels above which a value is not known, as +CSQ and +CESQ report it.
UNKNOWN: Final = 99
UNKNOWN_OF_CESQ: Final = 255

_LARGEST_RSSI: Final = 31
_LARGEST_RSRP: Final = 97
_LARGEST_RSRQ: Final = 34


def rssi_dbm(level: int | None) -> int | None:
    """Return the received power of a level of +CSQ, in dBm; None if it is not known."""
    return None if level is None or level == UNKNOWN else 2 * level - 113


def rssi_level(dbm: float | None) -> int:
    """Return the level of +CSQ of a received power in dBm; 99 if it is not known."""
    return UNKNOWN if dbm is None else _within((dbm + 113) // 2, _LARGEST_RSSI)


def rsrp_dbm(level: int | None) -> int | None:
    """Return the power of the reference signal of a level of +CESQ, in dBm; None if it is not known."""
    return None if level is None or level == UNKNOWN_OF_CESQ else level - 141


def rsrp_level(dbm: float | None) -> int:
    """Return the level of +CESQ of the reference signal's power in dBm; 255 if it is not known."""
    return UNKNOWN_OF_CESQ if dbm is None else _within(dbm + 141, _LARGEST_RSRP)


def rsrq_db(level: int | None) -> float | None:
    """Return the quality of the reference signal of a level of +CESQ, in dB; None if it is not known."""
    return None if level is None or level == UNKNOWN_OF_CESQ else level / 2 - 20


def rsrq_level(db: float | None) -> int:
    """Return the level of +CESQ of the reference signal's quality in dB; 255 if it is not known."""
    return UNKNOWN_OF_CESQ if db is None else _within(2 * (db + 20), _LARGEST_RSRQ)


def _within(level: float, largest: int) -> int:
    return min(max(int(level), 0), largest)
