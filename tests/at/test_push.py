"""A peer's payload between the lines: it arrives whole, or its damage is reported, and it is never taken for a line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bc260y_aio.at.commands import QueryDataFormat, SendData
from bc260y_aio.at.completions import SendResult
from bc260y_aio.at.dte import DTE
from bc260y_aio.at.push import LARGEST_PUSH
from bc260y_aio.at.responses import Success
from bc260y_aio.at.states import State
from bc260y_aio.at.syntax import PayloadFormat
from bc260y_aio.at.urcs import (
    DamagedLine,
    DamagedPayload,
    DataReceived,
    ProbeAnswered,
    Restarted,
    Resynchronised,
)
from bc260y_aio.errors import LocalProtocolError
from tests.at.helpers import OK, RDY, bring_into_step, cut, dte_in, dte_with, feed, healthy, one_by_one, push, state_of
from tests.at.strategies import SPELLINGS, payloads

TEXT, HEX = PayloadFormat.TEXT, PayloadFormat.HEX
SEND = SendData(0, b"abc")
SEND_OK = b"\r\nSEND OK\r\n"

NASTY = [
    b"".join(SPELLINGS),
    bytes(range(256)),
    bytes(range(255, -1, -1)) * 4,
    b'"' * 50,
    b'"\r\n\r\nOK\r\n"',
    b'"\r\n',
    b"\r\nOK\r\n" * 170,
    b"\r\nSEND OK\r\n",
    b'\r\n+QIURC: "closed",0\r\n',
    b'\r\n+QIURC: "recv",0,5,"hello"\r\n',
    b"\r\n",
    b"\n",
    b"\0",
    b"\x1a",
    b"\xff",
    b'"',
    b"4142",
    b"",
]

forms = pytest.mark.parametrize("form", PayloadFormat, ids=lambda form: form.name)
known = pytest.mark.parametrize("is_known", [True, False], ids=["known", "unknown"])


finely_cut = pytest.mark.parametrize("is_cut", [False, True], ids=["whole", "byte by byte"])


def pieces(data: bytes, is_cut: bool) -> list[bytes]:
    return one_by_one(data) if is_cut else [data]


# Whole


@forms
@known
@pytest.mark.parametrize("quoted", [True, False], ids=["quoted", "bare"])
@pytest.mark.parametrize("payload", NASTY, ids=lambda payload: ascii(payload[:12]))
def test_a_payload_arrives_whole_and_as_nothing_else(
    payload: bytes, quoted: bool, is_known: bool, form: PayloadFormat
) -> None:
    data = push(3, payload, form, quoted=quoted) + SEND_OK
    for pieces in ([data], one_by_one(data), [data[:40], data[40:]]):
        dte = dte_with(form if is_known else None, SEND, accepted=True)
        if not quoted:
            # A payload may begin with a quote; that it is not the opening one shows in an earlier push.
            feed(dte, push(3, b"hi", form, quoted=False))

        received, sent = feed(dte, *pieces)
        assert isinstance(received, DataReceived)
        assert (received.connect_id, received.data) == (3, payload)
        assert received.form is form or not payload
        assert sent == SendResult(ok=True)


@given(
    st.lists(st.tuples(payloads, st.booleans()), max_size=4),
    st.lists(st.integers(0, 3000), max_size=8),
    st.sampled_from(PayloadFormat),
)
def test_payloads_arrive_whole_between_other_lines(
    pushed: list[tuple[bytes, bool]], points: list[int], form: PayloadFormat
) -> None:
    # A module writes quotes around payload, or it does not.
    quoted = all(quoted for _, quoted in pushed)
    data = b"".join(push(1, payload, form, quoted=quoted) + b"\r\n+IP: 10.0.0.1\r\n" for payload, _ in pushed)
    dte = dte_with(form)
    feed(dte, push(1, b"hi", form, quoted=quoted))
    events = feed(dte, *cut(data, points))
    assert events[::2] == [DataReceived(1, payload, form) for payload, _ in pushed]
    assert len(events) == 2 * len(pushed)


@pytest.mark.parametrize("digits", [b"6a6B6c", b"6A6B6C", b"6a6b6c"])
def test_hex_is_read_in_any_case(digits: bytes) -> None:
    for quote in (b"", b'"'):
        assert feed(DTE(), b'\r\n+QIURC: "recv",0,3,' + quote + digits + quote + b"\r\n") == [DataReceived(0, b"jkl")]


def test_the_space_after_the_colon_may_be_missing_and_a_nul_may_follow() -> None:
    for data in (b'\r\n+QIURC:"recv",0,1,"61"\r\n', b'\0+QIURC: "recv",0,1,"61"\0\r\n', b'+QIURC: "recv",0,1,61\n'):
        assert feed(dte_with(HEX), data, OK)[0] == DataReceived(0, b"a")


def test_a_push_may_have_a_thousand_and_twenty_four_bytes_and_a_connect_id_three_digits() -> None:
    payload = bytes(range(256)) * 4
    for form in PayloadFormat:
        assert feed(dte_with(form), push(255, payload, form)) == [DataReceived(255, payload, form)]


def test_a_push_in_another_format_than_is_known_is_damaged() -> None:
    assert feed(dte_with(HEX), b'\r\n+QIURC: "recv",0,5,"hello"\r\n', RDY) == [
        DamagedPayload(0, 5, "its end is not where it was announced"),
        DamagedLine('"hello"\r'),
        Restarted(),
    ]
    assert feed(dte_with(TEXT), b'\r\n+QIURC: "recv",0,2,"4142"\r\n') == [
        DamagedPayload(0, 2, "its end is not where it was announced")
    ]


# Damaged hex: it ends with its line


@pytest.mark.parametrize(
    "digits",
    [
        b'"41424"',
        b'"4142434"',
        b'"4142"',
        b'"4142434445"',
        b'"41424G"',
        b'"414243',
        b'414243"',
        b"",
        b'"',
        b'""',
        b"41424",
        b"41 243",
        b'"41424\xff"',
        b'"414243""',
        b'"414243"x',
    ],
)
def test_damaged_hex_is_reported_and_the_next_line_is_read(digits: bytes) -> None:
    data = b'\r\n+QIURC: "recv",2,3,' + digits + b"\r\n" + OK + SEND_OK
    for pieces in ([data], one_by_one(data)):
        damaged, *rest = feed(dte_with(HEX, SEND), *pieces)
        assert damaged == DamagedPayload(2, 3, "its end is not where it was announced")
        assert rest[-2:] == [Success(), SendResult(ok=True)]
        # As long as announced: only this push was damaged. Otherwise another may have run into it.
        is_as_long = digits in (b'"41424G"', b"41 243", b'"41424\xff"')
        assert rest[:-2] == ([] if is_as_long else [DamagedLine(digits.decode("latin-1") + "\r")])


def test_a_short_line_of_hex_may_have_been_two_pushes_whatever_ends_it() -> None:
    events = feed(dte_with(HEX), b'\r\n+QIURC: "recv",2,3,4142\n')
    assert [type(event) for event in events] == [DamagedPayload, DamagedLine]


@pytest.mark.parametrize("digits", [b'"41,243"', b'"4142":"', b"+1424:", b'"4~~~~3"'])
def test_damaged_hex_that_holds_bytes_of_a_header_may_have_been_two_pushes(digits: bytes) -> None:
    events = feed(dte_with(HEX), b'\r\n+QIURC: "recv",2,3,' + digits + b"\r\n")
    assert [type(event) for event in events] == [DamagedPayload, DamagedLine]


def test_a_restart_amid_hex_is_reported_at_once() -> None:
    for length in (0, 1, 500):
        damaged, line, restarted = feed(dte_with(HEX), b'\r\n+QIURC: "recv",2,512,"' + b"41" * length + RDY)
        assert isinstance(damaged, DamagedPayload)
        assert isinstance(line, DamagedLine)
        assert restarted == Restarted()


def test_two_pushes_in_one_line_are_damage_to_the_first_and_perhaps_to_another() -> None:
    glued = b'\r\n+QIURC: "recv",0,1,"41"+QIURC: "recv",3,1,"42"\r\n'
    damaged, line = feed(dte_with(HEX), glued)
    assert damaged == DamagedPayload(0, 1, "its end is not where it was announced")
    assert line == DamagedLine('"41"+QIURC: "recv",3,1,"42"\r')


def test_a_push_that_is_announced_longer_than_any_line_is_damaged() -> None:
    data = b'\r\n+QIURC: "recv",0,99999,"' + b"41" * 5000 + b'"\r\n' + RDY
    for pieces in ([data], one_by_one(data)):
        damaged, line, restarted = feed(dte_with(HEX), *pieces)
        assert isinstance(line, DamagedLine)
        assert damaged == DamagedPayload(0, 99999, "its end is not where it was announced")
        assert restarted == Restarted()


def test_digits_and_blanks_without_an_end_are_no_payload() -> None:
    data = b'\r\n+QIURC: "recv",0,2,4142' + b" " * 5000 + b"\r\n" + RDY
    for pieces in ([data], one_by_one(data)):
        damaged, line, restarted = feed(dte_with(HEX), *pieces)
        assert isinstance(line, DamagedLine)
        assert (type(damaged), restarted) == (DamagedPayload, Restarted())


# Damaged text: its end is unknown


@pytest.mark.parametrize("payload", [b"abc\r\nOK\r\n", b"abcdabcdefg\r\nOK\r\n"], ids=["bytes lost", "bytes doubled"])
def test_lines_after_damaged_text_are_not_trusted(payload: bytes) -> None:
    dte = dte_with(TEXT, SEND)
    assert feed(dte, b'\r\n+QIURC: "recv",0,12,"' + payload + b'"\r\n', OK, SEND_OK) == [
        DamagedPayload(0, 12, "its end is not where it was announced")
    ]
    assert dte.state is State.AWAITING_RESULT


@pytest.mark.parametrize("state", [State.IDLE, State.ASLEEP, State.UNSYNCHRONISED], ids=lambda state: state.name)
def test_after_damaged_text_no_command_is_sent_until_the_line_is_in_step(state: State) -> None:
    dte = dte_in(state)
    feed(dte, b'\r\n+QIURC: "recv",0,5,"xyz"\r\n')
    with pytest.raises(LocalProtocolError, match="SENT while the line is UNSYNCHRONISED"):
        dte.send(SEND)

    assert bring_into_step(dte, 3)[-1] == Resynchronised()


def test_after_the_end_damaged_text_changes_nothing() -> None:
    dte = dte_in(State.CLOSED)
    assert [type(event) for event in feed(dte, b'\r\n+QIURC: "recv",0,5,"xyz"\r\n')] == [DamagedPayload]
    assert dte.state is State.CLOSED


def test_after_damaged_text_as_much_is_discarded_as_a_push_may_have() -> None:
    data = b'\r\n+QIURC: "recv",0,6,"abc"\r\n' + b"\r\nERROR\r\n" * 200 + RDY
    for pieces in ([data], one_by_one(data)):
        damaged, *late, restarted = feed(dte_with(TEXT), *pieces)
        assert isinstance(damaged, DamagedPayload)
        assert len(late) == 200 - LARGEST_PUSH // len(b"\r\nERROR\r\n")
        assert restarted == Restarted()


def test_discarded_bytes_are_reported_when_they_may_have_been_of_another_socket() -> None:
    for line in (
        b'+QIURC: "recv",3,2,"hi"\r\n',
        b'+QIURC: "closed",3\r\n',
        b"RDY\r\n",
        b'+QNBIOTEVENT: "EXIT DEEPSLEEP"\r\n',
    ):
        damaged, *told = feed(dte_with(TEXT), b'\r\n+QIURC: "recv",0,6,"abc"\r\n\r\n+IP: 10.0.0.1\r\n' + b"\r\n" + line)
        assert isinstance(damaged, DamagedPayload)
        assert told == [DamagedLine(line.decode().removesuffix("\n"))]


def test_the_line_is_trusted_again_when_it_was_quiet_between_two_probes() -> None:
    dte = dte_with(TEXT, SEND)
    feed(dte, b'\r\n+QIURC: "recv",0,6,"abc"\r\n', OK)
    dte.give_up()
    assert feed(dte, healthy(dte.probe())) == []
    assert bring_into_step(dte, 2)[-1] == Resynchronised()


def test_the_line_is_not_trusted_while_a_payload_comes_in() -> None:
    dte = dte_with(TEXT, SEND)
    feed(dte, b'\r\n+QIURC: "recv",0,1000,"abc', b"\r\nOK\r\n" * 40)
    dte.give_up()
    for _ in range(5):
        dte.probe()
        events = feed(dte, b"\r\nOK\r\n" * 25)

    assert events == []
    assert dte.state is State.UNSYNCHRONISED


def test_text_that_does_not_come_is_given_up_with_the_command_that_waits() -> None:
    dte = dte_with(TEXT, SEND)
    assert feed(dte, b'\r\n+QIURC: "recv",4,100,"abc') == []
    dte.give_up()
    assert feed(dte, b"") == [DamagedPayload(4, 100, "the rest did not come")]
    assert bring_into_step(dte, 4)[-1] == Resynchronised()


@finely_cut
def test_a_push_of_which_only_the_header_came_is_given_up_however_that_was_cut(
    is_cut: bool,
) -> None:
    dte = dte_with(TEXT, SEND)
    assert feed(dte, *pieces(b'\r\n+QIURC: "recv",4,100,', is_cut)) == []
    dte.give_up()
    assert feed(dte, b"") == [DamagedPayload(4, 100, "the rest did not come")]


@finely_cut
def test_a_header_alone_is_no_push_under_way_when_the_line_was_quiet_between_two_probes(
    is_cut: bool,
) -> None:
    dte = DTE()
    assert feed(dte, *pieces(b'\n+QIURC:"recv",0,1,', is_cut)) == []
    dte.probe()
    dte.probe()
    assert feed(dte, b"") == [DamagedPayload(0, 1, "the rest did not come")]


def test_hex_that_goes_on_is_taken_though_a_command_was_given_up_meanwhile() -> None:
    dte = dte_with(HEX, SEND)
    wire = push(4, bytes(512), HEX)
    assert feed(dte, wire[:600]) == []
    dte.give_up()
    dte.probe()
    assert feed(dte, wire[600:800]) == []
    dte.probe()
    assert feed(dte, wire[800:]) == [DataReceived(4, bytes(512))]


def test_hex_that_does_not_go_on_ends_where_the_answer_to_a_probe_begins() -> None:
    dte = dte_with(HEX, SEND)
    assert feed(dte, b'\r\n+QIURC: "recv",4,100,"4142') == []
    dte.give_up()
    damaged, *rest = bring_into_step(dte, 2)
    assert damaged == DamagedPayload(4, 100, "its end is not where it was announced")
    assert rest[-1] == Resynchronised()


def test_hex_is_given_up_when_the_line_was_quiet_between_two_probes() -> None:
    dte = dte_with(HEX, SEND)
    assert feed(dte, b'\r\n+QIURC: "recv",4,100,"4142') == []
    dte.give_up()
    dte.probe()
    dte.probe()
    assert feed(dte, b"") == [DamagedPayload(4, 100, "the rest did not come"), DamagedLine('"4142')]
    assert bring_into_step(dte, 2)[-1] == Resynchronised()


def test_a_push_that_is_given_up_may_hide_a_restart() -> None:
    dte = dte_with(TEXT, SEND)
    feed(dte, b'\r\n+QIURC: "recv",4,100,"41' + RDY + b"\r\n+CFUN: 1\r\n")
    dte.give_up()
    assert [type(event) for event in feed(dte, b"")] == [DamagedPayload, DamagedLine]


@pytest.mark.parametrize("lost", [2, 4])
def test_text_that_has_lost_bytes_between_quotes_is_not_text_with_quotes_in_it(lost: int) -> None:
    dte = dte_with(TEXT)
    assert feed(dte, b'\r\n+QIURC: "recv",0,%d,"hello"\r\n' % (5 + lost) + OK) == [
        DamagedPayload(0, 5 + lost, "its end is not where it was announced")
    ]


@forms
def test_text_without_quotes_may_begin_with_one_when_the_module_is_known_to_write_none(form: PayloadFormat) -> None:
    dte = dte_with()
    feed(dte, push(0, b"hi", form, quoted=False))
    assert feed(dte, push(0, b'"hello"\r\nOK\r\n', TEXT, quoted=False)) == [DataReceived(0, b'"hello"\r\nOK\r\n', TEXT)]


def test_while_the_format_is_not_known_damage_that_begins_like_hex_is_that_of_hex() -> None:
    assert feed(DTE(), b'\r\n+QIURC: "recv",0,4,"616x6364"\r\n', RDY)[1:] == [Restarted()]
    assert feed(DTE(), b'\r\n+QIURC: "recv",0,4,"hello"\r\n', OK)[1:] == []


def test_text_that_comes_in_behind_the_answer_to_a_probe_is_not_given_up_with_the_next() -> None:
    dte = dte_in(State.UNSYNCHRONISED, TEXT)
    wire = push(4, b"\r\nERROR\r\n" * 90, TEXT)
    assert feed(dte, OK + wire[:60]) == [ProbeAnswered()]
    line = dte.probe()
    assert feed(dte, wire[60:], healthy(line))[0] == DataReceived(4, b"\r\nERROR\r\n" * 90, TEXT)
    assert state_of(dte) is State.IDLE


def test_text_longer_than_any_push_is_damaged_at_once() -> None:
    data = b'\r\n+QIURC: "recv",4,%d,"abc\r\n' % (LARGEST_PUSH + 1)
    assert feed(dte_with(TEXT), data) == [DamagedPayload(4, LARGEST_PUSH + 1, "its end is not where it was announced")]


@pytest.mark.parametrize("after", [b"x", b" ", b'"', b"0"])
def test_text_whose_closing_quote_is_not_followed_by_the_end_of_the_line_is_damaged(after: bytes) -> None:
    dte = dte_with(TEXT)
    data = b'\r\n+QIURC: "recv",0,5,"hello"' + after + b"\r\n"
    assert feed(dte, data) == [DamagedPayload(0, 5, "its end is not where it was announced")]
    assert dte.state is State.UNSYNCHRONISED


@pytest.mark.parametrize("after", [b"\r\n", b"\n", b"\0\r\n"])
def test_text_may_end_in_any_line_ending_or_a_nul(after: bytes) -> None:
    assert feed(dte_with(TEXT), b'\r\n+QIURC: "recv",0,5,"hello"' + after) == [DataReceived(0, b"hello", TEXT)]


def test_while_bytes_are_discarded_none_are_due() -> None:
    dte = dte_with(TEXT)
    feed(dte, b'\r\n+QIURC: "recv",0,10,"0123')
    assert dte.missing == 5
    feed(dte, b"456789x\r\nwhatever")
    assert dte.missing == 0


@pytest.mark.parametrize("line", [b'\r\n+QICFG: "dataformat",1,1,0\r\n', b'\r\n+QICFG: "dataformat",1,1,\r\n'])
def test_formats_with_a_parameter_too_many_set_no_format(line: bytes) -> None:
    dte = DTE()
    dte.send(QueryDataFormat())
    feed(dte, line + OK)
    assert dte.receive_format is None
