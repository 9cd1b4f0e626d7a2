"""Probes without an effect on the module: identity, commands, response formats."""

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
from .observations import Impact
from .session import Session

# The commands that the driver uses and that have no test form, each with a query that changes nothing.
QUERIES: Final[Mapping[str, Command]] = {
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

# How many AT are sent back to back, and the pauses to try when one of them is lost, in seconds.
_BACK_TO_BACK: Final = 20
_PAUSES: Final = (0.0, 0.02, 0.05, 0.1, 0.2)

_RANGE: Final = re.compile(rb"\((\d+)-(\d+)\)")


async def probe_answers(session: Session) -> None:
    """Measure how fast ``AT`` is answered, and how soon after an answer the next command may follow."""
    for number in range(5):
        exchange = await session.execute(f"attention.{number}", Attention())
        slowest = max(session.observations.facts.get("slowest", 0.0), exchange.done_after or 0.0)
        session.observations.facts["slowest"] = slowest

    for pause in _PAUSES:
        lost = 0
        session.line.gap = pause
        for _ in range(_BACK_TO_BACK):
            lost += not (await session.line.ask(Attention(), timeout=max(1.0, 2 * slowest))).is_done

        session.observations.facts.setdefault("gaps", {})[pause] = lost
        if not lost:
            break

    session.line.gap = max(pause, SETTLED)


async def probe_echo(session: Session) -> None:
    """Observe the format of the echo."""
    if not session.may_echo:
        session.observations.skipped["echo"] = f"this model saves ATE, which needs consent: {Impact.NVRAM}"
        return

    await session.line.ask(SetEcho(on=True))
    await session.execute("echo.on", Attention())
    await session.line.ask(SetEcho(on=False))
    await session.execute("echo.off", Attention())


async def probe_identity(session: Session) -> None:
    """Read the model, the firmware version and the rate."""
    await session.execute("identity", read_verbatim("ATI"))
    await session.execute("model", read_verbatim("AT+CGMM"))
    await session.execute("revision", read_verbatim("AT+CGMR"))
    await session.execute("imei", read_verbatim("AT+CGSN=1"))
    await session.execute("sleep_lock", read_verbatim('AT+QCFG="slplocktimes"'))
    await session.execute("rate", read_verbatim("AT+IPR?"))


async def probe_commands(session: Session) -> None:
    """Find out which of the driver's commands the module knows."""
    for name in TESTABLE:
        await session.execute(f"test.{name}", Test(name))

    for name, query in QUERIES.items():
        if not (await session.execute(f"query.{name}", query)).is_accepted and name not in TESTABLE:
            await session.execute(f"form.{name}", read_verbatim(f"AT{name}=?"))

    if (count := _last_range(session, "test.+QICLOSE")) is not None:
        session.observations.facts["sockets"] = count + 1

    if (largest := _last_range(session, "test.+QPING")) is not None:
        session.observations.facts["largest_ping"] = largest


def _last_range(session: Session, name: str) -> int | None:
    """Return the end of the last range in the answer to a test command."""
    ranges = _RANGE.findall(session.observations[name].received)
    return int(ranges[-1][1]) if ranges else None


async def probe_errors(session: Session) -> None:
    """Observe how errors are reported, by closing a socket that is not open.

    AT+CMEE is in the NVRAM (AT manual 9.3): it is not written without consent.
    """
    connect_id = session.free_connect_id()
    if connect_id is None:
        session.observations.skipped["errors"] = "every connectID is in use"
        return

    await session.execute("error.found", CloseSocket(connect_id))
    if (level := session.found["error_level"]) is None:
        return

    if not level and not session.may_write:
        why = f"AT+CMEE is 0, and changing it needs consent: {Impact.NVRAM}"
        session.observations.skipped |= {"error.number": why, "error.parameter": why}
        return

    if not level:
        await session.line.ask(SetErrorLevel(CmeLevel.NUMBER))

    await session.execute("error.number", CloseSocket(connect_id))
    # There is no such sleep (AT manual 8.7), and AT+QSCLK is not in the NVRAM.
    await session.execute("error.parameter", read_verbatim("AT+QSCLK=9"))
    if not level:
        await session.line.ask(SetErrorLevel(CmeLevel.PLAIN))
