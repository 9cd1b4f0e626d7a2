"""Probes of sleep, wake-up and start."""

import asyncio
from typing import Final

from ..at.commands import (
    Attention,
    QuerySleep,
    SetDeepSleepReports,
    SetSleep,
    read_verbatim,
)
from ..at.urcs import AddressAssigned, PowerChanged, PowerEvent, Restarted
from ..line.profile import DEFAULT_PROFILE
from .observations import Impact
from .registration import REGISTRATION_TIMEOUT
from .session import Session

# A module sleeps about ten seconds after the last command; if it has not by now, it will not soon, in seconds.
_SLEEPS_WITHIN: Final = 20.0
# How many AT, and how far apart in seconds, wake a sleeping module.
WAKING: Final = (10, 0.3)
# How long to wait for a start, in seconds.
_STARTS_WITHIN: Final = 60.0


async def probe_sleep(session: Session) -> None:
    """Let the module sleep, and wake it."""
    if any(info.service_type == "TCP" for info in session.found_sockets):
        session.observations.skipped["sleep"] = "a TCP connection is open and would be lost"
        return

    await _switch_reports_on(session)
    # The driver assumes that the module is awake for this long.
    await session.execute("sleep.allow", SetSleep(1))
    started = asyncio.get_running_loop().time()
    await session.line.listen(0.9 * DEFAULT_PROFILE.awake_for, PowerChanged)
    session.observations.facts["sleep.received_after"] = asyncio.get_running_loop().time() - started
    await _wake(session, "sleep.early")
    if not session.observations.facts["sleep.early.lost"]:
        await _await_sleep(session, "sleep.after")
        await _wake(session, "sleep.late")

    await session.line.ask(SetSleep(0))


async def _await_sleep(session: Session, name: str) -> None:
    """Wait until the module sleeps; keep after how long, where it reports that."""
    started = asyncio.get_running_loop().time()
    event = await session.line.listen(_SLEEPS_WITHIN, PowerChanged)
    if event == PowerChanged(PowerEvent.ENTER_DEEP_SLEEP):
        session.observations.facts[name] = asyncio.get_running_loop().time() - started
        # It has only begun to; a real wake-up comes later than that.
        await session.line.listen(1.0)


async def _switch_reports_on(session: Session) -> None:
    """Switch the reports of deep sleep on, if they are off and the NVRAM may be written (AT manual 9.5)."""
    found = session.found["deep_sleep_reports"]
    if found is None:
        session.observations.skipped["reports"] = "the module does not report whether they are on"
    elif found:
        session.observations.facts["reports"] = "found"
    elif session.may_write:
        session.observations.facts["reports"] = "written"
        await session.execute("reports.on", SetDeepSleepReports(on=True))
        await session.line.listen(DEFAULT_PROFILE.nvram_gap)
    else:
        session.observations.skipped["reports"] = f"they are off, and the switch needs consent: {Impact.NVRAM}"


async def probe_reports(session: Session) -> None:
    """Let the module sleep once more after a restart, which puts the switch of the reports into force."""
    facts, skipped = session.observations.facts, session.observations.skipped
    if facts.get("reports") != "written":
        skipped["sleep.again"] = skipped.get("reports", "the reports were on already")
    elif not (facts["sleep.early.lost"] or facts["sleep.late.lost"]):
        skipped["sleep.again"] = "it did not sleep"
    elif _has_reported(session):
        skipped["sleep.again"] = "they came before the restart"
    else:
        await session.line.ask(SetSleep(1))
        await _await_sleep(session, "sleep.after")
        await _wake(session, "sleep.again")
        await session.line.ask(SetSleep(0))
        facts["reports.again"] = _has_reported(session)


def _has_reported(session: Session) -> bool:
    return any(exchange.all_of(PowerChanged) for exchange in session.observations.everything)


async def _wake(session: Session, name: str) -> None:
    """Repeat ``AT`` until it is answered; keep the number of attempts and what was received."""
    loop = asyncio.get_running_loop()
    started, before = loop.time(), len(session.line.exchanges)
    count, interval = WAKING
    interval = max(interval, 2 * session.observations.facts.get("slowest", 0.0))
    lost = 0
    while lost < 10 * count:
        exchange = await session.line.probe(interval)
        if exchange.is_done:
            break

        lost += 1

    probes = session.line.exchanges[before:]
    session.observations.facts |= {
        f"{name}.lost": lost,
        f"{name}.took": loop.time() - started,
        f"{name}.received": b"".join(one.received for one in probes),
        # A module in light sleep answers with a bare CR LF.
        f"{name}.bare": any(one.received and not one.lines for one in probes),
    }
    await session.line.synchronise()


async def probe_start(session: Session) -> None:
    """Restart the module; observe what it sends and which settings it has lost.

    What was written before is in force after it, also after it is written back: the session then ends in a restart.
    """
    if session.found_sockets:
        session.observations.skipped["start"] = "sockets are open and would be lost"
        return

    loop = asyncio.get_running_loop()
    session.needs_restart = session.observations.facts.get("reports") == "written"
    exchange = await session.execute("start", read_verbatim("AT+QRST=1"))
    started = loop.time()
    if exchange.is_refused:
        session.needs_restart = False
        session.observations.skipped["start.after"] = "the module does not know AT+QRST"
        return

    if not exchange.all_of(Restarted):
        await session.line.listen(_STARTS_WITHIN, Restarted)

    session.observations.facts["start.after"] = loop.time() - started
    if not (exchange.all_of(AddressAssigned) or session.observations.facts.get("is_unregistered")):
        await session.line.listen(REGISTRATION_TIMEOUT, AddressAssigned)

    await session.line.synchronise(anew=True)
    await session.execute("start.echo", Attention())
    await session.execute("start.sleep", QuerySleep())
    await session.settle()
    await session.line.ask(SetSleep(0))
