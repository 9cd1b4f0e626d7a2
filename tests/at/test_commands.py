"""Commands of a DTE: the bytes of each, values that are refused before the wire, and the lines of its answer."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bc260y_aio.at import commands
from bc260y_aio.at.commands import (
    Attention,
    CloseSocket,
    Command,
    OpenSocket,
    Ping,
    QueryAcks,
    QueryAddress,
    QueryClock,
    QueryContextSockets,
    QueryDataFormat,
    QueryDnsServers,
    QueryNetworkTime,
    QueryRegistration,
    QuerySleep,
    QuerySocket,
    QuerySockets,
    Raw,
    ReadCommand,
    Resolve,
    SendData,
    SetCommand,
    SetDataFormat,
    SetDeepSleepReports,
    SetDnsServers,
    SetEcho,
    SetErrorLevel,
    SetPowerReports,
    SetRegistrationReports,
    SetSleep,
    Test,
    read_command,
    read_verbatim,
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
from bc260y_aio.at.responses import CmeLevel, Completion
from bc260y_aio.at.syntax import Malformed, PayloadFormat
from tests.at.helpers import dte_with, read
from tests.at.strategies import COMMANDS

TEXT, HEX = PayloadFormat.TEXT, PayloadFormat.HEX

LINES: list[tuple[Command, bytes]] = [
    (Attention(), b"AT"),
    (SetEcho(on=False), b"ATE0"),
    (SetEcho(on=True), b"ATE1"),
    (Test("+QIOPEN"), b"AT+QIOPEN=?"),
    (Raw("at+csq"), b"at+csq"),
    (QueryDataFormat(), b'AT+QICFG="dataformat"'),
    (SetDataFormat(TEXT, HEX), b'AT+QICFG="dataformat",0,1'),
    (OpenSocket(0, "TCP", "hf.quectel.com", 2020), b'AT+QIOPEN=0,0,"TCP","hf.quectel.com",2020'),
    (OpenSocket(4, "UDP", "2001:db8::1", 53, 50000), b'AT+QIOPEN=0,4,"UDP","2001:db8::1",53,50000'),
    (CloseSocket(3), b"AT+QICLOSE=3"),
    (QuerySockets(), b"AT+QISTATE?"),
    (QueryContextSockets(), b"AT+QISTATE=0,0"),
    (QuerySocket(2), b"AT+QISTATE=1,2"),
    (SendData(1, b"abc"), b'AT+QISEND=1,3,"616263"'),
    (SendData(1, b"\xab\x00", 2), b'AT+QISEND=1,2,"AB00",2'),
    (SendData(1, b'{"a":1}', 1, TEXT), b'AT+QISEND=1,7,"{"a":1}",1'),
    (QueryAcks(4), b"AT+QISEND=4,0"),
    (Resolve("example.com"), b'AT+QIDNSGIP=0,"example.com"'),
    (QueryDnsServers(), b"AT+QIDNSCFG=0"),
    (SetDnsServers("8.8.8.8"), b'AT+QIDNSCFG=0,"8.8.8.8"'),
    (SetDnsServers("8.8.8.8", "2001:db8::1"), b'AT+QIDNSCFG=0,"8.8.8.8","2001:db8::1"'),
    (Ping("example.com"), b'AT+QPING=0,"example.com"'),
    (Ping("example.com", timeout=9, count=1, size=64), b'AT+QPING=0,"example.com",9,1,64'),
    (QueryNetworkTime("ntp.example"), b'AT+QNTP=0,"ntp.example"'),
    (QueryNetworkTime("ntp.example", 1123), b'AT+QNTP=0,"ntp.example",1123'),
    (QueryNetworkTime("ntp.example", set_clock=False), b'AT+QNTP=0,"ntp.example",123,0'),
    (QueryRegistration(), b"AT+CEREG?"),
    (SetRegistrationReports(5), b"AT+CEREG=5"),
    (QueryAddress(), b"AT+CGPADDR?"),
    (QuerySleep(), b"AT+QSCLK?"),
    (SetSleep(0), b"AT+QSCLK=0"),
    (QueryClock(), b"AT+CCLK?"),
    (SetErrorLevel(CmeLevel.NUMBER), b"AT+CMEE=1"),
    (SetPowerReports(on=True), b"AT+QNBIOTEVENT=1,1"),
    (SetDeepSleepReports(on=False), b'AT+QCFG="dsevent",0'),
]


def kinds(value: object) -> str:
    return type(value).__name__ if isinstance(value, Command) else ""


# Written and read back


@pytest.mark.parametrize(("command", "line"), LINES, ids=kinds)
def test_a_command_has_these_bytes(command: Command, line: bytes) -> None:
    assert command.encode() == line
    assert command.write() == line.decode()
    assert dte_with(command=None).send(command) == line + b"\r"


def test_every_command_of_the_package_is_in_these_tests() -> None:
    abstract = {Command, ReadCommand, SetCommand}
    public = {value for name in commands.__all__ if isinstance(value := getattr(commands, name), type)} - abstract
    assert {type(command) for command, _ in LINES} == set(COMMANDS) == public


@pytest.mark.parametrize("kind", COMMANDS, ids=lambda kind: kind.__name__)
@given(st.data())
def test_a_dce_reads_back_the_commands_of_a_dte(kind: type[Command], data: st.DataObject) -> None:
    command = data.draw(COMMANDS[kind])
    dce = DCE()
    dce.send_format = command.form if isinstance(command, SendData) else data.draw(st.sampled_from(PayloadFormat))
    assert read(dce, dte_with().send(command)) == [command]


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b"at", Attention()),
        (b"aTe", SetEcho(on=True)),
        (b"at+qisend=1,0", QueryAcks(1)),
        (b"At+qiclose=1", CloseSocket(1)),
        (b'AT+QIOPEN=0, 1 ,"tcp", "a" ,7,0,1', OpenSocket(1, "TCP", "a", 7)),
        (b'AT+QDNSGIP=0,"baidu.com"', Resolve("baidu.com")),
        (b'AT+QICFG="DATAFORMAT"', QueryDataFormat()),
        (b"AT+QISEND=1,3,616263", SendData(1, b"abc")),
        (b"AT+QISEND=1,3,aAbB00,2", SendData(1, b"\xaa\xbb\x00", 2)),
        (b'AT+QCFG="wakeupRXD",0', Raw('AT+QCFG="wakeupRXD",0')),
        (b"AT+CEREG=?", Raw("AT+CEREG=?")),
        (b"AT+CEREG?;+CSQ", Raw("AT+CEREG?;+CSQ")),
        (b"ATI", Raw("ATI")),
    ],
)
def test_a_line_may_be_spelled_otherwise(line: bytes, command: Command) -> None:
    assert read_command(line, HEX) == command


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"A",
        b"OK",
        b"+QIOPEN=0",
        b"AT+CS\xc0Q",
        b"AT+QIOPEN=",
        b"AT+QIOPEN=0,0",
        b'AT+QIOPEN=0,0,"SCTP","a",7',
        b'AT+QIOPEN=0,0,"TCP","",7',
        b'AT+QIOPEN=0,0,"TCP","a",0',
        b'AT+QIOPEN=0,0,"TCP","a",7,0,0',
        b'AT+QIOPEN=0,0,"TCP","a",7,0,1,1',
        b'AT+QIOPEN=1,0,"TCP","a",7',
        b'AT+QIOPEN=0,0,"TCP","' + b"x" * 151 + b'",7',
        b"AT+QICLOSE=x",
        b"AT+QICLOSE=0,0",
        b"AT+QISTATE=2,0",
        b"AT+QISTATE=1",
        b'AT+QICFG="dataformat",2,0',
        b'AT+QICFG="dataformat",1',
        b'AT+QICFG="viewmode"',
        b'AT+QIDNSCFG=0,""',
        b'AT+QPING=0,"a",0',
        b'AT+QPING=0,"a",4,11',
        b'AT+QPING=0,"a",4,4,1501',
        b'AT+QNTP=0,"a",0',
        b"AT+QSCLK=3",
        b"AT+CMEE=3",
        b"AT+QNBIOTEVENT=1,0",
    ],
)
def test_a_line_that_the_guide_does_not_allow_is_malformed(line: bytes) -> None:
    with pytest.raises(Malformed):
        read_command(line, HEX)


@pytest.mark.parametrize(
    ("line", "taken", "refused"),
    [
        ("AT+QICLOSE={}", (0, 255), (256,)),
        ("AT+QISEND={},0", (0, 255), (256,)),
        ("AT+QISTATE=0,{}", (0, 11), (12,)),
        ("AT+QISTATE=1,{}", (0, 255), (256,)),
        ("AT+QISTATE=1,0{}", ("",), (",0",)),
        ("AT+QIDNSCFG={}", (0, 11), (12,)),
        ('AT+QIDNSCFG={},"8.8.8.8"', (0,), (1,)),
        ('AT+QIDNSCFG=0,"8.8.8.8","8.8.4.4"{}', ("",), (',"1.1.1.1"',)),
        ('AT+QIDNSGIP={},"a"', (0,), (1,)),
        ('AT+QIDNSGIP=0,"a"{}', ("",), (",0",)),
        ('AT+QIOPEN=0,{},"TCP","a",7', (0, 255), (256,)),
        ('AT+QIOPEN=0,0,"TCP","a",{}', (1, 65535), (0, 65536)),
        ('AT+QIOPEN=0,0,"TCP","a",7,{}', (0, 65535), (65536,)),
        ('AT+QIOPEN=0,0,"TCP","a",7,0,{}', (1,), (0, 2)),
        ('AT+QPING={},"a"', (0,), (1,)),
        ('AT+QPING=0,"a",{}', (1, 255), (0, 256)),
        ('AT+QPING=0,"a",4,{}', (1, 10), (0, 11)),
        ('AT+QPING=0,"a",4,4,{}', (32, 1500), (31, 1501)),
        ('AT+QPING=0,"a",4,4,32{}', ("",), (",0",)),
        ('AT+QNTP={},"a"', (0,), (1,)),
        ('AT+QNTP=0,"a",{}', (1, 65535), (0, 65536)),
        ('AT+QNTP=0,"a",123,{}', (0, 1), (2,)),
        ('AT+QNTP=0,"a",123,1{}', ("",), (",0",)),
        ('AT+QICFG="dataformat",{},0', (0, 1), (2,)),
        ('AT+QICFG="dataformat",0,{}', (0, 1), (2,)),
        ('AT+QICFG="dataformat",0,0{}', ("",), (",0",)),
        ("AT+CMEE={}", (0, 2), (3, "1,0")),
        ("AT+CEREG={}", (0, 5), (6, "1,0")),
        ("AT+QSCLK={}", (0, 2), (3, "1,0")),
        ("AT+QNBIOTEVENT={},1", (0, 1), (2,)),
        ("AT+QNBIOTEVENT=1,{}", (1,), (0, 2, "1,1")),
        ('AT+QCFG="dsevent",{}', (0, 1), (2,)),
    ],
)
def test_a_number_is_read_up_to_its_bounds(line: str, taken: tuple[object, ...], refused: tuple[object, ...]) -> None:
    for number in taken:
        assert not isinstance(read_command(line.format(number).encode(), HEX), Raw)

    for number in refused:
        with pytest.raises(Malformed):
            read_command(line.format(number).encode(), HEX)


# AT+QISEND, the one command whose end is counted


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b'0,6,""",1,2",1', SendData(0, b'"",1,2', 1, TEXT)),
        (b'0,3,"\x22\x22\x22"', SendData(0, b'"""', 0, TEXT)),
        (b"0,3,a,b", SendData(0, b"a,b", 0, TEXT)),
        (b"0,3,a,b,2", SendData(0, b"a,b", 2, TEXT)),
    ],
)
def test_the_length_alone_delimits_a_payload(line: bytes, command: Command) -> None:
    assert read_command(b"AT+QISEND=" + line, TEXT) == command


