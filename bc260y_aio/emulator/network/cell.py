"""The cell and the operators that emulated modules find."""

from dataclasses import dataclass
from typing import Final

# The access technology of NB-IoT, as +CEREG and +COPS number it (TS 27.007, 7.3).
NB_IOT: Final = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """An operator that a module may find.

    Attributes:
        numeric: its PLMN: country and network code.
        long_name: its long name.
        short_name: its short name.
    """

    numeric: str
    long_name: str
    short_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """An NB-IoT cell.

    Attributes:
        operator: its operator.
        tracking_area: its tracking area code, 4 hex digits.
        cell_id: its identity, 8 hex digits.
        earfcn: its carrier.
        pci: its physical identity.
        band: its band.
        offset: where its carrier lies beside the channel number, as AT+QENG numbers it (manual 4.8).
        operation_mode: 0 to 3: in-band with the same PCI, in-band with another, guard band, stand-alone.
        has_neighbour: whether there is a cell beside it.
    """

    operator: Operator = Operator(numeric="46000", long_name="CHINA MOBILE", short_name="CMCC")
    tracking_area: str = "5A31"
    cell_id: str = "0C2F7A12"
    earfcn: int = 3738
    pci: int = 281
    band: int = 8
    offset: int = 2
    operation_mode: int = 3
    has_neighbour: bool = True


# An operator that refuses the module's SIM, and is found besides.
FORBIDDEN: Final = Operator(numeric="46001", long_name="CHN-UNICOM", short_name="UNICOM")
