"""What joins a module to its radio: what is asked of the network, and what PSM means to the module."""

from typing import TYPE_CHECKING

from ...at.urcs import PowerEvent
from ..radio import Radio, RadioState
from .power import Power

if TYPE_CHECKING:
    from .bc260y import Module


class Air:
    """A module's side of its radio.

    Attributes:
        radio: the radio.
    """

    def __init__(self, module: "Module") -> None:
        self._module = module
        self._is_known_in_psm = False
        self.radio = Radio(
            module.network, psm=self._psm, edrx=self._edrx, changed=self._changed, currents=module.options.currents
        )

    def reset(self) -> None:
        """Forget what was reported."""
        self._is_known_in_psm = False

    def _psm(self) -> tuple[float, float] | None:
        return self._module.nvram.psm_times if self._module.network.psm else None

    def _edrx(self) -> float:
        return self._module.nvram.edrx_cycle or self._module.network.edrx

    def lets_sleep(self) -> bool:
        """Tell whether the module may sleep deeply: with PSM, only once its radio does."""
        return self._psm() is None or self.radio.state is RadioState.PSM

    def _changed(self, before: RadioState) -> None:
        sleep = self._module.sleep
        if self.radio.state is RadioState.PSM:
            self._module.report(*self.news())
            sleep.look()
        elif before is RadioState.PSM and self.radio.is_on:
            if sleep.state is Power.DEEP_SLEEP:
                sleep.wake()

            self._module.report(*self.news())

    def news(self) -> list[PowerEvent]:
        """Return what is to be reported of PSM, if the module can speak: that it has begun, or ended."""
        is_in_psm = self.radio.state is RadioState.PSM
        can_speak = self._module.sleep.state in (Power.AWAKE, Power.LIGHT_SLEEP)
        if is_in_psm is self._is_known_in_psm or not can_speak:
            return []

        self._is_known_in_psm = is_in_psm
        return [PowerEvent.ENTER_PSM if is_in_psm else PowerEvent.EXIT_PSM]
