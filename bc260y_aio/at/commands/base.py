"""The base classes of all commands, and the commands without a name of their own."""

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final, Self

from ..privacy import masked, presentable
from ..responses import Completion, Information, Text
from ..suspicion import USUAL_ANSWERS
from ..syntax import Parameters, checked_integer

# The guide's own limit for the result code of each of its commands, in seconds ("5 s" throughout chapter 2.2).
RESULT_TIMEOUT: Final = 5.0
# A command that crosses the radio may take several round trips of seconds each; a generous limit, in seconds.
RADIO_TIMEOUT: Final = 20.0
# The longest time to the final result of the commands that may take longer, in seconds (AT manual, "Longest time to the
# final result"; PIN entry as CFUN, because it starts the SIM). Their read forms answer at once.
SLOW_COMMANDS: Final = {
    "+CFUN": 25.0,
    "+CPIN": 25.0,
    "+CGATT": 70.0,
    "+CGACT": 70.0,
    "+COPS": 305.0,
    "+QBAND": 25.0,
    "+QENG": 15.0,
}
# The module itself aborts a command that takes longer, so its answer is worth waiting for, in seconds.
_MARGIN: Final = 2.0

_NAME: Final = re.compile(r"\+[A-Z][A-Z0-9]*")
_PART: Final = re.compile(r"(\+[A-Z][A-Z0-9]*)(?!\?)(?![A-Z0-9])", re.IGNORECASE)


def check_context_id(context_id: int) -> None:
    """Check that a contextID is one (guide 2.2.2).

    Raises:
        TypeError: it is not an int.
        ValueError: it is out of range.
    """
    checked_integer(context_id, "a contextID", 0, 11)


class Command:
    """The base of all commands. The class data below describes a command completely.

    Attributes:
        name: the text between ``AT`` and the form: ``"+QIOPEN"``.
        information: the class of its information responses; None when it has none.
        completions: the classes of its completions; empty when ``OK`` is the end.
        changes_format: the payload format of the module may be another after it.
        usual_answer: the form of its only information response, if it has one that answers it as a rule.
    """

    __slots__ = ()
    name: ClassVar[str] = ""
    information: ClassVar[type[Information] | None] = None
    completions: ClassVar[tuple[type[Completion], ...]] = ()
    changes_format: bool = False
    usual_answer: re.Pattern[bytes] | None = None

    @property
    def result_timeout(self) -> float:
        """How long the final result code may take, in seconds."""
        return RESULT_TIMEOUT

    @property
    def awaited(self) -> tuple[type[Completion], ...]:
        """The completions that this command awaits after ``OK``."""
        return self.completions

    @property
    def completion_timeout(self) -> float:
        """How long the completion may take after ``OK``, in seconds."""
        return RADIO_TIMEOUT

    def rest_timeout(self, completions: Sequence[Completion]) -> float:
        """Return how long the other lines of an outcome may take after these, in seconds: they come at once."""
        return RESULT_TIMEOUT

    def write(self) -> str:
        """Return the command line without its terminator."""
        raise NotImplementedError

    def encode(self) -> bytes:
        """Return the command line without its terminator, as bytes."""
        return self.write().encode("ascii")

    def __str__(self) -> str:
        """Return the command line for messages and logs, with the owner's identities masked."""
        return masked(self.write())

    def is_answered_by(self, completion: Completion) -> bool:
        """Return whether a completion of the right class is about this command and no other."""
        return True

    def is_complete(self, completions: Sequence[Completion]) -> bool:
        """Return whether these completions are all that will follow."""
        return bool(completions)

    def is_ended_by(self, completion: Completion) -> bool:
        """Return whether some firmware writes this completion in place of ``OK``."""
        return False


