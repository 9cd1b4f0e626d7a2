"""Reports of a module about its radio and itself, as types; and the reason of a missing registration, as text."""

import re
from typing import Any

import pytest

from bc260y_aio import Cell, NeighbourCell, NotRegistered, Operator, PdpContext, Signal
from bc260y_aio.at.commands import Command
from bc260y_aio.at.information import RegistrationStatus
from bc260y_aio.errors import CommandFailed, RemoteProtocolError
from bc260y_aio.modem.modem import Modem
from tests.driver.scripted import ERROR, OK, Module, fast_forward, open_modem
from tests.loops import Clock


def answer(*lines: str) -> bytes:
    return b"".join(f"\r\n{line}".encode() for line in lines) + b"\r\n\r\nOK\r\n"


class Reporting(Module):
    """A module with given answers to some command lines; it refuses all others."""

    def __init__(self, reports: dict[str, bytes]) -> None:
        super().__init__()
        self.reports = reports
        self.override = self._report

    def _report(self, command: Command) -> bytes | None:
        line = command.write()
        if line in self.reports:
            return self.reports[line]

        is_query = re.match(r"AT\+(CSQ|CESQ|QENG|COPS|CG|CBC|CFUN|CPIN|CEER)", line)
        return ERROR if is_query else None


QENG = '+QENG: 0,3738,2,281,"0C2F7A12",-97,-11,{rssi},{snr},5,"5A31",{level},{power},3'


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        (
            {"AT+CSQ": answer("+CSQ: 22,0"), "AT+CESQ": answer("+CESQ: 99,99,255,255,26,56")},
            Signal(rssi_dbm=-69, rsrp_dbm=-85, rsrq_db=-7.0, bit_error_rate=0),
        ),
        (
            {"AT+CSQ": answer("+CSQ: 99,99"), "AT+CESQ": answer("+CESQ: 99,99,255,255,255,255")},
            Signal(),
        ),
        ({"AT+CSQ": answer("+CSQ: 0,7")}, Signal(rssi_dbm=-113, bit_error_rate=7)),
    ],
)
async def test_a_signal_is_in_dbm(reports: dict[str, bytes], expected: Signal) -> None:
    async with open_modem(Reporting(reports)) as modem:
        assert await modem.signal() == expected


async def test_a_cell_has_named_fields_and_neighbours() -> None:
    lines = QENG.format(rssi=99, snr=4, level=1, power=23), "+QENG: 1,3740,12,-104,-15", "+QENG: 1,3736,40,-110,"
    async with open_modem(Reporting({"AT+QENG=0": answer(*lines)})) as modem:
        assert await modem.cell() == Cell(
            earfcn=3738,
            pci=281,
            cell_id="0C2F7A12",
            tracking_area="5A31",
            band=5,
            rsrp_dbm=-97,
            rsrq_db=-11,
            rssi_dbm=None,
            snr_db=4,
            coverage_level=1,
            tx_power_cbm=23,
            operation_mode=3,
            neighbours=(NeighbourCell(3740, 12, -104, -15), NeighbourCell(3736, 40, -110, None)),
        )


async def test_values_that_a_cell_does_not_report_are_none() -> None:
    line = QENG.format(rssi=-80, snr="", level="", power=-128)
    async with open_modem(Reporting({"AT+QENG=0": answer(line)})) as modem:
        cell = await modem.cell()
        assert (cell.rssi_dbm, cell.snr_db, cell.coverage_level, cell.tx_power_cbm) == (-80, None, None, None)


@pytest.mark.parametrize(("written", "area"), [('"1234"', "1234"), ("3095", "0C17"), ("", ""), ("5A31", "5A31")])
async def test_a_tracking_area_without_quotes_is_decimal_as_early_firmware_writes_it(written: str, area: str) -> None:
    line = QENG.format(rssi=31, snr=21, level=0, power=-17).replace('"5A31"', written)
    async with open_modem(Reporting({"AT+QENG=0": answer(line)})) as modem:
        cell = await modem.cell()
        assert (cell.tracking_area, cell.rssi_dbm) == (area, None)


@pytest.mark.parametrize(
    ("line", "expected"),
    [('+COPS: 0,2,"46000",9', Operator(0, "46000", 9)), ("+COPS: 2", Operator(2)), ("+COPS: 0", Operator(0))],
)
async def test_an_operator_is_a_mode_and_a_number(line: str, expected: Operator) -> None:
    async with open_modem(Reporting({"AT+COPS?": answer(line)})) as modem:
        assert await modem.operator() == expected


