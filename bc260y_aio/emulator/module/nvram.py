"""What an emulated module remembers without power."""

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from ...at.syntax import Malformed, Parameters, PayloadFormat
from ...at.timers import read_active, read_cycle, read_periodic

# How often a module reports to the network that was asked for no time of its own, in seconds (TS 24.301, T3412).
PERIODIC_UPDATE: Final = 54 * 60.0

# The rate of a module as it leaves the factory, in baud.
FACTORY_BAUDRATE: Final = 9600


@dataclass(slots=True, kw_only=True)
class Nvram:
    """The settings that outlive a restart.

    Attributes:
        send_format: how the payload of AT+QISEND is written (guide 2.2.1).
        receive_format: how received payload is written (guide 2.2.1).
        baudrate: the rate set by AT+IPR, in baud.
        psm: what AT+CPSMS was set to.
        edrx: what AT+CEDRXS was set to.
        file: where they last; None for nowhere.
        writes: how often something was written: each wears the memory.
    """

    send_format: PayloadFormat = PayloadFormat.TEXT
    receive_format: PayloadFormat = PayloadFormat.TEXT
    baudrate: int = FACTORY_BAUDRATE
    psm: str = '0,,,"00100001","00100100"'
    edrx: str = "0"
    file: Path | None = dataclasses.field(default=None, compare=False)
    writes: int = dataclasses.field(default=0, compare=False)

    @classmethod
    def load(cls, file: str | os.PathLike[str]) -> Self:
        """Read a file, or begin one: with the factory's settings if it is not there.

        Raises:
            ValueError: it does not hold what was written here.
            OSError: it cannot be read.
        """
        path = Path(file)
        nvram = cls(file=path)
        try:
            stored = json.loads(path.read_text(encoding="ascii"))
            for name, value in stored.items():
                kind = type(getattr(nvram, name))
                setattr(nvram, name, kind(value))
        except FileNotFoundError:
            pass
        except (AttributeError, TypeError, ValueError) as exc:
            raise ValueError(f"{path} is not the NVRAM of an emulated module") from exc

        return nvram

    @property
    def psm_times(self) -> tuple[float, float] | None:
        """The active time (T3324) and the periodic update time (T3412) of PSM, in seconds; None when it is off."""
        try:
            return read_psm(self.psm)
        except Malformed:
            return None

    @property
    def edrx_cycle(self) -> float | None:
        """The eDRX cycle that is asked for, in seconds; None when there is none."""
        try:
            return read_edrx(self.edrx)
        except Malformed:
            return None

    def store(self, **settings: object) -> None:
        """Write settings, changed or not."""
        for name, value in settings.items():
            setattr(self, name, value)

        self.writes += 1
        if self.file is not None:
            kept = {one.name: getattr(self, one.name) for one in dataclasses.fields(self) if one.compare}
            self.file.write_text(json.dumps(kept), encoding="ascii")


def read_psm(text: str) -> tuple[float, float] | None:
    """Read what AT+CPSMS is set to: the active time and the periodic update time, in seconds; None for no PSM.

    PSM is asked for by asking for an active time (TS 24.301, 5.3.11); without one there is none.

    Raises:
        Malformed: it cannot be read.
    """
    told = Parameters(text)
    is_on = told.integer(0, 0, 2) == 1
    periodic = read_periodic(told.string(3)) if told.has(3) else None
    active = read_active(told.string(4)) if told.has(4) else None
    if not is_on or active is None:
        return None

    return active.total_seconds(), PERIODIC_UPDATE if periodic is None else periodic.total_seconds()


def read_edrx(text: str) -> float | None:
    """Read what AT+CEDRXS? tells: the cycle, in seconds; None for no eDRX.

    Raises:
        Malformed: it cannot be read.
    """
    told = Parameters(text)
    return read_cycle(told.string(1)).total_seconds() if told.has(1) else None
