"""What an emulated module remembers without power."""

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from ...at.syntax import PayloadFormat

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

    def store(self, **settings: object) -> None:
        """Write settings, changed or not."""
        for name, value in settings.items():
            setattr(self, name, value)

        self.writes += 1
        if self.file is not None:
            kept = {one.name: getattr(self, one.name) for one in dataclasses.fields(self) if one.compare}
            self.file.write_text(json.dumps(kept), encoding="ascii")
