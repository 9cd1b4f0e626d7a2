"""Why a module is not registered, in words: its radio, its SIM, its registration, its last signal."""

import asyncio
import contextlib
from typing import Final

from ..at.commands import SetRegistrationReports
from ..at.information import Registration, RegistrationStatus
from ..errors import BC260YError, CommandFailed
from ..line.turns import Turn
from .radio import Signal, query_signal
from .startup import StartupSettings

# The queries of a diagnosis take at most so long, in seconds.
_DIAGNOSIS_TIMEOUT: Final = 10.0
_NO_SIM: Final = 10
# The +CEREG modes that report the cause of a denial, and the later one, which is set where it is needed.
MODES_WITH_CAUSE: Final = (3, 5)

_STATES: Final = {
    RegistrationStatus.NOT_REGISTERED: (
        "it is neither registered nor searching",
        "AT+COPS=0 has it choose a network by itself",
    ),
    RegistrationStatus.SEARCHING: (
        "it is searching for a network",
        "check the antenna, the coverage and the bands (AT+QBAND?), or wait longer with registration_timeout=",
    ),
    RegistrationStatus.DENIED: (
        "the network denied the registration",
        "check the subscription of the SIM, its APN (AT+QCGDEFCONT?) and whether it may roam",
    ),
    RegistrationStatus.UNKNOWN: (
        "its registration is unknown, as out of coverage",
        "check the antenna and the coverage",
    ),
}

# Causes of EPS mobility management (TS 24.301, annex A).
_EMM_CAUSES: Final = {
    2: "IMSI unknown in the HSS",
    3: "illegal UE",
    5: "IMEI not accepted",
    6: "illegal ME",
    7: "EPS services not allowed",
    8: "EPS services and non-EPS services not allowed",
    11: "PLMN not allowed",
    12: "tracking area not allowed",
    13: "roaming not allowed in this tracking area",
    14: "EPS services not allowed in this PLMN",
    15: "no suitable cells in this tracking area",
    17: "network failure",
    19: "ESM failure",
    22: "congestion",
    25: "not authorized for this CSG",
    35: "requested service option not authorized in this PLMN",
    40: "no EPS bearer context activated",
    42: "severe network failure",
}


async def explain(turn: Turn, settings: StartupSettings, *, may_write: bool = True) -> str:
    """Return why the module is not registered, what its signal is, and what to check; in one line.

    Args:
        turn: a turn on the line.
        settings: what is known of the module's settings.
        may_write: have the module report the cause of a denial, which writes its NVRAM once.
    """
    findings: list[str] = []
    with contextlib.suppress(TimeoutError, BC260YError):
        async with asyncio.timeout(_DIAGNOSIS_TIMEOUT):
            sim = ""
            if not (state := await _radio(turn, settings)):
                sim, is_sure = await _sim(turn, settings)
                state = sim if is_sure else await _registration(turn, settings, may_write=may_write)

            findings += [state] if state == sim else [sim, state]
            findings.append(_signal(await query_signal(turn, settings)))

    return "; ".join(found for found in findings if found)


async def _radio(turn: Turn, settings: StartupSettings) -> str:
    match await settings.read_setting(turn, "AT+CFUN?"):
        case ["0" | "4" as mode, *_]:
            return f"its radio is off (AT+CFUN: {mode}); AT+CFUN=1 switches it on"
        case _:
            return ""


async def _sim(turn: Turn, settings: StartupSettings) -> tuple[str, bool]:
    """Return what is wrong with the SIM, and whether that is sure to be the reason."""
    try:
        state = await settings.read_setting(turn, "AT+CPIN?", is_optional=False)
    except CommandFailed as exc:
        if exc.code == _NO_SIM:
            return "it reports no SIM; check that one is inserted", True

        # Before AT+CMEE is set, an ERROR has no number.
        return "it refuses AT+CPIN?, as without a SIM; check that one is inserted", False

    match state:
        case [code, *_] if code not in ("READY", ""):
            return f"its SIM asks for {code}; AT+CPIN=<code> enters it", True
        case _:
            return "", False


async def _registration(turn: Turn, settings: StartupSettings, *, may_write: bool) -> str:
    found = await settings.query_registration(turn)
    if found is None:
        return "it does not report its registration"

    if may_write and found.status is RegistrationStatus.DENIED and found.mode not in MODES_WITH_CAUSE:
        # One write to NVRAM, for the cause of this denial and of all later ones.
        await settings.write_if_different(turn, "AT+CEREG?", ["5"], SetRegistrationReports(5))
        found = await settings.query_registration(turn) or found

    state, hint = describe_registration(found, await _extended_error(turn, settings, found))
    return f"{state}; {hint}" if hint else state


def describe_registration(found: Registration, cause: str = "") -> tuple[str, str]:
    """Return what a registration is, with the cause of a denial, and what to check.

    Args:
        found: the registration.
        cause: the cause where the registration itself has none.
    """
    state, hint = _STATES.get(found.status, ("it is registered by now", ""))
    cause = _cause(found) or cause
    if found.status is RegistrationStatus.DENIED and not cause and found.mode not in MODES_WITH_CAUSE:
        hint += "; AT+CEREG=5, which the module saves, has it report the cause"

    return f"{state} ({cause})" if cause else state, hint


def _cause(found: Registration) -> str:
    # After <tac>, <ci> and <AcT> come <cause_type> and <reject_cause>.
    kind, cause = (*found.area[3:5], "", "")[:2]
    if not cause.isdecimal():
        return ""

    name = _EMM_CAUSES.get(int(cause), "") if kind in ("0", "") else "the manufacturer's"
    return f"cause {cause}{f', {name}' if name else ''}"


async def _extended_error(turn: Turn, settings: StartupSettings, found: Registration) -> str:
    if found.status is not RegistrationStatus.DENIED or _cause(found):
        return ""

    values = await settings.read_setting(turn, "AT+CEER") or []
    return ", ".join(value for value in values if value)


def _signal(signal: Signal) -> str:
    if signal.rsrp_dbm is not None:
        return f"its last signal is RSRP {signal.rsrp_dbm} dBm"

    return f"its last signal is RSSI {signal.rssi_dbm} dBm" if signal.rssi_dbm is not None else "it reports no signal"