async def test_pdp_contexts_join_definition_state_and_addresses() -> None:
    octets = "36.14.1.0.0.64.29.216.0.1.0.2.236.156.25.48"
    reports = {
        "AT+CGPADDR?": answer(f"+CGPADDR: 0,101.43.5.1,{octets}", "+CGPADDR: 1"),
        "AT+CGDCONT?": answer('+CGDCONT: 0,"IPV4V6","cmnbiot"', '+CGDCONT: 1,"IP","other","",0,0'),
        "AT+CGACT?": answer("+CGACT: 0,1", "+CGACT: 1,0"),
    }
    async with open_modem(Reporting(reports)) as modem:
        assert await modem.pdp_contexts() == [
            PdpContext(0, "IPV4V6", "cmnbiot", True, ("101.43.5.1", "240e:100:40:1dd8:1:2:ec9c:1930")),
            PdpContext(1, "IP", "other", False),
        ]


async def test_pdp_contexts_of_older_firmware_are_addresses_only() -> None:
    async with open_modem(Reporting({"AT+CGPADDR?": answer('+CGPADDR: 5,"10.46.18.102"')})) as modem:
        assert await modem.pdp_contexts() == [PdpContext(5, addresses=("10.46.18.102",))]


@pytest.mark.parametrize(("line", "expected"), [("+CBC: 3368", 3368), ("+CBC: 0,90,3600", 3600)])
async def test_a_supply_voltage_is_in_millivolts(line: str, expected: int) -> None:
    async with open_modem(Reporting({"AT+CBC": answer(line)})) as modem:
        assert await modem.battery_mv() == expected


@pytest.mark.parametrize("call", [Modem.signal, Modem.cell, Modem.operator, Modem.pdp_contexts, Modem.battery_mv])
async def test_a_refused_query_is_reported_as_a_refusal(call: Any) -> None:
    async with open_modem(Reporting({})) as modem:
        with pytest.raises(CommandFailed):
            await call(modem)


@pytest.mark.parametrize(
    ("line", "call"),
    [("AT+QENG=0", Modem.cell), ("AT+COPS?", Modem.operator), ("AT+CBC", Modem.battery_mv)],
)
@pytest.mark.parametrize("said", [OK, answer("+CSQ: 22,0"), b"\r\n%b:\r\n" + OK])
async def test_a_module_that_answers_without_a_report_has_not_reported(line: str, call: Any, said: bytes) -> None:
    said = said.replace(b"%b", line[2:].rstrip("?").partition("=")[0].encode())
    async with open_modem(Reporting({line: said})) as modem:
        with pytest.raises(CommandFailed, match=f"^{re.escape(line)}: OK, but no "):
            await call(modem)


async def test_a_module_that_reports_nothing_has_no_contexts_and_no_signal() -> None:
    async with open_modem(Reporting({"AT+CGPADDR?": OK, "AT+CSQ": OK})) as modem:
        assert await modem.pdp_contexts() == []
        assert await modem.signal() == Signal()


@pytest.mark.parametrize(
    ("line", "said", "call"),
    [
        ("AT+QENG=0", '+QENG: 0,1"1"', Modem.cell),
        ("AT+CBC", '+CBC: 3"3"', Modem.battery_mv),
    ],
)
async def test_a_report_that_cannot_be_understood_is_named_with_its_command(line: str, said: str, call: Any) -> None:
    async with open_modem(Reporting({line: answer(said)})) as modem:
        with pytest.raises(RemoteProtocolError, match=f"^{re.escape(line)}: "):
            await call(modem)


async def test_a_cell_is_the_serving_one_whatever_else_is_reported() -> None:
    serving = QENG.format(rssi=0, snr=4, level=1, power=23) + ",99"
    lines = "+QENG: ,1,2,3", "+QENG: 1,3740,12,-104,-15,7", serving, "+QENG: 2,1,2,3,4", "+QENG: 1"
    async with open_modem(Reporting({"AT+QENG=0": answer(*lines)})) as modem:
        cell = await modem.cell()
        assert (cell.earfcn, cell.rssi_dbm, cell.operation_mode) == (3738, None, 3)
        assert cell.neighbours == (NeighbourCell(3740, 12, -104, -15), NeighbourCell())


