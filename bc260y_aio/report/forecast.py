"""What a month costs, if what was measured is done again and again."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from ..usage import ModemUsage

if TYPE_CHECKING:
    from ..emulator.radio import Usage

DAY: Final = 86400.0
"""In seconds."""
MONTH: Final = 30 * DAY
"""In seconds."""

_MEGABYTE: Final = 1e6
_SECONDS_PER_HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a month of 30 days costs.

    Attributes:
        every: what was measured is done once in so many seconds.
        times: how often that is in a month.
        megabytes: bytes on the air, both directions, in millions, by the model of packets.
        charge_mah: the charge that the radio takes, in mAh; None on a real module. Between the connections it rests:
            in PSM or in deep sleep if it did so when it was measured, otherwise idle.
        energy_mwh: the same as energy, in mWh.
        active_mwh: how much of it is that of the connections, in mWh: the rest is that of resting.
        battery_mah: the charge of a battery, in mAh, if one is given.
    """

    every: float
    times: float
    megabytes: float
    charge_mah: float | None = None
    energy_mwh: float | None = None
    active_mwh: float | None = None
    battery_mah: float | None = None

    @classmethod
    def of(cls, usage: ModemUsage, *, every: float, battery_mah: float | None = None) -> Self:
        """Return the forecast for a rhythm.

        Args:
            usage: what is done each time.
            every: how often, in seconds. If the radio is connected for longer than that, it always is.
            battery_mah: the charge of a battery, in mAh.

        Raises:
            ValueError: the rhythm, or the charge, is not positive.
        """
        if not every > 0:
            raise ValueError(f"the time between two must be positive, not {every}")

        if battery_mah is not None and not battery_mah > 0:
            raise ValueError(f"the charge of a battery must be positive, not {battery_mah}")

        times = MONTH / every
        megabytes = (usage.air_sent + usage.air_received) * times / _MEGABYTE
        if usage.radio is None:
            return cls(every=every, times=times, megabytes=megabytes, battery_mah=battery_mah)

        active, resting = _charge(usage.radio, every)
        volts = usage.radio.currents.volts
        return cls(
            every=every,
            times=times,
            megabytes=megabytes,
            charge_mah=(active + resting) * times,
            energy_mwh=(active + resting) * times * volts,
            active_mwh=active * times * volts,
            battery_mah=battery_mah,
        )

    @property
    def battery_share(self) -> float | None:
        """Which share of the battery that is, 0 to 1 and more; None if it is not known."""
        if self.charge_mah is None or self.battery_mah is None:
            return None

        return self.charge_mah / self.battery_mah

    def __str__(self) -> str:
        parts = [f"every {spelled(self.every)}, a month of 30 days: {self.megabytes:.2f} MB"]
        if self.energy_mwh is not None and self.active_mwh is not None:
            parts.append(f"{self.energy_mwh:.0f} mWh ({self.active_mwh:.0f} connected)")

        if self.battery_share is not None:
            parts.append(f"{self.battery_share:.1%} of {self.battery_mah:g} mAh")

        return ", ".join(parts)


def _charge(radio: "Usage", every: float) -> tuple[float, float]:
    """Return the charge of one time, in mAh: that of connections, and that of the rest of the time."""
    from ..emulator.radio import RadioState

    currents = radio.currents
    connected = radio.connected_seconds
    # More than there is time for is done all the time.
    share = min(every / connected, 1.0) if connected else 1.0
    active = currents.receive_ma * connected + (currents.transmit_ma - currents.receive_ma) * radio.transmitting
    asleep = [state for state in (RadioState.PSM, RadioState.DEEP_SLEEP) if radio.seconds[state] > 0]
    rest = currents.of(asleep[0] if asleep else RadioState.IDLE) * max(every - connected, 0.0)
    return active * share / _SECONDS_PER_HOUR, rest / _SECONDS_PER_HOUR


def spelled(seconds: float) -> str:
    """Return a time in the largest unit that it is a whole number of: ``"15 min"``."""
    for unit, size in (("d", DAY), ("h", 3600.0), ("min", 60.0)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"

    return f"{seconds:g} s"
