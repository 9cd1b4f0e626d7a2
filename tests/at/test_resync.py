"""Our side of the line when things go wrong: doubt, getting into step again, restarts and sleep."""

import pytest

from bc260y_aio.at.commands import (
    Attention,
    CloseSocket,
    Command,
    OpenSocket,
    QueryAddress,
    QueryDataFormat,
    QuerySockets,
    Raw,
    SendData,
    SetDataFormat,
    SetSleep,
    Test,
    read_verbatim,
)
from bc260y_aio.at.completions import (
    SendResult,
    SocketOpened,
)
from bc260y_aio.at.dte import DTE
from bc260y_aio.at.information import RegistrationStatus
from bc260y_aio.at.responses import Failure, Success, Text
from bc260y_aio.at.states import State
from bc260y_aio.at.syntax import PayloadFormat
from bc260y_aio.at.urcs import (
    AddressAssigned,
    DataReceived,
    LateAnswer,
    PeerClosed,
    PowerChanged,
    PowerEvent,
    ProbeAnswered,
    Restarted,
    Resynchronised,
    Unrecognised,
)
from bc260y_aio.errors import LocalProtocolError
from tests.at.helpers import ENTER, ERROR, EXIT, OK, RDY, bring_into_step, dte_in, dte_with, feed, healthy, state_of

TEXT, HEX = PayloadFormat.TEXT, PayloadFormat.HEX
HOME, ROAMING = RegistrationStatus.HOME, RegistrationStatus.ROAMING

OPEN = OpenSocket(0, "TCP", "a", 7)
SEND = SendData(0, b"abc")
CLOSED = b'\r\n+QIURC: "closed",1\r\n'


# Doubt


def in_step_after_giving_up(*commands: Command) -> DTE:
    dte = DTE()
    for command in commands:
        dte.send(command)
        feed(dte, OK)
        dte.give_up()
        bring_into_step(dte, 2)

    return dte


def test_a_completion_that_may_belong_to_an_earlier_command_is_doubtful() -> None:
    dte = in_step_after_giving_up(SEND)
    dte.send(SEND)
    assert feed(dte, OK, b"\r\nSEND OK\r\n") == [Success(), SendResult(ok=True)]
    assert dte.is_doubtful
    assert feed(dte, b"\r\nSEND OK\r\n") == [LateAnswer(SendResult(ok=True))]
    dte.send(SEND)
    assert not dte.is_doubtful
    feed(dte, OK, b"\r\nSEND OK\r\n")
    assert not dte.is_doubtful


def test_a_completion_overdue_twice_is_doubtful_until_it_has_come_twice() -> None:
    dte = in_step_after_giving_up(SEND, SEND)
    doubts = []
    for late in (b"\r\nSEND OK\r\n", b"\r\nSEND OK\r\n", b""):
        feed(dte, late)
        dte.send(SEND)
        feed(dte, OK, b"\r\nSEND OK\r\n")
        doubts.append(dte.is_doubtful)

    assert doubts == [True, False, False]


def test_overdue_completions_are_dropped() -> None:
    dte = in_step_after_giving_up(SEND)
    dte.forget_overdue()
    dte.send(SEND)
    feed(dte, OK, b"\r\nSEND OK\r\n")
    assert not dte.is_doubtful


def test_a_completion_of_another_kind_or_connect_id_is_not_doubtful() -> None:
    dte = in_step_after_giving_up(SEND, OPEN)
    for command, line in ((CloseSocket(0), b"CLOSE OK\r\n"), (OpenSocket(1, "TCP", "a", 7), b"+QIOPEN: 1,0\r\n")):
        dte.send(command)
        feed(dte, OK, line)
        assert not dte.is_doubtful

    dte.send(OPEN)
    feed(dte, OK, b"+QIOPEN: 0,0\r\n")
    assert dte.is_doubtful


@pytest.mark.parametrize("is_under_way", [False, True])
def test_a_completion_is_overdue_after_rdy_until_the_restart_is_known_to_be_one(is_under_way: bool) -> None:
    # Noise may have written RDY.
    dte = DTE() if is_under_way else in_step_after_giving_up(SEND)
    if is_under_way:
        dte.send(SEND)

    feed(dte, RDY)
    bring_into_step(dte, 3)
    for is_known in (False, True):
        if is_known:
            dte.forget_overdue()

        dte.send(SEND)
        feed(dte, OK, b"\r\nSEND OK\r\n")
        assert dte.is_doubtful is not is_known


