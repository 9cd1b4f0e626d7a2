"""Checks: one assumption of this package each, and a function that decides it from the observations."""

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from .observations import NotObserved, Observations


class Outcome(enum.StrEnum):
    """The outcome of a check."""

    AGREES = "agrees"
    DIFFERS = "differs"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a check, and the reason.

    Attributes:
        outcome: the outcome.
        seen: what was observed; or why nothing was.
        note: what a difference means for a user of this package.
        quirks: the entries that belong in the profile.
    """

    outcome: Outcome
    seen: str = ""
    note: str = ""
    quirks: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """An assumption of this package about a module.

    Attributes:
        key: its name.
        assumes: the assumption, as a sentence.
        section: the section of the guide that says so, as ``"2.2.1"``; of the AT command manual, as ``"manual 4.5"``;
            empty if none does.
        probe: the name of the probe that the check needs.
        judge: returns the verdict on the observations. It may raise NotObserved.
        otherwise: what another document has instead, as a sentence; empty if none has.
    """

    key: str
    assumes: str
    section: str
    probe: str
    judge: Callable[[Observations], Verdict]
    otherwise: str = ""

    @property
    def source(self) -> str:
        """The document and the section, in words; empty if none says so."""
        return self.section if not self.section or self.section.startswith("manual") else f"guide {self.section}"

    def check(self, observed: Observations) -> "Finding":
        """Return the finding for these observations."""
        if self.probe in observed.skipped:
            return Finding(self, Verdict(Outcome.NOT_CHECKED, observed.skipped[self.probe]))

        try:
            return Finding(self, self.judge(observed))
        except NotObserved as exc:
            return Finding(self, Verdict(Outcome.NOT_CHECKED, str(exc)))


@dataclass(frozen=True, slots=True)
class Finding:
    """A check and its verdict."""

    check: Check
    verdict: Verdict


UNDERSTOOD: Final = "Nothing to do: this package accepts it."
PROFILED: Final = "Pass the profile to Modem."


def agrees(seen: str = "", **quirks: Any) -> Verdict:
    """Return the verdict that the module agrees; ``quirks`` go into the profile all the same."""
    return Verdict(Outcome.AGREES, seen, "", quirks)


def differs(seen: str, note: str = "", **quirks: Any) -> Verdict:
    """Return the verdict that the module differs."""
    return Verdict(Outcome.DIFFERS, seen, note or (PROFILED if quirks else UNDERSTOOD), quirks)


def either(is_so: bool, seen: str, note: str = "") -> Verdict:
    """Return :func:`agrees` or :func:`differs`."""
    return agrees(seen) if is_so else differs(seen, note)


def shown(data: bytes, most: int = 72) -> str:
    """Return bytes as printable text of limited length."""
    text = ascii(data.decode("latin-1"))[1:-1]
    return text if len(text) <= most else f"{text[: most - 4]} ..."
