"""The answer of the network to a module that attaches: accepted, rejected with a cause, or no cell at all."""

import enum
from typing import Final, NamedTuple

# EMM causes after which a module does not try again before its next start (TS 24.301, 5.5.1.2.5): the SIM or the module
# is not accepted, or not in this network or area. After all others, such as 19 (ESM failure: a wrong APN, for example)
# and 22 (congestion), it goes on trying.
FINAL_CAUSES: Final = frozenset({2, 3, 5, 6, 7, 8, 11, 12, 13, 14, 15, 35})


class AttachStatus(enum.Enum):
    """The outcome of an attach."""

    ACCEPTED = enum.auto()
    """The module is registered."""
    DENIED = enum.auto()
    """The network rejected it for good (``+CEREG`` status 3)."""
    RETRYING = enum.auto()
    """The network rejected it for now; the module goes on trying (``+CEREG`` status 2)."""
    NO_CELL = enum.auto()
    """There is no cell to attach to; the module goes on searching (``+CEREG`` status 2)."""


class AttachResult(NamedTuple):
    """The answer of the network to an attach.

    Attributes:
        status: the outcome.
        cause: the EMM cause of a rejection (TS 24.301, 9.9.3.9); 0 for none.
    """

    status: AttachStatus
    cause: int = 0


def attach_result(*, has_cell: bool, reject_cause: int | None) -> AttachResult:
    """Return the answer of a network with these conditions."""
    if not has_cell:
        return AttachResult(AttachStatus.NO_CELL)

    if reject_cause is None:
        return AttachResult(AttachStatus.ACCEPTED)

    is_final = reject_cause in FINAL_CAUSES
    return AttachResult(AttachStatus.DENIED if is_final else AttachStatus.RETRYING, reject_cause)