@pytest.mark.parametrize(
    "line",
    [
        b"0",
        b"0,1",
        b'0,0,""',
        b'0,-2,"abcd"',
        b'0,+2,"ab"',
        b'0,2,"abc"',
        b'0,4,"ab"',
        b'0,2,"a"',
        b'0,2,"ab',
        b"0,2,abc",
        b"0,3,ab",
        b'0,2,"ab",3',
        b'0,2,"ab",1,1',
        b'0,2,"ab"1',
        b'x,2,"ab"',
        b'256,2,"ab"',
        b'0,2,"a\xff"',
        b'0,1025,"' + b"a" * 1025 + b'"',
        b"0," + b"9" * 5000 + b',"ab"',
    ],
)
def test_a_send_whose_payload_is_not_as_announced_is_malformed(line: bytes) -> None:
    with pytest.raises(Malformed):
        read_command(b"AT+QISEND=" + line, TEXT)


@pytest.mark.parametrize("line", [b'0,1,"4"', b'0,2,"41"', b'0,1,"4G"', b'0,513,"' + b"41" * 513 + b'"'])
def test_a_send_as_hex_must_be_hex_of_that_length(line: bytes) -> None:
    with pytest.raises(Malformed):
        read_command(b"AT+QISEND=" + line, HEX)


