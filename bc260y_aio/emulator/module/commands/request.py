"""A command line taken apart: its name, its form, its parameters."""

import enum
import functools
import re
from typing import Final, NamedTuple

from ....at.syntax import Parameters

_LINE: Final = re.compile(r"AT(\+[A-Z][A-Z0-9]*|[A-Z&]+[0-9]?)(=\?|\?|=|$)(.*)", re.IGNORECASE | re.DOTALL)
_NAME: Final = re.compile(r"AT(\+?[A-Z&]+)?", re.IGNORECASE)


class Form(enum.Enum):
    """The four forms of a command (TS 27.007, 4)."""

    TEST = "=?"
    READ = "?"
    SET = "="
    EXECUTE = ""


class Request(NamedTuple):
    """A command line taken apart.

    Attributes:
        name: the name: ``"+CSQ"``, ``"I"``.
        form: the form.
        text: what follows the form.
    """

    name: str
    form: Form
    text: str

    @property
    def parameters(self) -> Parameters:
        """The text, split at its commas."""
        return Parameters(self.text)


@functools.lru_cache(256)
def read_request(line: str) -> Request | None:
    """Take a command line apart; return None for one that has no such form."""
    match = _LINE.fullmatch(line)
    if match is None:
        return None

    request = Request(match[1].upper(), Form(match[2]), match[3])
    return request if request.form is Form.SET or not request.text else None


@functools.lru_cache(256)
def name_of(line: str) -> str:
    """Return the name by which a command line is counted: ``"+CSQ"``, ``"AT"``, ``"ATE"``."""
    match = _NAME.match(line)
    name = (match[1] or "") if match else ""
    return name.upper() if name.startswith("+") else f"AT{name.upper()}"
