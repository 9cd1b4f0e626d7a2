"""What a test has cost so far."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ..modem.modem import Modem
    from ..usage import ModemUsage


class UsageSince:
    """What a modem has cost since this was made; it has the attributes of :class:`bc260y_aio.usage.ModemUsage`.

    Each time that an attribute is read, it is that of now; of the emulated radio, up to the release of the connection
    that it has, if nothing more is sent. What only an emulated module can tell skips the test on a real one.
    """

    def __init__(self, modem: "Modem") -> None:
        """Begin to count."""
        self._modem = modem
        self._before = modem.usage()

    def __repr__(self) -> str:
        return f"<UsageSince {self.now}>"

    @property
    def now(self) -> "ModemUsage":
        """All figures at once."""
        return self._modem.usage(to_the_end=True) - self._before

    def __getattr__(self, name: str) -> Any:
        usage = self.now
        if usage.radio is None and name in ("radio_seconds", "energy_mwh"):
            pytest.skip("a real module does not report what its radio does")

        return getattr(usage, name)