@given(COMMANDS[SendData])
def test_a_send_knows_its_size_on_the_wire_and_masks_its_payload(command: SendData) -> None:
    assert command.wire_size == len(command.encode() + b"\r")
    assert str(command) == f"AT+QISEND={command.connect_id},{len(command.data)},..."


# Refused before the wire

BAD_NAMES = ["", 'a"b', "a\rb", "a\nAT", "a\0b", "a\x1ab", "\x7f", "b\xfccher.example", "x" * 151]


@pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)
@pytest.mark.parametrize(
    "make",
    [lambda name: OpenSocket(0, "TCP", name, 7), Resolve, Ping, QueryNetworkTime, SetDnsServers],
    ids=["open", "resolve", "ping", "ntp", "dns"],
)
def test_a_name_that_does_not_fit_between_quotes_is_a_value_error(make: Any, name: str) -> None:
    with pytest.raises(ValueError, match=r"must|longer"):
        make(name)


def test_a_dns_server_has_at_most_64_bytes() -> None:
    SetDnsServers("x" * 64, "y" * 64)
    with pytest.raises(ValueError, match="longer than 64 bytes"):
        SetDnsServers("x" * 65)

    with pytest.raises(ValueError, match="longer than 64 bytes"):
        SetDnsServers("8.8.8.8", "x" * 65)


