"""What goes wrong on purpose: probabilities, a seed, and a count of what was done."""

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

# The fields that are probabilities, 0 to 1; the others are seconds.
KINDS: Final = (
    "send_fail_taken",
    "send_fail_dropped",
    "send_ok_lost",
    "ok_lost",
    "open_lost",
    "answer_late",
    "urc_late",
    "closed",
)


@dataclass(slots=True, kw_only=True)
class Faults:
    """What a module does wrong, and how often: a probability for each occasion, 0 by default.

    They may be changed at any time. Each kind draws from a random sequence of its own, so switching one on leaves the
    others as they were; the same seed and the same occasions give the same faults.

    Attributes:
        send_fail_taken: AT+QISEND ends in ``SEND FAIL``, though the data was taken and goes out.
        send_fail_dropped: AT+QISEND ends in ``SEND FAIL``, and the data was not taken.
        send_ok_lost: the data goes out, but ``SEND OK`` is never said.
        ok_lost: a command is carried out, but its final result code is never said.
        open_lost: the outcome of AT+QIOPEN is never told.
        answer_late: a command is answered ``answer_late_by`` seconds later than usual.
        answer_late_by: see there; seconds.
        urc_late: a URC comes ``urc_late_by`` seconds late, and so do those behind it.
        urc_late_by: see there; seconds.
        closed: a TCP connection breaks when data has just come from the peer.
        counts: how often each kind was done.
    """

    send_fail_taken: float = 0.0
    send_fail_dropped: float = 0.0
    send_ok_lost: float = 0.0
    ok_lost: float = 0.0
    open_lost: float = 0.0
    answer_late: float = 0.0
    answer_late_by: float = 1.0
    urc_late: float = 0.0
    urc_late_by: float = 1.0
    closed: float = 0.0
    counts: Counter[str] = field(default_factory=Counter, init=False, compare=False)
    _dice: dict[str, random.Random] = field(default_factory=dict, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        for kind in KINDS:
            if not 0.0 <= getattr(self, kind) <= 1.0:
                raise ValueError(f"{kind} is a probability, 0 to 1, not {getattr(self, kind)!r}")

        self.reseed(0)

    def reseed(self, seed: int) -> None:
        """Begin the random sequences, and the counts, anew."""
        self.counts.clear()
        self._dice = {kind: random.Random(f"{seed}.{kind}") for kind in KINDS}

    def strikes(self, kind: str) -> bool:
        """Tell whether a fault of this kind is due on this occasion; if so, count it."""
        probability: float = getattr(self, kind)
        if not probability or self._dice[kind].random() >= probability:
            return False

        self.counts[kind] += 1
        return True

    def delay(self, kind: str) -> float:
        """Return how late something shall be: 0, or the seconds of ``answer_late`` or ``urc_late``."""
        return getattr(self, f"{kind}_by") if self.strikes(kind) else 0.0
