"""The module's side of its radio: which PSM and eDRX it asks for, and whether its radio lets it sleep."""

from collections.abc import Callable

from ..network import Network
from ..options import Options
from ..radio import Radio, RadioState
from .nvram import Nvram


class RadioLink:
    """The link from a module's radio to its network and to its settings.

    Args:
        options: what the radio draws.
        network: the network that the radio reaches.
        nvram: the PSM and eDRX that the module asks for.
        changed: called with the state before, once the radio's state has changed.

    Attributes:
        radio: the radio.
        network: the network.
    """

    def __init__(self, options: Options, network: Network, nvram: Nvram, changed: Callable[[RadioState], None]) -> None:
        self._nvram = nvram
        self.network = network
        self.radio = Radio(network, psm=self._psm, edrx=self._edrx, changed=changed, currents=options.currents)

    def _psm(self) -> tuple[float, float] | None:
        return self._nvram.psm_times if self.network.psm else None

    def _edrx(self) -> float:
        return self._nvram.edrx_cycle or self.network.edrx

    def allows_deep_sleep(self) -> bool:
        """Return whether the module may sleep deeply: with PSM, only once its radio is in PSM."""
        return self._psm() is None or self.radio.state is RadioState.PSM
