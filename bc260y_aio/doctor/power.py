"""Looks at how a module sleeps, wakes and starts."""

import asyncio
from typing import Final

from ..at.commands import (
    Attention,
    QuerySleep,
    SetDeepSleepReports,
    SetEcho,
    SetPowerReports,
    SetSleep,
    read_verbatim,
)
from ..at.urcs import AddressAssigned, PowerChanged, PowerEvent, Restarted
from ..line.profile import DEFAULT_PROFILE
from .record import Harm
from .visit import Visit

# A module falls asleep some ten seconds after the last command; one that has not by now will not soon, in seconds.
_SLEEPS_WITHIN: Final = 20.0
# How often, and how far apart in seconds, AT is repeated until a module that sleeps is awake.
WAKING: Final = (10, 0.3)
# How long a start is waited for, and then an address, in seconds.
_STARTS_WITHIN: Final = 60.0
_ADDRESS_WITHIN: Final = 60.0


async def look_at_sleep(visit: Visit) -> None:
    """Let the module fall asleep, and wake it."""
    if any(info.service_type == "TCP" for info in visit.leftovers):
        visit.record.skipped["sleep"] = "a TCP connection is open, and would be lost"
        return

    # Whether these are kept in the NVRAM is not known.
    if Harm.NVRAM in visit.order.allowed:
        for report in (SetPowerReports(on=True), SetDeepSleepReports(on=True)):
            await visit.line.ask(report)

        visit.record.facts["reports"] = True
    else:
        visit.record.skipped["reports"] = "whether its switch writes the NVRAM is not known: it takes nvram, too"

    # For so long the driver takes it for awake.
    await visit.see("sleep.allow", SetSleep(1))
    started = asyncio.get_running_loop().time()
    await visit.line.listen(0.9 * DEFAULT_PROFILE.awake_for, PowerChanged)
    visit.record.facts["sleep.heard_after"] = asyncio.get_running_loop().time() - started
    await _wake(visit, "sleep.early")
    if not visit.record.facts["sleep.early.lost"]:
        started = asyncio.get_running_loop().time()
        event = await visit.line.listen(_SLEEPS_WITHIN, PowerChanged)
        if event == PowerChanged(PowerEvent.ENTER_DEEP_SLEEP):
            visit.record.facts["sleep.after"] = asyncio.get_running_loop().time() - started
            # It has just begun to; whoever wakes a module is later than that.
            await visit.line.listen(1.0)

        await _wake(visit, "sleep.late")

    await visit.line.ask(SetSleep(0))


async def _wake(visit: Visit, name: str) -> None:
    """Repeat ``AT`` until it is answered; keep how often that was, and what came."""
    loop = asyncio.get_running_loop()
    started, before = loop.time(), len(visit.line.exchanges)
    count, interval = WAKING
    interval = max(interval, 2 * visit.record.facts.get("slowest", 0.0))
    lost = 0
    while lost < 10 * count:
        exchange = await visit.line.probe(interval)
        if exchange.is_done:
            break

        lost += 1

    probes = visit.line.exchanges[before:]
    visit.record.facts |= {
        f"{name}.lost": lost,
        f"{name}.took": loop.time() - started,
        f"{name}.heard": b"".join(one.heard for one in probes),
        # So a module answers that is in light sleep.
        f"{name}.bare": any(one.heard and not one.lines for one in probes),
    }
    await visit.line.synchronise()


async def look_at_start(visit: Visit) -> None:
    """Restart the module, and see what it says and what it has forgotten."""
    if visit.leftovers:
        visit.record.skipped["start"] = "sockets are open, and would be lost"
        return

    loop = asyncio.get_running_loop()
    exchange = await visit.see("start", read_verbatim("AT+QRST=1"))
    started = loop.time()
    if exchange.is_refused:
        visit.record.skipped["start.after"] = "the module does not know AT+QRST"
        return

    if not exchange.all_of(Restarted):
        await visit.line.listen(_STARTS_WITHIN, Restarted)

    visit.record.facts["start.after"] = loop.time() - started
    if not (exchange.all_of(AddressAssigned) or visit.record.facts.get("is_unregistered")):
        await visit.line.listen(_ADDRESS_WITHIN, AddressAssigned)

    await visit.line.synchronise(anew=True)
    await visit.see("start.echo", Attention())
    await visit.see("start.sleep", QuerySleep())
    await visit.line.ask(SetEcho(on=False))
    await visit.line.ask(SetSleep(0))
