"""PSM and eDRX: what the module's reports say, and when a setting is written (TS 27.007, +CPSMS and +CEDRXS)."""

import asyncio
from datetime import timedelta
from typing import Any, Final

import pytest

from bc260y_aio.errors import RemoteProtocolError
from bc260y_aio.modem.modem import Modem
from bc260y_aio.modem.power import EdrxSetting, PsmSetting
from tests.driver.scripted import OK, Module, open_modem, settle

TEN_HOURS, HALF_A_MINUTE, CYCLE = timedelta(hours=10), timedelta(seconds=30), timedelta(seconds=20.48)
# No report at all.
SILENT: Final = ""


def module_with(*reports: str) -> Module:
    """Make a module that reports these settings, and has others by their side."""
    module = Module()
    module.settings |= {"AT+CPSMS?": SILENT, "AT+CEDRXS?": SILENT}
    for report in reports:
        module.settings[f"AT{report.partition(':')[0]}?"] = report

    module.override = lambda command: OK if module.settings.get(command.write()) == SILENT else None
    return module


@pytest.mark.parametrize(
    ("report", "setting"),
    [
        (SILENT, PsmSetting(enabled=False)),
        ("+CPSMS:", PsmSetting(enabled=False)),
        ("+CPSMS: 0", PsmSetting(enabled=False)),
        ("+CPSMS: 1", PsmSetting(enabled=True)),
        # What 2 does is to stop asking, and to forget the times.
        ("+CPSMS: 2", PsmSetting(enabled=False)),
        ('+CPSMS: 0,,,"00101010","00001111"', PsmSetting(False, TEN_HOURS, HALF_A_MINUTE)),
        ('+CPSMS: 1,,,"00101010"', PsmSetting(True, TEN_HOURS)),
        ('+CPSMS: 1,,,,"00001111"', PsmSetting(True, None, HALF_A_MINUTE)),
        ('+CPSMS: 1,"01","02","00101010","00001111"', PsmSetting(True, TEN_HOURS, HALF_A_MINUTE)),
        ('+CPSMS: 1,,,"11100000","11100000"', PsmSetting(True)),
    ],
)
async def test_a_report_of_psm_is_read(report: str, setting: PsmSetting) -> None:
    async with open_modem(module_with(report)) as modem:
        assert await modem.psm() == setting


@pytest.mark.parametrize(
    ("report", "setting"),
    [
        (SILENT, EdrxSetting()),
        ("+CEDRXS: 0", EdrxSetting()),
        ("+CEDRXS: 5", EdrxSetting()),
        ('+CEDRXS: 5,"0000"', EdrxSetting()),
        ('+CEDRXS: 5,"0010"', EdrxSetting(CYCLE)),
        ('+CEDRXS: 5,"0010","0101"', EdrxSetting(CYCLE)),
        ('+CEDRXS: 5,"0010","0101","0011"', EdrxSetting(CYCLE, timedelta(seconds=10.24))),
        ('+CEDRXS: 5,"0010",,"0011"', EdrxSetting(CYCLE, timedelta(seconds=10.24))),
    ],
)
async def test_a_report_of_edrx_is_read(report: str, setting: EdrxSetting) -> None:
    async with open_modem(module_with(report)) as modem:
        assert await modem.edrx() == setting


@pytest.mark.parametrize(
    ("report", "ask"),
    [
        ("+CPSMS: 3", Modem.psm),
        ("+CPSMS: x", Modem.psm),
        ('+CPSMS: 1,,,"0010101x"', Modem.psm),
        ('+CEDRXS: 5,"00100"', Modem.edrx),
        ('+CEDRXS: 5,"0010","0101","x"', Modem.edrx),
    ],
)
async def test_a_report_that_cannot_be_understood_is_named_with_its_command(report: str, ask: Any) -> None:
    async with open_modem(module_with(report)) as modem:
        with pytest.raises(RemoteProtocolError, match=rf"^AT\+{report[1:5]}"):
            await ask(modem)


PSM: Final = 'AT+CPSMS=1,,,"00101010","00001111"'
UPDATE_ALONE: Final = 'AT+CPSMS=1,,,"00101010"'
ACTIVE_ALONE: Final = 'AT+CPSMS=1,,,,"00001111"'


