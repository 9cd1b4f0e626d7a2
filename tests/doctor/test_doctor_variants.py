"""The doctor on every kind of module: it names exactly what differs."""

import dataclasses
from typing import Any, Final

import pytest

from bc260y_aio import Profile
from bc260y_aio.at.responses import CmeLevel, Dialect
from bc260y_aio.doctor import CHECKS, PROBES, Outcome
from bc260y_aio.emulator import Options
from bc260y_aio.emulator.faults import KINDS, NOISES
from bc260y_aio.emulator.firmware import MANUAL_DIALECT
from bc260y_aio.emulator.network.coverage import PROFILE_FIELDS, coverage_figures
from bc260y_aio.emulator.variants import Variants
from tests.doctor.inspecting import inspect, seen, unchecked


def other(name: str) -> Any:
    """Return another value for a field of a dialect than the usual one."""
    match getattr(MANUAL_DIALECT, name):
        case bool(value):
            return not value
        case CmeLevel():
            return CmeLevel.NUMBER
        case int(value):
            return value + 2
        case str():
            return "+QNTIP"


SPELLINGS: Final = [one.name for one in dataclasses.fields(Dialect)]

SIX: Final = "2001:db8::7"

# What differs where a module is as the TCP/IP guide writes.
GUIDE: Final = {"compact", "four_digit_year", "error_numbers", "default_context"}

# Settings of the emulator, the checks that differ then, and the profile's entries besides quoted data.
VARIANTS: Final[list[tuple[dict[str, Any], set[str], dict[str, Any]]]] = [
    ({}, set(), {}),
    *(
        ({one.name: other(one.name)}, {one.name}, {})
        for one in dataclasses.fields(Dialect)
        if one.name not in ("quoted_data", "four_digit_ntp", "cme", "ipv6_octets")
    ),
    ({"quoted_data": False}, {"quoted_data"}, {"quoted_data": False}),
    ({"cme": CmeLevel.TEXT, "socket_errors": True}, {"cme", "error_numbers"}, {}),
    # Firmware
    ({"firmware": "guide"}, GUIDE, {}),
    ({"firmware": "guide", "sleep_after": 10.0}, {*GUIDE, "reports_after_restart"}, {}),
    ({"socket_errors": True}, {"error_numbers"}, {}),
    ({"firmware": "R01A02"}, {"stray_nul", "ping_ttl", "largest_ping"}, {"largest_ping": 200}),
    ({"firmware": "R01A03"}, {"stray_nul"}, {}),
    ({"firmware": "R02A01"}, set(), {}),
    # The AT command manual
    ({"address": SIX}, set(), {}),
    ({"address": SIX, "ipv6_octets": False}, {"ipv6_octets"}, {}),
    ({"quoted_pdp_address": False}, {"quoted_pdp_address"}, {}),
    ({"quoted_imei": True}, {"quoted_imei"}, {}),
    ({"address_context": 5}, {"default_context"}, {}),
    ({"saves_reports": False}, set(), {}),
    ({"dsevent_at_once": True, "sleep_after": 10.0}, {"reports_after_restart"}, {}),
    ({"light_sleep_loses": False, "light_sleep": True, "sleep_after": 10.0}, set(), {}),
    ({"cscon_space": False}, {"cscon_space"}, {}),
    ({"parameter_errors": True}, {"parameter_errors"}, {}),
    # It keeps that echo is off over a restart.
    ({"model": "BC660K-GL"}, {"boot_defaults"}, {}),
    # Echo, sockets
    *(({"echo_ending": ending}, {"echo_ending"}, {}) for ending in ("cr", "lf", "crlf")),
    ({"sockets": 3}, {"sockets"}, {"sockets": 3}),
    ({"sockets": 7}, {"sockets"}, {"sockets": 7}),
    ({"close_after_failure": False}, {"close_after_failure"}, {}),
    # Sleep
    ({"sleep_after": 10.0}, set(), {}),
    ({"sleep_after": 2.0}, {"sleep_after", "sleep_lock"}, {"awake_for": 1.0}),
    ({"sleep_after": 10.0, "light_sleep": True}, {"light_sleep"}, {}),
    ({"sleep_after": 10.0, "wake_time": 5.0}, {"wake_time"}, {}),
    # Start
    ({"boot": True, "boot_time": 8.0}, set(), {}),
    ({"boot_time": 30.0}, {"boot_time"}, {"boot_time": 45.0}),
    ({"registration_delay": 90.0}, set(), {}),
    # Timing, within bounds and beyond them
    ({"answer_delay": 0.03}, set(), {}),
    ({"answer_delay": 1.0}, {"answer_delay"}, {}),
    ({"completion_delay": 0.05}, set(), {}),
    ({"completion_delay": 8.0}, {"completion_delay"}, {}),
    # The line
    ({"baudrate": 9600, "answer_delay": 0.03}, set(), {}),
    ({"chunk": 1}, set(), {}),
    ({"chunks": (1, 40), "seed": 5}, set(), {}),
    ({"chunk": 1, "baudrate": 4800, "blank_lines": 2}, {"blank_lines"}, {}),
    # Faults that are there all the time
    ({"answer_late": 1.0}, {"answer_delay"}, {}),
    ({"urc_late": 1.0, "urc_late_by": 5.0}, set(), {}),
    ({"send_fail_taken": 1.0}, {"send"}, {}),
    ({"send_ok_lost": 1.0}, {"send"}, {}),
    ({"close_ok_lost": 1.0}, {"close"}, {}),
    ({"closed": 1.0}, {"connection"}, {}),
    # Several at once
    (
        {"stray_nul": True, "compact": False, "blank_lines": 1, "echo_ending": "lf", "sockets": 4},
        {"stray_nul", "compact", "blank_lines", "echo_ending", "sockets"},
        {"sockets": 4},
    ),
    (
        {"blank_lines": 2, "light_sleep": True, "sleep_after": 10.0, "chunk": 1},
        {"blank_lines", "light_sleep"},
        {},
    ),
    ({"blank_lines": 1, "sleep_after": 10.0}, {"blank_lines"}, {}),
]


