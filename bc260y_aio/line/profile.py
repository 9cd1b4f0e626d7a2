"""The quirks of one module that the driver must know: where it differs from the defaults, kept as TOML."""

import dataclasses
import json
import os
import re
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Self

from ..at.commands import TESTABLE, Command
from ..at.syntax import PayloadFormat
from ..errors import CommandFailed

# The name of a command, as a profile writes it.
_NAME: Final = re.compile(r"\+[A-Z][A-Z0-9]*")

# The limits of each number: those of the guide, and those of the driver.
_RANGES: Final = {
    "sockets": (1, 256),
    "largest_ping": (32, 1500),
    "command_gap": (0.0, 60.0),
    "nvram_gap": (0.0, 60.0),
    "awake_for": (0.0, 3600.0),
    "boot_time": (0.1, 600.0),
}
_CHOICES: Final[dict[str, tuple[object, ...]]] = {
    "rai": (True, False),
    "quoted_data": (True, False, None),
    "data_format": ("hex", "text", None),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The quirks of a module, for ``Modem(port, profile=...)``; ``bc260y-aio doctor`` draws one up.

    All spellings in which firmware versions differ are read without a profile. It is for the differences that cannot be
    seen before something goes wrong. The defaults are what this package assumes of any module.

    Attributes:
        sockets: how many connectIDs the module has (guide 2.2.2).
        largest_ping: the largest packet that AT+QPING takes, in bytes (guide 2.2.8, note); larger ones are refused with
            ValueError before anything is sent.
        unsupported: the names of commands that the module does not know, such as ``"+QSCLK"``. The start leaves out
            the optional ones; a call that needs one fails with CommandFailed before anything is sent.
        markers: the names of the commands whose test form the module answers with their ranges (guide 2.2). After an
            answer was missed, one of these shows that the line is in step again; when there are none, ``OK`` has to do.
        rai: AT+QISEND takes a release assistance indication (guide 2.2.5). Otherwise none is sent, whatever a program
            asks for.
        quoted_data: whether received payload stands between quotes (guide 2.3.2). When it is known, payload written
            otherwise is treated as damaged; None accepts both.
        data_format: the only payload format of a module that cannot change it (guide 2.2.1): ``"hex"`` or ``"text"``;
            it is then neither asked for nor set. None for a module that can.
        command_gap: the least time between an answer and the next command, in seconds.
        nvram_gap: the same after a command that writes NVRAM, in seconds.
        awake_for: how long after the last byte a module that may sleep is certain to be awake, in seconds; it sleeps
            after about ten. Later than that, it is woken before a command.
        boot_time: how long a start takes until ``RDY``, in seconds; an open waits half as long again.

    Raises:
        ValueError: a value cannot be.
    """

    sockets: int = 5
    largest_ping: int = 1500
    unsupported: frozenset[str] = frozenset()
    markers: tuple[str, ...] = TESTABLE
    rai: bool = True
    quoted_data: bool | None = None
    data_format: Literal["hex", "text"] | None = None
    command_gap: float = 0.0
    nvram_gap: float = 0.05
    awake_for: float = 5.0
    boot_time: float = 10.0

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            kind = int if isinstance(low, int) else (int, float)
            if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
                raise ValueError(f"{name} must be {low:g} to {high:g}, not {value!r}")

        for name, allowed in _CHOICES.items():
            # 1 is no truth value here, though it equals one.
            if not any(
                (value := getattr(self, name)) is one or (value == one and value == str(one)) for one in allowed
            ):
                raise ValueError(f"{name} must be {_either(allowed)}, not {value!r}")

        for name in ("unsupported", "markers"):
            _check_names(name, getattr(self, name))

        object.__setattr__(self, "unsupported", frozenset(self.unsupported))
        object.__setattr__(self, "markers", tuple(self.markers))
        if strangers := set(self.markers) - set(TESTABLE):
            raise ValueError(f"markers are some of {', '.join(TESTABLE)}, not {', '.join(sorted(strangers))}")

    @classmethod
    def of(cls, known: "Profile | str | os.PathLike[str] | None", **named: float | None) -> "Profile":
        """Return the profile for an argument that may be a profile, the path of its file, or None.

        Args:
            known: the argument.
            **named: values that override those of the profile; None is ignored.

        Raises:
            OSError: the file cannot be read.
            ValueError: a value cannot be.
        """
        profile = known if isinstance(known, Profile) else DEFAULT_PROFILE if known is None else cls.load(known)
        changes: Any = {name: value for name, value in named.items() if value is not None}
        return dataclasses.replace(profile, **changes)

    # Queries of the driver

    def knows(self, command: Command) -> bool:
        """Return whether the module knows a command."""
        if not self.unsupported:
            return True

        written = _NAME.match(str(command), 2)
        return (command.name or (written[0] if written else "")) not in self.unsupported

    def require(self, command: Command) -> None:
        """Check that the module knows a command.

        Raises:
            CommandFailed: it does not.
        """
        if not self.knows(command):
            raise CommandFailed(str(command), text="the module's profile says that it does not know this command")

    @property
    def payload_format(self) -> PayloadFormat | None:
        """The only payload format of a module that cannot change it, or None."""
        return None if self.data_format is None else PayloadFormat[self.data_format.upper()]

    @property
    def open_timeout(self) -> float:
        """How long to wait for a module that answers, in seconds."""
        return 1.5 * self.boot_time

    # As text

    @property
    def quirks(self) -> dict[str, Any]:
        """The values that differ from the defaults, by name, as JSON and TOML can hold them."""
        found = {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}
        changed = {name: value for name, value in found.items() if value != getattr(DEFAULT_PROFILE, name)}
        as_lists = {name: sorted(changed[name]) for name in ("unsupported", "markers") if name in changed}
        return changed | as_lists

    def to_toml(self, remark: str = "") -> str:
        """Return the quirks as TOML, after a comment.

        Args:
            remark: the comment; it may have several lines.

        Raises:
            ImportError: the package tomli-w is not installed; the extra ``cli`` has it.
        """
        import tomli_w

        comments = [f"# {_printable(line)}".rstrip() for line in remark.splitlines()]
        text = tomli_w.dumps(self.quirks) or "# No quirks.\n"
        return "\n".join([*comments, text])

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Return the profile that :meth:`to_toml` wrote.

        Raises:
            ValueError: it is no TOML, a name is unknown, or a value cannot be.
        """
        settings = tomllib.loads(text)
        if unknown := settings.keys() - {one.name for one in dataclasses.fields(cls)}:
            raise ValueError(f"a profile has no {', '.join(map(repr, sorted(unknown)))}")

        return cls(**settings)

    @classmethod
    def load(cls, file: str | os.PathLike[str]) -> Self:
        """Read a profile from a file.

        Raises:
            OSError: it cannot be read.
            ValueError: it is no profile; the message names the file.
        """
        try:
            return cls.from_toml(Path(file).read_text(encoding="utf-8"))
        except ValueError as exc:
            raise ValueError(f"{os.fspath(file)}: {exc}") from exc


def _check_names(what: str, names: object) -> None:
    if isinstance(names, str) or not isinstance(names, Collection):
        raise ValueError(f"{what} must be names of commands, not {names!r}")

    for one in names:
        if not isinstance(one, str) or not _NAME.fullmatch(one):
            raise ValueError(f"the name of a command looks like '+QSCLK', not {one!r}")


def _either(values: tuple[object, ...]) -> str:
    return " or ".join(json.dumps(value) if isinstance(value, bool) else repr(value) for value in values)


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else " " for one in text)


# The assumptions about an unknown module.
DEFAULT_PROFILE: Final = Profile()
