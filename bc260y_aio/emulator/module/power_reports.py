"""The ``+QNBIOTEVENT`` URCs: deep sleep and PSM begin and end (manual 8.6, 9.5; guide 4.3.9)."""

# AT+QNBIOTEVENT switches those of PSM, and AT+QCFG="dsevent" those of deep sleep. Neither needs the other.

from typing import Final

from ...at.urcs import PowerChanged, PowerEvent
from ..radio import Radio, RadioState
from .configuration import Configuration
from .nvram import Nvram
from .power import Sleep
from .response_writer import ResponseWriter

_ABOUT_PSM: Final = (PowerEvent.ENTER_PSM, PowerEvent.EXIT_PSM)


class PowerReports:
    """Which power events a module reports, and whether its host knows that it is in PSM.

    Args:
        radio: the module's radio.
        sleep: the module's sleep.
        writer: writes the URCs.
        nvram: whether the URCs of PSM are on.
        configuration: whether those of deep sleep are on.
    """

    def __init__(
        self, radio: Radio, sleep: Sleep, writer: ResponseWriter, nvram: Nvram, configuration: Configuration
    ) -> None:
        self._nvram = nvram
        self._configuration = configuration
        self._radio = radio
        self._sleep = sleep
        self._writer = writer
        self._is_psm_reported = False

    def reset(self) -> None:
        """Forget what was reported."""
        self._is_psm_reported = False

    def report(self, *events: PowerEvent) -> None:
        """Write a URC for each event that is switched on."""
        reported = [PowerChanged(event) for event in events if self._is_on(event)]
        if reported:
            self._writer.report(*reported)

    def _is_on(self, event: PowerEvent) -> bool:
        if event in _ABOUT_PSM:
            return bool(self._nvram.report_mode("+QNBIOTEVENT"))

        return bool(self._configuration.in_force("dsevent"))

    def report_psm(self) -> None:
        """Report that PSM has begun or ended, unless that was reported or the module cannot write."""
        self.report(*self.psm_events())

    def psm_events(self) -> list[PowerEvent]:
        """Return what is to be reported of PSM now, and count it as reported."""
        is_in_psm = self._radio.state is RadioState.PSM
        if is_in_psm is self._is_psm_reported or not self._sleep.can_write:
            return []

        self._is_psm_reported = is_in_psm
        return [PowerEvent.ENTER_PSM if is_in_psm else PowerEvent.EXIT_PSM]
