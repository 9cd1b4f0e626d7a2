"""The usual lines, which the DTE takes by their bytes: the result is the one that the rules have."""

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bc260y_aio.at.commands import CloseSocket, Command, SendData, read_verbatim
from bc260y_aio.at.completions import SendResult
from bc260y_aio.at.dte import DTE, NEED_DATA
from bc260y_aio.at.responses import Response, Success, Text
from bc260y_aio.at.states import State
from bc260y_aio.at.suspicion import USUAL_ANSWERS
from bc260y_aio.at.syntax import PayloadFormat
from bc260y_aio.at.urcs import DataReceived
from tests.at.helpers import dte_with
from tests.at.test_noise import damage

COMMANDS: list[Command | None] = [
    None,
    read_verbatim("AT+CSQ"),
    read_verbatim("AT+CESQ"),
    read_verbatim("AT+CGATT?"),
    read_verbatim("AT+CSQ;+CSQ"),
    SendData(0, b"abc"),
    read_verbatim('AT+QISEND=0,1,"61"'),
    CloseSocket(0),
    read_verbatim('AT+QICFG="dataformat",0,0'),
]
LINES = [
    b"\r\nOK\r\n",
    b"\r\nSEND OK\r\n",
    b"\r\nCLOSE OK\r\n",
    b"\r\n+CSQ: 23,0\r\n",
    b"\r\n+CSQ:9,99\r\n",
    b"\r\n+CESQ: 42,0,255,255,20,50\r\n",
    b"\r\n+CGATT: 1\r\n",
    b'\r\n+QIURC: "recv",0,3,"616263"\r\n',
    b'\r\n+QIURC:"recv",1,2,"4F4b"\r\n',
    b'\r\n+QIURC: "recv",1,0,""\r\n',
    b'\r\n+QIURC: "recv",0,3,616263\r\n',
    b'\r\n+QIURC: "recv",0,2,"61\n62"\r\n',
    b"\r\nERROR\r\n",
    b"\r\nRDY\r\n",
]
changes = st.lists(
    st.tuples(st.sampled_from(["drop", "double", "change"]), st.integers(0, 300), st.integers(0, 255)), max_size=2
)


class ByTheRules(DTE):
    """A DTE that takes no line by its bytes."""

    next_event = DTE._next_event


def ready(kind: type[DTE], command: Command | None, form: PayloadFormat | None, quoted: bool | None) -> DTE:
    dte = kind(quoted_data=quoted)
    dte.push.form = form
    if command is not None:
        dte.send(command)

    return dte


def read(dte: DTE, pieces: list[bytes]) -> list[tuple[Response, State, int, bool]]:
    found = []
    for piece in pieces:
        dte.receive_data(piece)
        while (event := dte.next_event()) is not NEED_DATA:
            found.append((event, dte.state, dte.missing, dte.is_doubtful))

    return found


@given(
    st.sampled_from(COMMANDS),
    st.sampled_from([PayloadFormat.HEX, PayloadFormat.TEXT, None]),
    st.sampled_from([True, False, None]),
    st.lists(st.sampled_from(LINES), min_size=1, max_size=6).map(b"".join),
    changes,
    st.lists(st.integers(0, 200), max_size=3),
    st.booleans(),
)
@example(COMMANDS[5], PayloadFormat.HEX, None, LINES[0] + LINES[1] + LINES[7], [], [], False)
def test_usual_lines_are_read_as_the_rules_read_them(
    command: Command | None,
    form: PayloadFormat | None,
    quoted: bool | None,
    written: bytes,
    edits: list[tuple[str, int, int]],
    cuts: list[int],
    gives_up: bool,
) -> None:
    written = damage(written, edits)
    places = [0, *sorted(cut % (len(written) + 1) for cut in cuts), len(written)]
    pieces = [written[start:stop] for start, stop in itertools.pairwise(places)]
    both = [ready(kind, command, form, quoted) for kind in (DTE, ByTheRules)]
    if gives_up and command is not None:
        for dte in both:
            dte.give_up()
            dte.probe()

    found, expected = (read(dte, pieces) for dte in both)
    assert found == expected
    assert both[0]._buffer.data == both[1]._buffer.data
    assert both[0]._buffer.taken == both[1]._buffer.taken


@pytest.mark.parametrize(
    ("command", "written", "events"),
    [
        (read_verbatim("AT+CSQ"), b"\r\n+CSQ: 23,0\r\n\r\nOK\r\n", [Text("+CSQ: 23,0"), Success()]),
        (SendData(0, b"abc"), b"\r\nOK\r\n\r\nSEND OK\r\n", [Success(), SendResult(ok=True)]),
        (
            SendData(0, b"abc"),
            b'\r\n+QIURC: "recv",0,3,"616263"\r\n\r\nOK\r\n\r\nSEND OK\r\n',
            [DataReceived(0, b"abc"), Success(), SendResult(ok=True)],
        ),
    ],
)
def test_no_usual_line_is_left_to_the_rules(
    command: Command, written: bytes, events: list[Response], monkeypatch: pytest.MonkeyPatch
) -> None:
    dte = dte_with(PayloadFormat.HEX, command)
    left: list[bytes] = []
    monkeypatch.setattr(dte, "_read_line", lambda: left.append(bytes(dte._buffer.data)))
    assert [event for event, *_ in read(dte, [written])] == events
    assert (left, dte.state) == ([], State.IDLE)


def test_usual_answers_have_the_forms_that_the_rules_accept() -> None:
    assert USUAL_ANSWERS.keys() == {"AT+CSQ", "AT+CESQ", "AT+CGATT?"}
    assert all(read_verbatim(line).usual_answer is form for line, form in USUAL_ANSWERS.items())
    assert read_verbatim("AT+CEREG?").usual_answer is None