@pytest.mark.parametrize(
    ("report", "times", "written"),
    [
        # Both times: nothing is written where they are set, in whatever unit, and asked for.
        ('+CPSMS: 1,,,"00101010","00001111"', (TEN_HOURS, HALF_A_MINUTE), None),
        ('+CPSMS: 1,,,"01000001","00001111"', (TEN_HOURS, HALF_A_MINUTE), None),
        ('+CPSMS: 0,,,"00101010","00001111"', (TEN_HOURS, HALF_A_MINUTE), PSM),
        ('+CPSMS: 1,,,"00101011","00001111"', (TEN_HOURS, HALF_A_MINUTE), PSM),
        ('+CPSMS: 1,,,"00101010","00001110"', (TEN_HOURS, HALF_A_MINUTE), PSM),
        ('+CPSMS: 1,,,"00101010"', (TEN_HOURS, HALF_A_MINUTE), PSM),
        ('+CPSMS: 1,,,"0010101x","00001111"', (TEN_HOURS, HALF_A_MINUTE), PSM),
        ("+CPSMS: 1", (TEN_HOURS, HALF_A_MINUTE), PSM),
        ("+CPSMS:", (TEN_HOURS, HALF_A_MINUTE), PSM),
        (SILENT, (TEN_HOURS, HALF_A_MINUTE), PSM),
        # One time: the other one may be any.
        ('+CPSMS: 1,,,"00101010","00001110"', (TEN_HOURS, None), None),
        ('+CPSMS: 1,,,"00101010"', (TEN_HOURS, None), None),
        ('+CPSMS: 0,,,"00101010"', (TEN_HOURS, None), UPDATE_ALONE),
        ("+CPSMS: 1", (TEN_HOURS, None), UPDATE_ALONE),
        ('+CPSMS: 1,,,,"00001111"', (None, HALF_A_MINUTE), None),
        ("+CPSMS: 1", (None, HALF_A_MINUTE), ACTIVE_ALONE),
        # Neither.
        ('+CPSMS: 0,,,"00101010","00001111"', (None, None), None),
        ("+CPSMS: 0", (None, None), None),
        ("+CPSMS: 1", (None, None), "AT+CPSMS=0"),
        (SILENT, (None, None), "AT+CPSMS=0"),
    ],
)
async def test_psm_is_written_where_the_report_differs(
    report: str, times: tuple[timedelta | None, timedelta | None], written: str | None
) -> None:
    module = module_with(report)
    async with open_modem(module) as modem:
        before = len(module.lines)
        await modem.set_psm(periodic_update=times[0], active_time=times[1])
        assert module.lines[before:] == ["AT+CPSMS?", *([] if written is None else [written])]


@pytest.mark.parametrize(
    ("report", "cycle", "written"),
    [
        ('+CEDRXS: 5,"0010"', CYCLE, None),
        ('+CEDRXS: 5,"0010",', CYCLE, None),
        ('+CEDRXS: 5,"0010",,', CYCLE, None),
        ('+CEDRXS: 5,"0011"', CYCLE, 'AT+CEDRXS=1,5,"0010"'),
        ('+CEDRXS: 4,"0010"', CYCLE, 'AT+CEDRXS=1,5,"0010"'),
        ("+CEDRXS: 0", CYCLE, 'AT+CEDRXS=1,5,"0010"'),
        (SILENT, CYCLE, 'AT+CEDRXS=1,5,"0010"'),
        ("+CEDRXS: 0", None, None),
        ("+CEDRXS: 5", None, None),
        ('+CEDRXS: 5,"0000"', None, None),
        ('+CEDRXS: 5,"0000",', None, None),
        ('+CEDRXS: 5,"0010"', None, "AT+CEDRXS=3"),
        (",,", None, "AT+CEDRXS=3"),
        (SILENT, None, "AT+CEDRXS=3"),
    ],
)
async def test_edrx_is_written_where_the_report_differs(
    report: str, cycle: timedelta | None, written: str | None
) -> None:
    module = module_with()
    module.settings["AT+CEDRXS?"] = report
    async with open_modem(module) as modem:
        before = len(module.lines)
        await modem.set_edrx(cycle)
        assert module.lines[before:] == ["AT+CEDRXS?", *([] if written is None else [written])]


# Blocks that keep the module awake


async def test_a_block_in_which_the_modem_was_closed_ends_in_peace() -> None:
    async with open_modem(Module()) as modem, modem.awake():
        await modem.close()


async def test_a_block_that_begins_as_another_ends_keeps_the_module_awake() -> None:
    module = Module()
    async with open_modem(module) as modem:
        first, second = modem.awake(), modem.awake()
        await first.__aenter__()
        await asyncio.gather(first.__aexit__(None, None, None), second.__aenter__())
        await settle()
        assert module.sleep == 0
        await second.__aexit__(None, None, None)
        assert module.sleep == 1
