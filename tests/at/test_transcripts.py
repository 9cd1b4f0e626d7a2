"""The guide's examples and its variants, played against the DTE alone and against the DCE alone."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from bc260y_aio.at.commands import (
    Attention,
    CloseSocket,
    Command,
    OpenSocket,
    Ping,
    QueryAcks,
    QueryAddress,
    QueryClock,
    QueryDataFormat,
    QueryDnsServers,
    QueryNetworkTime,
    QueryRegistration,
    QuerySocket,
    QuerySockets,
    Raw,
    Resolve,
    SendData,
    SetDataFormat,
    SetDnsServers,
    SetEcho,
    SetSleep,
)
from bc260y_aio.at.completions import (
    NetworkTime,
    PingError,
    PingFinished,
    PingReply,
    Resolution,
    ResolvedAddress,
    SendResult,
    SocketClosed,
    SocketOpened,
)
from bc260y_aio.at.dce import DCE
from bc260y_aio.at.dte import DTE
from bc260y_aio.at.information import (
    AckStatus,
    Clock,
    DataFormat,
    DnsServers,
    PdpAddress,
    Registration,
    RegistrationStatus,
    SocketInfo,
)
from bc260y_aio.at.responses import CmeLevel, Dialect, Failure, Response, Success
from bc260y_aio.at.states import State
from bc260y_aio.at.syntax import PayloadFormat
from bc260y_aio.at.urcs import (
    AddressAssigned,
    DataReceived,
    PeerClosed,
    PowerChanged,
    PowerEvent,
    RegistrationChanged,
    Restarted,
    Unrecognised,
)
from tests.at.helpers import cut, feed, one_by_one, read
from tests.transcript import ALL, GUIDE, Said, Transcript

TEXT, HEX = PayloadFormat.TEXT, PayloadFormat.HEX
HOST, PINGED = "hf.quectel.com", "47.100.63.174"
TIME = datetime(2019, 6, 11, 11, 8, 20, tzinfo=timezone(timedelta(hours=8)))

COMMANDS: dict[str, Command] = {
    "AT": Attention(),
    "ATE0": SetEcho(on=False),
    "AT+QSCLK=0": SetSleep(0),
    "AT+QSCLK=1": SetSleep(1),
    "AT+CEREG?": QueryRegistration(),
    "AT+CGPADDR?": QueryAddress(),
    "AT+CCLK?": QueryClock(),
    'AT+QIOPEN=0,0,"TCP","hf.quectel.com",2020': OpenSocket(0, "TCP", HOST, 2020),
    'AT+QIOPEN=0,0,"UDP","hf.quectel.com",2020': OpenSocket(0, "UDP", HOST, 2020),
    "AT+QICLOSE=0": CloseSocket(0),
    "AT+QISTATE?": QuerySockets(),
    "AT+QISTATE=1,0": QuerySocket(0),
    'AT+QICFG="dataformat"': QueryDataFormat(),
    'AT+QICFG="dataformat",0,0': SetDataFormat(TEXT, TEXT),
    'AT+QICFG="dataformat",0,1': SetDataFormat(TEXT, HEX),
    'AT+QICFG="dataformat",1,0': SetDataFormat(HEX, TEXT),
    'AT+QISEND=0,10,"1234567890"': SendData(0, b"1234567890", 0, TEXT),
    'AT+QISEND=0,17,"{"a":"b","b":"b"}"': SendData(0, b'{"a":"b","b":"b"}', 0, TEXT),
    'AT+QISEND=0,3,"ACK"': SendData(0, b"ACK", 0, TEXT),
    'AT+QISEND=0,3,"313233"': SendData(0, b"123", 0, HEX),
    "AT+QISEND=0,0": QueryAcks(0),
    # The guide's misprint of AT+QIDNSGIP: a DCE reads it as that, and a DTE can write it as a raw line.
    'AT+QDNSGIP=0,"baidu.com"': Resolve("baidu.com"),
    'AT+QIDNSCFG=0,"218.2.2.2","8.8.8.8"': SetDnsServers("218.2.2.2", "8.8.8.8"),
    "AT+QIDNSCFG=0": QueryDnsServers(),
    'AT+QPING=0,"iot.quectel.com"': Ping("iot.quectel.com"),
    'AT+QNTP=0,"ntp5.aliyun.com"': QueryNetworkTime("ntp5.aliyun.com"),
}
MISPRINTED = 'AT+QDNSGIP=0,"baidu.com"'

# A response means the same in every example.
RESPONSES: dict[str, Response] = {
    "OK": Success(),
    "ERROR": Failure(),
    "+CME ERROR: 50": Failure(50),
    "+CME ERROR: SIM not inserted": Failure(text="SIM not inserted"),
    "+CEREG: 0,1": Registration(0, RegistrationStatus.HOME),
    "+CEREG: 5": RegistrationChanged(RegistrationStatus.ROAMING),
    '+CGPADDR: 5,"10.177.135.245"': PdpAddress(5, ("10.177.135.245",)),
    '+CCLK: "2019/06/11,11:08:20+32"': Clock(TIME),
    "+QIOPEN: 0,0": SocketOpened(0),
    '+QISTATE: 0,"TCP","hf.quectel.com",2020,0,2,0,1': SocketInfo(0, "TCP", HOST, 2020),
    '+QISTATE: 0,"UDP","hf.quectel.com",2020,0,2,0,1': SocketInfo(0, "UDP", HOST, 2020),
    '+QISTATE: 1,"UDP","hf.quectel.com",2020,0,2,0,1': SocketInfo(1, "UDP", HOST, 2020),
    "CLOSE OK": SocketClosed(),
    '+QICFG: "dataformat",0,0': DataFormat(TEXT, TEXT),
    '+QICFG: "dataformat",0,1': DataFormat(TEXT, HEX),
    '+QICFG: "dataformat",1,0': DataFormat(HEX, TEXT),
    "SEND OK": SendResult(ok=True),
    "+QISEND: 94,94,0": AckStatus(94, 94, 0),
    "+QISEND:94,94,0": AckStatus(94, 94, 0),
    "+QISEND: 3,0,3": AckStatus(3, 0, 3),
    '+QIURC: "recv",0,10,"hi,quectel"': DataReceived(0, b"hi,quectel", TEXT),
    '+QIURC: "recv",0,10,"31323334353637383930"': DataReceived(0, b"1234567890", HEX),
    '+QIURC: "recv",0,10,31323334353637383930': DataReceived(0, b"1234567890", HEX),
    '+QIURC:"recv",0,3,"6a6b6c"': DataReceived(0, b"jkl", HEX),
    '+QIURC: "closed",0': PeerClosed(0),
    '+QIURC: "closed",1': PeerClosed(1),
    '+QIURC:"closed",0': PeerClosed(0),
    '+QNBIOTEVENT: "ENTER DEEPSLEEP"': PowerChanged(PowerEvent.ENTER_DEEP_SLEEP),
    '+QNBIOTEVENT: "EXIT DEEPSLEEP"': PowerChanged(PowerEvent.EXIT_DEEP_SLEEP),
    "+QIDNSGIP: 0,1,0": Resolution(0, 1, 0),
    "+QIDNSGIP: 39.156.69.79": ResolvedAddress("39.156.69.79"),
    '+QIDNSCFG: 0,"218.2.2.2","8.8.8.8","240E:5A::6666","240E:5B::6666"': DnsServers(
        0, "218.2.2.2", "8.8.8.8", "240E:5A::6666", "240E:5B::6666"
    ),
    "+QPING: 569": PingError(569),
    **{f"+QPING: 0,47.100.63.174,32,{time}": PingReply(PINGED, 32, time) for time in (369, 479, 484, 260)},
    '+QPING: 0,"47.100.63.174",32,369,53': PingReply(PINGED, 32, 369, 53),
    "+QPING: 0,4,4,0,260,484,398": PingFinished(0, 4, 4, 0, 260, 484, 398),
    "+QPING: 0,4,0,4,0,0,0": PingFinished(0, 4, 0, 4, 0, 0, 0),
    "+QPING: 0,4,1,3,369,369,369": PingFinished(0, 4, 1, 3, 369, 369, 369),
    '+QNTIP: 0,"19/06/11,11:08:20:35+32"': NetworkTime(0, TIME),
    '+QNTP: 0,"2019/06/11,11:08:20+32"': NetworkTime(0, TIME),
    "RDY": Restarted(),
    "+CFUN: 1": Unrecognised("+CFUN: 1"),
    "+CPIN: READY": Unrecognised("+CPIN: READY"),
    "+IP: 10.18.237.42": AddressAssigned("10.18.237.42"),
}

# The guide's examples are those of a firmware without TTL, and of the guide's misprints.
OF_THE_GUIDE = Dialect(ping_ttl=False, ntp_prefix="+QNTIP", ntp_colons=True)
DIALECTS = {
    "variant-stray-nuls": Dialect(stray_nul=True),
    "variant-unquoted": Dialect(quoted_data=False),
    "variant-ping-ttl": Dialect(quoted_addresses=True),
    "variant-long-year": Dialect(four_digit_year=True, four_digit_ntp=True),
}
# These are of more than one dialect, or hold hex in lower case.
NOT_WRITTEN = {"variant-no-space", "variant-single-cr-lf", "variant-errors"}
ECHO_ENDINGS = {"ATE0": b"\r\n", "AT": b"", "AT+CEREG?": b"\r"}

SECTIONS = (
    "4.1",
    *(f"4.2.{number}" for number in range(1, 11)),
    *(f"4.3.{number}" for number in range(1, 10)),
    "4.4",
    "4.5",
    "4.6",
    "4.7",
)


def test_every_example_of_the_guide_is_there_once() -> None:
    assert sorted(transcript.section for transcript in GUIDE) == sorted(SECTIONS)
    assert len(GUIDE) == 24


def test_every_transcript_has_a_title_and_no_line_is_left_over() -> None:
    steps = [step for transcript in ALL for step in transcript.steps]
    assert all(transcript.title and transcript.steps for transcript in ALL)
    assert {step.lines[0] for step in steps if step.by_dte} == set(COMMANDS)
    assert {line for step in steps if not step.by_dte for line in step.lines} - set(COMMANDS) == set(RESPONSES)


# Against the DTE


def events_of(step: Said, command: str | None) -> list[Response]:
    events = [RESPONSES[line] for line in step.lines if line != command]
    # These counters end in SEND OK, which then is their result.
    return [Success() if command == "AT+QISEND=0,0" and event == SendResult(ok=True) else event for event in events]


@pytest.mark.parametrize("pieces", [lambda wire: [wire], one_by_one, lambda wire: cut(wire, range(0, 999, 7))])
@pytest.mark.parametrize("transcript", ALL, ids=str)
def test_a_dte_writes_these_lines_and_reads_the_answers(
    transcript: Transcript, pieces: Callable[[bytes], list[bytes]]
) -> None:
    dte = DTE()
    for line, steps in transcript.exchanges():
        if line is not None:
            asked = COMMANDS[line] if line != MISPRINTED else Raw(line, parsed=COMMANDS[line])
            assert dte.send(asked) == line.encode() + b"\r"

        for step in steps:
            assert feed(dte, *pieces(step.wire)) == events_of(step, line)

        assert dte.state in (State.IDLE, State.ASLEEP)


# Against the DCE


@pytest.mark.parametrize("transcript", ALL, ids=str)
def test_a_dce_reads_these_lines_as_commands(transcript: Transcript) -> None:
    for pieces in (lambda wire: [wire], one_by_one):
        dce = DCE()
        for line, _ in transcript.exchanges():
            if line is not None:
                expected = COMMANDS[line]
                dce.send_format = expected.form if isinstance(expected, SendData) else TEXT
                assert read(dce, *pieces(line.encode() + b"\r")) == [expected]


@pytest.mark.parametrize("transcript", [one for one in ALL if one.name not in NOT_WRITTEN], ids=str)
def test_a_dce_writes_these_lines_byte_for_byte(transcript: Transcript) -> None:
    dialect = OF_THE_GUIDE if transcript.section else DIALECTS.get(transcript.name, Dialect())
    dce = DCE(dialect)
    for line, steps in transcript.exchanges():
        if line is not None:
            dce.send_format = HEX if line == 'AT+QISEND=0,3,"313233"' else TEXT
            read(dce, line.encode() + b"\r")

        for step in steps:
            dce.echo_ending = ECHO_ENDINGS[line] if step.lines[0] == line else None
            assert dce.echo() + dce.send(*(RESPONSES[text] for text in step.lines if text != line)) == step.wire


def test_a_dce_writes_each_kind_of_error() -> None:
    for line, level in (("ERROR", 0), ("+CME ERROR: 50", 1), ("+CME ERROR: SIM not inserted", 2)):
        assert DCE(replace(OF_THE_GUIDE, cme=CmeLevel(level))).send(RESPONSES[line]) == b"\r\n%b\r\n" % line.encode()
