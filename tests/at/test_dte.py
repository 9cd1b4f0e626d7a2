"""The DTE's side of the line: dialogues, and the lines that may come between theirs."""

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
    QueryDnsServers,
    QueryNetworkTime,
    QueryRegistration,
    QuerySockets,
    Raw,
    Resolve,
    SendData,
    read_verbatim,
)
from bc260y_aio.at.completions import (
    NetworkTime,
    PingError,
    PingFinished,
    Resolution,
    ResolvedAddress,
    SendResult,
    SocketClosed,
    SocketOpened,
)
from bc260y_aio.at.dte import DTE, LONGEST_LINE, NEED_DATA
from bc260y_aio.at.information import (
    AckStatus,
    Clock,
    DnsServers,
    PdpAddress,
    Registration,
    RegistrationStatus,
    SocketInfo,
)
from bc260y_aio.at.lines import read_response
from bc260y_aio.at.responses import Failure, Response, Success, Text
from bc260y_aio.at.states import State
from bc260y_aio.at.syntax import PayloadFormat
from bc260y_aio.at.urcs import (
    AddressAssigned,
    DataReceived,
    LateAnswer,
    PeerClosed,
    RegistrationChanged,
    Restarted,
    Unrecognised,
)
from bc260y_aio.errors import LocalProtocolError
from tests.at.helpers import ERROR, OK, RDY, bring_into_step, dte_in, dte_with, feed, state_of

TEXT, HEX = PayloadFormat.TEXT, PayloadFormat.HEX
HOME, ROAMING = RegistrationStatus.HOME, RegistrationStatus.ROAMING

OPEN = OpenSocket(0, "TCP", "a", 7)
SEND = SendData(0, b"abc")
CLOSED = b'\r\n+QIURC: "closed",1\r\n'


# Dialogues


def test_a_dte_has_no_events_until_it_is_fed() -> None:
    assert DTE().next_event() is NEED_DATA


def test_a_command_ends_with_cr_and_awaits_its_result() -> None:
    dte = DTE()
    assert dte.send(Attention()) == b"AT\r"
    assert state_of(dte) is State.AWAITING_RESULT
    assert feed(dte, OK) == [Success()]
    assert state_of(dte) is State.IDLE


def test_a_refused_command_ends_its_dialogue() -> None:
    for command in (Attention(), SEND):
        dte = dte_with(command=command)
        assert feed(dte, b"\r\n+CME ERROR: 50\r\n") == [Failure(50)]
        assert state_of(dte) is State.IDLE


def test_information_comes_before_the_result() -> None:
    dte = dte_with(command=QuerySockets())
    assert feed(dte, b'\r\n+QISTATE: 0,"TCP","a",7,0,2,0,1\r\n', b'\r\n+QISTATE: 1,"UDP","b",7,0,2,0,1\r\n', OK) == [
        SocketInfo(0, "TCP", "a", 7),
        SocketInfo(1, "UDP", "b", 7),
        Success(),
    ]


def test_information_may_be_joined_by_a_single_cr_lf() -> None:
    dte = dte_with(command=QuerySockets())
    lines = b'\r\n+QISTATE: 0,"TCP","a",7,0,2,0,1\r\n+QISTATE: 1,"UDP","b",7,0,2,0,1\r\nOK\r\n'
    assert feed(dte, lines) == [SocketInfo(0, "TCP", "a", 7), SocketInfo(1, "UDP", "b", 7), Success()]


@pytest.mark.parametrize(
    ("command", "line", "completion"),
    [
        (OPEN, b"\r\n+QIOPEN: 0,0\r\n", SocketOpened(0)),
        (OPEN, b"\r\n+QIOPEN:0,566\r\n", SocketOpened(0, 566)),
        (CloseSocket(0), b"\r\nCLOSE OK\r\n", SocketClosed()),
        (SEND, b"\r\nSEND OK\r\n", SendResult(ok=True)),
        (SEND, b"\r\nSEND FAIL\r\n", SendResult(ok=False)),
    ],
)
def test_some_commands_complete_after_ok(command: Command, line: bytes, completion: Response) -> None:
    dte = dte_with(command=command, accepted=True)
    assert state_of(dte) is State.AWAITING_COMPLETION
    assert feed(dte, line) == [completion]
    assert state_of(dte) is State.IDLE
    assert not dte.is_doubtful


