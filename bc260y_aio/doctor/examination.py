"""The examination: looks in order, then checks, then what they come to."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from ..at.responses import Text
from ..line.profile import DEFAULT_PROFILE, Profile
from .behaviour import BEHAVIOUR
from .checks import Check, Finding, Outcome
from .life import LIFE
from .looks import look_at_answers, look_at_commands, look_at_echo, look_at_errors, look_at_identity
from .power import look_at_sleep, look_at_start
from .radio import (
    look_at_datagrams,
    look_at_failures,
    look_at_formats,
    look_at_names,
    look_at_registration,
    look_at_stream,
    look_at_time,
)
from .record import Harm
from .spelling import SPELLING
from .visit import Order, Visit, visiting

CHECKS: Final[tuple[Check, ...]] = (*SPELLING, *BEHAVIOUR, *LIFE)


@dataclass(frozen=True, slots=True)
class Look:
    """A look at a module.

    Attributes:
        name: what checks call it.
        what: what it looks at, in words.
        make: makes it.
        needs: what it does to the module.
        needs_server: it takes an echo server.
        needs_time_server: it takes an NTP server.
    """

    name: str
    what: str
    make: Callable[[Visit], Awaitable[None]]
    needs: Harm | None = None
    needs_server: bool = False
    needs_time_server: bool = False

    def obstacle(self, visit: Visit) -> str | None:
        """Return why it cannot be made, or None."""
        order = visit.order
        if self.needs is not None and self.needs not in order.allowed:
            return f"it takes consent: {self.needs}"

        if self.needs_server and order.server is None:
            return "it takes an echo server"

        if self.needs_time_server and order.time_server is None:
            return "it takes an NTP server"

        if self.needs is Harm.DATA and visit.record.facts.get("is_unregistered"):
            return "the module is not registered with a network"

        return None


LOOKS: Final = (
    Look("answers", "how fast it answers", look_at_answers),
    Look("echo", "its echo", look_at_echo),
    Look("identity", "its firmware", look_at_identity),
    Look("commands", "what it knows", look_at_commands),
    Look("errors", "its errors", look_at_errors),
    Look("registration", "its registration", look_at_registration),
    Look("failure", "opening and looking up what does not exist", look_at_failures, Harm.DATA),
    Look("names", "names and pings", look_at_names, Harm.DATA, needs_server=True),
    Look("stream", "a TCP connection", look_at_stream, Harm.DATA, needs_server=True),
    Look("datagrams", "datagrams", look_at_datagrams, Harm.DATA, needs_server=True),
    Look("time", "the time of a server", look_at_time, Harm.DATA, needs_time_server=True),
    Look("formats", "setting the payload formats", look_at_formats, Harm.NVRAM),
    Look("sleep", "sleeping and waking", look_at_sleep, Harm.SLEEP),
    Look("start", "a restart", look_at_start, Harm.RESTART),
)


@dataclass(frozen=True, slots=True)
class Report:
    """What came of an examination.

    Attributes:
        revision: the firmware, as the module tells it; empty when it does not.
        baudrate: the rate of the line, or None where there is none.
        findings: each check, and what came of it, in a fixed order.
        profile: the quirks, for ``Modem(port, profile=...)``.
    """

    revision: str
    baudrate: int | None
    findings: tuple[Finding, ...]
    profile: Profile

    def of(self, outcome: Outcome) -> tuple[Finding, ...]:
        """Return the findings of one outcome."""
        return tuple(one for one in self.findings if one.verdict.outcome is outcome)

    @property
    def differences(self) -> frozenset[str]:
        """The keys of the checks that differ."""
        return frozenset(one.check.key for one in self.of(Outcome.DIFFERS))


async def examine(
    port: str,
    *,
    baudrate: int | None = None,
    order: Order | None = None,
    on_look: Callable[[Look], None] = lambda look: None,
) -> Report:
    """Check a module against what this package assumes of any, and leave it as it was found.

    Args:
        port: as for :class:`bc260y_aio.Modem`.
        baudrate: the rate of the serial port; None probes the usual ones.
        order: what may be done to the module, and with whom it may talk; by default nothing, and with nobody.
        on_look: is called before each look.

    Raises:
        PortError: the port cannot be opened, or went away.
        ModemNotResponding: the module does not answer ``AT``.
    """
    async with visiting(port, baudrate, order or Order()) as visit:
        for look in LOOKS:
            if (obstacle := look.obstacle(visit)) is not None:
                visit.record.skipped[look.name] = obstacle
                continue

            on_look(look)
            await look.make(visit)

        rate = visit.line.port.baudrate

    findings = tuple(check.check(visit.record) for check in CHECKS)
    return Report(_revision(visit), rate, findings, draw_profile(findings))


def _revision(visit: Visit) -> str:
    told = [one.text for one in visit.record["revision"].information if isinstance(one, Text)]
    return told[0].removeprefix("Revision:").strip() if told else ""


def draw_profile(findings: tuple[Finding, ...]) -> Profile:
    """Return the profile that findings come to."""
    quirks: dict[str, Any] = {}
    unsupported: set[str] = set()
    for finding in findings:
        for name, value in finding.verdict.quirks.items():
            if name == "unsupported":
                unsupported |= set(value)
            else:
                quirks[name] = value

    return replace(DEFAULT_PROFILE, unsupported=frozenset(unsupported), **quirks)
