"""Noise: whatever is lost, doubled, changed or made up, nothing is forged, nothing stalls and nothing is raised."""

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bc260y_aio.at.commands import Raw, SendData
from bc260y_aio.at.completions import SendResult
from bc260y_aio.at.dte import DTE
from bc260y_aio.at.responses import Failure, Response, Success, Text
from bc260y_aio.at.states import State
from bc260y_aio.at.syntax import PayloadFormat
from bc260y_aio.at.urcs import (
    DamagedLine,
    DamagedPayload,
    DataReceived,
    PeerClosed,
    PowerChanged,
    Restarted,
    Resynchronised,
    Unrecognised,
)
from tests.at.helpers import OK, RDY, answers, bring_into_step, cut, dte_in, dte_with, feed, one_by_one, push, state_of
from tests.at.strategies import SPELLINGS, payloads

TEXT, HEX = PayloadFormat.TEXT, PayloadFormat.HEX
SEND = SendData(0, b"abc")
SEND_OK = b"\r\nSEND OK\r\n"

forms = pytest.mark.parametrize("form", PayloadFormat, ids=lambda form: form.name)

Edits = list[tuple[str, int, int]]
edits = st.lists(
    st.tuples(st.sampled_from(["drop", "double", "change"]), st.integers(0, 2000), st.integers(0, 255)),
    min_size=1,
    max_size=12,
)


def damage(data: bytes, edits: Edits) -> bytes:
    damaged = bytearray(data)
    for kind, where, byte in edits:
        at = where % max(1, len(damaged))
        match kind:
            case "drop":
                del damaged[at : at + 1]
            case "double":
                damaged[at:at] = damaged[at : at + 1]
            case "change":
                damaged[at : at + 1] = bytes([byte])

    return bytes(damaged)


def forged(events: list[Response]) -> list[Response]:
    """Return events that only payloads spell here, and no test line."""
    kinds = (Failure, PeerClosed, Restarted, PowerChanged)
    return [event for event in answers(events) if isinstance(event, kinds) or event == SendResult(ok=False)]


# Damaged payload


@forms
@given(payloads, edits)
@example(b"\r\nSEND FAIL\r\n" * 3, [("double", 0, 0)] * 8)
@example(b"x\r\nSEND FAIL\r\n", [("drop", 0, 0)])
@example(b"\r\nSEND FAIL\r\n" * 3, [("drop", 0, 0)] * 2)
def test_a_damaged_payload_is_never_read_as_lines(form: PayloadFormat, payload: bytes, edits: Edits) -> None:
    written = payload.hex().upper().encode() if form is HEX else payload
    dte = dte_with(form, SEND)
    events = feed(dte, b'\r\n+QIURC: "recv",0,%d,"' % len(payload), damage(written, edits), b'"\r\n', OK, SEND_OK)
    assert forged(events) == []


@forms
@given(st.binary(min_size=1, max_size=200).map(lambda data: data.translate(None, b'"\r\n\0 ')).filter(bool), edits)
def test_a_payload_that_has_lost_or_gained_bytes_is_reported_as_damaged(
    form: PayloadFormat, payload: bytes, edits: Edits
) -> None:
    written = payload.hex().upper().encode() if form is HEX else payload
    damaged = damage(written, [edit for edit in edits if edit[0] != "change"])
    dte = dte_with(form, SEND)
    events = feed(dte, b'\r\n+QIURC: "recv",0,%d,"' % len(payload), damaged, b'"\r\n', OK, SEND_OK)
    if len(damaged) == len(written):
        assert isinstance(events[0], DataReceived)
    else:
        # A payload that lost more bytes than came after it is found out when the command that waits is given up.
        if not events:
            dte.give_up()
            events = feed(dte, b"")

        assert isinstance(events[0], DamagedPayload)


def _every_damage(wire: bytes, kind: str) -> set[bytes]:
    # The blanks before a line may be damaged as they like.
    bytes_instead = b'x0\r\n"\0' if kind == "change" else b"\0"
    places = itertools.product(range(2, len(wire)), bytes_instead)
    return {damage(wire, [(kind, where, byte)]) for where, byte in places} - {wire}


@forms
@pytest.mark.parametrize("kind", ["drop", "double", "change"])
def test_whichever_byte_of_a_push_is_damaged_it_is_reported_and_nothing_is_forged(
    form: PayloadFormat, kind: str
) -> None:
    payload = b'\r\nSEND FAIL\r\n\r\nERROR\r\n\r\nRDY\r\n\r\n+QIURC: "closed",7\r\n'
    for wire in _every_damage(push(0, payload, form), kind):
        dte = dte_with(form)
        events = feed(dte, push(0, b"hi", form), wire, push(1, b"hi", form))
        events += bring_into_step(dte, 8)
        assert forged(events) == [], wire
        damaged = any(isinstance(event, DamagedPayload | DamagedLine) for event in events)
        # A changed byte of the payload, or of the connectID, cannot be detected.
        arrived = [event for event in events if isinstance(event, DataReceived) and len(event.data) == len(payload)]
        assert damaged or arrived, wire


@pytest.mark.parametrize("kind", ["drop", "double", "change"])
def test_after_a_damaged_push_of_hex_the_next_is_received(kind: str) -> None:
    for wire in _every_damage(push(0, b"hello", HEX)[:-2], kind):
        assert DataReceived(1, b"hi") in feed(dte_with(HEX), wire, b"\r\n", push(1, b"hi", HEX)), wire


