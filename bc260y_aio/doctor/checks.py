"""What a check is: something that this package assumes, and how to tell from what was seen whether it is so."""

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from .record import NotSeen, Record


class Outcome(enum.StrEnum):
    """What came of a check."""

    AGREES = "agrees"
    DIFFERS = "differs"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a check, and why.

    Attributes:
        outcome: whether it is so.
        seen: what was seen; or why nothing was.
        note: what a difference means to whoever uses this package.
        quirks: what a profile is to say.
    """

    outcome: Outcome
    seen: str = ""
    note: str = ""
    quirks: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """Something that this package assumes of a module.

    Attributes:
        key: its name.
        assumes: what is assumed, as a sentence.
        section: where the guide says so; empty where it does not.
        look: the name of the look by which it is checked.
        judge: tells by what was seen whether it is so. It may raise NotSeen.
    """

    key: str
    assumes: str
    section: str
    look: str
    judge: Callable[[Record], Verdict]

    def check(self, record: Record) -> "Finding":
        """Tell whether it is so."""
        if self.look in record.skipped:
            return Finding(self, Verdict(Outcome.NOT_CHECKED, record.skipped[self.look]))

        try:
            return Finding(self, self.judge(record))
        except NotSeen as exc:
            return Finding(self, Verdict(Outcome.NOT_CHECKED, str(exc)))


@dataclass(frozen=True, slots=True)
class Finding:
    """A check, and what came of it."""

    check: Check
    verdict: Verdict


UNDERSTOOD: Final = "Nothing to do: it is understood all the same."
PROFILED: Final = "Give the profile to the modem."


def agrees(seen: str = "", **quirks: Any) -> Verdict:
    """Return the verdict that it is so; some of that is worth a line in the profile all the same."""
    return Verdict(Outcome.AGREES, seen, "", quirks)


def differs(seen: str, note: str = "", **quirks: Any) -> Verdict:
    """Return the verdict that it is not so."""
    return Verdict(Outcome.DIFFERS, seen, note or (PROFILED if quirks else UNDERSTOOD), quirks)


def either(is_so: bool, seen: str, note: str = "") -> Verdict:
    """Return the one verdict or the other."""
    return agrees(seen) if is_so else differs(seen, note)


def shown(data: bytes, most: int = 72) -> str:
    """Return bytes as a person can read them, cut where they are long."""
    text = ascii(data.decode("latin-1"))[1:-1]
    return text if len(text) <= most else f"{text[: most - 4]} ..."
