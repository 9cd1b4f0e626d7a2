"""Checks of sleep, wake-up and start."""

from typing import Final

from ..at.information import SleepSetting
from ..at.urcs import AddressAssigned, PowerChanged, PowerEvent, Restarted, Unrecognised
from ..line.profile import DEFAULT_PROFILE
from .checks import Check, Verdict, agrees, differs, either, shown
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

    is_reported = PowerChanged(PowerEvent.ENTER_DEEP_SLEEP) in observed["sleep.allow"].events
    seen = f"it slept {'after' if is_reported else 'within'} {received_after:.1f} s"
    return differs(seen, awake_for=round(received_after / 2, 1) if is_reported else 0.0)


def _depth(observed: Observations) -> Verdict:
    if not (lost := _lost(observed)):
        return agrees("it did not sleep")

    is_light = observed.fact(_waking(observed) + ".bare")
    note = "Nothing to do: AT is repeated until it is answered, and TCP connections are checked."
    return either(not is_light, f"{shown(_received(observed))} after {lost} AT without an answer", note)


def _wake_time(observed: Observations) -> Verdict:
    if not (lost := _lost(observed)):
        return agrees("it did not sleep")

    count, interval = WAKING
    seen = f"after {lost} AT without an answer, {observed.fact(_waking(observed) + '.took'):.1f} s"
    return either(lost <= count, seen, f"Modem waits for it. Usual is {count} AT, {interval:g} s apart.")


def _reports(observed: Observations) -> Verdict:
    observed.fact("reports")
    if not _lost(observed):
        return agrees("it did not sleep")

    received = (
        _received(observed) + observed["sleep.allow"].received + b"".join(one.received for one in observed.everything)
    )
    reported = [one for one in ("ENTER DEEPSLEEP", "EXIT DEEPSLEEP") if one.encode() in received]
    if not reported and _depth(observed).outcome == "differs":
        return agrees("it did not sleep deeply")

    note = "Sleep is noticed only at the next command: then TCP connections are checked."
    return either(len(reported) == 2, f"reported: {', '.join(reported) or 'nothing'}", note)


def _waking(observed: Observations) -> str:
    return "sleep.early" if observed.fact("sleep.early.lost") else "sleep.late"


def _lost(observed: Observations) -> int:
    lost: int = observed.fact(_waking(observed) + ".lost")
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
    wanted = 1 + len(BOOT_LINES) + (not observed.facts.get("is_unregistered"))
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
    Check("light_sleep", "it sleeps deeply: the AT that wakes it is lost", "4.3.9", "sleep", _depth),
    Check("wake_time", f"it answers within {WAKING[0]} AT, {WAKING[1]:g} s apart", "4.3.9", "sleep", _wake_time),
    Check("sleep_reports", "it reports when it enters and leaves deep sleep", "4.3.9", "sleep", _reports),
    Check("boot_lines", "a start is reported: RDY, +CFUN, +CPIN, +IP", "", "start", _boot_lines),
    Check("boot_time", f"RDY comes within {DEFAULT_PROFILE.boot_time:g} s", "", "start", _boot_time),
    Check("boot_defaults", "after a start, echo is on and deep sleep is allowed", "", "start", _defaults),
)