# Getting into step


def given_up(command: Command = SEND) -> DTE:
    dte = dte_with(command=command)
    dte.give_up()
    assert state_of(dte) is State.UNSYNCHRONISED
    return dte


def listening(command: Command = SEND) -> DTE:
    dte = given_up(command)
    assert dte.probe() == b"AT\r"
    assert feed(dte, OK) == [ProbeAnswered()]
    return dte


def test_only_a_dialogue_can_be_given_up() -> None:
    for state in set(State) - {State.AWAITING_RESULT, State.AWAITING_COMPLETION}:
        with pytest.raises(LocalProtocolError, match="GAVE_UP"):
            dte_in(state).give_up()


def test_after_giving_up_nothing_may_be_sent_but_probes() -> None:
    dte = given_up()
    with pytest.raises(LocalProtocolError, match="SENT while the line is UNSYNCHRONISED"):
        dte.send(Attention())

    assert dte.probe() == b"AT\r"


def test_the_line_is_in_step_after_at_and_a_marker() -> None:
    dte = listening()
    assert dte.probe() == b"AT+QICFG=?\r"
    assert feed(dte, b'\r\n+QICFG: "dataformat",(0,1),(0,1)\r\n', OK) == [
        Text('+QICFG: "dataformat",(0,1),(0,1)'),
        Resynchronised(),
    ]
    assert state_of(dte) is State.IDLE


def test_at_is_repeated_until_the_module_answers() -> None:
    dte = given_up()
    assert [dte.probe() for _ in range(3)] == [b"AT\r"] * 3
    assert feed(dte, b"\r\n", OK) == [ProbeAnswered()]
    assert dte.probe() != b"AT\r"


def test_late_answers_before_the_marker_do_not_end_it() -> None:
    dte = given_up(OPEN)
    dte.probe()
    assert feed(dte, OK, OK) == [ProbeAnswered(), LateAnswer(Success())]
    dte.probe()
    assert feed(dte, OK, b"\r\n+QIOPEN: 0,0\r\n", b"\r\n+QICFG: x\r\n") == [
        LateAnswer(Success()),
        LateAnswer(SocketOpened(0)),
        Unrecognised("+QICFG: x"),
    ]
    assert state_of(dte) is State.UNSYNCHRONISED
    assert feed(dte, b"\r\n+QICFG: (0)\r\n", OK) == [Text("+QICFG: (0)"), Resynchronised()]


def test_late_information_is_not_taken_for_the_marker() -> None:
    dte = listening(QuerySockets())
    dte.probe()
    late = '+QISTATE: 0,"TCP","a(b",7,0,2,0,1'
    assert feed(dte, b"\r\n" + late.encode() + b"\r\n", OK) == [Unrecognised(late), LateAnswer(Success())]


@pytest.mark.parametrize("command", [Test("+QICFG"), Raw("AT+QICFG=?"), Raw("at+qicfg=?"), QueryDataFormat()], ids=str)
def test_a_marker_is_never_the_command_that_was_given_up(command: Command) -> None:
    dte = listening(command)
    markers = [dte.probe() for _ in range(20)]
    assert b"AT+QICFG=?\r" not in markers
    assert feed(dte, b"\r\n+QICFG: (0)\r\n", OK) == [Unrecognised("+QICFG: (0)"), LateAnswer(Success())]


def test_a_marker_is_found_even_after_a_line_that_names_them_all() -> None:
    dte = listening(Raw("AT#+QICFG+QIOPEN+QICLOSE+QISTATE+QISEND+QIDNSGIP+QIDNSCFG+QPING+QNTP"))
    assert dte.probe() == b"AT+QICFG=?\r"


def test_each_marker_is_another_one() -> None:
    dte = listening()
    first, second = dte.probe(), dte.probe()
    assert first != second
    assert feed(dte, healthy(first)) == [Unrecognised(healthy(first).decode().split("\r\n")[1]), LateAnswer(Success())]
    assert feed(dte, healthy(second))[-1] == Resynchronised()