def test_a_name_is_resolved_in_several_lines() -> None:
    dte = dte_with(command=Resolve("a"), accepted=True)
    assert feed(dte, b"\r\n+QIDNSGIP: 0,2,0\r\n+QIDNSGIP: 39.156.69.79\r\n") == [
        Resolution(0, 2),
        ResolvedAddress("39.156.69.79"),
    ]
    assert state_of(dte) is State.AWAITING_COMPLETION
    assert feed(dte, b'\r\n+QIDNSGIP: "2001:db8::1"\r\n') == [ResolvedAddress("2001:db8::1")]
    assert state_of(dte) is State.IDLE


def test_a_name_is_resolved_in_one_line_of_several_addresses() -> None:
    dte = dte_with(command=Resolve("a"), accepted=True)
    assert feed(dte, b"\r\n+QIDNSGIP: 0,2,0\r\n+QIDNSGIP: 39.156.69.79,2001:db8::1\r\n") == [
        Resolution(0, 2),
        ResolvedAddress("39.156.69.79", ("2001:db8::1",)),
    ]
    assert state_of(dte) is State.IDLE


def test_an_ipv6_address_of_sixteen_octets_is_read() -> None:
    octets = "32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.1"
    dte = dte_with(command=Resolve("a"), accepted=True)
    assert feed(dte, b"\r\n+QIDNSGIP: 0,1,0\r\n+QIDNSGIP: " + octets.encode() + b"\r\n")[1] == ResolvedAddress(
        "2001:db8::1"
    )
    assert read_response(f"+CGPADDR: 0,10.0.0.1,{octets}", QueryAddress()) == PdpAddress(0, ("10.0.0.1", "2001:db8::1"))
    assert read_response(f"+IP: {octets}", None) == AddressAssigned("2001:db8::1")
    assert read_response(f'+QIDNSCFG: 0,"8.8.8.8","","{octets}"', QueryDnsServers()) == DnsServers(
        0, "8.8.8.8", "", "2001:db8::1"
    )
    assert isinstance(read_response(f"+CGPADDR: 0,{octets}.7", QueryAddress()), Unrecognised)


@pytest.mark.parametrize(
    "line", ["+CCLK: 2020/05/06,22:10:00+32", '+CCLK: "2020/05/06,22:10:00+32"', "+CCLK: 20/05/06,22:10:00+32"]
)
def test_a_clock_is_read_with_and_without_quotes(line: str) -> None:
    zone = timezone(timedelta(hours=8))
    assert read_response(line, QueryClock()) == Clock(datetime(2020, 5, 6, 22, 10, tzinfo=zone))
    assert read_response(line, read_verbatim("AT+CCLK?")) == Text(line)


def test_a_network_time_is_read_without_quotes() -> None:
    dte = dte_with(command=QueryNetworkTime("pool.example"), accepted=True)
    expected = NetworkTime(0, datetime(2019, 6, 11, 11, 8, 20, tzinfo=timezone(timedelta(hours=8))))
    assert feed(dte, b"\r\n+QNTP: 0,2019/06/11,11:08:20+32\r\n") == [expected]
    assert state_of(dte) is State.IDLE


@pytest.mark.parametrize(
    "line",
    [
        "+CREG: 1",
        '+CREG: 1,"00C3","0A1B2C3D",9',
        "+CSCON: 0",
        '+CEDRXP: 5,"0010","1110","0101"',
        "+CCIOTOPTI: 3",
        "+STATISR: MAC, MacUlBytes:0, MacDlBytes: 0, MacUlTpt: 0 bps",
        '+QIURC: "pdpdeact",1',
        '+QNBIOTEVENT: "ENTER LIMBO"',
        '+CTZV: "+32"',
        "+FOO: 1",
    ],
)
@pytest.mark.parametrize("asked", ["AT+CSQ", "AT+CCIOTOPT=1", "AT+CEDRXS=2,5", "AT+CREG=2", "AT+CSCON=1", "AT+CTZR=1"])
def test_a_urc_is_no_answer_to_a_command_of_another_name(asked: str, line: str) -> None:
    dte = dte_with(PayloadFormat.HEX, Raw(asked))
    assert feed(dte, b"\r\n" + line.encode() + b"\r\n", OK) == [Unrecognised(line), Success()]


@pytest.mark.parametrize(
    ("asked", "line", "is_answer"),
    [
        ("AT+CREG?", "+CREG: 0,1", True),
        ("AT+CREG?", '+CREG: 2,1,"00C3","0A1B2C3D",9', True),
        ("AT+CREG?", "+CREG: 1", False),
        ("AT+CREG?", '+CREG: 1,"00C3","0A1B2C3D",9', False),
        ("AT+CREG=?", "+CREG: (0-2)", True),
        ("AT+CSCON?", "+CSCON: 1,0", True),
        ("AT+CSCON?", "+CSCON: 1", False),
        ("AT+CFUN?", "+CFUN: 1", True),
    ],
)
def test_a_urc_with_the_name_of_a_query_is_not_its_answer(asked: str, line: str, is_answer: bool) -> None:
    dte = dte_with(PayloadFormat.HEX, Raw(asked))
    assert feed(dte, b"\r\n" + line.encode() + b"\r\n") == [Text(line) if is_answer else Unrecognised(line)]


