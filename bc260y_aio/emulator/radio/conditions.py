"""The properties of a network that a radio uses."""

from typing import Protocol


class RadioConditions(Protocol):
    """The conditions that a cell sets for a radio; they may change at any time.

    Attributes:
        rate_up: how fast the radio sends, in bits a second; None: without limit.
        rate_down: how fast it receives, in bits a second; None: without limit.
        rrc_setup: how long the radio takes to connect before it can send or receive, in seconds.
        rrc_inactivity: how long after the last traffic the network releases the connection, in seconds.
        rrc_release: how long the network takes to release it after RAI allowed that, in seconds.
        drx: the cycle in which an idle radio listens for paging, in seconds; 0: all the time.
        paging_window: how long it listens, by its DRX cycle, at the start of each extended cycle, in seconds.
    """

    rate_up: int | None
    rate_down: int | None
    rrc_setup: float
    rrc_inactivity: float
    rrc_release: float
    drx: float
    paging_window: float
