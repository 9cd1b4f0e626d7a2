"""The inspection: run the probes in order, then the checks, then derive the profile."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from ..at.responses import Text
from ..line.profile import DEFAULT_PROFILE, Profile
from .behaviour import BEHAVIOUR
from .checks import Check, Finding, Outcome
from .formatting import FORMATTING
from .lifecycle import LIFECYCLE
from .manual import MANUAL
from .observations import Impact
from .power import probe_reports, probe_sleep, probe_start
from .probes import probe_answers, probe_commands, probe_echo, probe_errors, probe_identity
from .radio import (
    probe_connection_reports,
    probe_datagrams,
    probe_failures,
    probe_formats,
    probe_names,
    probe_stream,
    probe_time,
)
from .registration import REGISTRATION, check_registration, probe_registration
from .session import Options, Session, open_session

CHECKS: Final[tuple[Check, ...]] = (*FORMATTING, *MANUAL, *REGISTRATION, *BEHAVIOUR, *LIFECYCLE)


@dataclass(frozen=True, slots=True)
class Probe:
    """A group of commands that observe one aspect of a module.

    Attributes:
        name: the name by which checks refer to it.
        what: the aspect, in words.
        run: sends the commands.
        needs: its effects on the module, which need consent.
        needs_server: it needs an echo server.
        needs_time_server: it needs an NTP server.
    """

    name: str
    what: str
    run: Callable[[Session], Awaitable[None]]
    needs: tuple[Impact, ...] = ()
    needs_server: bool = False
    needs_time_server: bool = False

    def obstacle(self, session: Session) -> str | None:
        """Return why it cannot run, or None."""
        options = session.options
        for impact in self.needs:
            if impact not in options.allowed:
                return f"it needs consent: {impact}"

        if self.needs_server and options.server is None:
            return "it needs an echo server"

        if self.needs_time_server and options.time_server is None:
            return "it needs an NTP server"

        if Impact.DATA in self.needs and session.observations.facts.get("is_unregistered"):
            return "the module is not registered with a network"

        return None


PROBES: Final = (
    Probe("answers", "its response times", probe_answers),
    Probe("echo", "its echo", probe_echo),
    Probe("identity", "its firmware", probe_identity),
    Probe("commands", "its commands", probe_commands),
    Probe("errors", "its errors", probe_errors),
    Probe("registration", "its registration", probe_registration),
    Probe("connection_reports", "reports of its radio", probe_connection_reports, (Impact.NVRAM, Impact.DATA)),
    Probe("failure", "opening and resolving a host that does not exist", probe_failures, (Impact.DATA,)),
    Probe("names", "names and pings", probe_names, (Impact.DATA,), needs_server=True),
    Probe("stream", "a TCP connection", probe_stream, (Impact.DATA,), needs_server=True),
    Probe("datagrams", "datagrams", probe_datagrams, (Impact.DATA,), needs_server=True),
    Probe("time", "the time of an NTP server", probe_time, (Impact.DATA,), needs_time_server=True),
    Probe("formats", "changing the payload formats", probe_formats, (Impact.NVRAM,)),
    Probe("sleep", "sleeping and waking", probe_sleep, (Impact.SLEEP,)),
    Probe("start", "a restart", probe_start, (Impact.RESTART,)),
    Probe("reports", "reports of sleep after a restart", probe_reports, (Impact.SLEEP, Impact.RESTART)),
)


@dataclass(frozen=True, slots=True)
class Report:
    """The result of an inspection.

    Attributes:
        model: the model that the module reports; empty if it reports none.
        revision: the firmware version that the module reports; empty if it reports none.
        baudrate: the rate of the line, or None if it has none.
        findings: each check and its verdict, in a fixed order.
        profile: the quirks, for ``Modem(port, profile=...)``.
    """

    model: str
    revision: str
    baudrate: int | None
    findings: tuple[Finding, ...]
    profile: Profile

    def of(self, outcome: Outcome) -> tuple[Finding, ...]:
        """Return the findings with this outcome."""
        return tuple(one for one in self.findings if one.verdict.outcome is outcome)

    @property
    def differences(self) -> frozenset[str]:
        """The keys of the checks that differ."""
        return frozenset(one.check.key for one in self.of(Outcome.DIFFERS))


async def inspect_module(
    port: str,
    *,
    baudrate: int | None = None,
    options: Options | None = None,
    on_probe: Callable[[Probe], None] = lambda probe: None,
) -> Report:
    """Check a module against the assumptions of this package, and leave it as it was found.

    Args:
        port: as for :class:`bc260y_aio.Modem`.
        baudrate: the rate of the serial port; None probes the usual ones.
        options: which effects on the module are allowed, and the servers to use; by default none.
        on_probe: is called before each probe.

    Raises:
        PortError: the port cannot be opened, or was lost.
        ModemNotResponding: the module does not answer ``AT``.
    """
    async with open_session(port, baudrate, options or Options()) as session:
        for probe in PROBES:
            if (obstacle := probe.obstacle(session)) is not None:
                session.observations.skipped[probe.name] = obstacle
                continue

            on_probe(probe)
            await probe.run(session)
            if Impact.DATA in probe.needs:
                await check_registration(session, probe.what)

        rate = session.line.port.baudrate

    findings = tuple(check.check(session.observations) for check in CHECKS)
    return Report(
        _text(session, "model"),
        _text(session, "revision").removeprefix("Revision:").strip(),
        rate,
        findings,
        draw_profile(findings),
    )


def _text(session: Session, name: str) -> str:
    """Return the first line of an answer; empty if it has none."""
    texts = [one.text for one in session.observations[name].information if isinstance(one, Text)]
    return texts[0].strip() if texts else ""


def draw_profile(findings: tuple[Finding, ...]) -> Profile:
    """Return the profile that follows from the findings."""
    quirks: dict[str, Any] = {}
    unsupported: set[str] = set()
    for finding in findings:
        for name, value in finding.verdict.quirks.items():
            if name == "unsupported":
                unsupported |= set(value)
            else:
                quirks[name] = value

    return replace(DEFAULT_PROFILE, unsupported=frozenset(unsupported), **quirks)