def test_a_marker_is_not_taken_for_an_earlier_one_of_its_name() -> None:
    dte = listening()
    markers = [dte.probe()]
    while markers.count(markers[-1]) == 1:
        markers.append(dte.probe())

    for marker in markers[:-1]:
        feed(dte, healthy(marker))
        assert state_of(dte) is State.UNSYNCHRONISED

    assert feed(dte, healthy(markers[-1]))[-1] == Resynchronised()


def test_markers_that_were_lost_are_not_waited_for_when_the_module_answers_one_by_one() -> None:
    dte = listening()
    for _ in range(30):
        dte.probe()

    bring_into_step(dte, 5)


def test_the_marker_of_an_earlier_recovery_proves_nothing() -> None:
    dte = given_up()
    bring_into_step(dte, 2)
    dte.send(Test("+QICFG"))
    dte.give_up()
    assert feed(dte, b"\r\n+QICFG: (0)\r\n", OK) == [Unrecognised("+QICFG: (0)"), ProbeAnswered()]
    assert state_of(dte) is State.UNSYNCHRONISED


def test_a_urc_between_a_marker_and_its_ok_is_reported() -> None:
    dte = listening()
    dte.probe()
    assert feed(
        dte, b"\r\n+QICFG: (0)\r\n", CLOSED, b'\r\n+QIURC: "recv",0,2,"6869"\r\n', b"\r\n+IP: 10.0.0.1\r\n", OK
    ) == [
        Text("+QICFG: (0)"),
        PeerClosed(1),
        DataReceived(0, b"hi"),
        AddressAssigned("10.0.0.1"),
        Resynchronised(),
    ]


@pytest.mark.parametrize("refusal", [ERROR, b"\r\n+CME ERROR: 58\r\n", b"\r\n+CME ERROR: unknown\r\n"], ids=ascii)
def test_three_refusals_of_markers_are_accepted_as_proof(refusal: bytes) -> None:
    dte = listening()
    events = []
    for _ in range(3):
        dte.probe()
        events += feed(dte, refusal)

    assert events == [ProbeAnswered(), ProbeAnswered(), Resynchronised()]


def test_a_refusal_that_is_still_due_is_waited_for() -> None:
    dte = listening()
    dte.probe()
    events = []
    for _ in range(3):
        dte.probe()
        events += feed(dte, ERROR)

    assert events == [ProbeAnswered()] * 3
    assert dte.probe() == b"AT\r"
    assert feed(dte, ERROR, OK) == [Resynchronised(), LateAnswer(Success())]


def test_after_refusals_and_a_marker_that_was_lost_an_at_closes_the_row() -> None:
    dte = listening()
    dte.probe()
    for _ in range(3):
        dte.probe()
        feed(dte, ERROR)

    assert dte.probe() == b"AT\r"
    assert feed(dte, OK) == [Resynchronised()]


def test_an_error_before_the_first_answer_is_late() -> None:
    dte = given_up()
    dte.probe()
    assert feed(dte, ERROR) == [LateAnswer(Failure())]


def test_an_idle_line_may_be_probed() -> None:
    dte = DTE()
    assert [type(event) for event in bring_into_step(dte, 2)] == [ProbeAnswered, Text, Resynchronised]


def test_the_echo_of_a_probe_is_dropped() -> None:
    dte = given_up()
    line = dte.probe()
    assert feed(dte, line + b"\n" + OK) == [ProbeAnswered()]
    line = dte.probe()
    assert feed(dte, line + healthy(line)) == [Text("+QICFG: (0-4)"), Resynchronised()]


# The module's own life


@pytest.mark.parametrize("state", State, ids=lambda state: state.name)
def test_a_restart_is_reported_in_every_state(state: State) -> None:
    dte = dte_in(state)
    assert feed(dte, RDY, b"\r\n+CFUN: 1\r\n", b"\r\n+CPIN: READY\r\n") == [
        Restarted(),
        Unrecognised("+CFUN: 1"),
        Unrecognised("+CPIN: READY"),
    ]
    calm = {State.IDLE: State.IDLE, State.ASLEEP: State.IDLE, State.CLOSED: State.CLOSED}
    assert state_of(dte) is calm.get(state, State.UNSYNCHRONISED)


@pytest.mark.parametrize("state", State, ids=lambda state: state.name)
def test_deep_sleep_is_reported_in_every_state(state: State) -> None:
    dte = dte_in(state)
    assert feed(dte, ENTER) == [PowerChanged(PowerEvent.ENTER_DEEP_SLEEP)]
    assert state_of(dte) is (State.CLOSED if state is State.CLOSED else State.ASLEEP)


