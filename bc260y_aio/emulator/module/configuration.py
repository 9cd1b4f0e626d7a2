"""The functions of AT+QCFG: stored at once, and in force after a restart (manual 9.5)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..firmware import BC660K
from ..options import Options
from .nvram import Nvram


@dataclass(frozen=True, slots=True)
class Function:
    """A function of AT+QCFG.

    Attributes:
        ranges: its values, as AT+QCFG=? shows them.
        default: its value as the module leaves the factory.
        is_volatile: it takes effect at once and is not saved.
    """

    ranges: tuple[tuple[int, int], ...]
    default: int
    is_volatile: bool = False

    @property
    def shown(self) -> str:
        """The values as text: ``(0,40-254)``."""
        return "(" + ",".join(_range(low, high) for low, high in self.ranges) + ")"

    def allows(self, value: int) -> bool:
        """Return whether the function takes a value."""
        return any(low <= value <= high for low, high in self.ranges)


def _range(low: int, high: int) -> str:
    if low == high:
        return str(low)

    return f"{low},{high}" if high == low + 1 else f"{low}-{high}"


_SWITCH: Final = ((0, 1),)
# With "slplocktimes" 0 the module sleeps as soon as it can, in seconds. No source says how soon that is; at once would
# be before any command could reach it.
_LEAST_LOCK: Final = 0.5

# By name, which AT+QCFG takes in any case. Defaults that no source gives are 0, and 1 for "epco".
FUNCTIONS: Final[Mapping[str, Function]] = {
    "epco": Function(_SWITCH, 1),
    "autoapn": Function(_SWITCH, 0),
    "rohc": Function(_SWITCH, 0),
    "DataInactTimer": Function(((0, 0), (40, 254)), 60),
    "logbaudrate": Function(((921600, 6000000),), 6000000),
    "slplocktimes": Function(((0, 30),), 10),
    "OOSScheme": Function(((0, 3),), 0),
    "dsevent": Function(_SWITCH, 0),
    "statisr": Function(((0, 0), (5, 600)), 0, is_volatile=True),
    "wakeupRXD": Function(_SWITCH, 1),
}

# Additional functions of the firmware R02A01. Their values are not known.
FUNCTIONS_R02A01: Final[Mapping[str, Function]] = {"faultaction": Function(((0, 3),), 0)}

# What the BC660K-GL has instead, or besides, by its AT manual; "GPIO", which is no number, is left out. Defaults
# that it does not give are those of release 13, and 0.
FUNCTIONS_BC660K: Final[Mapping[str, Function]] = {
    "DataInactTimer": Function(((0, 0), (15, 255)), 60),
    "OOSScheme": Function(((0, 4),), 0),
    "MacRAI": Function(_SWITCH, 0),
    "relversion": Function(((13, 14),), 13),
    "NBcategory": Function(((1, 2),), 1),
    "faultaction": Function(((0, 4),), 0),
    "NcellMeas": Function(_SWITCH, 1),
    "SimBip": Function(_SWITCH, 0),
    "activetimer": Function(_SWITCH, 1),
    "simpsm": Function(_SWITCH, 0),
}
# The functions that it has not.
_NOT_OF_BC660K: Final = frozenset({"autoapn", "rohc"})


def _functions(options: Options) -> Mapping[str, Function]:
    if options.model == BC660K:
        common = {name: function for name, function in FUNCTIONS.items() if name not in _NOT_OF_BC660K}
        return {**common, **FUNCTIONS_BC660K}

    return {**FUNCTIONS, **(FUNCTIONS_R02A01 if options.has_newer_commands else {})}


class Configuration:
    """The functions of a module.

    Args:
        options: the firmware, the sleep lock, and whether ``"dsevent"`` takes effect at once.
        nvram: keeps the values.

    Attributes:
        functions: the functions that the firmware has.
    """

    def __init__(self, options: Options, nvram: Nvram) -> None:
        self._options = options
        self._nvram = nvram
        self._volatile: dict[str, int] = {}
        self._in_force = dict(nvram.configuration)
        self.functions = _functions(options)

    def reset(self) -> None:
        """Put the stored values into force, as a restart does."""
        self._volatile.clear()
        self._in_force = dict(self._nvram.configuration)

    def find(self, name: str) -> str | None:
        """Return the name of a function as the module spells it; None if it has no such function."""
        return next((known for known in self.functions if known.lower() == name.lower()), None)

    def value(self, name: str) -> int:
        """Return the value that a read shows: the stored one, in force or not."""
        return self._volatile.get(name, self._nvram.configuration.get(name, self._default(name)))

    def in_force(self, name: str) -> int:
        """Return the value that the module goes by."""
        if name == "dsevent" and self._options.variants.dsevent_at_once:
            return self.value(name)

        return self._volatile.get(name, self._in_force.get(name, self._default(name)))

    def _default(self, name: str) -> int:
        if name == "slplocktimes" and self._options.sleep_after is not None:
            return round(self._options.sleep_after)

        return self.functions[name].default

    def set(self, name: str, value: int) -> None:
        """Set a function."""
        if self.functions[name].is_volatile:
            self._volatile[name] = value
        else:
            self._nvram.store(configuration=self._nvram.configuration | {name: value})

    @property
    def sleep_lock(self) -> float | None:
        """How long after the last byte the module may fall asleep, in seconds; None: never by itself."""
        if self._options.sleep_after is None:
            return None

        stored = self._in_force.get("slplocktimes")
        return self._options.sleep_after if stored is None else max(float(stored), _LEAST_LOCK)
