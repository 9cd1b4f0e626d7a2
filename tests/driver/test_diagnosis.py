"""Why a module is not registered: what it is asked, and what is said about the answers."""

import re
from typing import Final

import pytest

from bc260y_aio.at.commands import Command
from bc260y_aio.at.information import Registration, RegistrationStatus
from bc260y_aio.modem.diagnosis import describe_registration, explain
from tests.driver.scripted import ERROR, OK, Module, open_modem

NOT_REGISTERED, HOME, SEARCHING, DENIED, UNKNOWN, ROAMING = RegistrationStatus

ASK_RADIO, ASK_SIM, ASK_REGISTRATION, ASK_CAUSE = "AT+CFUN?", "AT+CPIN?", "AT+CEREG?", "AT+CEER"
ASK_SIGNAL: Final = ["AT+CSQ", "AT+CESQ"]
SIGNAL: Final = "its last signal is RSSI -93 dBm"
SEARCH: Final = (
    "it is searching for a network; check the antenna, the coverage and the bands (AT+QBAND?), or wait longer with "
    "registration_timeout="
)
CHECK_SIM: Final = "check the subscription of the SIM, its APN (AT+QCGDEFCONT?) and whether it may roam"
ASK_FOR_CAUSES: Final = "AT+CEREG=5, which the module saves, has it report the cause"


class Unregistered(Module):
    """A module with given reports; where one has several lines, each query takes one, and the last stays."""

    def __init__(self, **reports: list[str]) -> None:
        super().__init__()
        usual = {"cfun": ["+CFUN: 1"], "cpin": ["+CPIN: READY"], "csq": ["+CSQ: 10,0"], "cereg": ["+CEREG: 0,2"]}
        self.reports = usual | reports
        self.override = self._report

    def _report(self, command: Command) -> bytes | None:
        line = command.write()
        lines = self.reports.get(line[3:].rstrip("?").lower())
        if lines is None:
            return ERROR if line in (ASK_CAUSE, "AT+CESQ") else None

        report = lines.pop(0) if len(lines) > 1 else lines[0]
        return (
            OK
            if not report
            else ERROR
            if report == "ERROR"
            else f"\r\n{report}\r\n".encode() + OK * ("ERROR" not in report)
        )


@pytest.mark.parametrize(
    ("reports", "asked", "said"),
    [
        # The radio is off: nothing else matters.
        ({"cfun": ["+CFUN: 0"]}, [ASK_RADIO], "its radio is off (AT+CFUN: 0); AT+CFUN=1 switches it on"),
        ({"cfun": ["+CFUN: 4"]}, [ASK_RADIO], "its radio is off (AT+CFUN: 4); AT+CFUN=1 switches it on"),
        ({"cfun": ["ERROR"]}, [ASK_RADIO, ASK_SIM, ASK_REGISTRATION], SEARCH),
        # The SIM.
        (
            {"cpin": ["+CME ERROR: 10"]},
            [ASK_RADIO, ASK_SIM],
            "it reports no SIM; check that one is inserted",
        ),
        (
            {"cpin": ["+CPIN: SIM PIN"]},
            [ASK_RADIO, ASK_SIM],
            "its SIM asks for SIM PIN; AT+CPIN=<code> enters it",
        ),
        (
            {"cpin": ["ERROR"]},
            [ASK_RADIO, ASK_SIM, ASK_REGISTRATION],
            f"it refuses AT+CPIN?, as without a SIM; check that one is inserted; {SEARCH}",
        ),
        ({"cpin": ["+CPIN:"]}, [ASK_RADIO, ASK_SIM, ASK_REGISTRATION], SEARCH),
        ({"cpin": [""]}, [ASK_RADIO, ASK_SIM, ASK_REGISTRATION], SEARCH),
        # The registration.
        ({}, [ASK_RADIO, ASK_SIM, ASK_REGISTRATION], SEARCH),
        ({"cereg": [""]}, [ASK_RADIO, ASK_SIM, ASK_REGISTRATION], "it does not report its registration"),
        ({"cereg": ["+CEREG: 0,5"]}, [ASK_RADIO, ASK_SIM, ASK_REGISTRATION], "it is registered by now"),
        # The cause that another service reports is none of a module that is not denied.
        ({"ceer": ["+CEER: 15"]}, [ASK_RADIO, ASK_SIM, ASK_REGISTRATION], SEARCH),
        # A denial.
        (
            {"cereg": ["+CEREG: 5,3,,,,0,11"], "ceer": ["+CEER: 15"]},
            [ASK_RADIO, ASK_SIM, ASK_REGISTRATION],
            f"the network denied the registration (cause 11, PLMN not allowed); {CHECK_SIM}",
        ),
        (
            {"cereg": ["+CEREG: 3,3"], "ceer": ["+CEER: 15,,EMM"]},
            [ASK_RADIO, ASK_SIM, ASK_REGISTRATION, ASK_CAUSE],
            f"the network denied the registration (15, EMM); {CHECK_SIM}",
        ),
        (
            {"cereg": ["+CEREG: 0,3"]},
            [ASK_RADIO, ASK_SIM, ASK_REGISTRATION, ASK_CAUSE],
            f"the network denied the registration; {CHECK_SIM}; {ASK_FOR_CAUSES}",
        ),
    ],
)
async def test_a_module_is_asked_for_no_more_than_matters(
    reports: dict[str, list[str]], asked: list[str], said: str
) -> None:
    module = Unregistered(**{name: [*lines] for name, lines in reports.items()})
    async with open_modem(module) as modem, modem._channel.turn() as turn:
        before = len(module.lines)
        assert await explain(turn, modem._settings, may_write=False) == f"{said}; {SIGNAL}"
        assert module.lines[before:] == [*asked, *ASK_SIGNAL]


