"""For how long each socket kept a radio connected."""

from typing import Final

# Causes beyond this number are counted together.
_MOST_CAUSES: Final = 64
_OTHERS: Final = "others"


class Causes:
    """The connected time of a radio, by what kept it connected.

    Attributes:
        current: what keeps it connected at present.
    """

    def __init__(self) -> None:
        self.current = "signalling"
        self._seconds: dict[str, float] = {}
        self._since = 0.0

    def begin(self, now: float, cause: str) -> None:
        """The radio connects at a time, in seconds, for this cause."""
        self._since, self.current = now, cause

    def settle(self, now: float) -> None:
        """Charge the time until now to the present cause."""
        cause = self.current
        if cause not in self._seconds and len(self._seconds) >= _MOST_CAUSES:
            cause = _OTHERS

        # The radio may still be connecting.
        elapsed = now - self._since if now > self._since else 0.0
        self._seconds[cause] = self._seconds.get(cause, 0.0) + elapsed
        self._since += elapsed

    def by_cause(self, time: float | None) -> dict[str, float]:
        """Return the seconds of each, the longest first; up to a time where the radio is connected, None otherwise."""
        seconds = dict(self._seconds)
        if time is not None:
            seconds[self.current] = seconds.get(self.current, 0.0) + max(time - self._since, 0.0)

        return dict(sorted(seconds.items(), key=lambda entry: -entry[1]))
