"""Lines of a DCE: each one, in every spelling, under the command that it answers."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    QuerySleep,
    QuerySockets,
    Raw,
    Resolve,
    SendData,
    Test,
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
from bc260y_aio.at.information import (
    AckStatus,
    Clock,
    DataFormat,
    DnsServers,
    PdpAddress,
    Registration,
    RegistrationStatus,
    SleepSetting,
    SocketInfo,
    SocketState,
)
from bc260y_aio.at.lines import read_response
from bc260y_aio.at.responses import (
    STANDARD,
    CmeLevel,
    Completion,
    Dialect,
    Failure,
    Information,
    Line,
    Response,
    Success,
    Text,
    Unsolicited,
)
from bc260y_aio.at.syntax import PayloadFormat
from bc260y_aio.at.urcs import (
    AddressAssigned,
    DamagedLine,
    DamagedPayload,
    DataReceived,
    LateAnswer,
    PeerClosed,
    PowerChanged,
    PowerEvent,
    ProbeAnswered,
    RegistrationChanged,
    Restarted,
    Resynchronised,
    Unrecognised,
)
from tests.at.helpers import cut, dte_with, feed
from tests.at.strategies import RESPONSES, as_spelled, dialects

TEXT, HEX = PayloadFormat.TEXT, PayloadFormat.HEX
HOME, ROAMING = RegistrationStatus.HOME, RegistrationStatus.ROAMING
AREA = ("1A2B", "0C2F7A12", "9")
DENIED = RegistrationChanged(RegistrationStatus.DENIED, ("", "", "", "0", "11"))
OCTETS = "32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.7"
BEIJING = timezone(timedelta(hours=8))

# The command of each answer; a URC has none.
ASKED_BY: dict[type[Response], Command] = {
    Success: Attention(),
    Failure: Attention(),
    Text: Raw("AT+CSQ"),
    AckStatus: QueryAcks(0),
    Clock: QueryClock(),
    DataFormat: QueryDataFormat(),
    DnsServers: QueryDnsServers(),
    PdpAddress: QueryAddress(),
    Registration: QueryRegistration(),
    SleepSetting: QuerySleep(),
    SocketInfo: QuerySockets(),
    NetworkTime: QueryNetworkTime("a"),
    PingError: Ping("a"),
    PingFinished: Ping("a"),
    PingReply: Ping("a"),
    Resolution: Resolve("a"),
    ResolvedAddress: Resolve("a"),
    SendResult: SendData(0, b"a"),
    SocketClosed: CloseSocket(0),
    SocketOpened: OpenSocket(0, "TCP", "a", 7),
}

LINES: list[tuple[Response, str]] = [
    (Success(), "OK"),
    (Failure(), "ERROR"),
    (Text("+CSQ: 20,99"), "+CSQ: 20,99"),
    (DataFormat(TEXT, HEX), '+QICFG: "dataformat",0,1'),
    (SocketInfo(0, "TCP", "a.example", 7), '+QISTATE: 0,"TCP","a.example",7,0,2,0,1'),
    (
        SocketInfo(4, "UDP", "2001:db8::1", 53, 50000, SocketState.REMOTE_CLOSING),
        '+QISTATE: 4,"UDP","2001:db8::1",53,50000,4,0,1',
    ),
    (AckStatus(94, 90, 4), "+QISEND: 94,90,4"),
    (DnsServers(0, "8.8.8.8"), '+QIDNSCFG: 0,"8.8.8.8","","",""'),
    (Registration(0, HOME), "+CEREG: 0,1"),
    (Registration(2, HOME, ("1A2B", "01A2B3C4", "9")), '+CEREG: 2,1,"1A2B","01A2B3C4",9'),
    (PdpAddress(5, ("10.0.0.1", "2001:db8::1")), '+CGPADDR: 5,"10.0.0.1","2001:db8::1"'),
    (PdpAddress(5), "+CGPADDR: 5"),
    (SleepSetting(1), "+QSCLK: 1"),
    (Clock(datetime(2026, 7, 1, 9, 5, 3, tzinfo=BEIJING)), '+CCLK: "26/07/01,09:05:03+32"'),
    (SocketOpened(1, 566), "+QIOPEN: 1,566"),
    (SocketClosed(), "CLOSE OK"),
    (SendResult(ok=True), "SEND OK"),
    (SendResult(ok=False), "SEND FAIL"),
    (Resolution(0, 1, 0), "+QIDNSGIP: 0,1,0"),
    (Resolution(565), "+QIDNSGIP: 565"),
    (ResolvedAddress("39.156.69.79"), "+QIDNSGIP: 39.156.69.79"),
    (ResolvedAddress("2001:db8::1"), "+QIDNSGIP: 2001:db8::1"),
    (PingReply("47.100.63.174", 32, 369, 53), "+QPING: 0,47.100.63.174,32,369,53"),
    (PingError(569), "+QPING: 569"),
    (PingFinished(0, 4, 4, 0, 260, 484, 398), "+QPING: 0,4,4,0,260,484,398"),
    (NetworkTime(0, datetime(2019, 6, 11, 11, 8, 20, tzinfo=BEIJING)), '+QNTP: 0,"19/06/11,11:08:20+32"'),
    (NetworkTime(569), "+QNTP: 569"),
    (PeerClosed(0), '+QIURC: "closed",0'),
    (AddressAssigned("10.18.237.42"), "+IP: 10.18.237.42"),
    (RegistrationChanged(ROAMING), "+CEREG: 5"),
    (RegistrationChanged(HOME, ("1A2B", "01A2B3C4", "9")), '+CEREG: 1,"1A2B","01A2B3C4",9'),
    (PowerChanged(PowerEvent.EXIT_DEEP_SLEEP), '+QNBIOTEVENT: "EXIT DEEPSLEEP"'),
    (Restarted(), "RDY"),
    (Unrecognised("+CFUN: 1"), "+CFUN: 1"),
]

# Events of a DTE that are no lines of a DCE.
ITS_OWN = {DamagedLine, DamagedPayload, LateAnswer, ProbeAnswered, Resynchronised}
KINDS = {Line, Information, Completion, Unsolicited}


def kinds(value: object) -> str:
    return type(value).__name__ if isinstance(value, Response) else ""


def test_every_response_of_the_package_is_in_these_tests() -> None:
    found: set[str] = set()
    new: list[type] = [Response]
    while new:
        kinds_below: list[type] = new.pop().__subclasses__()
        found |= {kind.__name__ for kind in kinds_below if kind.__module__.startswith("bc260y_aio.at.")}
        new += kinds_below

    assert {kind.__name__ for kind in {*RESPONSES, *KINDS, *ITS_OWN}} == found
    assert {type(response) for response, _ in LINES} | {DataReceived} == set(RESPONSES)


# Written, and read back


@pytest.mark.parametrize(("response", "line"), LINES, ids=kinds)
def test_a_response_is_this_line(response: Response, line: str) -> None:
    assert response.write(STANDARD) == line
    assert read_response(line, ASKED_BY.get(type(response))) == response


@pytest.mark.parametrize("kind", RESPONSES, ids=lambda kind: kind.__name__)
@given(st.data())
def test_a_dte_reads_back_the_lines_of_a_dce_in_any_spelling(kind: type[Response], data: st.DataObject) -> None:
    response, dialect = data.draw(RESPONSES[kind]), data.draw(dialects)
    command = ASKED_BY.get(kind)
    if isinstance(response, SocketOpened):
        command = OpenSocket(response.connect_id, "TCP", "a", 7)

    form = response.form if isinstance(response, DataReceived) else None
    dte = dte_with(form, command, accepted=isinstance(response, Completion))
    if isinstance(response, DataReceived):
        # A module shows by its first push whether it writes quotes.
        feed(dte, DCE(dialect).send(DataReceived(0, b"hi", response.form)))

    wire = DCE(dialect).send(response)
    assert feed(dte, *cut(wire, data.draw(st.lists(st.integers(0, 99), max_size=3)))) == [as_spelled(response, dialect)]


def test_a_variant_spells_these_lines_otherwise() -> None:
    reply, time = PingReply("10.0.0.1", 32, 260, 64), datetime(2026, 7, 1, 9, 5, 3, tzinfo=UTC)
    assert PeerClosed(0).write(Dialect(space_after_colon=False)) == '+QIURC:"closed",0'
    assert reply.write(Dialect(ping_ttl=False, quoted_addresses=True)) == '+QPING: 0,"10.0.0.1",32,260'
    assert ResolvedAddress("10.0.0.1").write(Dialect(quoted_addresses=True)) == '+QIDNSGIP: "10.0.0.1"'
    assert (
        NetworkTime(0, time).write(Dialect(ntp_prefix="+QNTIP", ntp_colons=True))
        == '+QNTIP: 0,"26/07/01,09:05:03:35+00"'
    )
    assert Clock(time).write(Dialect(four_digit_year=True)) == '+CCLK: "2026/07/01,09:05:03+00"'
    assert Clock(time).write(Dialect(four_digit_year=True, quoted_clock=False)) == "+CCLK: 2026/07/01,09:05:03+00"
    six = Dialect(ipv6_octets=True)
    assert ResolvedAddress("2001:db8::7").write(six) == f"+QIDNSGIP: {OCTETS}"
    assert ResolvedAddress("2001:db8::7").write(Dialect()) == "+QIDNSGIP: 2001:db8::7"
    assert PdpAddress(0, ("10.0.0.1", "2001:db8::7")).write(six) == f'+CGPADDR: 0,"10.0.0.1","{OCTETS}"'
    assert DataReceived(0, b"hi", TEXT).encode(Dialect(quoted_data=False)) == b'+QIURC: "recv",0,2,hi'
    assert DataReceived(0, b"\xabz", HEX).encode(Dialect(space_after_colon=False)) == b'+QIURC:"recv",0,2,"AB7A"'


@pytest.mark.parametrize(
    ("failure", "level", "line"),
    [
        (Failure(566, "connection failed"), CmeLevel.PLAIN, "ERROR"),
        (Failure(566, "connection failed"), CmeLevel.NUMBER, "+CME ERROR: 566"),
        (Failure(566, "connection failed"), CmeLevel.TEXT, "+CME ERROR: connection failed"),
        (Failure(566), CmeLevel.TEXT, "+CME ERROR: 566"),
        (Failure(), CmeLevel.NUMBER, "ERROR"),
    ],
)
def test_an_error_is_as_detailed_as_set(failure: Failure, level: CmeLevel, line: str) -> None:
    assert failure.write(Dialect(cme=level)) == line


# Lines with more than one reading


@pytest.mark.parametrize(
    ("line", "failure"),
    [
        ("ERROR", Failure()),
        ("+CME ERROR: 50", Failure(50)),
        ("+CME ERROR:50", Failure(50)),
        ("+CME ERROR: SIM not inserted", Failure(text="SIM not inserted")),
        ("+CMS ERROR: 500", Failure(500)),
        ("+CME ERROR: 1e3", Failure(text="1e3")),
        ("+CME ERROR: ²", Failure(text="²")),
        ("+CME ERROR", Failure()),
    ],
)
def test_an_error_is_read_in_every_form(line: str, failure: Failure) -> None:
    assert read_response(line, None) == failure


@pytest.mark.parametrize(
    ("line", "asked", "unasked"),
    [
        ("+CEREG: 0,1", Registration(0, HOME), Unrecognised("+CEREG: 0,1")),
        ("+CEREG: 5", RegistrationChanged(ROAMING), RegistrationChanged(ROAMING)),
        ('+CEREG: 1,"1A2B","0C2F7A12",9', RegistrationChanged(HOME, AREA), RegistrationChanged(HOME, AREA)),
        (
            '+CEREG: 2,1,"1A2B","0C2F7A12",9',
            Registration(2, HOME, AREA),
            Unrecognised('+CEREG: 2,1,"1A2B","0C2F7A12",9'),
        ),
        ("+CEREG: 0,7", Registration(0, RegistrationStatus.UNKNOWN), Unrecognised("+CEREG: 0,7")),
        ("+CEREG: 3,,,,0,11", DENIED, DENIED),
        # The rest of two lines is neither of them.
        ("+CEREG: 0,17", Unrecognised("+CEREG: 0,17"), Unrecognised("+CEREG: 0,17")),
        ('+CEREG: 1,"1A2B"', Unrecognised('+CEREG: 1,"1A2B"'), Unrecognised('+CEREG: 1,"1A2B"')),
        ('+CEREG: 1,"1A2B",0', Unrecognised('+CEREG: 1,"1A2B",0'), Unrecognised('+CEREG: 1,"1A2B",0')),
        ("+CEREG: x", Unrecognised("+CEREG: x"), Unrecognised("+CEREG: x")),
    ],
)
def test_a_registration_is_an_answer_only_where_one_is_due(line: str, asked: Response, unasked: Response) -> None:
    assert read_response(line, QueryRegistration()) == asked
    assert read_response(line, None) == unasked


@pytest.mark.parametrize(
    ("line", "response"),
    [
        ("+QISEND: 3,0,3", Unrecognised("+QISEND: 3,0,3")),
        ("+QISTATE: 0", Unrecognised("+QISTATE: 0")),
        ("+QIOPEN: 0,566", SocketOpened(0, 566)),
        ("+QIOPEN: 0", Unrecognised("+QIOPEN: 0")),
        ("+QIOPEN: 0,0,0", Unrecognised("+QIOPEN: 0,0,0")),
        ('+QIDNSGIP: "39.156.69.79"', ResolvedAddress("39.156.69.79")),
        ("+QIDNSGIP: 0", Resolution(0)),
        ("+QIDNSGIP: x", Unrecognised("+QIDNSGIP: x")),
        ('+QPING: 0,"10.0.0.1",32,260,64', PingReply("10.0.0.1", 32, 260, 64)),
        ("+QPING: 0,4,0,4,0,0,0", PingFinished(0, 4, 0, 4, 0, 0, 0)),
        ("+QPING: 0", Unrecognised("+QPING: 0")),
        ('+QNTIP: 0,"19/06/11,11:08:20:35+32"', NetworkTime(0, datetime(2019, 6, 11, 11, 8, 20, tzinfo=BEIJING))),
        ('+QNTP: 0,"2019/06/11,11:08:20-04"', NetworkTime(0, datetime(2019, 6, 11, 12, 8, 20, tzinfo=UTC))),
        ('+QNTP: 0,"19/06/11,11:08:20"', NetworkTime(0, datetime(2019, 6, 11, 11, 8, 20, tzinfo=UTC))),
        ('+QIURC:"closed",3', PeerClosed(3)),
        ('+QNBIOTEVENT: "Exit PSM"', PowerChanged(PowerEvent.EXIT_PSM)),
        ('+QNBIOTEVENT: "ENTER LIMBO"', Unrecognised('+QNBIOTEVENT: "ENTER LIMBO"')),
        ("ok", Unrecognised("ok")),
        ("SEND OK.", Unrecognised("SEND OK.")),
        (":", Unrecognised(":")),
    ],
)
def test_a_line_that_nobody_asked_for(line: str, response: Response) -> None:
    assert read_response(line, None) == response


@pytest.mark.parametrize(
    "time",
    [
        "",
        "19/06/11",
        "19/13/11,11:08:20+32",
        "19/06/11,25:08:20+32",
        "19/06/11,11:08+32",
        "19/06/11,11:08:20+97",
        "19/06/11,11:08:20+99999999999999999999",
        "99999999999/06/11,11:08:20+32",
        "0/06/11,11:08:20+" + "9" * 5000,
        "19/06/11,11:08:20+x",
    ],
)
def test_a_malformed_time_is_not_recognised(time: str) -> None:
    for line in (f'+QNTP: 0,"{time}"', f'+CCLK: "{time}"'):
        assert isinstance(read_response(line, QueryClock()), Unrecognised)


@pytest.mark.parametrize(
    "numbers", ["65536,0,2,0,1", "-1,0,2,0,1", "7,65536,2,0,1", "7,-1,2,0,1", "7,0,5,0,1", "7,0,2,0,1,1"]
)
def test_a_socket_whose_numbers_cannot_be_is_not_recognised(numbers: str) -> None:
    line = f'+QISTATE: 0,"TCP","a.example",{numbers}'
    assert read_response(line, QuerySockets()) == Unrecognised(line)


@pytest.mark.parametrize(
    ("command", "taken", "refused"),
    [
        (Resolve("a"), ("+QIDNSGIP: 0,255,1",), ("+QIDNSGIP: 0,256,0", "+QIDNSGIP: 0,1,0,0")),
        (Ping("a"), ("+QPING: 1", "+QPING: 569"), ("+QPING: 0", "+QPING: 1,2")),
        (Ping("a"), ("+QPING: 0,10.0.0.1,32,260,64",), ("+QPING: 1,10.0.0.1,32,260,64", "+QPING: 0,10.0.0.1,32,1,2,3")),
        (Ping("a"), ("+QPING: 0,4,4,0,1,2,3",), ("+QPING: 0,4,4,0,1,2", "+QPING: 0,4,4,0,1,2,3,4")),
        (QueryNetworkTime("a"), ('+QNTP: 0,"19/06/11,11:08:20+32"',), ('+QNTP: 0,"19/06/11,11:08:20+32",1',)),
        (QueryNetworkTime("a"), ("+QNTP: 0,19/06/11,11:08:20+32",), ("+QNTP: 0,19/06/11,11:08:20+32,1",)),
        (QuerySleep(), ("+QSCLK: 0", "+QSCLK: 9"), ("+QSCLK: 10", "+QSCLK: 1,0")),
        (QueryDataFormat(), ('+QICFG: "dataformat",1,1',), ('+QICFG: "dataformat",1,1,0', '+QICFG: "view",1,1')),
        (QueryAcks(0), ("+QISEND: 1,2,3",), ("+QISEND: 1,2", "+QISEND: 1,2,3,4")),
        (QueryDnsServers(), ('+QIDNSCFG: 0,"","","",""',), ('+QIDNSCFG: 0,"","","","",""',)),
        (QuerySockets(), ('+QISTATE: 0,"TCP","a",65535,65535,4,0,1', '+QISTATE: 0,"TCP","a",0,0,0,0,1'), ()),
        (
            QueryRegistration(),
            (
                "+CEREG: 9,9",
                '+CEREG: 2,1,"1a2b","0c2f"',
                '+CEREG: 2,1,"1A2B","0C2F7A12",7',
                '+CEREG: 5,5,"1A2B","0C2F7A12",9,,,"00100100","01000111"',
                "+CEREG: 3,3,,,,1,255",
            ),
            (
                "+CEREG: 10,1",
                "+CEREG: 0,10",
                '+CEREG: 2,1,"1A2",",0C2F7A12",9',
                '+CEREG: 2,1,"1A2B1","0C2F7A12",9',
                '+CEREG: 2,1,"1a2B","0C2F7A12",9',
                '+CEREG: 2,1,"1A2B","0C2",9',
                '+CEREG: 2,1,"1A2B","0C2F7A121",9',
                '+CEREG: 2,1,"1A2B","0C2F7A12",6',
                '+CEREG: 2,1,"1A2B",,9',
                '+CEREG: 2,1,"1A2B","0C2F7A12",9,0',
                "+CEREG: 3,3,,,,12,11",
                "+CEREG: 3,3,,,,0,1111",
                '+CEREG: 5,5,"1A2B","0C2F7A12",9,,,"00100100"',
                '+CEREG: 5,5,"1A2B","0C2F7A12",9,,,"0010010","01000111"',
                '+CEREG: 5,5,"1A2B","0C2F7A12",9,,,"00100100","01000112"',
                '+CEREG: 5,5,"1A2B","0C2F7A12",9,,,"00100100","01000111",1',
            ),
        ),
        (None, ('+QIURC: "closed",0',), ('+QIURC: "closed",0,1', '+QIURC: "opened",0')),
        (None, ('+QNBIOTEVENT: "ENTER PSM"',), ('+QNBIOTEVENT: "ENTER PSM",1',)),
        (None, ("+IP: 10.0.0.1,2001:db8::1",), ("+IP: 10.0.0.1,x", "+IP: 10.0.0")),
        (None, ("+QIOPEN: 255,566",), ("+QIOPEN: 1,2,3",)),
    ],
)
def test_a_line_is_what_its_name_says_only_with_fields_that_can_be(
    command: Command | None, taken: tuple[str, ...], refused: tuple[str, ...]
) -> None:
    for line in taken:
        assert not isinstance(read_response(line, command), Unrecognised), line

    for line in refused:
        assert read_response(line, command) == Unrecognised(line)


@pytest.mark.parametrize(
    ("line", "response"),
    [
        ("+CSQ: 20,99", Text("+CSQ: 20,99")),
        ("Revision: BC260YCNAAR01A03", Text("Revision: BC260YCNAAR01A03")),
        ("no colon at all", Text("no colon at all")),
        ('+QIURC: "closed",0', PeerClosed(0)),
        ('+QNBIOTEVENT: "ENTER DEEPSLEEP"', PowerChanged(PowerEvent.ENTER_DEEP_SLEEP)),
        ("+QIOPEN: 1,0", SocketOpened(1)),
        ("SEND OK", SendResult(ok=True)),
        ("RDY", Restarted()),
        ("+QIND: PB DONE", Unrecognised("+QIND: PB DONE")),
        ("+CPIN: READY", Unrecognised("+CPIN: READY")),
    ],
)
def test_a_raw_line_gets_lines_that_belong_to_no_other(line: str, response: Response) -> None:
    assert read_response(line, Raw("AT+CSQ")) == response


def test_the_answer_to_a_raw_line_is_text() -> None:
    assert read_response("+CEREG: 0,1", read_verbatim("AT+CEREG?")) == Text("+CEREG: 0,1")
    assert read_response("+CEREG: 5", read_verbatim("AT+CEREG?")) == RegistrationChanged(ROAMING)
    assert read_response("+CEREG: 0,1", Raw("AT+CEREG?;+CSQ")) == Text("+CEREG: 0,1")
    assert read_response("+CEREG: 0,1", Raw("at+csq;+cereg?")) == Text("+CEREG: 0,1")
    assert read_response("+CPIN: READY", Raw("AT+CPIN?")) == Text("+CPIN: READY")
    assert read_response("+QIOPEN: 1,0", read_verbatim('AT+QIOPEN=0,1,"TCP","a",7')) == SocketOpened(1)


def test_the_answer_to_a_test_is_text_and_a_completion_of_that_name_is_not() -> None:
    assert read_response("+QIOPEN: (0-11),(0-4)", Test("+QIOPEN")) == Text("+QIOPEN: (0-11),(0-4)")
    assert read_response("+QIOPEN: 1,0", Test("+QIOPEN")) == SocketOpened(1)
    assert read_response("+QICFG: x", Test("+QIOPEN")) == Unrecognised("+QICFG: x")


@given(st.text(st.characters(max_codepoint=255), max_size=60), st.sampled_from([None, *ASKED_BY.values()]))
def test_any_line_is_read(line: str, command: Command | None) -> None:
    for start in ("", "+QNTP: ", "+CCLK: ", "+QPING: 0,", "+QIDNSGIP: ", '+QIURC: "', "+CEREG: 0,", "+QISTATE: 0,"):
        assert isinstance(read_response(start + line, command), Response)
