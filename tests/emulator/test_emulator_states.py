"""The commands of the AT manual in states in which their answers, or their effects, are others than usual."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final, NamedTuple

import pytest

from bc260y_aio.emulator import Network, SinkPeer
from tests.emulator.terminal import on_line

ADDRESS: Final = "+IP: 10.46.18.102"
R02A01: Final = {"firmware": "R02A01"}
SIBLING: Final = {"model": "BC660K-GL"}
OFF: Final = ("AT+CFUN=0",)
NO_RADIO: Final = ("AT+CFUN=4",)
DETACHED: Final = ("AT+CGATT=0",)
NO_CELL: Final = {"has_cell": False}
NO_SIM: Final = {"sim": "none"}
REJECTED: Final = {"reject_cause": 11}
PSM: Final = ('AT+CPSMS=1,,,"00101100","00000000"', 'AT+QISEND=0,1,"a",1')
# A socket over which a byte keeps the radio connected.
OPEN: Final = 'AT+QIOPEN=0,0,"UDP","sink.example",7'
CONNECTED: Final = (OPEN, 'AT+QISEND=0,1,"a"')
FIELDS: Final = '"5A31","0C2F7A12"'


class State(NamedTuple):
    """A command in a state.

    Attributes:
        before: the command lines that lead to the state.
        line: the command line.
        answer: the lines of the answer with its result, and of the URCs behind it; "" stands between two of them.
        settings: the options of the emulator.
    """

    before: tuple[str, ...]
    line: str
    answer: tuple[str, ...]
    settings: dict[str, Any] = {}  # noqa: RUF012 - a named tuple's default is never changed

    @property
    def wire(self) -> bytes:
        """The bytes of the answer."""
        return ("\r\n" + "\r\n".join(self.answer) + "\r\n").encode()


def error(number: int) -> tuple[str, ...]:
    return (f"+CME ERROR: {number}",)


def answer(*information: str) -> tuple[str, ...]:
    return (*information, "", "OK")


OK: Final = ("OK",)

STATES: Final = (
    # Signal
    State(NO_RADIO, "AT+CSQ", answer("+CSQ: 99,99")),
    State(NO_RADIO, "AT+CESQ", answer("+CESQ: 99,99,255,255,255,255")),
    State((), "AT+CSQ", answer("+CSQ: 99,99"), NO_CELL),
    State((), "AT+CESQ", answer("+CESQ: 99,99,255,255,255,255"), NO_CELL),
    # Registration
    State((), "AT+CGATT=1", error(10), NO_SIM),
    State((), "AT+CGATT=1", error(11), {"sim": "pin"}),
    State((), "AT+CGATT=1", error(12), {"sim": "puk"}),
    State(OFF, "AT+CGATT=1", error(53)),
    State(NO_RADIO, "AT+CGATT=1", error(53)),
    State((), "AT+CGATT=1", error(30), NO_CELL),
    State((), "AT+CGATT=1", error(111), REJECTED),
    State((), "AT+CGATT=1", OK),
    State(DETACHED, "AT+CGATT=1", (ADDRESS, "", "OK")),
    State(DETACHED, "AT+CGATT?", answer("+CGATT: 0")),
    State((*DETACHED, *OFF), "AT+CFUN=1", OK),
    State(("AT+COPS=2", *OFF), "AT+CFUN=1", OK),
    State(("AT+CREG=3",), "AT+CREG?", answer("+CREG: 3,1")),
    State(("AT+CREG=3",), "AT+CREG?", answer("+CREG: 3,3,,,,0,11"), REJECTED),
    State(("AT+CREG=1",), "AT+CREG?", answer("+CREG: 1,3"), REJECTED),
    State(("AT+CEREG=4",), "AT+CEREG?", answer("+CEREG: 4,3"), REJECTED),
    State(("AT+CEREG=5",), "AT+CEREG?", answer("+CEREG: 5,3,,,,0,11"), REJECTED),
    State(("AT+CEREG=1",), "AT+CEREG?", answer("+CEREG: 1,1")),
    State(("AT+CEREG=3", PSM[0]), "AT+CEREG?", answer(f"+CEREG: 3,1,{FIELDS},9")),
    State(("AT+CEREG=5", PSM[0]), "AT+CEREG?", answer(f'+CEREG: 5,1,{FIELDS},9,,,"00000000","00101100"')),
    State(("AT+CEREG=5", PSM[0]), "AT+CEREG?", answer(f"+CEREG: 5,1,{FIELDS},9"), {"psm": False}),
    State(("AT+CEREG=5", PSM[0], *OFF), "AT+CEREG?", answer("+CEREG: 5,0")),
    State((), "AT+CEREG?", answer("+CEREG: 0,5"), {"registration": "roaming"}),
    State(("AT+CEREG=3",), "AT+CEREG?", answer("+CEREG: 3,2"), NO_CELL),
    State(("AT+CEREG=2",), "AT+CFUN=0", ("OK", "", "+CEREG: 0")),
    State(("AT+CREG=2",), "AT+CFUN=4", ("OK", "", "+CREG: 0")),
    State(NO_RADIO, "AT+CFUN=0", OK),
    State((), "AT+CFUN=1", OK),
    State(OFF, "AT+CFUN=1", ("OK", "", ADDRESS)),
    # Addresses
    State(OFF, "AT+CGPADDR?", OK, R02A01),
    State((), "AT+CGPADDR?", answer('+CGPADDR: 0,"10.46.18.102"'), R02A01),
    State(OFF, "AT+CGPADDR", answer("+CGPADDR: 0")),
    State(('AT+CGDCONT=2,"IP"',), "AT+CGPADDR=2,0", answer('+CGPADDR: 2,"10.46.18.102"', '+CGPADDR: 0,"10.46.18.102"')),
    State((), "AT+CGPADDR=3", answer("+CGPADDR: 3"), SIBLING),
    # The radio
    State(CONNECTED, "AT+CSCON?", answer("+CSCON: 0,1")),
    State(OFF, "AT+QENG=0", error(30)),
    State((OPEN, *PSM), "AT+QENG=0", error(30)),
    State(OFF, "AT+QENG=3", answer('+QENG: 4,"NULL","UNKNOWN","NO PLMN","UNKNOWN",""')),
    State(DETACHED, "AT+QENG=3", answer('+QENG: 4,"DEREG","UNKNOWN","NO PLMN","UNKNOWN",""')),
    State((), "AT+QENG=3", answer('+QENG: 4,"DEREG","UNKNOWN","SEARCHING","UNKNOWN",""'), NO_CELL),
    State(CONNECTED, "AT+QENG=3", answer('+QENG: 4,"REG","CONNECTED","SELECTED","HPLMN","46000"')),
    State((OPEN, *PSM), "AT+QENG=3", answer('+QENG: 4,"REG","PSM","SELECTED","HPLMN","46000"')),
    State((), "AT+QENG=3", answer('+QENG: 4,"REG","IDLE","SELECTED","VPLMN","46000"'), {"registration": "roaming"}),
    # Contexts
    State(OFF, "AT+CGACT?", answer("+CGACT: 0,0")),
    State((*OFF, 'AT+CGDCONT=1,"IP"'), "AT+CGACT?", answer("+CGACT: 0,0", "+CGACT: 1,0")),
    State(('AT+CGDCONT=1,"IP"',), "AT+CGACT?", answer("+CGACT: 0,1", "+CGACT: 1,1")),
    State(('AT+CGDCONT=1,"IP"', "AT+CGDCONT=1"), "AT+CGACT?", answer("+CGACT: 0,1")),
    State((), "AT+CGACT=0,0", error(171)),
    State((), "AT+CGACT=1,5", error(143)),
    State((), "AT+CGACT=0,5", error(143)),
    State(OFF, "AT+CGACT=1,5", error(143)),
    State(OFF, "AT+CGACT=1,0", error(53)),
    State(OFF, "AT+CGACT=0,0", OK),
    State(('AT+CGDCONT=1,"IP"', "AT+CGACT=0,1"), "AT+CGACT=0,1", OK),
    State(('AT+CGDCONT=1,"IP"', "AT+CGACT=0,1"), "AT+CGACT=0,0", error(171)),
    State(DETACHED, "AT+CGACT=1,0", (ADDRESS, "", "OK")),
    State(('AT+CGDCONT=1,"IP"', *DETACHED, "AT+CGACT=1,1"), "AT+CGACT?", answer("+CGACT: 0,1", "+CGACT: 1,1")),
    State(
        ('AT+CGDCONT=3,"ipv6","iot",,0,1',),
        "AT+CGDCONT?",
        answer('+CGDCONT: 0,"IP"', '+CGDCONT: 3,"IPV6","iot","",0,1'),
    ),
    State((), "AT+CGDCONT?", answer('+CGDCONT: 0,"IP",,"10.46.18.102"'), SIBLING),
    State(OFF, "AT+CGDCONT?", answer('+CGDCONT: 0,"IP"'), SIBLING),
    State(('AT+CGDCONT=1,"IP"',), "AT+CGAPNRC", answer("+CGAPNRC: 0,0,0", "+CGAPNRC: 1,0,0")),
    State(('AT+CGDCONT=1,"IP"',), "AT+CGAPNRC=?", answer("+CGAPNRC: (0,1)")),
    State(OFF, "AT+CGAPNRC", OK),
    State(OFF, "AT+CGAPNRC=0", error(143)),
    State((), "AT+CGAPNRC=1", error(143)),
    State(
        ('AT+QCGDEFCONT="IPV6","iot","me","secret"',),
        "AT+QCGDEFCONT?",
        answer('+QCGDEFCONT: "IPV6","iot","me","secret"'),
    ),
    State(('AT+QCGDEFCONT="IPV6","iot"',), "AT+CGDCONT?", answer('+CGDCONT: 0,"IP"')),
    State(('AT+QCGDEFCONT="IPV6","iot"', "AT+QRST=1", "ATE0"), "AT+CGDCONT?", answer('+CGDCONT: 0,"IPV6","iot"')),
    # Network choice
    State((), "AT+QPLMNS", error(3)),
    State(DETACHED, "AT+QPLMNS", OK),
    State(OFF, "AT+QPLMNS?", answer("+QPLMNS: 0")),
    State((), "AT+QPLMNS?", answer("+QPLMNS: 3,30"), NO_CELL),
    State((), "AT+QPLMNS?", answer("+QPLMNS: 1"), {"reject_cause": 22}),
    State(
        OFF,
        "AT+COPS=?",
        answer('+COPS: (1,"CHINA MOBILE","CMCC","46000",9),(3,"CHN-UNICOM","UNICOM","46001",9),,(0-4),(2)'),
    ),
    State(OFF, "AT+COPS?", answer("+COPS: 0")),
    State(("AT+COPS=2",), "AT+COPS?", answer("+COPS: 2")),
    State(("AT+COPS=3,2",), "AT+COPS?", answer('+COPS: 0,2,"46000",9')),
    State(('AT+COPS=1,2,"46000"',), "AT+COPS?", answer('+COPS: 1,2,"46000",9')),
    State(('AT+COPS=4,2,"46011"',), "AT+COPS?", answer('+COPS: 4,2,"46000",9')),
    State(('AT+COPS=1,2,"46011"',), "AT+COPS?", answer("+COPS: 1")),
    State((), 'AT+COPS=1,2,"46011"', error(30)),
    State((), "AT+COPS=0", error(10), NO_SIM),
    State((), "AT+COPS=2", error(10), NO_SIM),
    State((), "AT+COPS=3,2", OK, NO_SIM),
    State(OFF, 'AT+COPS=1,2,"46000"', OK),
    State((), "AT+COPS=0", OK, NO_CELL),
    State((), 'AT+COPS=4,2,"46000"', OK, REJECTED),
    State((), 'AT+COPS=1,2,"46000"', error(111), REJECTED),
    State((), 'AT+COPS=1,2,"46000"', error(30), NO_CELL),
    State(("AT+COPS=2",), "AT+COPS=0", (ADDRESS, "", "OK")),
    State(("AT+COPS=2",), 'AT+COPS=1,2,"46000"', (ADDRESS, "", "OK")),
    State(("AT+CCIOTOPT=1,3,2", "AT+CCIOTOPT=0"), "AT+CCIOTOPT?", answer("+CCIOTOPT: 0,3,2")),
    State(("AT+CCIOTOPT=1,3,2", "AT+CCIOTOPT=1,1"), "AT+CCIOTOPT?", answer("+CCIOTOPT: 1,1,2")),
    State(("AT+CCIOTOPT=1,3,2", "AT+CCIOTOPT=3"), "AT+CCIOTOPT?", answer("+CCIOTOPT: 0,1,1")),
    State(("AT+CCIOTOPT=1,3,0",), "AT+CCIOTOPT?", answer("+CCIOTOPT: 1,3,0")),
    State((), "AT+QBAND?", answer("+QBAND: 5,8,3")),
    State(("AT+QBAND=1,3", "AT+QBAND=0"), "AT+QBAND?", answer("+QBAND: 5,8,3")),
    State(("AT+CEREG=1",), "AT+QBAND=1,8", ("OK", "", "+CEREG: 0", "", "+CEREG: 1", "", ADDRESS)),
    State(("AT+CEREG=1", *OFF), "AT+QBAND=1,8", OK),
    State(("AT+QLOCKF=1,3738,281", "AT+QLOCKF=1,3734"), "AT+QLOCKF?", answer("+QLOCKF: 1,3734")),
    State(("AT+QLOCKF=1,3738", "AT+QLOCKF=2,3734", "AT+QLOCKF=1,0"), "AT+QLOCKF?", answer("+QLOCKF: 2,3734")),
    State(("AT+QLOCKF=1,3738", "AT+QLOCKF=2,3734", "AT+QLOCKF=2,0"), "AT+QLOCKF?", answer("+QLOCKF: 1,3738")),
    State(("AT+QLOCKF=1,3738", "AT+QLOCKF=2,3734", "AT+QLOCKF=0"), "AT+QLOCKF?", OK),
    State((), "AT+QLOCKF=1,3738", error(3), {"strict_search": True}),
    State(OFF, "AT+QLOCKF=1,3738", OK, {"strict_search": True}),
    State((), "AT+QCSEARFCN", error(3), {"strict_search": True}),
    State(NO_RADIO, "AT+QCSEARFCN", error(3), {"strict_search": True}),
    State(OFF, "AT+QCSEARFCN", OK, {"strict_search": True}),
    # SIM
    State(OFF, "AT+CIMI", error(13)),
    State(OFF, "AT+QCCID", error(13)),
    State(OFF, "AT+CPIN?", error(13)),
    State(NO_RADIO, "AT+CIMI", answer("460001234567890")),
    State((), "AT+QCCID", answer("+QCCID: 89860012345678901234"), {"sim": "pin"}),
    State((), "AT+CPINR", error(10), NO_SIM),
    State((), 'AT+CPINR="SIM PIN"', error(10), NO_SIM),
    State((), "AT+CPIN?", answer("+CPIN: SIM PUK"), {"sim": "puk"}),
    State((), "AT+CPINR", answer('+CPINR: "SIM PIN",0,3', '+CPINR: "SIM PUK",10,10'), {"sim": "puk"}),
    State((), 'AT+CPINR="SIM PUK"', answer('+CPINR: "SIM PUK",10,10')),
    State((), 'AT+CPIN="1234"', error(3)),
    State((), 'AT+CPIN="12345678"', error(16), {"sim": "puk"}),
    State(('AT+CPIN="12345678"',), 'AT+CPINR="SIM PUK"', answer('+CPINR: "SIM PUK",9,10'), {"sim": "puk"}),
    State(('AT+CPIN="00000000","4321"',) * 10, 'AT+CPIN="12345678","4321"', error(13), {"sim": "puk"}),
    State(
        ('AT+CPIN="12345678","4321"',),
        "AT+CPINR",
        answer('+CPINR: "SIM PIN",3,3', '+CPINR: "SIM PUK",10,10'),
        {"sim": "puk"},
    ),
    State(
        ('AT+CPIN="0000"', 'AT+CPIN="1234"'),
        "AT+CPINR",
        answer('+CPINR: "SIM PIN",3,3', '+CPINR: "SIM PUK",10,10'),
        {"sim": "pin"},
    ),
    State(
        (*(('AT+CPIN="0000"',) * 3), 'AT+CPIN="12345678","4321"', "AT+QRST=1", "ATE0"),
        'AT+CPIN="1234"',
        error(16),
        {"sim": "pin"},
    ),
    State(
        ('AT+CPIN="1234"', "AT+QRST=1", "ATE0"),
        'AT+CPIN="1234"',
        ("OK", "", "+CPIN: READY", "", ADDRESS),
        {"sim": "pin"},
    ),
    State(('AT+CCHO="A0"', 'AT+CCHO="A0"'), 'AT+CCHO="A0"', answer("3")),
    State(('AT+CCHO="A0"', 'AT+CCHO="A0"', 'AT+CCHO="A0"'), 'AT+CCHO="A0"', error(22)),
    State(('AT+CCHO="A0"', 'AT+CCHO="A0"', "AT+CCHC=1"), 'AT+CCHO="A0"', answer("1")),
    State(('AT+CCHO="A0"', "AT+QRST=1", "ATE0"), "AT+CCHC=1", error(22)),
    State(('AT+CCHO="A0"',), "AT+CCHC=2", error(22)),
    State((), 'AT+CCHO="A0"', error(11), {"sim": "pin"}),
    State((), "AT+CCHC=1", error(10), NO_SIM),
    State((), 'AT+CGLA=1,14,"00A40004022FE2"', error(22)),
    State((), 'AT+CSIM=14,"00A40004022FE2"', answer('+CSIM: 4,"6119"'), {"sim": "pin"}),
    State((), 'AT+CSIM=14,"00A40004022FE2"', error(10), NO_SIM),
    State((), 'AT+CSIM=14,"00A40004021234"', answer('+CSIM: 4,"6A82"')),
    State((), 'AT+CSIM=10,"00B0000000"', answer('+CSIM: 4,"6986"')),
    State(('AT+CSIM=14,"00a40004022FE2"',), 'AT+CSIM=10,"00b000000A"', answer('+CSIM: 24,"986800214365870921439000"')),
    State(('AT+CSIM=14,"00A40004026F07"',), 'AT+CSIM=10,"00B0000009"', answer('+CSIM: 22,"0849060021436587099000"')),
    State((), 'AT+CSIM=10,"00A4000400"', answer('+CSIM: 4,"6A82"')),
    State((), 'AT+CSIM=10,"00C0000000"', answer('+CSIM: 4,"6985"')),
    State((), 'AT+CSIM=14,"00A4000C022FE2"', answer('+CSIM: 4,"9000"')),
    State(
        ('AT+CSIM=14,"00A40804023F00"',),
        'AT+CSIM=10,"00C000001F"',
        answer('+CSIM: 66,"621D8202782183023F00A5038001718A01058B032F0601C6069001008301019000"'),
    ),
    State(('AT+CSIM=14,"00A40004022FE2"',), 'AT+CSIM=10,"00B0000000"', answer('+CSIM: 4,"6C0A"')),
    State(('AT+CSIM=14,"00A40004022FE2"',), 'AT+CSIM=10,"00B0000802"', answer('+CSIM: 8,"21439000"')),
    State(('AT+CSIM=14,"00A40004022FE2"',), 'AT+CSIM=10,"00B0000A01"', answer('+CSIM: 4,"6B00"')),
    State(('AT+CSIM=14,"00A40004022FE2"',), 'AT+CSIM=10,"00B0010001"', answer('+CSIM: 4,"6B00"')),
    State(('AT+CSIM=14,"00A40004023F00"',), 'AT+CSIM=10,"00B0000001"', answer('+CSIM: 4,"6986"')),
    State((), 'AT+CSIM=24,"00A4040407A0000000871002"', answer('+CSIM: 4,"612C"')),
    State((), 'AT+CSIM=42,"00A4040410A0000000871002FF86FFFF89FFFFFFFF"', answer('+CSIM: 4,"612C"')),
    State((), 'AT+CSIM=24,"00A4040407A0000000871004"', answer('+CSIM: 4,"6A82"')),
    State((), 'AT+CSIM=10,"00A4040400"', answer('+CSIM: 4,"6A82"')),
    State((), 'AT+CSIM=22,"00A4040406A00000008710"', answer('+CSIM: 4,"6A82"')),
    State((), 'AT+CSIM=10,"00D6000000"', answer('+CSIM: 4,"6D00"')),
    State(('AT+CSIM=14,"00A40004026F07"',), 'AT+CSIM=10,"00B0000009"', answer('+CSIM: 4,"6982"'), {"sim": "pin"}),
    State(('AT+CSIM=14,"00A40004022FE2"',), 'AT+CSIM=10,"00B0000001"', answer('+CSIM: 6,"989000"'), {"sim": "pin"}),
    # VERIFY PIN and UNBLOCK PIN without a code ask how many tries are left; there is no PIN2.
    State((), 'AT+CSIM=10,"0020000100"', answer('+CSIM: 4,"63C3"')),
    State((), 'AT+CSIM=8,"00200001"', answer('+CSIM: 4,"63C3"'), {"sim": "pin"}),
    State(('AT+CPIN="0000"',), 'AT+CSIM=10,"0020000100"', answer('+CSIM: 4,"63C2"'), {"sim": "pin"}),
    State((), 'AT+CSIM=10,"0020000100"', answer('+CSIM: 4,"6983"'), {"sim": "puk"}),
    State((), 'AT+CSIM=10,"002C000100"', answer('+CSIM: 4,"63CA"')),
    State((), 'AT+CSIM=10,"0020008100"', answer('+CSIM: 4,"6A88"')),
    State((), 'AT+CSIM=10,"002C008100"', answer('+CSIM: 4,"6A88"')),
    State((), "AT+CRSM=242", answer("+CRSM: 144,0"), {"sim": "pin"}),
    State((), "AT+CRSM=176,28423,0,0,9", answer('+CRSM: 144,0,"084906002143658709"')),
    State((), "AT+CRSM=176,28423,0,0,9", answer('+CRSM: 144,0,"0841060021436587F9"'), {"imsi": "46000123456789"}),
    State((), "AT+CRSM=176,12258,0,8,2", answer('+CRSM: 144,0,"2143"')),
    State((), "AT+CRSM=176,12258,0,0,0", answer('+CRSM: 144,0,"98680021436587092143"')),
    State((), "AT+CRSM=192,28423", answer('+CRSM: 144,0,"62178202412183026F078A01058B036F060180020009880138"')),
    State((), "AT+CRSM=192,28589", answer('+CRSM: 144,0,"62178202412183026FAD8A01058B036F060180020004880118"')),
    State((), "AT+CRSM=176,28589,0,0,4", answer('+CRSM: 144,0,"00000002"')),
    State(
        (),
        "AT+CRSM=192,32767",
        answer(
            '+CRSM: 144,0,"622A8202782183027FFF8410A0000000871002FF86FFFF89FFFFFFFF8A01058B032F0601C606900100830101"'
        ),
    ),
    State(
        (),
        "AT+CRSM=192,16128",
        answer('+CRSM: 144,0,"621D8202782183023F00A5038001718A01058B032F0601C606900180830101"'),
        {"sim": "pin"},
    ),
    State((), "AT+CRSM=176,16128,0,0,1", answer("+CRSM: 105,129")),
    State((), "AT+CRSM=176,12258,0,10,1", answer("+CRSM: 107,0")),
    State((), "AT+CRSM=176,12258,1,0,1", answer("+CRSM: 107,0")),
    State((), "AT+CRSM=176,28423,0,0,9", answer("+CRSM: 105,130"), {"sim": "pin"}),
    State((), "AT+CRSM=176,28589,0,0,4", answer('+CRSM: 144,0,"00000002"'), {"sim": "pin"}),
    State((), 'AT+CRSM=214,12258,0,0,1,"00"', answer("+CRSM: 105,130")),
    State((), "AT+CRSM=178,12258,1,4,10", answer("+CRSM: 105,129")),
    State((), "AT+CRSM=178,1,1,4,10", answer("+CRSM: 106,130")),
    State((), "AT+CRSM=242", error(10), NO_SIM),
    # Power
    State((), "AT+CPSMS?", answer('+CPSMS: 0,,,"00100001","00100100"')),
    State(
        ('AT+CPSMS=1,,,"01000011","01000010"', "AT+CPSMS=2"), "AT+CPSMS?", answer('+CPSMS: 0,,,"00100001","00100100"')
    ),
    State(
        ('AT+CPSMS=1,,,"01000011","01000010"', 'AT+CPSMS=1,,,,"00000001"'),
        "AT+CPSMS?",
        answer('+CPSMS: 1,,,"01000011","00000001"'),
    ),
    State(
        ('AT+CPSMS=1,,,"01000011","01000010"', 'AT+CPSMS=1,,,"00000001"'),
        "AT+CPSMS?",
        answer('+CPSMS: 1,,,"00000001","01000010"'),
    ),
    State(
        ('AT+CPSMS=1,,,"01000011","01000010"', "AT+CPSMS=1"), "AT+CPSMS?", answer("+CPSMS: 1"), {"keeps_omitted": False}
    ),
    State((), "AT+CEDRXS?", answer('+CEDRXS: 5,"0000"')),
    State(('AT+CEDRXS=1,5,"0101"', "AT+CEDRXS=0"), "AT+CEDRXS?", answer('+CEDRXS: 5,"0101"')),
    State(('AT+CEDRXS=1,5,"0101"', "AT+CEDRXS=1"), "AT+CEDRXRDP", answer('+CEDRXRDP: 5,"0101","0101","0011"')),
    State(('AT+CEDRXS=1,5,"0101"', "AT+CEDRXS=0"), "AT+CEDRXRDP", answer("+CEDRXRDP: 0")),
    State(('AT+CEDRXS=1,5,"0101"', "AT+CEDRXS=3"), "AT+CEDRXS?", answer('+CEDRXS: 5,"0000"')),
    State(('AT+CEDRXS=1,5,"0101"', *OFF), "AT+CEDRXRDP", answer("+CEDRXRDP: 0")),
    State(('AT+CEDRXS=1,5,"0101"',), "AT+CEDRXS?", answer('+CEDRXS: 5,"0101"'), {"edrx_value_when_off": False}),
    State((), "AT+QEDRXCFG?", answer('+QEDRXCFG: 5,"0000"')),
    State(('AT+QEDRXCFG=1,5,"0101","0001"', "AT+QEDRXCFG=1"), "AT+QEDRXCFG?", answer('+QEDRXCFG: 5,"0101","0001"')),
    State(('AT+QEDRXCFG=1,5,"0101","0001"', "AT+QEDRXCFG=3"), "AT+QEDRXCFG?", answer('+QEDRXCFG: 5,"0000"')),
    State(('AT+QEDRXCFG=1,5,"0101","0001"',), "AT+CEDRXRDP", answer('+CEDRXRDP: 5,"0101","0101","0001"')),
    State((), 'AT+CEDRXS=1,5,"0101"', OK),
    State((), 'AT+QEDRXCFG=2,5,"0101","0001"', ("OK", "", '+CEDRXP: 5,"0101","0101","0001"')),
    State((), "AT+CEDRXS=2", ("OK", "", "+CEDRXP: 5")),
    State(OFF, 'AT+CEDRXS=2,5,"0101"', OK),
    State(("AT+QSCLK=2",), "AT+QSCLK?", answer("+QSCLK: 2")),
    State((), "AT+QSCLK?", answer("+QSCLK: 1")),
    State(("AT+QNBIOTEVENT=1,1", "AT+QNBIOTEVENT=0,1"), "AT+QNBIOTEVENT?", answer("+QNBIOTEVENT: 0,1")),
    # Serial line
    State(("AT+IPR=0",), "AT+IPR?", answer("+IPR: 0")),
    *(State((), f"AT{name}", OK) for name in ("Z", "Z0", "&F", "&F0", "&W", "&W0", "V", "V1", "Q", "Q0")),
    State((), "ATV0", ("ERROR",)),
    State((), "ATQ1", ("ERROR",)),
    State((), "ATI0", answer("Quectel_Ltd", "Quectel_BC260Y-CN", "Revision: BC260YCNAAR01A03")),
    State((), "AT+GMI", answer("Quectel_Ltd", "Quectel_BC260Y-CN", "Revision: EC616")),
    State((), "AT+GMM", answer("Quectel_BC260Y-CN")),
    State((), "AT+GMR", answer("Revision: BC260YCNAAR01A03")),
    State((), "AT+GSN", answer("B203517F8AE566F16924DE5B1F9E1395")),
    # Firmware R02A01
    State(CONNECTED, "AT+QNBIOTRAI=0", OK, R02A01),
    State((), "AT+QNBIOTRAI=1", error(3), R02A01),
    State(
        CONNECTED,
        "AT+QR14FEATURE",
        answer("+QR14FEATURE: 13,0", "+QR14FEATURE: 0", "+QR14FEATURE: 0,0,0,0,0"),
        R02A01,
    ),
    State((), "AT+CNMPSD", ("ERROR",), R02A01),
    *(
        State((OPEN,), f"AT+QISEND={parameters}", ("ERROR",), R02A01)
        for parameters in ("0,1025", "5", "1", "0,4,4", "")
    ),
    *(
        State((OPEN, "AT+QISEND=0"), data + "\x1a", answer, R02A01)
        for data, answer in (("a" * 1024, ("OK", "", "SEND OK")), ("a" * 1025, ("ERROR",)), ("", ("ERROR",)))
    ),
)


@pytest.mark.parametrize("state", STATES, ids=lambda one: " ".join((*one.before, one.line))[:60])
async def test_a_command_is_answered_by_the_state_of_the_module(state: State) -> None:
    network = Network()
    network.add_host("sink.example", SinkPeer())
    async with on_line(network, **state.settings) as (_, terminal):
        # The sibling saves its echo, and all save the level of errors.
        for line in ("AT+CMEE=1", *state.before):
            terminal.type(line.encode())
            await terminal.read(5)

        terminal.type(state.line.encode())
        assert await terminal.read() == state.wire


@pytest.mark.parametrize(("rsrp", "level"), [(-105, 0), (-106, 1), (-115, 1), (-116, 2)])
async def test_the_coverage_level_follows_from_the_signal_while_the_radio_is_connected(rsrp: int, level: int) -> None:
    network = Network(rsrp=rsrp, rsrq=-9, snr=-3)
    network.add_host("sink.example", SinkPeer())
    async with on_line(network) as (_, terminal):
        await terminal.open(0, "sink.example")
        assert (
            await terminal.ask(b"AT+QENG=0")
            == (
                f'\r\n+QENG: 0,3738,2,281,"0C2F7A12",{rsrp},-9,99,-3,8,"5A31",{level},23,3'
                f"\r\n+QENG: 1,3738,282,{rsrp - 12},-13\r\n\r\nOK\r\n"
            ).encode()
        )


@pytest.mark.parametrize(
    ("mode", "urc"),
    [(1, b'\r\n+CTZV: "%b"\r\n'), (3, b'\r\n+CTZEU: "%b",0,"2026/03/01,12:30:15"\r\n')],
)
@pytest.mark.parametrize(("quarters", "zone"), [(32, b"+32"), (-2, b"-02")])
async def test_a_registration_reports_the_zone_and_the_universal_time(
    mode: int, urc: bytes, quarters: int, zone: bytes
) -> None:
    utc = datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC)
    there = timezone(timedelta(minutes=15 * quarters))
    async with on_line(Network(now=lambda: utc.astimezone(there))) as (_, terminal):
        await terminal.ask(b"AT+CTZR=%d" % mode)
        await terminal.ask(b"AT+CFUN=0")
        await terminal.ask(b"AT+CFUN=1")
        assert urc % zone in await terminal.read()
