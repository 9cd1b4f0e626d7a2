"""Looks at a module that do nothing to it: what it is, what it knows, and how it spells."""

import re
from collections.abc import Mapping
from typing import Final

from ..at.commands import (
    TESTABLE,
    Attention,
    CloseSocket,
    Command,
    QueryAddress,
    QueryClock,
    QueryDataFormat,
    QueryDnsServers,
    QueryRegistration,
    QuerySleep,
    QuerySockets,
    SetEcho,
    SetErrorLevel,
    Test,
    read_verbatim,
)
from ..at.responses import CmeLevel
from .line import SETTLED
from .visit import Visit

# The commands that the driver uses, but for those with a test form, each with a question that changes nothing.
QUESTIONS: Final[Mapping[str, Command]] = {
    "+QICFG": QueryDataFormat(),
    "+QISTATE": QuerySockets(),
    "+QIDNSCFG": QueryDnsServers(),
    "+CEREG": QueryRegistration(),
    "+CGPADDR": QueryAddress(),
    "+QSCLK": QuerySleep(),
    "+CCLK": QueryClock(),
    "+CMEE": read_verbatim("AT+CMEE?"),
    "+CPSMS": read_verbatim("AT+CPSMS?"),
    "+CEDRXS": read_verbatim("AT+CEDRXS?"),
    "+QNBIOTEVENT": read_verbatim("AT+QNBIOTEVENT?"),
    "+QCFG": read_verbatim('AT+QCFG="dsevent"'),
}

# How often AT is sent with no pause at all, and the pauses that are tried when one gets lost, in seconds.
_BACK_TO_BACK: Final = 20
_PAUSES: Final = (0.0, 0.02, 0.05, 0.1, 0.2)

_RANGE: Final = re.compile(rb"\((\d+)-(\d+)\)")


async def look_at_answers(visit: Visit) -> None:
    """See how fast ``AT`` is answered, and how soon after an answer the next command may follow."""
    for number in range(5):
        exchange = await visit.see(f"attention.{number}", Attention())
        slowest = max(visit.record.facts.get("slowest", 0.0), exchange.done_after or 0.0)
        visit.record.facts["slowest"] = slowest

    for pause in _PAUSES:
        lost = 0
        visit.line.gap = pause
        for _ in range(_BACK_TO_BACK):
            lost += not (await visit.line.ask(Attention(), timeout=max(1.0, 2 * slowest))).is_done

        visit.record.facts.setdefault("gaps", {})[pause] = lost
        if not lost:
            break

    visit.line.gap = max(pause, SETTLED)


async def look_at_echo(visit: Visit) -> None:
    """See what an echo looks like."""
    await visit.line.ask(SetEcho(on=True))
    await visit.see("echo.on", Attention())
    await visit.line.ask(SetEcho(on=False))
    await visit.see("echo.off", Attention())


async def look_at_identity(visit: Visit) -> None:
    """See which firmware it is, and at which rate it is set to talk."""
    await visit.see("identity", read_verbatim("ATI"))
    await visit.see("revision", read_verbatim("AT+CGMR"))
    await visit.see("rate", read_verbatim("AT+IPR?"))


async def look_at_commands(visit: Visit) -> None:
    """See which of the commands that the driver uses the module knows."""
    for name in TESTABLE:
        await visit.see(f"test.{name}", Test(name))

    for name, question in QUESTIONS.items():
        if not (await visit.see(f"question.{name}", question)).is_accepted and name not in TESTABLE:
            await visit.see(f"form.{name}", read_verbatim(f"AT{name}=?"))

    if (count := _last_range(visit, "test.+QICLOSE")) is not None:
        visit.record.facts["sockets"] = count + 1

    if (largest := _last_range(visit, "test.+QPING")) is not None:
        visit.record.facts["largest_ping"] = largest


def _last_range(visit: Visit, name: str) -> int | None:
    """Return the end of the last range that the answer to a test command tells."""
    ranges = _RANGE.findall(visit.record[name].heard)
    return int(ranges[-1][1]) if ranges else None


async def look_at_errors(visit: Visit) -> None:
    """See how errors are told: closing a socket that is not open is one."""
    connect_id = visit.free_connect_id()
    if connect_id is None:
        visit.record.skipped["errors"] = "every connectID is in use"
        return

    await visit.see("error.found", CloseSocket(connect_id))
    if visit.found["error_level"] is not None:
        await visit.line.ask(SetErrorLevel(CmeLevel.NUMBER))
        await visit.see("error.number", CloseSocket(connect_id))
        await visit.line.ask(SetErrorLevel(CmeLevel(visit.found["error_level"])))