@pytest.mark.parametrize(
    ("answers", "written", "cause"),
    [
        (
            ["+CEREG: 0,3", "+CEREG: 0,3", "+CEREG: 5,3,,,,0,15"],
            True,
            "cause 15, no suitable cells in this tracking area",
        ),
        (["+CEREG: 4,3", "+CEREG: 4,3", "+CEREG: 5,3,,,,0,7"], True, "cause 7, EPS services not allowed"),
        (["+CEREG: 3,3,,,,0,11"], False, "cause 11, PLMN not allowed"),
        (["+CEREG: 5,3,,,,0,11"], False, "cause 11, PLMN not allowed"),
    ],
)
async def test_the_cause_of_a_denial_costs_one_write_where_it_is_not_reported(
    answers: list[str], written: bool, cause: str
) -> None:
    module = Unregistered()
    async with open_modem(module) as modem, modem._channel.turn() as turn:
        module.reports["cereg"] = [*answers]
        said = await explain(turn, modem._settings)
        assert said == f"the network denied the registration ({cause}); {CHECK_SIM}; {SIGNAL}"
        assert module.count("AT+CEREG=5") == written


@pytest.mark.parametrize(
    ("reports", "said"),
    [
        ({"csq": ["+CSQ: 99,99"]}, "it reports no signal"),
        ({"csq": ["+CSQ: 99,99"], "cesq": ["+CESQ: 99,99,255,255,26,20"]}, "its last signal is RSRP -121 dBm"),
        ({"cesq": ["+CESQ: 99,99,255,255,26,20"]}, "its last signal is RSRP -121 dBm"),
        ({"cesq": ["+CESQ: 99,99,255,255,255,255"]}, SIGNAL),
    ],
)
async def test_the_power_of_the_reference_signal_tells_most(reports: dict[str, list[str]], said: str) -> None:
    module = Unregistered(**{name: [*lines] for name, lines in reports.items()})
    async with open_modem(module) as modem, modem._channel.turn() as turn:
        assert (await explain(turn, modem._settings)) == f"{SEARCH}; {said}"


@pytest.mark.parametrize(
    ("found", "other_cause", "state", "hint"),
    [
        (
            Registration(0, NOT_REGISTERED),
            "",
            "it is neither registered nor searching",
            "AT+COPS=0 has it choose a network by itself",
        ),
        (
            Registration(0, UNKNOWN),
            "",
            "its registration is unknown, as out of coverage",
            "check the antenna and the coverage",
        ),
        (Registration(0, HOME), "", "it is registered by now", ""),
        (Registration(0, DENIED), "", "the network denied the registration", f"{CHECK_SIM}; {ASK_FOR_CAUSES}"),
        (Registration(0, DENIED), "15", "the network denied the registration (15)", CHECK_SIM),
        (Registration(3, DENIED), "", "the network denied the registration", CHECK_SIM),
        (Registration(5, DENIED), "", "the network denied the registration", CHECK_SIM),
        (Registration(5, DENIED, ("", "", "", "0")), "", "the network denied the registration", CHECK_SIM),
        (Registration(5, DENIED, ("", "", "", "0", "x")), "", "the network denied the registration", CHECK_SIM),
        # Its own cause comes before another.
        (
            Registration(5, DENIED, ("", "", "", "0", "3")),
            "15",
            "the network denied the registration (cause 3, illegal UE)",
            CHECK_SIM,
        ),
        (
            Registration(5, DENIED, ("", "", "", "", "13")),
            "",
            "the network denied the registration (cause 13, roaming not allowed in this tracking area)",
            CHECK_SIM,
        ),
        (
            Registration(5, DENIED, ("", "", "", "1", "13")),
            "",
            "the network denied the registration (cause 13, the manufacturer's)",
            CHECK_SIM,
        ),
        (
            Registration(5, DENIED, ("", "", "", "0", "111")),
            "",
            "the network denied the registration (cause 111)",
            CHECK_SIM,
        ),
    ],
)
def test_a_registration_is_told_with_its_cause_and_what_to_check(
    found: Registration, other_cause: str, state: str, hint: str
) -> None:
    assert describe_registration(found, other_cause) == (state, hint)


@pytest.mark.parametrize("cause", [2, 3, 5, 6, 7, 8, 11, 12, 13, 14, 15, 17, 19, 22, 25, 35, 40, 42])
def test_a_cause_of_the_standard_has_a_name(cause: int) -> None:
    # TS 24.301, annex A.
    state, _ = describe_registration(Registration(5, DENIED, ("", "", "", "0", str(cause))))
    assert re.fullmatch(rf"the network denied the registration \(cause {cause}, [a-zA-Z -]{{8,}}\)", state)
