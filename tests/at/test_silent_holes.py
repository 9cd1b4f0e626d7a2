"""Hex reception has no silent hole: whatever is lost, doubled or changed around a push or a "closed" is reported.

The whole sweep is `python -m tests.at.sweep`; these are its quick parts, and a sample of the rest.
"""

import random
from collections.abc import Iterable

import pytest

from bc260y_aio.at.commands import QueryRegistration, QuerySockets, Raw, ReadCommand
from bc260y_aio.at.responses import Failure, Success, Text
from bc260y_aio.at.suspicion import may_be_push
from bc260y_aio.at.urcs import DamagedLine, Unrecognised
from tests.at import sweep
from tests.at.helpers import OK, dte_with, feed
from tests.at.sweep import HEX, SCENES, SINGLE_BITS, Scene, judge

scenes = pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name.replace(" ", "-"))


def silent(scene: Scene, wires: Iterable[bytes]) -> list[bytes]:
    return [wire for wire in wires if judge(scene, wire) == "silent"]


@scenes
@pytest.mark.parametrize("count", [1, 2])
def test_the_loss_of_one_or_two_bytes_of_header_or_tail_is_reported(scene: Scene, count: int) -> None:
    assert silent(scene, sweep.lost(scene, count)) == []


@scenes
@pytest.mark.parametrize("count", [1, 2])
def test_one_or_two_doubled_bytes_of_header_or_tail_are_reported(scene: Scene, count: int) -> None:
    assert silent(scene, sweep.doubled(scene, count)) == []


@scenes
def test_a_changed_byte_of_header_or_tail_is_reported(scene: Scene) -> None:
    assert silent(scene, sweep.flipped(scene, 1, (*SINGLE_BITS, 0xFF, 0x5A, 0x0F, 0x11))) == []


@scenes
def test_any_burst_of_lost_bytes_is_reported(scene: Scene) -> None:
    every = list(sweep.bursts(scene))
    assert silent(scene, every if scene in SCENES[:2] else every[::3]) == []


@scenes
def test_three_damaged_bytes_are_reported_in_a_sample(scene: Scene) -> None:
    rng = random.Random(27)
    for kind in (sweep.lost, sweep.doubled):
        assert silent(scene, rng.sample(list(kind(scene, 3)), 150)) == []

    places = scene.fixed_places
    for _ in range(300):
        wire = bytearray(scene.wire)
        for place in rng.sample(places, 3):
            wire[place] ^= rng.randrange(1, 256)

        assert silent(scene, [bytes(wire)]) == []


def test_the_sweep_can_fail() -> None:
    scene = SCENES[0]
    # Undetectable damage: the payload of another push of the same length.
    assert judge(scene, scene.wire.replace(b'"6C6F7374"', b'"6C6F7375"')) == "undetectable"
    assert judge(scene, scene.wire) == "unharmed"
    assert judge(scene, scene.wire.replace(b"recv", b"rcv", 1)) == "reported"
    assert not sweep.is_well_formed(b'\r\n+QIURC: "rv",0,1,"41"\r\n')


# Harmless lines, and others


@pytest.mark.parametrize(
    "line",
    [
        "+CREG: 1",
        '+CREG: 5,"00C3","0A1B2C3D",9',
        '+CEREG: 2,1,"00C3","0A1B2C3D",9',
        '+CEREG: 5,5,"00C3","0A1B2C3D",9,,,"00100100","01000111"',
        "+CSCON: 1",
        "+CSCON:0",
        '+CEDRXP: 5,"0010","1110","0101"',
        "+CCIOTOPTI: 3",
        "+STATISR: PHY DL, AvgRSRP: -77, AvgSnr: 14, DlBler: 0%, PhyDlTpt: 0 bps, AvgTBS: 0, Harq2Ratio: 0%",
        "+STATISR: MAC, MacUlBytes:0, MacUlPadBytes:0, MacDlBytes: 0, MacUlTpt: 0 bps, MacDlTpt: 0 bps",
        '+CTZV: "+32"',
        '+CTZEU: "+32",0,"2020/05/06,14:10:00"',
        '+QNBIOTEVENT: "ENTER LIMBO"',
        '+QIURC: "pdpdeact",1',
        "+CFUN: 1",
        "+CPIN: READY",
        "+CPIN: SIM PIN",
        "+CGEV: NW DETACH",
        "+QIND: PB DONE",
        "+QUSIM: 1",
        # Late answers of commands, and names that no other could have become.
        "+CSQ: 22,0",
        '+CGPADDR: 0,"10.46.18.102"',
        "+QCCID: 89860317482035195410",
        '+QICFG: "dataformat",(0,1),(0,1)',
        "+QMTSTAT: 0,1",
        # Noise alone, and an echo.
        "\xff\xfe",
        "AT+CSQ",
        "NO CARRIER",
        # A byte of an answer that was changed.
        "Ox",
        "SEND~OK",
    ],
)
def test_a_line_that_is_known_to_be_harmless_ends_nothing(line: str) -> None:
    assert feed(dte_with(HEX), b"\r\n" + line.encode("latin-1") + b"\r\n") == [Unrecognised(line)]


