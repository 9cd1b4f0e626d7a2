"""The settings of an emulated module that outlive a restart."""

import dataclasses
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from ...at.syntax import Malformed, PayloadFormat
from ...at.timers import read_active, read_cycle, read_periodic

# How often a module reports to the network if it asked for no time of its own, in seconds (TS 24.301, T3412).
PERIODIC_UPDATE: Final = 54 * 60.0

# The rate of a module as it leaves the factory, in baud.
FACTORY_BAUDRATE: Final = 9600

# The bands of the module, in the order in which it searches them (manual 6.4).
BANDS: Final = (5, 8, 3)

_REPORTS: Final = frozenset({"error_level", "reports", "configuration"})


@dataclass(slots=True, kw_only=True)
class Nvram:
    """The settings that outlive a restart.

    Attributes:
        send_format: how the payload of AT+QISEND is written (guide 2.2.1).
        receive_format: how received payload is written (guide 2.2.1).
        baudrate: the rate set by AT+IPR, in baud.
        echo: ATE, on a model that saves it.
        error_level: AT+CMEE.
        reports: the modes of the URCs by command: ``"+CEREG"``, ``"+CREG"``, ``"+CSCON"``, ``"+CTZR"``,
            ``"+QNBIOTEVENT"``, ``"+CCIOTOPT"``, ``"+CEDRXS"``; 0 where none is named.
        function: AT+CFUN.
        psm: whether AT+CPSMS asks for PSM.
        periodic_update: T3412 as AT+CPSMS has it, 8 bits; empty: not asked for.
        active_time: T3324 as AT+CPSMS has it, 8 bits; empty: not asked for.
        edrx: whether AT+CEDRXS asks for eDRX.
        edrx_value: the cycle that it asks for, 4 bits; empty: none was ever set.
        paging_window: the window that AT+QEDRXCFG asks for, 4 bits; empty: none.
        operator: the mode of AT+COPS, and the operator of modes 1 and 4.
        optimisations: AT+CCIOTOPT: supported and preferred.
        bands: AT+QBAND.
        locks: AT+QLOCKF, as it reads them.
        context: AT+QCGDEFCONT: PDP type, APN, user, password.
        configuration: the functions set by AT+QCFG.
        time_zone: the zone set by AT+CCLK, in quarters of an hour; empty: the network's.
        clock_offset: how far the clock is ahead of the network's, in seconds.
        file: where they are kept; None for nowhere.
        writes: how often something was written: the memory withstands a limited number of writes.
        saves_reports: the error level, the modes of the URCs and the configuration are saved.
    """

    send_format: PayloadFormat = PayloadFormat.TEXT
    receive_format: PayloadFormat = PayloadFormat.TEXT
    baudrate: int = FACTORY_BAUDRATE
    echo: int = 1
    error_level: int = 0
    reports: dict[str, int] = field(default_factory=dict)
    function: int = 1
    psm: bool = False
    periodic_update: str = "00100001"
    active_time: str = "00100100"
    edrx: bool = False
    edrx_value: str = ""
    paging_window: str = ""
    operator: tuple[int, str] = (0, "")
    optimisations: tuple[int, int] = (1, 1)
    bands: tuple[int, ...] = BANDS
    locks: tuple[str, ...] = ()
    context: tuple[str, str, str, str] = ("IP", "", "", "")
    configuration: dict[str, int] = field(default_factory=dict)
    time_zone: tuple[int, ...] = ()
    clock_offset: float = 0.0
    file: Path | None = field(default=None, compare=False)
    writes: int = field(default=0, compare=False)
    saves_reports: bool = field(default=True, compare=False)

    @classmethod
    def load(cls, file: str | os.PathLike[str]) -> Self:
        """Read a file, or begin one: with the factory's settings if it is not there.

        Raises:
            ValueError: it does not hold the settings of an emulated module.
            OSError: it cannot be read.
        """
        path = Path(file)
        nvram = cls(file=path)
        try:
            stored = json.loads(path.read_text(encoding="ascii"))
            for name, value in stored.items():
                setattr(nvram, name, _like(getattr(nvram, name), value))
        except FileNotFoundError:
            pass
        except (AttributeError, TypeError, ValueError) as exc:
            raise ValueError(f"{path} is not the NVRAM of an emulated module") from exc

        return nvram

    @property
    def psm_times(self) -> tuple[float, float] | None:
        """The active time (T3324) and the periodic update time (T3412) of PSM, in seconds; None when it is off.

        PSM is asked for by asking for an active time (TS 24.301, 5.3.11); without one there is none.
        """
        active = read_active(self.active_time) if self.psm and self.active_time else None
        if active is None:
            return None

        periodic = read_periodic(self.periodic_update) if self.periodic_update else None
        return active.total_seconds(), PERIODIC_UPDATE if periodic is None else periodic.total_seconds()

    @property
    def edrx_cycle(self) -> float | None:
        """The eDRX cycle that is asked for, in seconds; None when there is none, or its value has no meaning."""
        try:
            return read_cycle(self.edrx_value).total_seconds() if self.edrx and self.edrx_value else None
        except Malformed:
            return None

    def report_mode(self, name: str) -> int:
        """Return which URCs of a command are switched on."""
        return self.reports.get(name, 0)

    def store_report_mode(self, name: str, mode: int) -> None:
        """Write which URCs of a command are switched on."""
        self.store(reports=self.reports | {name: mode})

    def forget_reports(self) -> None:
        """Forget the settings that were not saved, where :attr:`saves_reports` is off."""
        if not self.saves_reports:
            self.error_level, self.reports, self.configuration = 0, {}, {}

    def store(self, **settings: object) -> None:
        """Write settings, changed or not."""
        for name, value in settings.items():
            setattr(self, name, value)

        if not self.saves_reports and settings.keys() <= _REPORTS:
            return

        self.writes += 1
        if self.file is not None:
            kept = {one.name: getattr(self, one.name) for one in dataclasses.fields(self) if one.compare}
            self.file.write_text(json.dumps(kept), encoding="ascii")


def _like(default: Any, value: Any) -> Any:
    """Return a value that was read from a file as the type that a setting has."""
    if not isinstance(default, dict):
        return type(default)(value)

    if not isinstance(value, dict):
        raise TypeError(f"not a table: {value!r}")

    return {str(name): int(number) for name, number in value.items()}
