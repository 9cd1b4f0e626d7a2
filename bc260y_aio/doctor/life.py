"""Checks of how a module sleeps, wakes and starts."""

from typing import Final

from ..at.information import SleepSetting
from ..at.urcs import AddressAssigned, PowerChanged, PowerEvent, Restarted, Unrecognised
from ..line.profile import DEFAULT_PROFILE
from .checks import Check, Verdict, agrees, differs, either, shown
from .power import WAKING
from .record import NotSeen, Record
from .settings import has_echo
from .spelling import BOOT_LINES

# A second start may take longer than the one that was seen.
_ROOM: Final = 1.5


def _stays_awake(record: Record) -> Verdict:
    lost, heard_after = record.fact("sleep.early.lost"), record.fact("sleep.heard_after")
    if not lost:
        after = record.facts.get("sleep.after")
        return agrees(f"it slept after {after:.1f} s" if after is not None else "it was awake for longer")

    is_told = PowerChanged(PowerEvent.ENTER_DEEP_SLEEP) in record["sleep.allow"].events
    seen = f"it slept {'after' if is_told else 'within'} {heard_after:.1f} s"
    return differs(seen, awake_for=round(heard_after / 2, 1) if is_told else 0.0)


def _depth(record: Record) -> Verdict:
    if not (lost := _lost(record)):
        return agrees("it did not sleep")

    is_light = record.fact(_waking(record) + ".bare")
    note = "Nothing to do: AT is repeated until it is answered, and TCP connections are looked for."
    return either(not is_light, f"{shown(_heard(record))} after {lost} AT without an answer", note)


def _wake_time(record: Record) -> Verdict:
    if not (lost := _lost(record)):
        return agrees("it did not sleep")

    count, interval = WAKING
    seen = f"after {lost} AT without an answer, {record.fact(_waking(record) + '.took'):.1f} s"
    return either(lost <= count, seen, f"It is waited for. {count} of them, {interval:g} s apart, are usual.")


def _reports(record: Record) -> Verdict:
    record.fact("reports")
    if not _lost(record):
        return agrees("it did not sleep")

    heard = _heard(record) + record["sleep.allow"].heard + b"".join(one.heard for one in record.everything)
    told = [one for one in ("ENTER DEEPSLEEP", "EXIT DEEPSLEEP") if one.encode() in heard]
    if not told and _depth(record).outcome == "differs":
        return agrees("it did not sleep deeply")

    note = "That it slept is noticed at the next command only: then TCP connections are looked for."
    return either(len(told) == 2, f"told: {', '.join(told) or 'nothing'}", note)


def _waking(record: Record) -> str:
    return "sleep.early" if record.fact("sleep.early.lost") else "sleep.late"


def _lost(record: Record) -> int:
    lost: int = record.fact(_waking(record) + ".lost")
    return lost


def _heard(record: Record) -> bytes:
    heard: bytes = record.fact(_waking(record) + ".heard")
    return heard


def _boot_lines(record: Record) -> Verdict:
    record.fact("start.after")
    exchange = record["start"]
    if not exchange.all_of(Restarted):
        return differs("no RDY", "A restart is not noticed, and sockets that it closed seem open.")

    said = ["RDY"] + [one.text for one in exchange.all_of(Unrecognised) if one.text in BOOT_LINES]
    said += [f"+IP: {one.address}" for one in exchange.all_of(AddressAssigned)]
    wanted = 1 + len(BOOT_LINES) + (not record.facts.get("is_unregistered"))
    return either(len(said) >= wanted, ", ".join(said), "Nothing to do: RDY is all that is needed.")


def _boot_time(record: Record) -> Verdict:
    after = record.fact("start.after")
    if not record["start"].all_of(Restarted):
        raise NotSeen("no RDY came")

    seen = f"{after:.1f} s"
    return agrees(seen) if after <= DEFAULT_PROFILE.boot_time else differs(seen, boot_time=round(_ROOM * after, 1))


def _defaults(record: Record) -> Verdict:
    is_echoed = has_echo(record["start.echo"])
    modes = [one.mode for one in record["start.sleep"].information if isinstance(one, SleepSetting)]
    seen = f"echo {'on' if is_echoed else 'off'}, AT+QSCLK {modes[0] if modes else 'unknown'}"
    return either(is_echoed and modes in ([1], []), seen, "Nothing to do: both are set again.")


LIFE: Final = (
    Check(
        "sleep_after",
        f"it stays awake for {DEFAULT_PROFILE.awake_for:g} s after a byte",
        "4.3.9",
        "sleep",
        _stays_awake,
    ),
    Check("light_sleep", "what sleeps, sleeps deeply: the AT that wakes it is lost", "4.3.9", "sleep", _depth),
    Check("wake_time", f"it answers within {WAKING[0]} AT, {WAKING[1]:g} s apart", "4.3.9", "sleep", _wake_time),
    Check("sleep_reports", "it tells when it falls into deep sleep, and comes back", "4.3.9", "sleep", _reports),
    Check("boot_lines", "a start is told: RDY, +CFUN, +CPIN, +IP", "", "start", _boot_lines),
    Check("boot_time", f"RDY comes within {DEFAULT_PROFILE.boot_time:g} s", "", "start", _boot_time),
    Check("boot_defaults", "after a start echo is on, and deep sleep allowed", "", "start", _defaults),
)