@pytest.mark.parametrize("half", [b"198.51", b"198.51.", b"198.51.100", b"198", b"2001:db8:", b"198.51.100."])
def test_the_beginning_of_an_address_is_no_answer(half: bytes) -> None:
    dte = dte_with(command=Resolve("a"), accepted=True)
    events = feed(dte, b"\r\n+QIDNSGIP: 0,1,0\r\n\r\n+QIDNSGIP: " + half + b"\r\n")
    assert events[0] == Resolution(0, 1)
    assert not any(isinstance(event, ResolvedAddress) for event in events)
    assert state_of(dte) is State.AWAITING_COMPLETION
    assert feed(dte, b"\r\n+QIDNSGIP: 198.51.100.12\r\n") == [ResolvedAddress("198.51.100.12")]


def test_a_ping_may_lose_every_packet() -> None:
    dte = dte_with(command=Ping("a", count=2), accepted=True)
    assert feed(dte, b"\r\n+QPING: 569\r\n" * 2) == [PingError(569)] * 2
    assert state_of(dte) is State.AWAITING_COMPLETION
    assert feed(dte, b"\r\n+QPING: 0,2,0,2,0,0,0\r\n") == [PingFinished(0, 2, 0, 2, 0, 0, 0)]
    assert state_of(dte) is State.IDLE


def test_a_second_command_is_refused_while_one_is_under_way() -> None:
    dte = dte_with(command=SEND)
    for _ in range(2):
        with pytest.raises(LocalProtocolError, match="SENT while the line is AWAITING_"):
            dte.send(Attention())

        with pytest.raises(LocalProtocolError, match="PROBED while the line is AWAITING_"):
            dte.probe()

        feed(dte, OK)


def test_a_command_that_cannot_be_written_leaves_the_line_idle() -> None:
    class Unwritable(Attention):
        def write(self) -> str:
            return "AT\N{SNOWMAN}"

    dte = DTE()
    with pytest.raises(UnicodeEncodeError):
        dte.send(Unwritable())

    assert state_of(dte) is State.IDLE


def test_the_repr_of_a_dte_shows_its_state() -> None:
    dte = dte_with(command=SEND)
    dte.receive_data(b"\r\n")
    assert repr(dte) == "<DTE AWAITING_RESULT AT+QISEND=0,3,... buffered=2>"
    feed(dte, ERROR)
    assert repr(dte) == "<DTE IDLE buffered=0>"


# Between the lines


@pytest.mark.parametrize(
    "blanks", [b"", b"\r\n", b"\r\n\r\n\r\n", b"\0", b"\r\n\0\r\n", b"\0\0\r\n ", b"\n", b"\r"], ids=ascii
)
def test_blank_lines_and_nuls_may_stand_anywhere_between_lines(blanks: bytes) -> None:
    dte = dte_with(command=SEND)
    data = blanks + b"OK\r\n" + blanks + b"SEND OK\r\n" + blanks + b"RDY\r\n" + blanks
    assert feed(dte, data) == [Success(), SendResult(ok=True), Restarted()]


@pytest.mark.parametrize(
    "line",
    [
        b"\r\n+A: 1\r\n",
        b"\r\n+A: 1\r\r\n",
        b"\r\n+A: 1 \r\n",
        b"\r\n+A: 1\0\r\n",
        b"\r\n+A: 1\n",
        b"\r\n+A: 1\n+B: 2\r\n",
        b"\r\n+\r\n",
        b"\r\n+QIU\r\n",
        b"\r\n+" + b"A" * (LONGEST_LINE - 1) + b"\r\n",
        b"\r\n+" + b"A" * LONGEST_LINE + b"\r\n",
    ],
    ids=lambda line: ascii(line[:20]),
)
def test_a_line_is_the_same_whether_it_comes_at_once_or_byte_by_byte(line: bytes) -> None:
    whole, cut = dte_with(command=Raw("AT+A")), dte_with(command=Raw("AT+A"))
    assert feed(whole, line + OK) == [event for byte in line + OK for event in feed(cut, bytes([byte]))]


