"""How a transport closes."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Closing:
    """How a transport closes.

    Attributes:
        timeout: how long a close waits while nothing more is taken by the module, or acknowledged by the peer, in
            seconds.
        rai: whether the last chunk before a close carries ``RAI.NO_FURTHER_DATA``.
        rai_follows: whether the network is told of the end after the close instead. How long that takes is known best
            where the peer closes first.
        on_progress: is called when the close begins, and whenever data is taken or acknowledged after that.
    """

    timeout: float
    rai: bool = False
    rai_follows: bool = False
    on_progress: Callable[[], None] = lambda: None
