"""Models of the module and versions of its firmware, as far as they show on the line."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
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
        has_newer_commands: it has the commands that the firmware BC260YCNAAR02A01 added, whatever its firmware.
        restarts_with_function: AT+CFUN=<fun>,1 restarts it.
        shows_addresses: AT+CGDCONT? shows the address of an active context.
        answers_undefined: AT+CGPADDR=<cid> has a line for a context that is not defined.
        measures_always: AT+QENG=0 shows the strength, and the coverage level also while the radio is idle.
        reads_voltage: AT+QADC? shows the voltage, where others have AT+QADC alone.
        reports_local_time: it has AT+CTZR=2.
        separates_ping: an empty line more stands before the first +QPING.
        wake_time: how long waking up takes, in seconds, unless the option ``wake_time`` is given.
        wakes_with_line: once awake, it answers the lost command by an empty line.
    """

    manufacturer: tuple[str, ...]
    revision: str | None
    baudrate: int
    keeps_echo: bool = False
    has_newer_commands: bool = False
    restarts_with_function: bool = False
    shows_addresses: bool = False
    answers_undefined: bool = False
    measures_always: bool = False
    reads_voltage: bool = False
    reports_local_time: bool = False
    separates_ping: bool = False
    wake_time: float = 0.3
    wakes_with_line: bool = False


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


# As the AT manual and real modules have it: information lines without a blank line between them, years of four digits,
# IPv6 addresses of 16 octets.
MANUAL_DIALECT: Final = Dialect(compact=True, four_digit_year=True, ipv6_octets=True)

# As the TCP/IP guide writes.
_GUIDE: Final = Variants(
    address_context=5,
    socket_errors=True,
    dsevent_at_once=True,
    saves_reports=False,
    keeps_omitted=False,
    edrx_value_when_off=False,
)

# Before R02A01, whose release note says what it changed.
_EARLY: Final = Variants(decimal_area=True)

FIRMWARES: Final[Mapping[str, Firmware]] = {
    "manual": Firmware("BC260YCNAAR01A03", MANUAL_DIALECT),
    "guide": Firmware("BC260YCNAAR01A03", STANDARD, variants=_GUIDE),
    "R01A02": Firmware("BC260YCNAAR01A02", replace(MANUAL_DIALECT, stray_nul=True, ping_ttl=False), 200, _EARLY),
    "R01A03": Firmware("BC260YCNAAR01A03", replace(MANUAL_DIALECT, stray_nul=True), variants=_EARLY),
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
    # As its AT manual says, and as a module with this firmware was seen to answer.
    BC660K: Model(
        manufacturer=("Quectel_Ltd", "Quectel_BC660K-GL", "Revision: QCX212"),
        revision="BC660KGLAAR01A05",
        baudrate=115200,
        keeps_echo=True,
        has_newer_commands=True,
        restarts_with_function=True,
        shows_addresses=True,
        answers_undefined=True,
        measures_always=True,
        reads_voltage=True,
        reports_local_time=True,
        separates_ping=True,
        wake_time=1.8,
        wakes_with_line=True,
    ),
}