@pytest.mark.parametrize("state", State, ids=lambda state: state.name)
def test_waking_is_reported_in_every_state(state: State) -> None:
    dte = dte_in(state)
    assert feed(dte, EXIT) == [PowerChanged(PowerEvent.EXIT_DEEP_SLEEP)]
    assert state_of(dte) is (State.IDLE if state is State.ASLEEP else state)


@pytest.mark.parametrize("state", State, ids=lambda state: state.name)
def test_psm_changes_no_state(state: State) -> None:
    dte = dte_in(state)
    assert feed(dte, b'\r\n+QNBIOTEVENT: "ENTER PSM"\r\n') == [PowerChanged(PowerEvent.ENTER_PSM)]
    assert state_of(dte) is state


def test_a_module_that_sleeps_is_woken_with_probes() -> None:
    dte = dte_in(State.ASLEEP)
    with pytest.raises(LocalProtocolError, match="SENT while the line is ASLEEP"):
        dte.send(SetSleep(0))

    assert dte.probe() == b"AT\r"
    assert dte.probe() == b"AT\r"
    assert feed(dte, EXIT, OK) == [PowerChanged(PowerEvent.EXIT_DEEP_SLEEP), ProbeAnswered()]
    assert bring_into_step(dte, 1)[-1] == Resynchronised()


def test_a_module_that_restarts_while_it_is_probed_is_probed_from_the_beginning() -> None:
    dte = listening()
    assert dte.probe() == b"AT+QICFG=?\r"
    feed(dte, b"\r\n+QICFG: (0)\r\n", RDY)
    assert dte.probe() == b"AT\r"
    assert feed(dte, OK) == [ProbeAnswered()]


def test_after_the_end_nothing_may_be_sent() -> None:
    dte = dte_in(State.CLOSED)
    dte.close()
    for send in (dte.probe, lambda: dte.send(Attention())):
        with pytest.raises(LocalProtocolError, match="while the line is CLOSED"):
            send()


# The payload format


def form_after(command: Command, *answer: bytes) -> PayloadFormat | None:
    dte = dte_with(TEXT)
    dte.send(command)
    feed(dte, *answer)
    return dte.receive_format


def test_the_receive_format_is_learnt_from_settings_and_answers() -> None:
    told = b'\r\n+QICFG: "dataformat",0,1\r\n'
    assert DTE().receive_format is None
    assert form_after(QueryDataFormat(), told, OK) is HEX
    assert form_after(SetDataFormat(TEXT, HEX), OK) is HEX
    assert form_after(read_verbatim('AT+QICFG="dataformat",0,1'), OK) is HEX
    assert form_after(read_verbatim('AT+QICFG="dataformat"'), told, OK) is TEXT


def test_the_receive_format_is_not_known_while_it_is_being_set_nor_when_that_fails() -> None:
    for command in (
        SetDataFormat(HEX, HEX),
        read_verbatim('AT+QICFG="dataformat",1,1'),
        Raw('AT+CSQ;+qicfg="dataformat",1,1'),
    ):
        assert form_after(command) is None
        assert form_after(command, ERROR) is None


def test_the_receive_format_outlives_a_lost_answer_and_deep_sleep_but_not_a_restart() -> None:
    dte = dte_with(HEX, SEND)
    dte.give_up()
    bring_into_step(dte, 2)
    feed(dte, ENTER, EXIT)
    assert dte.receive_format is HEX
    feed(dte, RDY)
    assert dte.receive_format is None


def test_other_commands_leave_the_receive_format_alone() -> None:
    for command in (Attention(), SEND, Raw("AT+CSQ"), QueryAddress()):
        assert form_after(command, OK) is TEXT


def test_a_close_ok_of_the_same_socket_is_beyond_doubt_and_one_of_another_is_not() -> None:
    for second, is_doubtful in ((CloseSocket(0), False), (CloseSocket(1), True)):
        dte = dte_with(command=CloseSocket(0), accepted=True)
        dte.give_up()
        bring_into_step(dte, 4)
        dte.send(second)
        feed(dte, OK, b"\r\nCLOSE OK\r\n")
        assert dte.is_doubtful is is_doubtful