@pytest.mark.parametrize(
    ("make", "arguments"),
    [
        (OpenSocket, (-1, "TCP", "a", 7)),
        (OpenSocket, (0, "SCTP", "a", 7)),
        (OpenSocket, (0, "TCP", "a", 0)),
        (OpenSocket, (0, "TCP", "a", 65536)),
        (OpenSocket, (0, "TCP", "a", 7, -1)),
        (OpenSocket, (0, "TCP", "a", 7, 65536)),
        (OpenSocket, (0, "TCP", "a", 7, 0, 12)),
        (OpenSocket, (0, "TCP", "a", 7, 0, 0, 0)),
        (CloseSocket, (-1,)),
        (QuerySocket, (256,)),
        (OpenSocket, (256, "TCP", "a", 7)),
        (OpenSocket, (0, "TCP", "a", 7, 0, 0, 2)),
        (SetRegistrationReports, (-1,)),
        (SetSleep, (-1,)),
        (SendData, (256, b"a")),
        (SendData, (0, b"a", -1)),
        (QueryAcks, (-1,)),
        (QueryContextSockets, (12,)),
        (QueryDnsServers, (-1,)),
        (SetDnsServers, ("a", None, 12)),
        (Resolve, ("a", 12)),
        (Ping, ("a", 0)),
        (Ping, ("a", 256)),
        (Ping, ("a", 4, 0)),
        (Ping, ("a", 4, 11)),
        (Ping, ("a", 4, 4, 31)),
        (Ping, ("a", 4, 4, 1501)),
        (Ping, ("a", 4, 4, 32, -1)),
        (QueryNetworkTime, ("a", 0)),
        (QueryNetworkTime, ("a", 65536)),
        (QueryNetworkTime, ("a", 123, None, 12)),
        (SetSleep, (3,)),
        (SetRegistrationReports, (6,)),
        (SendData, (-1, b"a")),
        (SendData, (0, b"")),
        (SendData, (0, b"a" * 513)),
        (SendData, (0, b"a" * 1025, 0, TEXT)),
        (SendData, (0, b"a", 3)),
        (Test, ("QIOPEN",)),
        (Test, ("+QIOPEN=0\rAT",)),
        (Raw, ("+CSQ",)),
        (Raw, ("AT+CSQ\r",)),
        (Raw, ("AT+CS\xc0Q",)),
    ],
)
def test_a_value_outside_the_guide_is_a_value_error(make: Any, arguments: tuple[object, ...]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        make(*arguments)


@pytest.mark.parametrize(
    ("make", "arguments"),
    [
        (OpenSocket, (0, "TCP", "a", 1)),
        (OpenSocket, (255, "UDP", "x" * 150, 65535, 65535, 11, 1)),
        (CloseSocket, (255,)),
        (QueryAcks, (0,)),
        (QueryContextSockets, (11,)),
        (QueryDnsServers, (11,)),
        (Ping, ("a", 1, 1, 32, 11)),
        (Ping, ("a", 255, 10, 1500, 0)),
        (QueryNetworkTime, ("a", 1, None, 11)),
        (QueryNetworkTime, ("a", 65535)),
        (SetSleep, (2,)),
        (SetRegistrationReports, (0,)),
        (SetRegistrationReports, (5,)),
        (SendData, (255, b"a", 2)),
        (SendData, (0, b"a" * 512)),
        (SendData, (0, b"a" * 1024, 0, TEXT)),
    ],
)
def test_a_value_at_the_bounds_of_the_guide_is_taken(make: Any, arguments: tuple[object, ...]) -> None:
    make(*arguments)


@pytest.mark.parametrize("byte", [0x00, 0x0A, 0x0D, 0x1A, 0x1F, 0x7F, 0x80, 0xFF])
def test_a_text_payload_outside_0x20_to_0x7e_is_a_value_error(byte: int) -> None:
    with pytest.raises(ValueError, match="0x20 to 0x7E"):
        SendData(0, b"ab" + bytes([byte]), 0, TEXT)


@pytest.mark.parametrize(
    ("make", "arguments"),
    [
        (CloseSocket, ("0",)),
        (OpenSocket, (0, "TCP", b"a", 7)),
        (Ping, ("a", True)),
        (SendData, (True, b"a")),
        (SendData, ("0", b"a")),
        (SendData, (0, b"a", False)),
        (SendData, (0, b"a", True)),
    ],
)
def test_a_value_of_another_type_is_a_type_error(make: Any, arguments: tuple[object, ...]) -> None:
    with pytest.raises(TypeError):
        make(*arguments)


# Answers


@pytest.mark.parametrize(
    ("command", "completions"),
    [
        (OpenSocket(0, "TCP", "a", 7), [SocketOpened(0, 566)]),
        (CloseSocket(0), [SocketClosed()]),
        (SendData(0, b"a"), [SendResult(ok=False)]),
        (Resolve("a"), [Resolution(565)]),
        (Resolve("a"), [Resolution(0, 0)]),
        (Resolve("a"), [Resolution(0, 2), ResolvedAddress("198.51.100.1"), ResolvedAddress("2001:db8::1")]),
        (
            Ping("a", count=2),
            [PingReply("198.51.100.1", 32, 260), PingError(569), PingFinished(0, 2, 1, 1, 260, 260, 260)],
        ),
        (Ping("a", count=2), [PingError(569), PingError(569), PingFinished(0, 2, 0, 2, 0, 0, 0)]),
        (Ping("a", count=2), [PingError(569), PingError(569), PingError(569)]),
        (Ping("a"), [PingError(565)]),
        (QueryNetworkTime("a"), [NetworkTime(569)]),
    ],
)
def test_a_command_is_complete_with_the_last_of_these(command: Command, completions: list[Completion]) -> None:
    complete = [command.is_complete(completions[:count]) for count in range(1, len(completions) + 1)]
    assert complete == [False] * (len(completions) - 1) + [True]
    assert all(isinstance(completion, command.awaited) for completion in completions)


def test_an_open_is_answered_for_its_own_connect_id_only() -> None:
    command = OpenSocket(1, "TCP", "a", 7)
    assert command.is_answered_by(SocketOpened(1))
    assert not command.is_answered_by(SocketOpened(0))


def test_a_raw_line_of_a_known_command_awaits_its_completion() -> None:
    known, unknown = read_verbatim('at+qiopen=0,1,"TCP","a",7'), read_verbatim("AT+CSQ")
    assert known == Raw('at+qiopen=0,1,"TCP","a",7', OpenSocket(1, "TCP", "a", 7))
    assert known.awaited == (SocketOpened,)
    assert known.completion_timeout == OpenSocket(1, "TCP", "a", 7).completion_timeout
    assert known.is_answered_by(SocketOpened(1))
    assert not known.is_answered_by(SocketOpened(0))
    assert known.is_complete([SocketOpened(1)])
    assert (unknown, unknown.awaited) == (Raw("AT+CSQ"), ())
    assert read_verbatim("AT+QICLOSE=x") == Raw("AT+QICLOSE=x")


def test_a_longer_ping_may_take_longer() -> None:
    assert Ping("a", timeout=255, count=10).completion_timeout > 2550
    ping, reply = Ping("a", timeout=10, count=3), PingReply("198.51.100.1", 32, 260)
    assert [ping.rest_timeout([reply] * count) for count in (1, 2, 3, 4)] == [27.0, 16.0, 5.0, 5.0]
    assert read_verbatim('AT+QPING=0,"a",10,3').rest_timeout([reply]) == 27.0


def test_results_and_completions_are_waited_for_as_long_as_the_documents_have_it() -> None:
    # The guide gives 5 s for each result, send and close, and the module 60 s for an open (2.2.2, note 2).
    for command in (QueryRegistration(), OpenSocket(0, "TCP", "a", 7), CloseSocket(0), SendData(0, b"a")):
        assert command.result_timeout == 5.0

    assert (CloseSocket(0).completion_timeout, SendData(0, b"a").completion_timeout) == (5.0, 5.0)
    assert 60.0 < OpenSocket(0, "TCP", "a", 7).completion_timeout < 70.0


def test_the_counters_may_end_in_send_ok() -> None:
    assert QueryAcks(0).is_ended_by(SendResult(ok=True))
    assert read_verbatim("AT+QISEND=0,0").is_ended_by(SendResult(ok=True))
    assert not QueryAcks(0).is_ended_by(SendResult(ok=False))
    assert not QuerySocket(0).is_ended_by(SendResult(ok=True))


# Text of strangers


@pytest.mark.parametrize(
    "line",
    [
        "AT+CNMI=2,2",
        "AT+CNMI=2,1,0,0,0",
        "at+cmgr=1",
        'AT+CMGL="ALL"',
        'AT+CUSD=1,"*100#"',
        "AT+CRTDCP=1",
        'AT+QMTOPEN=0,"broker.example",1883',
        'AT+QMTSUB=0,1,"topic",0',
        "AT+QHTTPREAD",
        "AT+QLWCONFIG=0",
        "AT+CSQ;+CMGR=1",
    ],
)
def test_a_command_that_makes_the_module_print_foreign_text_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"text that a stranger wrote\..*Use a client library over the modem's"):
        read_verbatim(line)


@pytest.mark.parametrize(
    "line",
    [
        "AT+CNMI?",
        "AT+CNMI=?",
        "AT+CNMI=0",
        "AT+CNMI=0,0,0,0,0",
        "AT+CUSD=0",
        "AT+QMTOPEN?",
        "AT+QMTCLOSE=0",
        "AT+CMGF=1",
    ],
)
def test_the_query_and_the_off_form_of_such_a_command_are_not_refused(line: str) -> None:
    assert read_verbatim(line).line == line