@pytest.mark.parametrize(("settings", "differences", "quirks"), VARIANTS, ids=[str(one[0]) for one in VARIANTS])
async def test_the_report_names_exactly_the_differences(
    settings: dict[str, Any], differences: set[str], quirks: dict[str, Any]
) -> None:
    report = await inspect(**settings)

    assert report.differences == differences
    assert report.profile == Profile(**{"quoted_data": True} | quirks)


# Faults that end a check so early that other checks have no observation.
CUT_SHORT: Final = [
    ({"send_fail_dropped": 1.0}, {"send"}, "payload"),
    ({"open_lost": 1.0}, {"open"}, "stream"),
    ({"registration_delay": 200.0}, {"registration"}, "open"),
]


@pytest.mark.parametrize(("settings", "differences", "key"), CUT_SHORT, ids=[str(one[0]) for one in CUT_SHORT])
async def test_a_check_without_an_observation_does_not_differ(
    settings: dict[str, Any], differences: set[str], key: str
) -> None:
    report = await inspect(**settings)

    assert report.differences == differences
    assert {"quoted_data", "payload", "datagram", "acks", "rai"} <= unchecked(report)


async def test_every_check_runs_on_a_module_that_follows_the_manual() -> None:
    report = await inspect(sleep_after=10.0, address=SIX)

    assert [(one.check.key, one.verdict) for one in report.findings if one.verdict.outcome is not Outcome.AGREES] == []
    assert report.profile == Profile(quoted_data=True)
    assert (report.model, report.revision) == ("Quectel_BC260Y-CN", "BC260YCNAAR01A03")
    assert seen(report, "boot_lines") == "RDY, +CFUN: 1, +CPIN: READY, +IP: 2001:db8::7"
    assert seen(report, "acks") == "sent, acked, unacked: 1065, 1065, 0"


async def test_the_report_shows_times_within_their_limits() -> None:
    report = await inspect(answer_delay=0.03, completion_delay=0.2, sleep_after=12.0, boot_time=4.0)

    assert report.differences == set()
    assert seen(report, "answer_delay") == "30 to 30 ms"
    assert seen(report, "completion_delay") == "230 ms"
    assert seen(report, "sleep_after") == "it slept after 12.0 s"
    assert seen(report, "boot_time") == "4.0 s"


