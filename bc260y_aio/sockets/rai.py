"""RAI: telling the network that the radio can be released (guide 2.2.5)."""

import contextlib
import enum
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Final


class RAI(enum.IntEnum):
    """Release assistance indication: what the network should expect after a packet."""

    NONE = 0
    """Nothing."""
    NO_FURTHER_DATA = 1
    """Neither a further packet nor a reply: the radio may be released at once."""
    ONE_REPLY = 2
    """One reply: the radio may be released after it."""


_current: Final[ContextVar[RAI]] = ContextVar("rai", default=RAI.NONE)


@contextlib.contextmanager
def rai(indication: RAI) -> Iterator[None]:
    """Give every write inside the block a RAI, for clients that cannot pass one.

    Args:
        indication: the RAI of each write that has none of its own. It holds for this task, and for the tasks that it
            starts inside the block.
    """
    token = _current.set(RAI(indication))
    try:
        yield
    finally:
        _current.reset(token)


def effective(indication: RAI | None) -> RAI:
    """Return the RAI of a write: its own, or else that of the block around it."""
    return _current.get() if indication is None else RAI(indication)
