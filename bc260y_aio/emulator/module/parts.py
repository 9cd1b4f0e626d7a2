"""The parts of a module that its commands work on."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from ...at.information import DnsServers
from ..faults import Faults
from ..line import Line
from ..network import Network
from ..options import Options
from ..radio import Radio
from .nvram import Nvram
from .power import Sleep
from .power_reports import PowerReports
from .registration import Registration
from .response_writer import ResponseWriter
from .tcpip import TcpIp

# The servers that a module asks until others are set (guide 4.5).
DNS_SERVERS: Final = DnsServers(0, "218.2.2.2", "8.8.8.8", "240E:5A::6666", "240E:5B::6666")


@dataclass(slots=True)
class VolatileSettings:
    """The settings that a restart loses.

    Attributes:
        function: the value of AT+CFUN: 1 on the air, 0 off it.
        dns: the DNS servers.
        clock_offset: how far the module's clock is ahead of the network's.
    """

    function: int = 1
    dns: DnsServers = DNS_SERVERS
    clock_offset: timedelta = field(default_factory=timedelta)

    def reset(self) -> None:
        """Take the settings of a start."""
        self.function = 1
        self.dns = DNS_SERVERS
        self.clock_offset = timedelta()


@dataclass(slots=True, kw_only=True, eq=False)
class Parts:
    """The parts of a module.

    Attributes:
        options: what can be set about it.
        line: its UART.
        network: the network it reaches.
        nvram: the settings that a restart keeps.
        settings: the settings that it loses.
        faults: what goes wrong.
        writer: writes answers, completions and URCs.
        sleep: how awake it is.
        power_reports: which power events it reports.
        radio: its radio.
        registration: its registration.
        tcpip: its sockets.
        restart: restarts it.
        run: runs a coroutine under a name until it ends or the module stops.
    """

    options: Options
    line: Line
    network: Network
    nvram: Nvram
    settings: VolatileSettings
    faults: Faults
    writer: ResponseWriter
    sleep: Sleep
    power_reports: PowerReports
    radio: Radio
    registration: Registration
    tcpip: TcpIp
    restart: Callable[[], None]
    run: Callable[[str, Coroutine[Any, Any, None]], None]

    def go_off_air(self) -> None:
        """Switch the radio off: the network and every connection are gone."""
        self.registration.leave()
        self.tcpip.break_connections()
        self.radio.switch_off()

    @property
    def now(self) -> datetime:
        """The time of the module's clock."""
        return self.network.now() + self.settings.clock_offset