class SetCommand(Command):
    """A command with parameters: ``AT+<name>=...``."""

    __slots__ = ()

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        """Build the command from its parameters.

        Raises:
            Malformed: they do not have the form that the guide gives.
        """
        raise NotImplementedError

    def fields(self) -> str:
        """Return the text after the equals sign."""
        raise NotImplementedError

    def write(self) -> str:
        return f"AT{self.name}={self.fields()}"


class ReadCommand(Command):
    """A command of the read form: ``AT+<name>?``."""

    __slots__ = ()

    def write(self) -> str:
        return f"AT{self.name}?"


@dataclass(frozen=True, slots=True)
class Attention(Command):
    """Ask whether the module answers: ``AT``."""

    @property
    def result_timeout(self) -> float:
        return 1.0

    def write(self) -> str:
        return "AT"


@dataclass(frozen=True, slots=True)
class Test(Command):
    """Query the parameters that a command takes: ``AT+<name>=?`` (guide, table 1)."""

    __test__: ClassVar[bool] = False
    information: ClassVar[type[Information] | None] = Text

    tested: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.tested):
            raise ValueError(f"not the name of a command: {self.tested!r}")

    def write(self) -> str:
        return f"AT{self.tested}=?"


@dataclass(frozen=True, slots=True)
class Raw(Command):
    """A command line as a user wrote it, whose information responses stay text.

    Attributes:
        line: the line, beginning with ``AT``.
        parsed: the command that this line is, where it is a known one: it knows what follows ``OK``.
    """

    information: ClassVar[type[Information] | None] = Text

    line: str
    parsed: Command | None = None
    # What the dialogue needs each time that the command is sent.
    encoded: bytes = field(init=False, repr=False, compare=False)
    changes_format: bool = field(init=False, repr=False, compare=False)
    usual_answer: re.Pattern[bytes] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not (self.line.isascii() and self.line.isprintable()):
            raise ValueError(f"a command line must be printable ASCII: {presentable(self.line)!r}")

        if self.line[:2].upper() != "AT":
            raise ValueError(f"a command line begins with AT: {presentable(self.line)!r}")

        changes_format = "QICFG" in self.line.upper() if self.parsed is None else self.parsed.changes_format
        object.__setattr__(self, "encoded", self.line.encode("ascii"))
        object.__setattr__(self, "changes_format", changes_format)
        object.__setattr__(self, "usual_answer", None if self.parsed else USUAL_ANSWERS.get(self.line))

    @property
    def awaited(self) -> tuple[type[Completion], ...]:
        return self.parsed.awaited if self.parsed else ()

    @property
    def result_timeout(self) -> float:
        return _result_timeout(self.line)

    @property
    def completion_timeout(self) -> float:
        return self.parsed.completion_timeout if self.parsed else RADIO_TIMEOUT

    def rest_timeout(self, completions: Sequence[Completion]) -> float:
        return self.parsed.rest_timeout(completions) if self.parsed else RADIO_TIMEOUT

    def write(self) -> str:
        return self.line

    def encode(self) -> bytes:
        return self.encoded

    def __str__(self) -> str:
        return presentable(self.line)

    def is_answered_by(self, completion: Completion) -> bool:
        return self.parsed is None or self.parsed.is_answered_by(completion)

    def is_complete(self, completions: Sequence[Completion]) -> bool:
        return self.parsed is None or self.parsed.is_complete(completions)

    def is_ended_by(self, completion: Completion) -> bool:
        return self.parsed is not None and self.parsed.is_ended_by(completion)


@dataclass(frozen=True, slots=True)
class SetEcho(Command):
    """Switch the echo of command lines: ``ATE0``, ``ATE1``."""

    on: bool

    def write(self) -> str:
        return f"ATE{self.on:d}"


@functools.lru_cache(maxsize=64)
def _result_timeout(line: str) -> float:
    """Return how long the final result code of a command line may take, in seconds."""
    slowest = max((SLOW_COMMANDS.get(name.upper(), 0.0) for name in _PART.findall(line)), default=0.0)
    return slowest + _MARGIN if slowest else RESULT_TIMEOUT
