"""Faults made on purpose: their probabilities, a seed, and a count of those that occurred."""

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Final

# Faults of bytes on the line, either way; the probability is that of each byte.
NOISES: Final = ("noise_lost", "noise_damaged", "noise_doubled")

# The fields that are probabilities, 0 to 1; the others say how long, or how far apart.
KINDS: Final = (
    "send_fail_taken",
    "send_fail_dropped",
    "send_ok_lost",
    "ok_lost",
    "answer_lost",
    "open_lost",
    "close_ok_lost",
    "answer_late",
    "urc_late",
    "urc_inside",
    "closed",
    "broken_receiving",
    "broken_sending",
    "session_lost",
    "outage",
    "restart",
    "deep_sleep",
    "unplugged",
    "stalled",
    *NOISES,
    "noise_delayed",
    "noise_split",
)


@dataclass(slots=True, kw_only=True)
class Faults:
    """The faults of a module: a probability for each occasion, 0 by default.

    They may be changed at any time. Each kind draws from a random sequence of its own, so switching one on leaves the
    others unchanged; the same seed and the same occasions give the same faults.

    Attributes:
        send_fail_taken: AT+QISEND ends in ``SEND FAIL``, though the data was taken and goes out.
        send_fail_dropped: AT+QISEND ends in ``SEND FAIL``, and the data was not taken.
        send_ok_lost: the data goes out, but ``SEND OK`` is never written.
        ok_lost: a command is carried out, but its final result code is never written.
        answer_lost: a command is carried out, but nothing of its answer is written.
        open_lost: the outcome of AT+QIOPEN is never written.
        close_ok_lost: a socket is closed, but ``CLOSE OK`` is never written.
        answer_late: a command is answered ``answer_late_by`` seconds later than usual.
        answer_late_by: how late that is, in seconds.
        urc_late: a URC comes ``urc_late_by`` seconds late, and so do those behind it; its ``RDY`` does not.
        urc_late_by: how late that is, in seconds.
        urc_inside: a URC stands between the lines of an answer, or before it.
        closed: a TCP connection breaks just after data has come from the peer.
        broken_receiving: it breaks between two bytes of data that has just come from the peer, and the rest is lost.
        broken_sending: it breaks between two bytes of the data of an AT+QISEND; ``SEND OK`` is written.
        session_lost: the network drops a TCP connection, with the data of an AT+QISEND, and reports it to neither end.
        outage: the network falls silent for ``outage_for`` seconds when something is sent.
        outage_for: how long that lasts, in seconds.
        restart: the module restarts between two bytes that it writes.
        deep_sleep: the module falls asleep between two bytes that it writes, where AT+QSCLK allows it; not of ``RDY``.
        unplugged: the line is gone, between two bytes that the module writes, for ``unplugged_for`` seconds.
        unplugged_for: how long that lasts, in seconds.
        stalled: the host does not read for ``stalled_by`` seconds; what the module writes meanwhile is kept for it.
        stalled_by: how long that lasts, in seconds.
        noise_lost: a byte is lost on the line, either way.
        noise_damaged: a byte becomes one that is not ASCII.
        noise_doubled: a byte comes twice.
        noise_gap: the least number of bytes between two faults of ``noise_lost``, ``noise_damaged`` and
            ``noise_doubled``. A byte lost and one doubled in the same push, or a digit that becomes another digit,
            cannot be detected: AT commands have no checksums.
        noise_delayed: bytes come ``noise_delayed_by`` seconds late, and so do those behind them.
        noise_delayed_by: how late that is, in seconds.
        noise_split: bytes written together arrive one by one.
        counts: how often each kind occurred.
    """

    send_fail_taken: float = 0.0
    send_fail_dropped: float = 0.0
    send_ok_lost: float = 0.0
    ok_lost: float = 0.0
    answer_lost: float = 0.0
    open_lost: float = 0.0
    close_ok_lost: float = 0.0
    answer_late: float = 0.0
    answer_late_by: float = 1.0
    urc_late: float = 0.0
    urc_late_by: float = 1.0
    urc_inside: float = 0.0
    closed: float = 0.0
    broken_receiving: float = 0.0
    broken_sending: float = 0.0
    session_lost: float = 0.0
    outage: float = 0.0
    outage_for: float = 30.0
    restart: float = 0.0
    deep_sleep: float = 0.0
    unplugged: float = 0.0
    unplugged_for: float = 5.0
    stalled: float = 0.0
    stalled_by: float = 1.0
    noise_lost: float = 0.0
    noise_damaged: float = 0.0
    noise_doubled: float = 0.0
    noise_gap: int = 4096
    noise_delayed: float = 0.0
    noise_delayed_by: float = 0.1
    noise_split: float = 0.0
    counts: Counter[str] = field(default_factory=Counter, init=False, compare=False)
    _seed: int = field(default=0, init=False, compare=False, repr=False)
    _sequences: dict[str, Random] = field(default_factory=dict, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        for kind in KINDS:
            if not 0.0 <= getattr(self, kind) <= 1.0:
                raise ValueError(f"{kind} is a probability, 0 to 1, not {getattr(self, kind)!r}")

    def reseed(self, seed: int) -> None:
        """Begin the random sequences, and the counts, anew."""
        self.counts.clear()
        self._seed = seed
        self._sequences.clear()

    def random(self, name: str) -> Random:
        """Return the random sequence of this name: a kind of fault, or any other."""
        sequence = self._sequences.get(name)
        if sequence is None:
            sequence = self._sequences[name] = Random(f"{self._seed}.{name}")

        return sequence

    def occurs(self, kind: str) -> bool:
        """Draw whether a fault of this kind occurs now; if so, count it."""
        probability: float = getattr(self, kind)
        if not probability or self.random(kind).random() >= probability:
            return False

        self.counts[kind] += 1
        return True

    def delay(self, kind: str) -> float:
        """Draw how late something is, in seconds: 0, or the value of the kind's ``_by``."""
        return getattr(self, f"{kind}_by") if self.occurs(kind) else 0.0

    def cut(self, kind: str, data: bytes) -> bytes:
        """Return some data up to a random place between two of its bytes, or at either end of it."""
        return data[: self.random(f"{kind}.place").randrange(len(data) + 1)]
