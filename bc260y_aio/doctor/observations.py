"""Observations of the probes, by name; and the effects on the module that need consent."""

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from .line import Exchange


class Impact(enum.StrEnum):
    """An effect of a probe on a module, or a cost; allowed only with consent."""

    DATA = "data"
    """Data goes over the radio."""
    NVRAM = "nvram"
    """A setting is written to the NVRAM and restored. NVRAM withstands a limited number of writes."""
    SLEEP = "sleep"
    """The module is allowed to sleep, and is woken."""
    RESTART = "restart"
    """The module is restarted: everything outside its NVRAM is lost."""


class NotObserved(Exception):
    """Raised when an observation is missing; the message says why."""


@dataclass(slots=True)
class Observations:
    """The observations of the probes.

    Attributes:
        exchanges: the named exchanges.
        facts: other observations, by name.
        skipped: the reason for each probe that did not run, by its name.
        everything: all exchanges, in order.
    """

    everything: list[Exchange]
    exchanges: dict[str, Exchange] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Exchange:
        """Return an exchange.

        Raises:
            NotObserved: there is no exchange of that name.
        """
        if name in self.exchanges:
            return self.exchanges[name]

        raise NotObserved(self.skipped.get(name, "an earlier step failed"))

    def fact(self, name: str) -> Any:
        """Return a fact.

        Raises:
            NotObserved: it was not observed.
        """
        if name in self.facts:
            return self.facts[name]

        raise NotObserved(self.skipped.get(name, "an earlier step failed"))

    def under(self, prefix: str) -> Iterator[tuple[str, Exchange]]:
        """Yield the exchanges whose names begin with ``prefix``, each with the rest of its name."""
        for name, exchange in self.exchanges.items():
            if name.startswith(prefix):
                yield name.removeprefix(prefix), exchange


# A host name that cannot exist (RFC 2606).
UNKNOWN_HOST: Final = "bc260y-aio.invalid"