def test_a_stray_nul_may_follow_a_result_code() -> None:
    for nul in (b"\r\nOK\r\n\0\r\nSEND OK\r\n\0", b"\r\nOK\0\r\n\r\nSEND OK\0\r\n"):
        dte = dte_with(command=SEND)
        assert feed(dte, nul) == [Success(), SendResult(ok=True)]
        assert feed(dte, CLOSED) == [PeerClosed(1)]


def test_urcs_fall_between_ok_and_the_completion_in_one_read() -> None:
    dte = dte_with(command=SEND)
    assert feed(
        dte, OK + CLOSED + b'\r\n+QIURC: "recv",2,2,"6869"\r\n' + b"\r\n+IP: 10.0.0.1\r\n" + b"\r\nSEND OK\r\n"
    ) == [
        Success(),
        PeerClosed(1),
        DataReceived(2, b"hi"),
        AddressAssigned("10.0.0.1"),
        SendResult(ok=True),
    ]


def test_urcs_fall_before_the_outcome_of_an_open() -> None:
    dte = dte_with(command=OPEN, accepted=True)
    assert feed(dte, CLOSED, b"\r\n+CSCON: 1\r\n", b"\r\n+QIOPEN: 0,0\r\n") == [
        PeerClosed(1),
        Unrecognised("+CSCON: 1"),
        SocketOpened(0),
    ]


def test_urcs_fall_into_information() -> None:
    dte = dte_with(command=QueryRegistration())
    assert feed(dte, b"\r\n+CEREG: 5\r\n", b"\r\n+CEREG: 2,5\r\n", b"\r\n+CEREG: 1\r\n", OK) == [
        RegistrationChanged(ROAMING),
        Registration(2, ROAMING),
        RegistrationChanged(HOME),
        Success(),
    ]


def test_the_counters_of_a_socket_are_no_send_result() -> None:
    dte = dte_with(command=QueryAcks(0))
    assert feed(dte, b"\r\n+QISEND: 94,94,0\r\n", OK) == [AckStatus(94, 94, 0), Success()]


def test_the_counters_may_end_in_send_ok() -> None:
    dte = dte_with(command=QueryAcks(0))
    assert feed(dte, b"\r\n+QISEND: 94,94,0\r\n", b"\r\nSEND OK\r\n") == [AckStatus(94, 94, 0), Success()]
    assert state_of(dte) is State.IDLE


def test_send_ok_before_the_counters_is_late() -> None:
    dte = dte_with(command=QueryAcks(0))
    assert feed(dte, b"\r\nSEND OK\r\n") == [LateAnswer(SendResult(ok=True))]
    assert feed(dte, b"\r\n+QISEND: 94,94,0\r\n", OK) == [AckStatus(94, 94, 0), Success()]


def test_send_ok_after_the_counters_is_late_when_it_is_overdue() -> None:
    dte = dte_with(command=SEND, accepted=True)
    dte.give_up()
    bring_into_step(dte, 2)
    dte.send(QueryAcks(0))
    assert feed(dte, b"\r\n+QISEND: 3,0,3\r\n\r\nSEND OK\r\n") == [AckStatus(3, 0, 3), LateAnswer(SendResult(ok=True))]
    assert feed(dte, OK) == [Success()]


def test_an_unknown_line_is_a_urc_and_a_line_for_a_raw_command_is_text() -> None:
    assert feed(DTE(), b"\r\n+CSQ: 20,99\r\n") == [Unrecognised("+CSQ: 20,99")]
    assert feed(dte_with(command=Raw("AT+CSQ")), b"\r\n+CSQ: 20,99\r\n", OK) == [Text("+CSQ: 20,99"), Success()]


def test_a_line_written_out_completes_like_the_command_that_it_spells() -> None:
    dte = dte_with(command=read_verbatim('AT+QIOPEN=0,3,"TCP","a",7'), accepted=True)
    assert feed(dte, b"\r\n+QIOPEN: 3,0\r\n") == [SocketOpened(3)]
    assert state_of(dte) is State.IDLE


def test_a_line_is_read_as_latin_1() -> None:
    assert feed(DTE(), b"\r\n\xe4\x80\r\n") == [Unrecognised("ä\x80")]


def test_the_beginning_of_a_line_that_is_too_long_is_reported_and_the_rest_skipped() -> None:
    dte = DTE()
    assert feed(dte, b"\r\n" + b"x" * (LONGEST_LINE + 1)) == [Unrecognised("x" * 80)]
    assert feed(dte, b"x" * 10000, b'+QIURC: "recv",0,2,"4142"', b"\r\n", RDY) == [Restarted()]
    assert feed(dte, b"y" * (LONGEST_LINE + 10) + b"\r\n" + RDY) == [Unrecognised("y" * 80), Restarted()]


# Echo


