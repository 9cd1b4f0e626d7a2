"""When an idle radio listens for paging."""

import math

# Times that differ by less are equal, in seconds.
_EPSILON = 1e-6


def next_occasion(now: float, drx: float, edrx: float = 0.0, window: float = 0.0) -> float:
    """Return when a radio listens next: a paging occasion (TS 36.304, 7).

    It listens every ``drx`` seconds, counted from 0. With an extended cycle it does so only inside a window at the
    start of each such cycle.

    Args:
        now: the time, in seconds; an occasion that is just now counts.
        drx: the DRX cycle, in seconds; 0: all the time.
        edrx: the extended cycle, in seconds; 0: there is none.
        window: how long the window is, in seconds.
    """
    if not edrx:
        return _next_multiple(now, drx)

    began = math.floor((now + _EPSILON) / edrx) * edrx
    occasion = began + _next_multiple(now - began, drx)
    return max(now, occasion) if occasion < began + window - _EPSILON else began + edrx


def _next_multiple(now: float, cycle: float) -> float:
    return max(now, math.ceil((now - _EPSILON) / cycle) * cycle) if cycle else now
