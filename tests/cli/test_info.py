import json
from datetime import datetime
from typing import Any

import pytest

from bc260y_aio.at.syntax import PayloadFormat
from bc260y_aio.emulator import EchoPeer, Emulator
from tests.cli.running import answering, run


async def show(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, str]:
    """Run `info`, and return what stands behind each label."""
    assert await run("info", *arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    return {line[:14].strip(): line[14:] for line in lines if not line.startswith(" ")}


async def show_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert await run("info", "--json", *arguments) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


async def test_info_shows_what_a_module_reports(capsys: pytest.CaptureFixture[str]) -> None:
    told = await show(capsys, "--port", "emulator://?baudrate=115200")

    assert told.pop("clock").endswith("+00:00")
    # The values of the emulated module depend on its coverage.
    assert {"cell", "supply"} <= told.keys()
    del told["cell"], told["supply"]
    assert told == {
        "port": "emulator://?baudrate=115200 at 115200 baud",
        "manufacturer": "Quectel_Ltd",
        "model": "Quectel_BC260Y-CN",
        "firmware": "BC260YCNAAR01A03",
        "IMEI": "8679********345",
        "IMSI": "4600********890",
        "ICCID": "8986*************234",
        "registration": "registered, home",
        "operator": "46000",
        "signal": "RSSI -67 dBm, RSRP -76 dBm, RSRQ -9 dB",
        "addresses": "10.46.18.102",
        "DNS servers": "218.2.2.2, 8.8.8.8, 240E:5A::6666, 240E:5B::6666",
        "sockets": "none",
        "data format": "sends text, receives text",
        "sleep": "deep sleep allowed",
        "PSM": "off",
        "eDRX": "off",
    }


@pytest.mark.parametrize("spelling", ["", "&ipv6_octets=0", "&quoted_pdp_address=0"])
async def test_an_ipv6_address_is_shown_in_its_usual_form(capsys: pytest.CaptureFixture[str], spelling: str) -> None:
    told = await show(capsys, "--port", f"emulator://?address=2001:db8::7{spelling}")

    assert told["addresses"] == "2001:db8::7"


async def test_addresses_of_both_versions_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    # The example of the AT manual (4.5).
    line = "+CGPADDR: 0,101.43.5.1,36.14.1.0.0.64.29.216.0.1.0.2.236.156.25.48"
    async with answering({"AT+CGPADDR?": line}) as port:
        told = await show(capsys, "--port", port)

    assert told["addresses"] == "101.43.5.1, 240e:100:40:1dd8:1:2:ec9c:1930"


@pytest.mark.parametrize(
    ("network", "registration", "hint"),
    [
        (
            "sim=none",
            "not registered, and not searching",
            "it refuses AT+CPIN?, as without a SIM; check that one is inserted",
        ),
        ("sim=none&cme=1", "not registered, and not searching", "it reports no SIM; check that one is inserted"),
        ("sim=pin", "not registered, and not searching", "its SIM asks for SIM PIN; AT+CPIN=<code> enters it"),
        ("reject_cause=11", "denied by the network", "AT+CEREG=5, which the module saves, has it report the cause"),
        ("reject_cause=22", "searching for a network", "check the antenna"),
        ("has_cell=0", "searching for a network", "it reports no signal"),
    ],
)
async def test_info_says_why_there_is_no_network(
    capsys: pytest.CaptureFixture[str], network: str, registration: str, hint: str
) -> None:
    told = await show(capsys, "--port", f"emulator://?{network}")

    assert told["registration"] == registration
    assert hint in told["hint"]


async def test_unmasked_identities_are_shown_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    told = await show(capsys, "--unmasked", "--port", "emulator://")

    assert (told["IMEI"], told["IMSI"], told["ICCID"]) == ("867997030012345", "460001234567890", "89860012345678901234")


async def test_json_holds_the_same_with_the_same_masks(capsys: pytest.CaptureFixture[str]) -> None:
    masked = await show_json(capsys, "--port", "emulator://")
    unmasked = await show_json(capsys, "--unmasked", "--port", "emulator://")

    assert (masked["imei"], unmasked["imei"]) == ("8679********345", "867997030012345")
    assert masked["registration"] == {"status": "home", "is_registered": True, "area": []}
    assert masked["signal"] == {"rssi": 23, "dbm": -67, "rsrp_dbm": -76, "rsrq_db": -9.0}
    assert masked["hint"] is None
    assert datetime.fromisoformat(masked["clock"]).tzinfo is not None
    assert "T" in masked["clock"]
    assert masked["dns_servers"] == ["218.2.2.2", "8.8.8.8", "240E:5A::6666", "240E:5B::6666"]
    assert masked["data_format"] == {"send": "text", "receive": "text"}
    assert (masked["sleep"], masked["sockets"], masked["baudrate"]) == (1, [], None)


async def test_a_refused_query_is_a_dash(capsys: pytest.CaptureFixture[str]) -> None:
    async with answering({"ATI": "Quectel_Ltd\r\nBC260Y-CN\r\nRevision: BC260YCNAAR01A02"}) as port:
        told = await show(capsys, "--port", port)
        found = await show_json(capsys, "--port", port)

    assert [told.pop(label) for label in ("port", "manufacturer", "model", "firmware")] == [
        port,
        "Quectel_Ltd",
        "BC260Y-CN",
        "BC260YCNAAR01A02",
    ]
    assert set(told.values()) == {"-"}
    assert (found["model"], found["signal"], found["psm"], found["sockets"]) == ("BC260Y-CN", None, None, None)


async def test_a_malformed_answer_is_a_dash(capsys: pytest.CaptureFixture[str]) -> None:
    answers = {"AT+CSQ": "+CSQ: ?", "AT+CIMI": "none", "AT+CPSMS?": '+CPSMS: 1,,,"12","34"', "AT+CCLK?": '+CCLK: ""'}
    async with answering(answers) as port:
        told = await show(capsys, "--port", port)

    assert [told[label] for label in ("signal", "IMSI", "PSM", "clock")] == ["none", "-", "-", "-"]


async def test_no_signal_is_shown_as_none(capsys: pytest.CaptureFixture[str]) -> None:
    async with answering({"AT+CSQ": "+CSQ: 99,99"}) as port:
        assert (await show(capsys, "--port", port))["signal"] == "none"


async def test_psm_and_edrx_are_put_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    async with Emulator(line="tcp") as emulator:
        emulator.nvram.store(psm=True, periodic_update="00000100", active_time="00000101", edrx=True, edrx_value="0010")
        told = await show(capsys, "--port", emulator.url)

    assert told["PSM"] == "on, periodic update (T3412) 2400 s, active time (T3324) 10 s"
    assert told["eDRX"].startswith("cycle 20.48 s")


async def test_info_changes_nothing_in_the_module(capsys: pytest.CaptureFixture[str]) -> None:
    async with Emulator(line="tcp") as emulator:
        emulator.network.add_host("echo.example", EchoPeer())
        assert await run("at", 'AT+QIOPEN=0,2,"TCP","echo.example",7,40000', "--port", emulator.url) == 0
        capsys.readouterr()
        told = await show(capsys, "--port", emulator.url)

        assert told["sockets"] == "2 TCP echo.example:7 from port 40000, connected"
        assert list(emulator.module.sockets) == [2]
        assert emulator.module.sleep.mode == 1
        assert (emulator.nvram.writes, emulator.nvram.send_format) == (0, PayloadFormat.TEXT)


async def test_an_unregistered_module_is_shown_with_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    told = await show(capsys, "--port", "emulator://?registration_delay=60")

    assert (told["registration"], told["addresses"]) == ("searching for a network", "none")
    assert told["hint"].startswith("it is searching for a network; check the antenna, ")
    assert told["hint"].endswith("its last signal is RSRP -76 dBm")


QENG = '+QENG: 0,3738,2,281,"0C2F7A12",{rsrp},-11,99,{snr},8,"5A31",{level},-128,2'


@pytest.mark.parametrize(
    ("rsrp", "snr", "level", "words"),
    [
        ("-89", "8", "0", "SINR 8 dB, coverage level 0: strong coverage"),
        ("-110", "0", "1", "SINR 0 dB, coverage level 1: middling coverage"),
        ("-120", "5", "2", "SINR 5 dB, coverage level 2: weak coverage; check the antenna and the place"),
        ("", "", "", "SINR unknown, coverage level unknown"),
    ],
)
async def test_the_cell_and_its_coverage_are_put_in_words(
    rsrp: str, snr: str, level: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = {
        "AT+QENG=0": QENG.format(rsrp=rsrp, snr=snr, level=level),
        "AT+CSQ": "+CSQ: 20,0",
        "AT+CESQ": "+CESQ: 99,99,255,255,18,52",
        "AT+CEREG?": "+CEREG: 0,5",
        "AT+CBC": "+CBC: 3368",
    }
    async with answering(answers) as port:
        assert await run("info", "--port", port) == 0
        printed = capsys.readouterr().out
        found = await show_json(capsys, "--port", port)

    assert "cell          0C2F7A12, band 8, EARFCN 3738, PCI 281, tracking area 5A31\n" in printed
    assert f"\n{'':14}{words}\n" in printed
    assert "signal        RSSI -73 dBm, RSRP -89 dBm, RSRQ -11 dB\n" in printed
    assert "registration  registered, roaming\n" in printed
    assert "supply        3368 mV\n" in printed
    assert found["cell"]["sinr_db"] == (int(snr) if snr else None)


@pytest.mark.parametrize(
    ("report", "words"),
    [
        ('2,1,"00C3","0A1B2C3D",9', "registered, home, tracking area 00C3, cell 0A1B2C3D, NB-IoT"),
        (
            '5,5,"00C3","0A1B2C3D",9,,,"00100100","01000111"',
            "registered, roaming, tracking area 00C3, cell 0A1B2C3D, NB-IoT, active time (T3324) 240 s, periodic "
            "update (T3412) 252000 s",
        ),
        ("3,3,,,,0,11", "denied by the network, EMM cause 11"),
        ("3,3,,,,1,11", "denied by the network, cause 11"),
    ],
)
async def test_the_fields_of_a_registration_are_named(
    report: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with answering({"AT+CEREG?": f"+CEREG: {report}", "AT+CFUN?": "+CFUN: 1"}) as port:
        assert (await show(capsys, "--port", port))["registration"] == words


async def test_a_denied_registration_is_explained_without_a_change(capsys: pytest.CaptureFixture[str]) -> None:
    answers = {"AT+CEREG?": "+CEREG: 0,3", "AT+CFUN?": "+CFUN: 1", "AT+CPIN?": "+CPIN: READY"}
    async with answering(answers) as port:
        told = await show(capsys, "--port", port)

    assert told["registration"] == "denied by the network"
    assert told["hint"].startswith("the network denied the registration; check the subscription of the SIM")
