"""The doctor on a module without a network: it says why, as far as the module does."""

import asyncio
from typing import Any, Final

import pytest

from bc260y_aio.doctor import Impact, Options, Outcome, inspect_module
from tests.doctor.inspecting import EVERYTHING, SERVER, inspect, module, note, seen, unchecked

# What a module is like, the checks that differ, and what the check of the registration has seen.
NETWORKS: Final[list[tuple[dict[str, Any], set[str], str]]] = [
    ({"sim": "none"}, {"sim"}, "it is neither registered nor searching; it was not waited for"),
    ({"sim": "pin"}, {"sim"}, "it is neither registered nor searching; it was not waited for"),
    ({"sim": "puk"}, {"sim"}, "it is neither registered nor searching; it was not waited for"),
    (
        {"reject_cause": 11},
        {"registration"},
        "the network denied the registration (cause 11, PLMN not allowed)",
    ),
    ({"reject_cause": 22}, {"registration"}, "it is searching for a network after 180 s"),
    ({"has_cell": False}, {"registration"}, "it is searching for a network after 180 s"),
    ({"registration": "roaming"}, set(), "at once"),
]


@pytest.mark.parametrize(("network", "differences", "registration"), NETWORKS, ids=[str(one[0]) for one in NETWORKS])
async def test_the_report_says_why_a_module_is_not_registered(
    network: dict[str, Any], differences: set[str], registration: str
) -> None:
    report = await inspect(**network)

    assert report.differences == differences
    assert seen(report, "registration") == registration
    if differences:
        assert seen(report, "open") == "the module is not registered with a network"
        assert {"open", "payload", "datagram"} <= unchecked(report)


@pytest.mark.parametrize(
    ("sim", "reported", "advice"),
    [
        ("none", "AT+CPIN? brought ERROR", "Check that a SIM is inserted."),
        ("pin", "+CPIN: SIM PIN", "AT+CPIN=<code> enters what it asks for."),
        ("puk", "+CPIN: SIM PUK", "AT+CPIN=<code> enters what it asks for."),
    ],
)
async def test_the_report_says_what_the_sim_lacks(sim: str, reported: str, advice: str) -> None:
    report = await inspect(Options(), sim=sim)

    assert seen(report, "sim") == reported
    assert note(report, "sim").startswith(advice)


@pytest.mark.parametrize("function", [0, 4])
async def test_a_radio_that_is_off_is_reported(function: int) -> None:
    async with module() as emulator:
        emulator.nvram.function = function
        emulator.restart()
        report = await inspect_module(emulator.url, options=EVERYTHING)

    assert report.differences == {"radio"}
    assert seen(report, "radio") == f"+CFUN: {function}"
    assert note(report, "radio").startswith("AT+CFUN=1 switches it on")


async def test_the_cause_of_a_denial_is_not_learnt_without_consent() -> None:
    async with module(reject_cause=3) as emulator:
        report = await inspect_module(emulator.url, options=Options(allowed=frozenset({Impact.DATA})))
        assert emulator.nvram.writes == 0

    assert seen(report, "registration") == "the network denied the registration"


async def test_the_setting_that_reports_the_cause_is_restored() -> None:
    async with module(reject_cause=3) as emulator:
        report = await inspect_module(emulator.url, options=Options(allowed=frozenset({Impact.NVRAM})))
        assert emulator.nvram.report_mode("+CEREG") == 0

    assert seen(report, "registration") == "the network denied the registration (cause 3, illegal UE)"


async def test_a_module_that_searches_is_waited_for_with_consent_only() -> None:
    async with module(has_cell=False) as emulator:
        began = asyncio.get_running_loop().time()
        report = await inspect_module(emulator.url, options=Options())
        assert asyncio.get_running_loop().time() - began < 20

    assert report.differences == set()
    assert seen(report, "registration") == "it is searching for a network; it was not waited for"


async def test_a_registration_that_is_lost_and_found_again_is_reported() -> None:
    async with module() as emulator:
        loop = asyncio.get_running_loop()
        sends = 0

        def lose_cell(data: bytes) -> bytes:
            nonlocal sends
            sends += data.startswith(b"AT+QISEND=0")
            if sends == 1 and emulator.network.has_cell:
                emulator.network.has_cell = False
                loop.call_later(60.0, setattr, emulator.network, "has_cell", True)

            return data

        emulator.line.receive_filter = lose_cell
        report = await inspect_module(emulator.url, options=Options(allowed=frozenset({Impact.DATA}), server=SERVER))

    assert "stays_registered" in report.differences
    assert seen(report, "stays_registered") == "lost during a TCP connection, found again"
    # What came after it was checked.
    assert "datagram" not in unchecked(report)


async def test_a_registration_that_is_lost_for_ever_ends_the_checks_of_data() -> None:
    async with module() as emulator:

        def lose_cell(data: bytes) -> bytes:
            if data.startswith(b"AT+QPING=0"):
                emulator.network.has_cell = False

            return data

        emulator.line.receive_filter = lose_cell
        report = await inspect_module(emulator.url, options=Options(allowed=frozenset({Impact.DATA}), server=SERVER))

    assert seen(report, "stays_registered") == "lost during names and pings, not found again"
    assert seen(report, "payload") == "the module is not registered with a network"
    assert Outcome.DIFFERS not in {one.verdict.outcome for one in report.findings if one.check.probe == "stream"}