# Rests of lines


@pytest.mark.parametrize(
    "line",
    [
        '+QIURC: "rcv",0,3,"414243"',
        '+QURC: "recv",0,3,"414243"',
        'QIURC: "recv",0,3,"414243"',
        '+QIURC: "recv",0,3',
        '+QIURC: "recv",,3,"414243"',
        '+QIURC: "r',
        '+QIURC: "clsed",0',
        '+QURC: "closed",0',
        "x\xffRDY",
        '+QNBIOEVENT: "EXIT DEEPSLEEP"',
        '414243444546474849505152535455565758"',
    ],
)
def test_a_line_that_may_be_the_rest_of_a_push_or_of_a_close_or_restart_is_reported(line: str) -> None:
    assert feed(dte_with(HEX), b"\r\n" + line.encode("latin-1") + b"\r\n", OK)[0] == DamagedLine(line)


@pytest.mark.parametrize(
    "line", ['+QIURC: "pdpdeact",1', "+CSCON: 1", 'AT+QISEND=0,4,"recv"', "89860012345678901234", "Neul", "+CFUN: 1"]
)
def test_another_line_that_is_not_known_is_just_that(line: str) -> None:
    assert feed(DTE(), b"\r\n" + line.encode() + b"\r\n") == [Unrecognised(line)]


def test_after_a_damaged_header_of_text_no_line_is_trusted() -> None:
    dte = dte_with(TEXT)
    assert feed(dte, b'\r\n+QIURC: "rexv",0,50,"abc\r\n\r\nERROR\r\n' + OK) == [DamagedLine('+QIURC: "rexv",0,50,"abc')]
    assert dte.state is State.UNSYNCHRONISED


# Anything

headers = st.sampled_from(
    [b'\r\n+QIURC: "recv",0,', b'\r\n+QIURC: "recv",0,1500,"', b'\r\n+QIURC: "recv",1,3,414243\r\n', b"AT\r", b"AT"]
)
noise = st.one_of(
    st.binary(max_size=60), headers, st.sampled_from(SPELLINGS), st.integers(1, 5000).map(lambda size: b"x" * size)
)
pushes = st.builds(push, st.integers(0, 4), payloads, st.sampled_from(PayloadFormat), quoted=st.booleans())
streams = st.lists(noise | pushes, max_size=8)
maybe_forms = st.none() | st.sampled_from(PayloadFormat)


@pytest.mark.parametrize("state", State, ids=lambda state: state.name)
@given(streams, st.lists(st.integers(0, 12000), max_size=10), maybe_forms)
@example([b"\x01", b"x" * 4095, b'\0\n+QIURC:"recv",0,0,\n'], [4097], None)
@example([b'\r\n+QIURC: "recv",0,2,4142', b" " * 5000, b"\r\n"], [], HEX)
def test_any_cut_of_anything_gives_the_same_events(
    state: State, parts: list[bytes], points: list[int], form: PayloadFormat | None
) -> None:
    data = b"".join(parts)
    whole = feed(dte_in(state, form), data)
    assert feed(dte_in(state, form), *one_by_one(data)) == whole
    assert feed(dte_in(state, form), *cut(data, points)) == whole


@given(streams)
def test_after_any_garbage_a_restart_is_reported_when_payload_is_hex(parts: list[bytes]) -> None:
    dte = dte_with(HEX)
    feed(dte, *parts)
    # The garbage may have held a restart; then the format is unknown.
    if dte.receive_format is HEX:
        assert feed(dte, b"\r\n" + RDY)[-1] == Restarted()


@given(streams, maybe_forms, st.booleans())
def test_after_any_garbage_probes_bring_the_line_into_step(
    parts: list[bytes], form: PayloadFormat | None, accepted: bool
) -> None:
    dte = dte_with(form, SEND, accepted=accepted)
    feed(dte, *parts)
    if state_of(dte) in (State.AWAITING_RESULT, State.AWAITING_COMPLETION):
        dte.give_up()

    assert Resynchronised() in bring_into_step(dte, 8)
    dte.send(SEND)
    assert feed(dte, OK, SEND_OK)[-2:] == [Success(), SendResult(ok=True)]


@given(st.lists(streams, max_size=4), st.data())
def test_whatever_is_received_in_whatever_order_nothing_is_raised(
    rounds: list[list[bytes]], data: st.DataObject
) -> None:
    dte = DTE()
    for parts in rounds:
        feed(dte, *parts)
        match state_of(dte), data.draw(st.booleans()):
            case State.IDLE, True:
                dte.send(SEND)
            case State.AWAITING_RESULT | State.AWAITING_COMPLETION, True:
                dte.give_up()
            case State.UNSYNCHRONISED | State.ASLEEP | State.IDLE, _:
                dte.probe()

    dte.close()
    feed(dte, RDY)


def test_the_rest_of_a_push_is_no_answer_to_a_raw_line() -> None:
    dte = dte_with(HEX, Raw('AT+QCFG="recv"'))
    lines = b'\r\n+QIURC: "rexv",0,3,"414243"\r\n', b'\r\n+QCFG: "recv",1\r\n', OK
    assert feed(dte, *lines) == [DamagedLine('+QIURC: "rexv",0,3,"414243"'), Text('+QCFG: "recv",1'), Success()]