async def test_a_context_is_reported_wherever_it_is_named() -> None:
    reports = {
        "AT+CGPADDR?": answer('+CGPADDR: 3,"10.46.18.102"', '+CGPADDR: 1,""'),
        "AT+CGDCONT?": answer('+CGDCONT: 2,"IP"'),
        "AT+CGACT?": answer("+CGACT: 0,1", "+CGACT: 3", "+CGACT: 1,0"),
    }
    async with open_modem(Reporting(reports)) as modem:
        assert await modem.pdp_contexts() == [
            PdpContext(0, is_active=True),
            PdpContext(1, is_active=False),
            PdpContext(2, "IP"),
            PdpContext(3, addresses=("10.46.18.102",)),
        ]


@pytest.mark.parametrize("reported", ["36.14.1.0.0.64.29.216.0.1.0.2.236.156.25.48", "101.43.5.1"])
async def test_addresses_are_as_programs_write_them(reported: str) -> None:
    async with open_modem(Reporting({"AT+CGPADDR?": answer(f"+CGPADDR: 0,{reported}")})) as modem:
        assert await modem.addresses() == ["101.43.5.1" if len(reported) < 16 else "240e:100:40:1dd8:1:2:ec9c:1930"]


# Why a module is not registered


SEARCHING = RegistrationStatus.SEARCHING
DENIED = RegistrationStatus.DENIED


@pytest.mark.parametrize(
    ("status", "reports", "expected"),
    [
        (SEARCHING, {"AT+CESQ": answer("+CESQ: 99,99,255,255,26,20")}, "searching for a network.*RSRP -121 dBm"),
        (SEARCHING, {"AT+CSQ": answer("+CSQ: 99,99")}, "searching for a network.*it reports no signal"),
        (SEARCHING, {"AT+CPIN?": b"\r\n+CME ERROR: 10\r\n"}, "no SIM"),
        (SEARCHING, {"AT+CPIN?": answer("+CPIN: SIM PIN")}, "asks for SIM PIN; AT\\+CPIN=<code>"),
        (SEARCHING, {"AT+CFUN?": answer("+CFUN: 0")}, "radio is off .*AT\\+CFUN=1 switches it on"),
        (RegistrationStatus.NOT_REGISTERED, {}, "neither registered nor searching.*AT\\+COPS=0"),
        (RegistrationStatus.UNKNOWN, {}, "out of coverage"),
        (DENIED, {"AT+CEREG?": answer("+CEREG: 3,3,,,,0,11")}, "denied the registration \\(cause 11, PLMN not allowed"),
        (DENIED, {"AT+CEER": answer("+CEER: 15")}, "denied the registration \\(15\\)"),
    ],
)
async def test_a_failed_registration_reports_the_state_of_the_module(
    status: RegistrationStatus, reports: dict[str, bytes], expected: str, clock: Clock
) -> None:
    module = Reporting({"AT+CSQ": answer("+CSQ: 10,0"), "AT+CFUN?": answer("+CFUN: 1")} | reports)
    module.registration = status
    async with open_modem(module, registration_timeout=5.0) as modem:
        with pytest.raises(NotRegistered, match=f"did not register within 5 s: .*{expected}"):
            await fast_forward(clock, modem.wait_registered())

    # The mode that reports a cause is set once, and for a denial only.
    has_no_cause = status is DENIED and "AT+CEREG?" not in reports
    assert module.count("AT+CEREG=5") == has_no_cause
    assert bool(module.count("AT+CEER")) == has_no_cause


async def test_a_module_that_answers_nothing_more_is_not_registered_all_the_same(clock: Clock) -> None:
    module = Module()
    module.registration = SEARCHING
    async with open_modem(module, registration_timeout=5.0, close_timeout=1.0) as modem:
        module.override = lambda command: b"" if "CFUN" in command.write() else None
        with pytest.raises(NotRegistered, match="within 5 s"):
            await fast_forward(clock, modem.wait_registered())


async def test_a_denial_whose_cause_cannot_be_asked_for_is_reported_as_it_was_known(clock: Clock) -> None:
    module = Reporting({"AT+CSQ": answer("+CSQ: 10,0"), "AT+CFUN?": answer("+CFUN: 1")})
    module.registration = DENIED
    async with open_modem(module, registration_timeout=5.0) as modem:
        usual = module.override

        def override(command: Command) -> bytes | None:
            # Once the reports with causes are on, the module answers no more with its registration.
            if command.write() == "AT+CEREG?" and module.count("AT+CEREG=5"):
                return OK

            return usual(command)

        module.override = override
        with pytest.raises(NotRegistered, match="the network denied the registration"):
            await fast_forward(clock, modem.wait_registered())
