"""The options of an emulator, with the meaning that the docstrings of their classes give them."""

import dataclasses
import inspect
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from ..at.responses import Dialect
from .faults import Faults
from .firmware import MANUAL_DIALECT
from .network.coverage import CoverageProfile
from .option_values import write_value
from .options import Options
from .radio import Currents
from .variants import Variants

# The groups of options, with their headings.
_GROUPS: Final[tuple[tuple[str, Any, Any], ...]] = (
    ("The network and the radio", CoverageProfile, CoverageProfile()),
    ("The module and its line", Options, Options(line="memory")),
    ("Currents of the radio", Currents, Currents()),
    ("How responses are spelled", Dialect, MANUAL_DIALECT),
    ("Other differences between firmware versions and documents", Variants, Variants()),
    ("Faults made on purpose", Faults, Faults()),
)

_ATTRIBUTE: Final = re.compile(r"^    (\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)


class OptionDescription(NamedTuple):
    """An option and its meaning.

    Attributes:
        group: the heading of its group.
        name: its name.
        default: its default, as a URL has it.
        meaning: a sentence or two.
    """

    group: str
    name: str
    default: str
    meaning: str


def describe_options() -> Iterator[OptionDescription]:
    """Describe every option of an emulator, group by group."""
    seen: set[str] = set()
    for group, kind, defaults in _GROUPS:
        meanings = _attributes(kind)
        names = [one.name for one in dataclasses.fields(kind) if one.init and one.name in meanings]
        for name in names:
            if name not in seen and name not in ("dialect", "variants", "currents", "faults"):
                seen.add(name)
                yield OptionDescription(group, name, write_value(getattr(defaults, name)), meanings[name])


def _attributes(kind: type) -> dict[str, str]:
    text = inspect.getdoc(kind) or ""
    _, _, attributes = text.partition("Attributes:\n")
    return {name: " ".join(meaning.replace("``", "").split()) for name, meaning in _ATTRIBUTE.findall(attributes)}
