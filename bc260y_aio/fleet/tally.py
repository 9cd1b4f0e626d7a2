"""The counts of a fleet: values that workers send and that add up exactly, in any order."""

import traceback
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from ..emulator import RadioState, Usage

with warnings.catch_warnings():
    # hdrhistogram 0.10.8, the newest, relies on a default of ctypes that Python 3.14 deprecates.
    warnings.filterwarnings("ignore", "Due to '_pack_'", DeprecationWarning)
    from hdrh.histogram import HdrHistogram

# From a millisecond to a day, with three significant digits.
_LOWEST_MS: Final = 1
_HIGHEST_MS: Final = 24 * 3600 * 1000
_DIGITS: Final = 3

_COUNTERS: Final = ("failed", "arrivals", "backend")

PERCENTILES: Final = (50.0, 90.0, 95.0, 99.0, 99.9, 100.0)


def _histogram() -> HdrHistogram:
    return HdrHistogram(_LOWEST_MS, _HIGHEST_MS, _DIGITS)


@dataclass(slots=True)
class Tally:
    """The counts.

    Attributes:
        devices: how many devices are counted here.
        finished: how many of them made all their reports, well or not.
        reports: how many reports succeeded.
        failed: how many did not, by the name of the exception.
        tracebacks: one for each of these names.
        missed: reports that were left out, because the one before was still under way.
        reopened: how often a modem was opened again after a failure.
        restarts: restarts of modules by the plan of faults.
        arrivals: when reports succeeded: how many in each minute since the start.
        backend: what the backend counted.
        radio: how long the radios were in each state, in seconds.
        energy_mwh: the energy that they used, in mWh.
        bytes_sent: bytes that the radios sent.
        bytes_received: bytes that they received.
        cpu_seconds: the CPU time that this took.
        lags: how late the event loop was, in ms, on the real clock.
        latencies: how long the reports took, in ms.
    """

    devices: int = 0
    finished: int = 0
    reports: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    tracebacks: dict[str, str] = field(default_factory=dict)
    missed: int = 0
    reopened: int = 0
    restarts: int = 0
    arrivals: Counter[int] = field(default_factory=Counter)
    backend: Counter[str] = field(default_factory=Counter)
    radio: dict[str, float] = field(default_factory=dict)
    energy_mwh: float = 0.0
    bytes_sent: int = 0
    bytes_received: int = 0
    cpu_seconds: float = 0.0
    lags: HdrHistogram = field(default_factory=_histogram)
    latencies: HdrHistogram = field(default_factory=_histogram)

    def add_report(self, started: float, ended: float) -> None:
        """Count a report that succeeded; times are in seconds since the fleet started."""
        self.reports += 1
        self.arrivals[int(ended // 60)] += 1
        self.latencies.record_value(_milliseconds(ended - started))

    def add_failure(self, error: BaseException) -> None:
        """Count a report that failed."""
        kind = type(error).__name__
        self.failed[kind] += 1
        if kind not in self.tracebacks:
            self.tracebacks[kind] = "".join(traceback.format_exception(error))

    def add_lag(self, seconds: float) -> None:
        """Count how late the loop was."""
        self.lags.record_value(_milliseconds(seconds))

    def add_radio(self, usage: Usage) -> None:
        """Count what a radio did."""
        self._add_seconds({state.name.lower(): usage.by_state[state] for state in RadioState})
        self.energy_mwh += usage.energy_mwh
        self.bytes_sent += usage.sent
        self.bytes_received += usage.received

    def __iadd__(self, other: Self) -> Self:
        for name in ("devices", "finished", "reports", "missed", "reopened", "restarts", "bytes_sent"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

        self.bytes_received += other.bytes_received
        self.energy_mwh += other.energy_mwh
        self.cpu_seconds += other.cpu_seconds
        self._add_seconds(other.radio)
        for name in _COUNTERS:
            getattr(self, name).update(getattr(other, name))

        self.tracebacks = other.tracebacks | self.tracebacks
        self.lags.add(other.lags)
        self.latencies.add(other.latencies)
        return self

    def _add_seconds(self, seconds: Mapping[str, float]) -> None:
        for state, number in seconds.items():
            self.radio[state] = self.radio.get(state, 0.0) + number

    # Between processes

    def to_message(self) -> dict[str, Any]:
        """Return it as plain values, with strings for keys, which is all that MessagePack takes."""
        message = {name: getattr(self, name) for name in self.__slots__}
        for name in _COUNTERS:
            message[name] = {str(key): number for key, number in message[name].items()}

        return message | {"lags": self.lags.encode(), "latencies": self.latencies.encode()}

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        """Return what :meth:`to_message` was called on."""
        counters: dict[str, Counter[Any]] = {name: Counter(message[name]) for name in _COUNTERS}
        counters["arrivals"] = Counter({int(minute): number for minute, number in message["arrivals"].items()})
        histograms = {name: HdrHistogram.decode(message[name]) for name in ("lags", "latencies")}
        return cls(**dict(message) | counters | histograms)


def percentiles(histogram: HdrHistogram) -> dict[str, float]:
    """Return percentiles in seconds, by name: ``{"p50": 1.2, ..., "p100": 30.1}``; empty when nothing was counted."""
    total = histogram.get_total_count()
    if not total:
        return {}

    # hdrhistogram rounds the rank of a percentile to the nearest: its p99 of 60 values is the second largest. It is
    # asked for the share that the rank makes, so that 99% of the values are at or below it.
    ranks = {share: -(-round(share * 10) * total // 1000) for share in PERCENTILES}
    values = {share: histogram.get_value_at_percentile(100 * rank / total) for share, rank in ranks.items()}
    return {f"p{share:g}": value / 1000 for share, value in values.items()}


def _milliseconds(seconds: float) -> int:
    return min(max(round(seconds * 1000), _LOWEST_MS), _HIGHEST_MS)
