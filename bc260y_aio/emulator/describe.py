"""What each option means, in the words of the classes that hold them."""

import dataclasses
import inspect
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from ..at.responses import Dialect
from .faults import Faults
from .network.coverage import CoverageProfile
from .options import Options, write_value
from .radio import Currents

# The groups of options, and what heads them.
_GROUPS: Final[tuple[tuple[str, Any, Any], ...]] = (
    ("The network and the radio", CoverageProfile, CoverageProfile()),
    ("The module and its line", Options, Options(line="memory")),
    ("What the radio draws", Currents, Currents()),
    ("How responses are spelled", Dialect, Dialect()),
    ("What goes wrong on purpose", Faults, Faults()),
)

_ATTRIBUTE: Final = re.compile(r"^    (\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)


class Description(NamedTuple):
    """What an option means.

    Attributes:
        group: what it is about.
        name: its name.
        default: what it is otherwise, as a URL has it.
        meaning: a sentence or two.
    """

    group: str
    name: str
    default: str
    meaning: str


def described() -> Iterator[Description]:
    """Tell of every option of an emulator, group by group: its name, its default, its meaning."""
    told: set[str] = set()
    for group, kind, defaults in _GROUPS:
        meanings = _attributes(kind)
        names = [one.name for one in dataclasses.fields(kind) if one.init and one.name in meanings]
        for name in names:
            if name not in told and name not in ("dialect", "currents", "faults"):
                told.add(name)
                yield Description(group, name, write_value(getattr(defaults, name)), meanings[name])


def _attributes(kind: type) -> dict[str, str]:
    text = inspect.getdoc(kind) or ""
    _, _, attributes = text.partition("Attributes:\n")
    return {name: " ".join(meaning.replace("``", "").split()) for name, meaning in _ATTRIBUTE.findall(attributes)}
