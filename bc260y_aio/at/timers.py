"""The timers of PSM and eDRX in the form of the standard: strings of bits (TS 24.008, 10.5.5.32 and 10.5.7)."""

from datetime import timedelta
from typing import Final

from .syntax import Malformed

_VALUES: Final = 32

# GPRS timer 3, for T3412 extended: the unit of the first three bits, which the other five count.
_PERIODIC_UNITS: Final = {
    "011": timedelta(seconds=2),
    "100": timedelta(seconds=30),
    "101": timedelta(minutes=1),
    "000": timedelta(minutes=10),
    "001": timedelta(hours=1),
    "010": timedelta(hours=10),
    "110": timedelta(hours=320),
}
# GPRS timer 2, for T3324.
_ACTIVE_UNITS: Final = {
    "000": timedelta(seconds=2),
    "001": timedelta(minutes=1),
    "010": timedelta(minutes=6),
}
_DEACTIVATED: Final = "111"

# The eDRX cycles of NB-IoT, the shortest of 20.48 s, by their four bits.
_CYCLES: Final = {
    "0010": timedelta(seconds=20.48),
    "0011": timedelta(seconds=40.96),
    "0101": timedelta(seconds=81.92),
    "1001": timedelta(seconds=163.84),
    "1010": timedelta(seconds=327.68),
    "1011": timedelta(seconds=655.36),
    "1100": timedelta(seconds=1310.72),
    "1101": timedelta(seconds=2621.44),
    "1110": timedelta(seconds=5242.88),
    "1111": timedelta(seconds=10485.76),
}
_WINDOW_STEP: Final = timedelta(seconds=2.56)


def write_periodic(duration: timedelta) -> str:
    """Return the bits of a periodic update time (T3412), rounded up to the next that can be written.

    Raises:
        ValueError: it is negative, or longer than 413 days.
    """
    return _write(duration, _PERIODIC_UNITS, "a periodic update time")


def read_periodic(bits: str) -> timedelta | None:
    """Return the periodic update time of these bits; None when it is deactivated.

    Raises:
        Malformed: these are not eight bits.
    """
    return _read(bits, _PERIODIC_UNITS)


def write_active(duration: timedelta) -> str:
    """Return the bits of an active time (T3324), rounded up to the next that can be written.

    Raises:
        ValueError: it is negative, or longer than 186 minutes.
    """
    return _write(duration, _ACTIVE_UNITS, "an active time")


def read_active(bits: str) -> timedelta | None:
    """Return the active time of these bits; None when it is deactivated.

    Raises:
        Malformed: these are not eight bits.
    """
    return _read(bits, _ACTIVE_UNITS)


def write_cycle(duration: timedelta) -> str:
    """Return the bits of an eDRX cycle, rounded up to the next that exists.

    Raises:
        ValueError: it is longer than 10485.76 s, or not positive.
    """
    if duration > timedelta():
        for bits, cycle in _CYCLES.items():
            if cycle >= duration:
                return bits

    raise ValueError(f"an eDRX cycle is positive and at most 10485.76 s, not {duration}")


def read_cycle(bits: str) -> timedelta:
    """Return the eDRX cycle of these bits.

    Raises:
        Malformed: there is no such cycle.
    """
    try:
        return _CYCLES[bits]
    except KeyError:
        raise Malformed(f"not an eDRX cycle: {bits!r}") from None


def read_window(bits: str) -> timedelta:
    """Return the paging time window of these bits.

    Raises:
        Malformed: these are not four bits.
    """
    if len(bits) != 4 or set(bits) - {"0", "1"}:
        raise Malformed(f"not a paging time window: {bits!r}")

    return (int(bits, 2) + 1) * _WINDOW_STEP


def _write(duration: timedelta, units: dict[str, timedelta], what: str) -> str:
    if duration >= timedelta():
        for bits, unit in units.items():
            value = -(-duration // unit)
            if value < _VALUES:
                return f"{bits}{value:05b}"

    longest = (_VALUES - 1) * max(units.values())
    raise ValueError(f"{what} is 0 to {longest}, not {duration}")


def _read(bits: str, units: dict[str, timedelta]) -> timedelta | None:
    if len(bits) != 8 or set(bits) - {"0", "1"}:
        raise Malformed(f"not a timer: {bits!r}")

    if bits[:3] == _DEACTIVATED:
        return None

    # Other units are reserved, and read as minutes.
    return int(bits[3:], 2) * units.get(bits[:3], timedelta(minutes=1))
