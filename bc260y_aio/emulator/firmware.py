"""Models of the module and versions of its firmware, as far as they show on the line."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..at.responses import STANDARD, Dialect
from .variants import MANUAL, Variants


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model of the module.

    Attributes:
        manufacturer: the lines of AT+CGMI.
        revision: the revision of its firmware; None: that of the option ``firmware``.
        baudrate: its rate as it leaves the factory, in baud.
        keeps_echo: whether ATE is saved.
    """

    manufacturer: tuple[str, ...]
    revision: str | None
    baudrate: int
    keeps_echo: bool = False


@dataclass(frozen=True, slots=True)
class Firmware:
    """A version of the module's firmware.

    Attributes:
        revision: the revision in AT+CGMR.
        dialect: how its responses are spelled.
        largest_ping: the largest packet that AT+QPING takes, in bytes (guide 2.2.8, note).
        variants: what it does otherwise than the manual says.
    """

    revision: str
    dialect: Dialect
    largest_ping: int = 1500
    variants: Variants = MANUAL


# As the AT manual and real modules have it: information lines without a blank line between them, years of four digits.
MANUAL_DIALECT: Final = Dialect(compact=True, four_digit_year=True)

# As the TCP/IP guide writes.
_GUIDE: Final = Variants(
    address_context=5,
    socket_errors=True,
    dsevent_at_once=True,
    saves_reports=False,
    keeps_omitted=False,
    edrx_value_when_off=False,
)

FIRMWARES: Final[Mapping[str, Firmware]] = {
    "manual": Firmware("BC260YCNAAR01A03", MANUAL_DIALECT),
    "guide": Firmware("BC260YCNAAR01A03", STANDARD, variants=_GUIDE),
    "R01A02": Firmware(
        "BC260YCNAAR01A02", Dialect(compact=True, four_digit_year=True, stray_nul=True, ping_ttl=False), 200
    ),
    "R01A03": Firmware("BC260YCNAAR01A03", Dialect(compact=True, four_digit_year=True, stray_nul=True)),
    "R02A01": Firmware("BC260YCNAAR02A01", MANUAL_DIALECT),
}

BC260Y: Final = "BC260Y-CN"
BC660K: Final = "BC660K-GL"

MODELS: Final[Mapping[str, Model]] = {
    BC260Y: Model(
        manufacturer=("Quectel_Ltd", "Quectel_BC260Y-CN", "Revision: EC616"),
        revision=None,
        baudrate=9600,
    ),
    BC660K: Model(
        manufacturer=("Quectel_Ltd", "Quectel_BC660K-GL", "Revision: QCX212"),
        revision="BC660KGLAAR01A03",
        baudrate=115200,
        keeps_echo=True,
    ),
}
