"""The dialogue as a table: where it may stand, what moves it, and where to."""

import enum
from typing import Final

from ..errors import LocalProtocolError


class State(enum.Enum):
    """Where the dialogue stands."""

    IDLE = enum.auto()
    """A command may be sent."""
    AWAITING_RESULT = enum.auto()
    """A command has been sent; its final result code is due."""
    AWAITING_COMPLETION = enum.auto()
    """``OK`` has been heard; the outcome is due."""
    UNSYNCHRONISED = enum.auto()
    """What comes may be late, or a payload's; nothing may be sent but probes."""
    ASLEEP = enum.auto()
    """The module is in deep sleep; nothing may be sent but probes, and the first is lost."""
    CLOSED = enum.auto()
    """The line is gone."""

    # Enum's own is written in Python, and every move looks up two.
    __hash__ = object.__hash__


ENGAGED: Final = (State.AWAITING_RESULT, State.AWAITING_COMPLETION)
"""The states in which a command is under way."""


class Trigger(enum.Enum):
    """What moves the dialogue."""

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
    """What comes is discarded, for it may be payload."""
    CLOSED = enum.auto()

    __hash__ = object.__hash__


_ALWAYS: Final = {Trigger.CLOSED: State.CLOSED}
_LIFE: Final = {Trigger.RESTARTED: State.IDLE, Trigger.FELL_ASLEEP: State.ASLEEP, **_ALWAYS}
# What is on its way when the module restarts may be answered by the one module or by the other, or by neither.
_LOST: Final = _LIFE | {Trigger.RESTARTED: State.UNSYNCHRONISED}

TRANSITIONS: Final[dict[State, dict[Trigger, State]]] = {
    State.IDLE: {
        Trigger.SENT: State.AWAITING_RESULT,
        Trigger.PROBED: State.UNSYNCHRONISED,
        Trigger.WOKE: State.IDLE,
        Trigger.DISTRUSTED: State.UNSYNCHRONISED,
        **_LIFE,
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
        **_LIFE,
    },
    # What is still heard after the end changes nothing.
    State.CLOSED: dict.fromkeys(
        (Trigger.RESTARTED, Trigger.FELL_ASLEEP, Trigger.WOKE, Trigger.DISTRUSTED, Trigger.CLOSED), State.CLOSED
    ),
}


def next_state(state: State, trigger: Trigger) -> State:
    """Return the state that follows.

    Raises:
        LocalProtocolError: the table has no such move.
    """
    try:
        return TRANSITIONS[state][trigger]
    except KeyError:
        raise LocalProtocolError(f"{trigger.name} while the line is {state.name}") from None
