"""The dialogue as a table: every pair of a state and a trigger, legal or refused."""

import pytest

from bc260y_aio.at.states import TRANSITIONS, State, Trigger, next_state
from bc260y_aio.errors import LocalProtocolError

LEGAL = [(state, trigger) for state, row in TRANSITIONS.items() for trigger in row]
REFUSED = [(state, trigger) for state in State for trigger in Trigger if (state, trigger) not in LEGAL]

ENGAGED = {State.AWAITING_RESULT, State.AWAITING_COMPLETION}


def states_with(trigger: Trigger) -> set[State]:
    return {state for state, row in TRANSITIONS.items() if trigger in row}


def name(value: object) -> str:
    return getattr(value, "name", str(value))


@pytest.mark.parametrize(("state", "trigger"), LEGAL, ids=name)
def test_a_legal_trigger_leads_to_the_state_of_the_table(state: State, trigger: Trigger) -> None:
    assert next_state(state, trigger) is TRANSITIONS[state][trigger]


@pytest.mark.parametrize(("state", "trigger"), REFUSED, ids=name)
def test_any_other_move_is_refused_by_its_name(state: State, trigger: Trigger) -> None:
    with pytest.raises(LocalProtocolError, match=f"{trigger.name} while the line is {state.name}"):
        next_state(state, trigger)


def test_every_state_has_a_row_and_every_trigger_a_place() -> None:
    assert set(TRANSITIONS) == set(State)
    assert {trigger for _, trigger in LEGAL} == set(Trigger)


def test_every_state_can_be_reached_from_idle_and_left_again_but_the_last() -> None:
    def reached(start: State) -> set[State]:
        found, new = set[State](), {start}
        while new:
            found |= new
            new = {target for state in new for target in TRANSITIONS[state].values()} - found

        return found

    assert reached(State.IDLE) == set(State)
    assert all(State.IDLE in reached(state) for state in State if state is not State.CLOSED)
    assert reached(State.CLOSED) == {State.CLOSED}


def test_a_command_may_be_sent_in_idle_only() -> None:
    assert states_with(Trigger.SENT) == {State.IDLE}


def test_only_a_dialogue_can_be_given_up_or_fail() -> None:
    assert states_with(Trigger.GAVE_UP) == states_with(Trigger.FAILED) == ENGAGED


def test_probes_may_be_sent_whenever_no_dialogue_is_under_way() -> None:
    assert states_with(Trigger.PROBED) == {State.IDLE, State.UNSYNCHRONISED, State.ASLEEP}


@pytest.mark.parametrize(
    "trigger", [Trigger.RESTARTED, Trigger.FELL_ASLEEP, Trigger.WOKE, Trigger.DISTRUSTED, Trigger.CLOSED]
)
def test_unsolicited_events_may_come_in_any_state(trigger: Trigger) -> None:
    assert states_with(trigger) == set(State)


def test_a_restart_leaves_the_line_out_of_step_when_something_was_on_its_way() -> None:
    after_restart = {state: row[Trigger.RESTARTED] for state, row in TRANSITIONS.items()}
    assert after_restart == {
        State.IDLE: State.IDLE,
        State.AWAITING_RESULT: State.UNSYNCHRONISED,
        State.AWAITING_COMPLETION: State.UNSYNCHRONISED,
        State.UNSYNCHRONISED: State.UNSYNCHRONISED,
        State.ASLEEP: State.IDLE,
        State.CLOSED: State.CLOSED,
    }