@pytest.mark.parametrize("ending", [b"", b"\r", b"\n", b"\r\n"], ids=ascii)
@pytest.mark.parametrize("command", [Attention(), QueryAddress(), SEND, SendData(0, b"OK", 0, TEXT)], ids=str)
def test_an_echo_is_dropped_whatever_ends_it(command: Command, ending: bytes) -> None:
    dte = dte_with(command=command)
    assert feed(dte, command.encode() + ending + OK) == [Success()]


def test_a_urc_may_stand_before_the_echo() -> None:
    dte = dte_with(command=Attention())
    assert feed(dte, CLOSED + b"AT\r" + OK) == [PeerClosed(1), Success()]


def test_an_echo_is_dropped_once_and_not_after_the_result() -> None:
    dte = dte_with(command=Attention())
    assert feed(dte, b"AT\r", OK, b"AT\r\n") == [Success(), Unrecognised("AT")]


def test_the_echo_of_a_longer_line_is_not_that_of_its_beginning() -> None:
    dte = dte_with(command=Attention())
    assert feed(dte, b'AT+QISEND=0,4,"recv"\r\n', OK) == [Unrecognised('AT+QISEND=0,4,"recv"'), Success()]


# Late answers


@pytest.mark.parametrize(
    ("line", "response"),
    [
        (OK, Success()),
        (ERROR, Failure()),
        (b"\r\n+CME ERROR: 569\r\n", Failure(569)),
        (b"\r\nSEND OK\r\n", SendResult(ok=True)),
        (b"\r\nCLOSE OK\r\n", SocketClosed()),
        (b"\r\n+QIOPEN: 1,0\r\n", SocketOpened(1)),
        (b"\r\n+QPING: 569\r\n", PingError(569)),
    ],
)
@pytest.mark.parametrize("state", [State.IDLE, State.ASLEEP, State.CLOSED], ids=lambda state: state.name)
def test_an_unexpected_answer_is_late(state: State, line: bytes, response: Response) -> None:
    dte = dte_in(state)
    assert feed(dte, line) == [LateAnswer(response)]
    assert state_of(dte) is state


def test_the_open_of_another_connect_id_is_late() -> None:
    dte = dte_with(command=OPEN, accepted=True)
    assert feed(dte, b"\r\n+QIOPEN: 1,0\r\n") == [LateAnswer(SocketOpened(1))]
    assert feed(dte, b"\r\n+QIOPEN: 0,0\r\n") == [SocketOpened(0)]


def test_a_completion_without_a_connect_id_does_not_count_before_the_result() -> None:
    dte = dte_with(command=SEND)
    assert feed(dte, b"\r\nSEND OK\r\n") == [LateAnswer(SendResult(ok=True))]
    assert feed(dte, OK, b"\r\nSEND FAIL\r\n") == [Success(), SendResult(ok=False)]


def test_an_outcome_with_its_connect_id_counts_before_the_result() -> None:
    dte = dte_with(command=OpenSocket(0, "TCP", "a.b", 7))
    assert feed(dte, b"\r\n+QIOPEN: 0,0\r\n") == [SocketOpened(0)]
    assert state_of(dte) is State.AWAITING_RESULT
    assert feed(dte, OK) == [Success()]
    assert (state_of(dte), dte.is_doubtful) == (State.IDLE, False)


def test_an_early_outcome_of_another_connect_id_or_of_a_command_given_up_does_not_count() -> None:
    dte = dte_with(command=OpenSocket(0, "TCP", "a.b", 7))
    assert feed(dte, b"\r\n+QIOPEN: 1,0\r\n") == [LateAnswer(SocketOpened(1))]
    dte.give_up()
    bring_into_step(dte, 4)
    dte.send(OpenSocket(0, "TCP", "a.b", 8))
    assert feed(dte, b"\r\n+QIOPEN: 0,0\r\n", OK) == [LateAnswer(SocketOpened(0)), Success()]
    assert state_of(dte) is State.AWAITING_COMPLETION


def test_a_second_ok_is_late() -> None:
    dte = dte_with(command=SEND, accepted=True)
    assert feed(dte, OK) == [LateAnswer(Success())]
    assert state_of(dte) is State.AWAITING_COMPLETION


def test_a_late_completion_does_not_serve_a_line_written_out() -> None:
    dte = dte_with(command=Raw("AT+CSQ"))
    assert feed(dte, b"\r\n+QIOPEN: 1,0\r\n", b"\r\n+CSQ: 20,99\r\n", OK) == [
        LateAnswer(SocketOpened(1)),
        Text("+CSQ: 20,99"),
        Success(),
    ]
