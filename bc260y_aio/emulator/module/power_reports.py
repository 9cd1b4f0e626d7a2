"""The ``+QNBIOTEVENT`` URCs: deep sleep and PSM begin and end (guide 4.3.9)."""

from typing import Final

from ...at.urcs import PowerChanged, PowerEvent
from ..radio import Radio, RadioState
from .power import Sleep
from .response_writer import ResponseWriter

_ABOUT_PSM: Final = (PowerEvent.ENTER_PSM, PowerEvent.EXIT_PSM)


class PowerReports:
    """Which power events a module reports, and whether its host knows that it is in PSM.

    Args:
        radio: the module's radio.
        sleep: the module's sleep.
        writer: writes the URCs.

    Attributes:
        is_on: ``+QNBIOTEVENT`` URCs are switched on (AT+QNBIOTEVENT).
        with_deep_sleep: those of deep sleep are among them (AT+QCFG="dsevent").
    """

    def __init__(self, radio: Radio, sleep: Sleep, writer: ResponseWriter) -> None:
        self._radio = radio
        self._sleep = sleep
        self._writer = writer
        self._is_psm_reported = False
        self.is_on = False
        self.with_deep_sleep = False

    def reset(self) -> None:
        """Take the settings of a start."""
        self._is_psm_reported = False
        self.is_on = False
        self.with_deep_sleep = False

    def report(self, *events: PowerEvent) -> None:
        """Write a URC for each event that is switched on."""
        reported = [PowerChanged(event) for event in events if self.with_deep_sleep or event in _ABOUT_PSM]
        if self.is_on and reported:
            self._writer.report(*reported)

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
