"""The parts of a module that its commands work on."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from ...at.information import DnsServers
from ..faults import Faults
from ..line import Line
from ..network import Network
from ..options import Options
from ..radio import Radio
from .configuration import Configuration
from .contexts import Contexts
from .nvram import Nvram
from .power import Sleep
from .power_reports import PowerReports
from .registration import Registration
from .response_writer import ResponseWriter
from .sim import Sim
from .statistics import StatisticsReports
from .tcpip import TcpIp

# The servers that a module asks until others are set (guide 4.5).
DNS_SERVERS: Final = DnsServers(0, "218.2.2.2", "8.8.8.8", "240E:5A::6666", "240E:5B::6666")


@dataclass(slots=True)
class VolatileSettings:
    """The settings that a restart loses.

    Attributes:
        dns: the DNS servers.
        prompted: the connectID for which AT+QISEND has prompted for data.
    """

    dns: DnsServers = DNS_SERVERS
    prompted: int = 0

    def reset(self) -> None:
        """Take the settings of a start."""
        self.dns = DNS_SERVERS


@dataclass(slots=True, kw_only=True, eq=False)
class Parts:
    """The parts of a module.

    Attributes:
        options: what can be set about it.
        line: its UART.
        network: the network it reaches.
        nvram: the settings that a restart keeps.
        settings: the settings that it loses.
        configuration: the functions of AT+QCFG.
        contexts: its PDP contexts.
        sim: its SIM.
        faults: what goes wrong.
        writer: writes answers, completions and URCs.
        sleep: how awake it is.
        power_reports: which power events it reports.
        statistics: its reports of statistics.
        radio: its radio.
        registration: its registration.
        tcpip: its sockets.
        restart: restarts it.
        run: runs a coroutine under a name until it ends or the module stops.
        answer_later: the same, and no other command is carried out before it has answered this one. An error that it
            raises is the answer.
    """

    options: Options
    line: Line
    network: Network
    nvram: Nvram
    settings: VolatileSettings
    configuration: Configuration
    contexts: Contexts
    sim: Sim
    faults: Faults
    writer: ResponseWriter
    sleep: Sleep
    power_reports: PowerReports
    statistics: StatisticsReports
    radio: Radio
    registration: Registration
    tcpip: TcpIp
    restart: Callable[[], None]
    run: Callable[[str, Coroutine[Any, Any, None]], None]
    answer_later: Callable[[str, Coroutine[Any, Any, None]], None]

    def go_off_air(self) -> None:
        """Switch the radio off: the network and every connection are gone."""
        self.registration.leave()
        self.tcpip.break_connections()
        self.radio.switch_off()

    @property
    def now(self) -> datetime:
        """The time of the module's clock, in its zone."""
        now = self.network.now() + timedelta(seconds=self.nvram.clock_offset)
        zone = self.nvram.time_zone
        return now.astimezone(timezone(timedelta(minutes=15 * zone[0]))) if zone else now