@pytest.mark.parametrize(
    "line",
    [
        "4142",
        'ec",0,3,"414243"',
        '",0,3,"414243"',
        '414243"',
        '"',
        '+QITRC:("cloced",0',
        '+QIURC:("cloced",0',
        '+QIURC: "cled",0',
        '+QIURC: "rv",0,3,"414243"',
        '+QIURC: "closed",',
        "+QI",
        "+Q0",
        # Two lines that ran together.
        '+CSCON: 1,"414243"',
        "+CSCON: 10",
        "+CSCEREG: 1",
        "+CREG: 17",
        "OK0",
        "O0",
        "OOK",
        'OK"414243"',
        "SEND OK,0",
        '+CME ERROR: 5041"',
        "+CME ERROR: 50414243",
        '+CSQ: 22,0"recv",0,1,"41"',
        '+CPSMS: 1"4142"',
        'AT+CSQ4142"',
    ],
)
def test_another_line_may_have_been_a_push(line: str) -> None:
    assert feed(dte_with(HEX), b"\r\n" + line.encode() + b"\r\n") == [DamagedLine(line)]
    assert may_be_push(line.encode())


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("AT+CSQ", "+CSQ: 22,0"),
        ("AT+CSQ=?", "+CSQ: (0-31,99),(0-7,99)"),
        ("ATI", "Revision: BC260YCNAAR01A01"),
        ("AT+CGMR", "Revision: BC260YCNAAR01A01"),
        ("AT+CGSN", "0123456789ABCDEF0123456789ABCDEF"),
        ("AT+CIMI", "460001357924680"),
        ('AT+CCHO="A0000000871002"', "1"),
        ("AT+CRSM=176,28423,0,0,9", '+CRSM: 144,0,"084906101032547698"'),
        ("AT+CPSMS?", '+CPSMS: 1,,,"01000011","01000011"'),
        ("AT+CPSMS=?", '+CPSMS: (0-2),,,( "00000000"-"11111111"), ("00000000"-"11111111")'),
        ("AT+CEDRXS=?", '+CEDRXS: (0-3),(5),("0000"-"1111")'),
        ("AT+COPS=?", '+COPS: (2,"CHINA MOBILE","CMCC","46000",9),,(0-4),(0-2)'),
        ("AT+CPINR", '+CPIN: "SIM PIN",3,3'),
        ("AT+QENG=0", '+QENG: 0,2508,1,393,"0B1C2D3E",-92,-10,-84,9,8,"1A2B",0,-14,2'),
        ("AT+QUNKNOWN", '{"a": "b"}'),
        ("AT+CLAC", "+CSQ"),
        ('AT+QCFG="statisr"', '+QCFG: "statisr",60'),
    ],
)
def test_the_answers_of_commands_that_programs_send_are_no_damage(asked: str, answer: str) -> None:
    events = feed(dte_with(HEX, Raw(asked)), b"\r\n" + answer.encode() + b"\r\n", OK)
    assert events == [Text(answer), Success()]


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ("AT+CSQ", '+CSQ: 22,0,"414243"'),
        ("AT+CSQ", "+CSQ: 22,0,0"),
        ("AT+CSQ", "+CSQ:"),
        ("AT+CSQ", "41"),
        ("AT+CSQ", "K"),
        ("AT+CSQ", '+,"4142"'),
        ("AT+CBC", '+CBC: 3368,"414243"'),
        ("AT+CCLK?", '+CCLK: 2020/05/06,22:10:00+324142"'),
        ("AT+QUNKNOWN", ',"414243"'),
        ("AT+QUNKNOWN", '+QUNKNOWN: 0,3,"414243"'),
    ],
)
def test_an_answer_in_which_a_push_shows_is_damage(asked: str, line: str) -> None:
    assert feed(dte_with(HEX, Raw(asked)), b"\r\n" + line.encode() + b"\r\n", OK) == [DamagedLine(line), Success()]


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        (QueryRegistration(), '+CEREG: 0,1,"4142"'),
        (QueryRegistration(), '+CEREG: 0,1,3,"414243"'),
        (QuerySockets(), '+QISTATE: 0,"TCP","a",7,0,2,0,1,"4142"'),
        (QuerySockets(), '+QISTATE: 0,"TCP","a"recv",7,0,2,0,1'),
    ],
)
def test_an_answer_of_a_known_form_with_more_in_it_is_damage(asked: ReadCommand, line: str) -> None:
    assert feed(dte_with(HEX, asked), b"\r\n" + line.encode() + b"\r\n", OK) == [DamagedLine(line), Success()]


def test_a_late_answer_of_the_command_that_was_given_up_is_no_damage() -> None:
    dte = dte_with(HEX, Raw("AT+CIMI"))
    dte.give_up()
    assert feed(dte, b"\r\n460001357924680\r\n") == [Unrecognised("460001357924680")]
    assert feed(dte, b'\r\n4142"\r\n') == [DamagedLine('4142"')]


def test_an_error_is_read_only_where_nothing_ran_into_it() -> None:
    assert feed(dte_with(HEX, Raw("AT+COPS=0")), b"\r\n+CME ERROR: SIM not inserted\r\n") == [
        Failure(text="SIM not inserted")
    ]
    assert feed(dte_with(HEX, Raw("AT+COPS=0")), b'\r\n+CME ERROR: 30"4142"\r\n') == [
        DamagedLine('+CME ERROR: 30"4142"')
    ]
