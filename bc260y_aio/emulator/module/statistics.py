"""The ``+STATISR`` URCs of AT+QCFG="statisr": figures of the radio's layers, every so many seconds (manual 9.5)."""

# The manual does not give their form. It is that of the manual of the BC660K-GL, with its uneven spaces. The radio is
# not modelled so finely: all figures but the signal are 0.

import asyncio
from typing import Final

from ..network import Network
from .lines import ParameterUrc
from .response_writer import ResponseWriter

_LAYERS: Final = (
    "PHY DL, AvgRSRP: {rsrp}, AvgSnr: {snr}, DlBler: 0%, PhyDlTpt: 0 bps, AvgTBS: 0, AvgItbs: 0, AvgNRep: 0, "
    "AvgSbfrmNum: 0, Harq2Ratio: 0%",
    "PHY UL, UlBler: 0%, PhyUlTpt: 0 bps, AvgTBS: 0, AvgItbs: 0, AvgNRep: 0, AvgSbfrmNum: 0, Harq2Ratio: 0%, "
    "AvgScNum: 0",
    "MAC, MacUlBytes:0, MacUlPadBytes:0, MacDlBytes: 0, MacDlPadBytes: 0, MacUlTpt: 0 bps, MacDlTpt: 0 bps",
    "RLC, RlcUlPduBytes:0, RlcUlRetxBytes:0, RlcDlPduBytes: 0, RlcUlTpt: 0 bps, RlcDlTpt: 0 bps",
    "PDCP, PdcpUlPduBytes: 0, PdcpDlPduBytes: 0, PdcpULDiscardBytes: 0, PdcpUlTpt: 0 bps, PdcpDlTpt: 0 bps",
)


class StatisticsReports:
    """The timer of the URCs.

    Args:
        network: how well the module receives its cell.
        writer: writes the URCs; nothing in deep sleep.
    """

    def __init__(self, network: Network, writer: ResponseWriter) -> None:
        self._network = network
        self._writer = writer
        self._timer: asyncio.TimerHandle | None = None

    def report_every(self, seconds: int) -> None:
        """Write the URCs every so many seconds from now on; 0: no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

        if seconds:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._report, seconds)

    def _report(self, seconds: int) -> None:
        for layer in _LAYERS:
            fields = layer.format(rsrp=self._network.rsrp, snr=self._network.snr)
            self._writer.notify(ParameterUrc("+STATISR", fields))

        self.report_every(seconds)
