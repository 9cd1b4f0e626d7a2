"""Checks of sleep, wake-up and start."""

from typing import Final

from ..at.information import SleepSetting
from ..at.urcs import AddressAssigned, PowerChanged, PowerEvent, Restarted, Unrecognised
from ..line.profile import DEFAULT_PROFILE
from .checks import UNDERSTOOD, Check, Outcome, Verdict, agrees, differs, either, shown
from .formatting import BOOT_LINES
from .observations import NotObserved, Observations
from .power import WAKING
from .settings import has_echo

# The next start may take longer than the one that was observed.
_MARGIN: Final = 1.5


def _stays_awake(observed: Observations) -> Verdict:
    lost, received_after = observed.fact("sleep.early.lost"), observed.fact("sleep.received_after")
    if not lost:
        after = observed.facts.get("sleep.after")
        return agrees(f"it slept after {after:.1f} s" if after is not None else "it was awake for longer")

    if PowerChanged(PowerEvent.ENTER_DEEP_SLEEP) not in observed["sleep.allow"].events:
        # It did not report when; it does after a restart.
        if "sleep.after" not in observed.facts:
            return differs(f"it slept within {received_after:.1f} s", awake_for=0.0)

        received_after = observed.facts["sleep.after"]

    return differs(f"it slept after {received_after:.1f} s", awake_for=round(received_after / 2, 1))


def _depth(observed: Observations) -> Verdict:
    lost = _lost(observed)
    is_light = observed.fact(_waking(observed) + ".bare")
    note = "Nothing to do: AT is repeated until it is answered, and TCP connections are checked."
    return either(not is_light, f"{shown(_received(observed))} after {lost} AT without an answer", note)


def _wake_time(observed: Observations) -> Verdict:
    lost = _lost(observed)
    count, interval = WAKING
    seen = f"after {lost} AT without an answer, {observed.fact(_waking(observed) + '.took'):.1f} s"
    return either(lost <= count, seen, f"Modem waits for it. Usual is {count} AT, {interval:g} s apart.")


def _reports(observed: Observations) -> Verdict:
    switched = observed.fact("reports")
    if _depth(observed).outcome is Outcome.DIFFERS:
        raise NotObserved("it did not sleep deeply")

    received = b"".join(one.received for one in observed.everything)
    reported = [one for one in ("ENTER DEEPSLEEP", "EXIT DEEPSLEEP") if one.encode() in received]
    if not reported and switched == "written" and "reports.again" not in observed.facts:
        raise NotObserved(f"they were off, and the switch takes effect after a restart: {_no_restart(observed)}")

    note = "Sleep is noticed only at the next command: then TCP connections are checked."
    return either(len(reported) == 2, f"reported: {', '.join(reported) or 'nothing'}", note)


def _no_restart(observed: Observations) -> str:
    return observed.skipped.get("start") or observed.skipped.get("start.after") or "it was not restarted"


def _reports_after_restart(observed: Observations) -> Verdict:
    if observed.fact("reports") == "found":
        raise NotObserved("the reports were on already")

    _lost(observed)
    if observed.facts.get("reports.again"):
        return agrees()

    if "reports.again" in observed.facts:
        raise NotObserved("no report came after a restart either")

    if _was_reported_at_once(observed):
        return differs("it took effect at once", UNDERSTOOD)

    raise NotObserved(_no_restart(observed))


def _was_reported_at_once(observed: Observations) -> bool:
    return any(one.all_of(PowerChanged) for one in observed.everything)


def _waking(observed: Observations) -> str:
    return "sleep.early" if observed.fact("sleep.early.lost") else "sleep.late"


def _lost(observed: Observations) -> int:
    """Return how many AT were lost until the module was awake.

    Raises:
        NotObserved: it did not sleep.
    """
    lost: int = observed.fact(_waking(observed) + ".lost")
    if not lost:
        raise NotObserved("it did not sleep")

    return lost


def _received(observed: Observations) -> bytes:
    received: bytes = observed.fact(_waking(observed) + ".received")
    return received


def _boot_lines(observed: Observations) -> Verdict:
    observed.fact("start.after")
    exchange = observed["start"]
    if not exchange.all_of(Restarted):
        return differs("no RDY", "A restart is not noticed, and sockets that it closed seem open.")

    lines = ["RDY"] + [one.text for one in exchange.all_of(Unrecognised) if one.text in BOOT_LINES]
    lines += [f"+IP: {one.address}" for one in exchange.all_of(AddressAssigned)]
    is_usable = observed.facts["is_usable"]
    wanted = 1 + len(BOOT_LINES) * is_usable + (not observed.facts.get("is_unregistered"))
    return either(len(lines) >= wanted, ", ".join(lines), "Nothing to do: RDY is enough.")


def _boot_time(observed: Observations) -> Verdict:
    after = observed.fact("start.after")
    if not observed["start"].all_of(Restarted):
        raise NotObserved("no RDY came")

    seen = f"{after:.1f} s"
    return agrees(seen) if after <= DEFAULT_PROFILE.boot_time else differs(seen, boot_time=round(_MARGIN * after, 1))


def _defaults(observed: Observations) -> Verdict:
    is_echoed = has_echo(observed["start.echo"])
    modes = [one.mode for one in observed["start.sleep"].information if isinstance(one, SleepSetting)]
    seen = f"echo {'on' if is_echoed else 'off'}, AT+QSCLK {modes[0] if modes else 'unknown'}"
    return either(is_echoed and modes in ([1], []), seen, "Nothing to do: Modem sets both.")


LIFECYCLE: Final = (
    Check(
        "sleep_after",
        f"it stays awake for {DEFAULT_PROFILE.awake_for:g} s after a byte",
        "4.3.9",
        "sleep",
        _stays_awake,
    ),
    Check(
        "light_sleep",
        "it sleeps deeply: the AT that wakes it is lost",
        "4.3.9",
        "sleep",
        _depth,
        "In light sleep the manual (8.7) loses no command; boards lose it.",
    ),
    Check("wake_time", f"it answers within {WAKING[0]} AT, {WAKING[1]:g} s apart", "4.3.9", "sleep", _wake_time),
    Check("sleep_reports", "it reports when it enters and leaves deep sleep", "4.3.9", "sleep", _reports),
    Check(
        "reports_after_restart",
        'AT+QCFG="dsevent" takes effect after a restart',
        "manual 9.5",
        "sleep",
        _reports_after_restart,
        "The guide (4.3.9) shows the reports without a restart.",
    ),
    Check("boot_lines", "a start is reported: RDY, +CFUN, +CPIN, +IP", "", "start", _boot_lines),
    Check("boot_time", f"RDY comes within {DEFAULT_PROFILE.boot_time:g} s", "", "start", _boot_time),
    Check("boot_defaults", "after a start, echo is on and deep sleep is allowed", "", "start", _defaults),
)
