"""What was seen of a module, by name; and what may be done to see it."""

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from .line import Exchange


class Harm(enum.StrEnum):
    """What looking at something may do to a module, or cost; only with consent."""

    DATA = "data"
    """Something goes over the radio."""
    NVRAM = "nvram"
    """A setting is written to the NVRAM, and back, which wears it."""
    SLEEP = "sleep"
    """The module is allowed to fall asleep, and woken."""
    RESTART = "restart"
    """The module is restarted: what it does not keep in its NVRAM is gone."""


class NotSeen(Exception):
    """Raised when something was not looked at, or nothing came of it; the message tells why."""


@dataclass(slots=True)
class Record:
    """What was seen.

    Attributes:
        exchanges: those with a name.
        facts: what else was found out, by name.
        skipped: why a look was not made, by its name.
        everything: all exchanges, in order.
    """

    everything: list[Exchange]
    exchanges: dict[str, Exchange] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Exchange:
        """Return an exchange.

        Raises:
            NotSeen: there is none of that name.
        """
        if name in self.exchanges:
            return self.exchanges[name]

        raise NotSeen(self.skipped.get(name, "it did not come to that"))

    def fact(self, name: str) -> Any:
        """Return a fact.

        Raises:
            NotSeen: it was not found out.
        """
        if name in self.facts:
            return self.facts[name]

        raise NotSeen(self.skipped.get(name, "it did not come to that"))

    def under(self, prefix: str) -> Iterator[tuple[str, Exchange]]:
        """Yield the exchanges whose names begin so, with the rest of the name."""
        for name, exchange in self.exchanges.items():
            if name.startswith(prefix):
                yield name.removeprefix(prefix), exchange


# The name under which a module is asked for that cannot exist (RFC 2606).
NOWHERE: Final = "bc260y-aio.invalid"
