"""Why a module is registered or not: its radio, its SIM, the network's answer; and whether that lasts."""

import asyncio
import inspect
from typing import Final

from ..at.commands import QueryRegistration, SetRegistrationReports, read_verbatim
from ..at.information import Registration, RegistrationStatus
from ..at.urcs import RegistrationChanged
from ..modem.diagnosis import MODES_WITH_CAUSE, describe_registration
from ..modem.modem import Modem
from .checks import Check, Verdict, agrees, differs, either, shown
from .observations import Impact, NotObserved, Observations
from .session import Session
from .settings import reported_number

# How long the module may take to register, in seconds: as long as Modem waits by default.
REGISTRATION_TIMEOUT: Final[float] = inspect.signature(Modem).parameters["registration_timeout"].default
# The network is asked again after so long, in seconds.
_INTERVAL: Final = 1.0


# Probes


async def probe_registration(session: Session) -> None:
    """Observe radio, SIM and registration; wait for the registration if data may go over the radio."""
    facts = session.observations.facts
    await session.execute("function", read_verbatim("AT+CFUN?"))
    await session.execute("sim", read_verbatim("AT+CPIN?"))
    facts["is_usable"] = _is_usable(session)
    started = asyncio.get_running_loop().time()
    found = await _query(session, "registration")
    if found is not None and not found.status.is_registered:
        if facts["is_usable"] and Impact.DATA in session.options.allowed:
            found = await _await_registration(session, "registration")

        facts["registration_after"] = asyncio.get_running_loop().time() - started
        facts["is_unregistered"] = found is None or not found.status.is_registered
        if found is not None and found.status is RegistrationStatus.DENIED:
            await _learn_cause(session, found)
    else:
        facts["registration_after"] = 0.0

    facts["registration_checked"] = len(session.observations.everything)


async def _query(session: Session, name: str) -> Registration | None:
    exchange = await session.execute(name, QueryRegistration())
    return next((one for one in exchange.information if isinstance(one, Registration)), None)


def _is_usable(session: Session) -> bool:
    """Return whether the radio is on, as far as the module reports it, and the SIM is ready."""
    is_ready = b"READY" in session.observations["sim"].received
    return is_ready and reported_number(session.observations["function"]) in (1, None)


async def _await_registration(session: Session, name: str) -> Registration | None:
    """Query the registration until the module is registered, or denied, or the time is over."""
    deadline = asyncio.get_running_loop().time() + REGISTRATION_TIMEOUT
    while True:
        found = await _query(session, name)
        if found is None or found.status.is_registered or found.status is RegistrationStatus.DENIED:
            return found

        if asyncio.get_running_loop().time() > deadline:
            return found

        await session.line.listen(_INTERVAL)


async def _learn_cause(session: Session, found: Registration) -> None:
    """Have the module report the cause of a denial, which writes the NVRAM; the setting is restored at the end."""
    if found.mode not in MODES_WITH_CAUSE and session.may_write:
        await session.line.ask(SetRegistrationReports(MODES_WITH_CAUSE[-1]))
        await _query(session, "registration")


async def check_registration(session: Session, what: str) -> None:
    """Observe whether the registration was lost while something was done; wait until it is there again."""
    facts, everything = session.observations.facts, session.observations.everything
    begin = facts.get("registration_checked", 0)
    found = await _query(session, f"registration.{what}")
    facts["registration_checked"] = len(everything)
    reported = [one for exchange in everything[begin:] for one in exchange.all_of(Registration, RegistrationChanged)]
    if found is None or facts.get("is_unregistered") or all(one.status.is_registered for one in reported):
        return

    if not found.status.is_registered:
        found = await _await_registration(session, f"registration.{what}")

    is_back = found is not None and found.status.is_registered
    facts["is_unregistered"] = not is_back
    after = "found again" if is_back else "not found again"
    facts.setdefault("registration_lost", []).append(f"lost during {what}, {after}")


# Checks


def _radio(observed: Observations) -> Verdict:
    exchange = observed["function"]
    if (mode := reported_number(exchange)) is None:
        raise NotObserved("the module does not report it")

    return either(mode == 1, shown(exchange.lines[0]), "AT+CFUN=1 switches it on; Modem leaves it as it is.")


def _sim(observed: Observations) -> Verdict:
    if reported_number(observed["function"]) == 0:
        raise NotObserved("it is off with the radio (AT+CFUN: 0)")

    exchange = observed["sim"]
    if exchange.is_refused:
        seen = f"AT+CPIN? brought {shown(exchange.lines[-1])}"
        return differs(seen, "Check that a SIM is inserted. Without one there is no network.")

    state = next((one for one in exchange.lines if one.startswith(b"+CPIN")), b"")
    if not state:
        raise NotObserved("the module does not report it")

    return either(b"READY" in state, shown(state), "AT+CPIN=<code> enters what it asks for.")


def _registration(observed: Observations) -> Verdict:
    reported = observed["registration"].all_of(Registration)
    if not reported:
        raise NotObserved("the module does not report its registration")

    (found, *_), took = reported, observed.fact("registration_after")
    if found.status.is_registered:
        return agrees(f"after {took:.0f} s" if took >= _INTERVAL else "at once")

    state, hint = describe_registration(found)
    if found.status is RegistrationStatus.DENIED:
        return differs(state, f"Without a network no socket works: {hint}.")

    if took < REGISTRATION_TIMEOUT:
        raise NotObserved(f"{state}; it was not waited for")

    return differs(f"{state} after {took:.0f} s", f"Without a network no socket works: {hint}.")


def _stays_registered(observed: Observations) -> Verdict:
    lost = observed.facts.get("registration_lost", [])
    note = "Sockets stall or end meanwhile: what the checks of data say may be due to it."
    return either(not lost, "; ".join(lost), note)


REGISTRATION: Final = (
    Check("radio", "its radio is on", "manual 8.1", "registration", _radio),
    Check("sim", "its SIM is ready", "manual 7.5", "registration", _sim),
    Check("registration", f"it registers within {REGISTRATION_TIMEOUT:g} s", "4.1", "registration", _registration),
    Check("stays_registered", "it stays registered while data is exchanged", "", "failure", _stays_registered),
)
