"""The result of a fleet, as a value and as JSON."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from .tally import Tally, percentiles


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetReport:
    """The results of a fleet.

    Attributes:
        devices: how many devices were to run.
        finished: how many made all their reports, well or not.
        reports: how many reports succeeded.
        failed: how many did not, by the name of the exception.
        tracebacks: one for each of these names.
        missed: reports that were left out, because the one before was still under way.
        reopened: how often a modem was opened again after a failure.
        restarts: restarts of modules by the plan of faults.
        latency: how long reports took, in seconds, by percentile: ``"p50"`` to ``"p100"``.
        lag: how late the event loops were, in seconds, by percentile; on the real clock only.
        arrivals: how many reports succeeded in each minute since the start, by the number of the minute.
        backend: what the backends counted, added up.
        radio_seconds: how long the radios were in each state, in seconds.
        energy_mwh: the energy that the radios used, in mWh.
        bytes_sent: bytes that they sent, headers included.
        bytes_received: bytes that they received.
        cpu_seconds: the CPU time of all workers.
        elapsed_seconds: how long it took, in real seconds.
        workers: how many workers there were.
        reruns: how often devices were run again, because their worker died: tasks, not devices.
        is_complete: every device ran to its end; False when the fleet was interrupted, and the figures are of a part.
    """

    devices: int
    finished: int
    reports: int
    failed: Mapping[str, int] = field(default_factory=dict)
    tracebacks: Mapping[str, str] = field(default_factory=dict)
    missed: int = 0
    reopened: int = 0
    restarts: int = 0
    latency: Mapping[str, float] = field(default_factory=dict)
    lag: Mapping[str, float] = field(default_factory=dict)
    arrivals: Mapping[int, int] = field(default_factory=dict)
    backend: Mapping[str, int] = field(default_factory=dict)
    radio_seconds: Mapping[str, float] = field(default_factory=dict)
    energy_mwh: float = 0.0
    bytes_sent: int = 0
    bytes_received: int = 0
    cpu_seconds: float = 0.0
    elapsed_seconds: float = 0.0
    workers: int = 0
    reruns: int = 0
    is_complete: bool = True

    @classmethod
    def of(cls, tally: Tally, devices: int, **more: Any) -> Self:
        """Return the report of what was counted."""
        names = ("finished", "reports", "missed", "reopened", "restarts")
        amounts = ("energy_mwh", "bytes_sent", "bytes_received", "cpu_seconds")
        return cls(
            devices=devices,
            **{name: getattr(tally, name) for name in (*names, *amounts)},
            failed=dict(tally.failed.most_common()),
            tracebacks=dict(tally.tracebacks),
            latency=percentiles(tally.latencies),
            lag=percentiles(tally.lags),
            arrivals=dict(sorted(tally.arrivals.items())),
            backend=dict(sorted(tally.backend.items())),
            radio_seconds=dict(tally.radio),
            **more,
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as values that :mod:`json` can write."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        lines = [
            f"{self.finished} of {self.devices} devices finished, {self.reports} reports, "
            f"{sum(self.failed.values())} failed, {self.missed} missed",
        ]
        if self.failed:
            lines.append("failed: " + ", ".join(f"{number} {kind}" for kind, number in self.failed.items()))

        if self.latency:
            lines.append("latency: " + ", ".join(f"{name} {value:.1f} s" for name, value in self.latency.items()))

        if self.lag:
            lines.append("loop lag: " + ", ".join(f"{name} {1000 * value:.0f} ms" for name, value in self.lag.items()))

        if self.radio_seconds:
            connected = self.radio_seconds.get("connected", 0.0)
            lines.append(f"radios: {connected:.0f} s connected, {self.energy_mwh:.1f} mWh")

        if self.backend:
            lines.append("backend: " + ", ".join(f"{name} {number}" for name, number in self.backend.items()))

        reruns = f", {self.reruns} tasks run again" if self.reruns else ""
        lines.append(
            f"{self.cpu_seconds:.1f} s of CPU in {self.elapsed_seconds:.1f} s on {self.workers} workers{reruns}"
        )
        if not self.is_complete:
            lines.append("interrupted: these figures are of a part")

        return "\n".join(lines)
