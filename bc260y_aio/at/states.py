"""The dialogue as a table: its states, its triggers, and the state that follows."""

import enum
from typing import Final

from ..errors import LocalProtocolError


class State(enum.Enum):
    """The states of the dialogue."""

    IDLE = enum.auto()
    """A command may be sent."""
    AWAITING_RESULT = enum.auto()
    """A command has been sent; its final result code is due."""
    AWAITING_COMPLETION = enum.auto()
    """``OK`` was received; the completion is due."""
    UNSYNCHRONISED = enum.auto()
    """Received lines may be late answers, or payload; only probes may be sent."""
    ASLEEP = enum.auto()
    """The module is in deep sleep; only probes may be sent, and the first is lost."""
    CLOSED = enum.auto()
    """The line is gone."""

    # Enum's own hash is written in Python, and every transition needs two.
    __hash__ = object.__hash__


ENGAGED: Final = (State.AWAITING_RESULT, State.AWAITING_COMPLETION)
"""The states in which a command is under way."""


class Trigger(enum.Enum):
    """The events that change the state of the dialogue."""

    SENT = enum.auto()
    INFORMED = enum.auto()
    SUCCEEDED = enum.auto()
    ACCEPTED = enum.auto()
    """``OK`` to a command that completes later."""
    FAILED = enum.auto()
    PARTLY_COMPLETED = enum.auto()
    COMPLETED = enum.auto()
    GAVE_UP = enum.auto()
    PROBED = enum.auto()
    RESYNCHRONISED = enum.auto()
    FELL_ASLEEP = enum.auto()
    WOKE = enum.auto()
    RESTARTED = enum.auto()
    DISTRUSTED = enum.auto()
    """Received bytes are discarded, because they may be payload."""
    CLOSED = enum.auto()

    __hash__ = object.__hash__


_ALWAYS: Final = {Trigger.CLOSED: State.CLOSED}
_MODULE_STATE: Final = {Trigger.RESTARTED: State.IDLE, Trigger.FELL_ASLEEP: State.ASLEEP, **_ALWAYS}
# A command that is under way at a restart may be answered before it, after it, or not at all.
_LOST: Final = _MODULE_STATE | {Trigger.RESTARTED: State.UNSYNCHRONISED}


class Row(dict[Trigger, State]):
    """The states that follow one state."""

    def __missing__(self, trigger: Trigger) -> State:
        state = next(state for state, row in TRANSITIONS.items() if row is self)
        raise LocalProtocolError(f"{trigger.name} while the line is {state.name}")


_TABLE: Final[dict[State, dict[Trigger, State]]] = {
    State.IDLE: {
        Trigger.SENT: State.AWAITING_RESULT,
        Trigger.PROBED: State.UNSYNCHRONISED,
        Trigger.WOKE: State.IDLE,
        Trigger.DISTRUSTED: State.UNSYNCHRONISED,
        **_MODULE_STATE,
    },
    State.AWAITING_RESULT: {
        Trigger.INFORMED: State.AWAITING_RESULT,
        Trigger.SUCCEEDED: State.IDLE,
        Trigger.ACCEPTED: State.AWAITING_COMPLETION,
        Trigger.FAILED: State.IDLE,
        Trigger.GAVE_UP: State.UNSYNCHRONISED,
        Trigger.WOKE: State.AWAITING_RESULT,
        Trigger.DISTRUSTED: State.AWAITING_RESULT,
        **_LOST,
    },
    State.AWAITING_COMPLETION: {
        Trigger.PARTLY_COMPLETED: State.AWAITING_COMPLETION,
        Trigger.COMPLETED: State.IDLE,
        Trigger.FAILED: State.IDLE,
        Trigger.GAVE_UP: State.UNSYNCHRONISED,
        Trigger.WOKE: State.AWAITING_COMPLETION,
        Trigger.DISTRUSTED: State.AWAITING_COMPLETION,
        **_LOST,
    },
    State.UNSYNCHRONISED: {
        Trigger.PROBED: State.UNSYNCHRONISED,
        Trigger.RESYNCHRONISED: State.IDLE,
        Trigger.WOKE: State.UNSYNCHRONISED,
        Trigger.DISTRUSTED: State.UNSYNCHRONISED,
        **_LOST,
    },
    State.ASLEEP: {
        Trigger.PROBED: State.UNSYNCHRONISED,
        Trigger.WOKE: State.IDLE,
        Trigger.DISTRUSTED: State.UNSYNCHRONISED,
        **_MODULE_STATE,
    },
    # Lines that are received after the end change nothing.
    State.CLOSED: dict.fromkeys(
        (Trigger.RESTARTED, Trigger.FELL_ASLEEP, Trigger.WOKE, Trigger.DISTRUSTED, Trigger.CLOSED), State.CLOSED
    ),
}

TRANSITIONS: Final[dict[State, Row]] = {state: Row(row) for state, row in _TABLE.items()}
"""The state that follows, by state and trigger. A trigger that is not in the table raises LocalProtocolError."""


def next_state(state: State, trigger: Trigger) -> State:
    """Return the state that follows.

    Raises:
        LocalProtocolError: the table has no such transition.
    """
    return TRANSITIONS[state][trigger]