# Options of the emulator that cannot differ for the doctor, and why.
UNOBSERVABLE: Final = {
    "line": "where the host's end of the line is",
    "port": "where the host's end of the line is",
    "link": "where the host's end of the line is",
    "baudrate_strict": "what a host's wrong rate does; the right one is found first",
    **dict.fromkeys(PROFILE_FIELDS, "the network's; within their bounds they are reported, and some are tested below"),
    "network": "the network's: names for the figures above",
    "blackout": "the network's",
    "cell_lost": "the network's",
    "any_address": "the network's",
    "names": "the network's; a name that does not resolve is not checked",
    "nvram": "where the settings last",
    **dict.fromkeys(("imei", "imsi", "iccid"), "who the module is"),
    **dict.fromkeys(("sim", "registration"), "test_doctor_network.py has them"),
    **dict.fromkeys(("pin", "puk"), "no PIN is entered"),
    "psm_requested": "a setting, not a kind of module",
    **dict.fromkeys(("battery_mv", "adc_mv"), "what the module measures"),
    "answer_jitter": "its bounds are those of answer_delay",
    "four_digit_ntp": "both are read",
    "variants": "each of its fields stands above or here",
    **dict.fromkeys(("edrx_value_when_off", "keeps_omitted", "strict_search"), "of commands that it does not send"),
    "decimal_area": "of a command that it does not send",
    "send_segments": "it needs a peer that acknowledges nothing",
    "currents": "what the radio draws does not show on the line",
    "dialect": "each of its fields stands above",
    "faults": "each of its fields stands here or above",
    "open_timeout": "it needs a host that does not answer: a packet to a stranger",
    "send_buffer": "it needs a peer that acknowledges nothing",
    "send_timeout": "it needs a peer that acknowledges nothing",
    "push_window": "what waits inside of the module",
    **dict.fromkeys(("ok_lost", "answer_lost"), "no command is answered then: the module is not found"),
    **dict.fromkeys(
        ("urc_inside", "broken_receiving", "broken_sending", "session_lost", "outage", "stalled"),
        "what happens to any module now and then, not a kind of module",
    ),
    **dict.fromkeys(("restart", "deep_sleep", "unplugged"), "the same; an examination does not survive it"),
    **dict.fromkeys([*NOISES, "noise_delayed", "noise_split"], "the line's, not the module's"),
}


def test_every_option_of_the_emulator_is_checked_or_cannot_be_observed() -> None:
    tried = {name for settings, _, _ in [*VARIANTS, *CUT_SHORT] for name in settings}
    options = {one.name for kind in (Options, Dialect, Variants) for one in dataclasses.fields(kind)} | set(KINDS)

    assert options - tried - UNOBSERVABLE.keys() == set()
    assert UNOBSERVABLE.keys() & tried == set()
    assert UNOBSERVABLE.keys() <= options


def test_every_check_has_a_probe_and_a_unique_key() -> None:
    probes = {one.name for one in PROBES} | {"everything"}

    assert {one.key: one.probe for one in CHECKS if one.probe not in probes} == {}
    assert len({one.key for one in CHECKS}) == len(CHECKS)


async def test_a_registration_that_exceeds_the_time_limit_is_reported() -> None:
    assert (await inspect(latency=12.0)).differences == {"latency"}
    assert (await inspect(**coverage_figures("edge"))).differences == {"latency"}


@pytest.mark.parametrize(
    "figures", [coverage_figures("good"), coverage_figures("average"), {"latency": 0.8, "jitter": 0.4}], ids=str
)
async def test_an_ordinary_slow_network_is_not_a_difference(figures: dict[str, Any]) -> None:
    assert (await inspect(**figures)).differences == set()


async def test_lost_packets_and_datagrams_are_not_differences() -> None:
    report = await inspect(loss=1.0)

    assert report.differences == set()
    asleep = {"light_sleep", "wake_time", "sleep_reports", "reports_after_restart", "ipv6_octets"}
    assert unchecked(report) == {"ping_ttl", "datagram", *asleep}
