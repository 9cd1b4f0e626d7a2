"""The report on what a modem has cost: as a table, and as values for JSON."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..usage import ConnectionUsage, ModemUsage
from .forecast import Forecast

_HEADINGS: Final = (
    *("peer", "opened", "open for", "sent", "received", "air up", "air down", "QISENDs", "queries"),
    *("handshake", "TLS"),
)
# The newest of a long list are shown.
_MOST_ROWS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report.

    Attributes:
        usage: what it is about.
        title: what was run.
        forecast: what a month of it costs, if that was asked for.
    """

    usage: ModemUsage
    title: str = "bc260y-aio"
    forecast: Forecast | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as values that :mod:`json` can write."""
        usage = self.usage
        values: dict[str, Any] = {"title": self.title}
        names = [field.name for field in dataclasses.fields(usage) if field.name not in ("connections", "radio")]
        values |= {name: getattr(usage, name) for name in names}
        values["commands"] = dict(usage.commands)
        values["handshake_share"] = usage.handshake_share
        values["connections"] = [
            {**dataclasses.asdict(one), "handshake_share": one.handshake_share} for one in usage.connections
        ]
        if (radio := usage.radio) is not None:
            values["radio"] = {
                "seconds": {state.name.lower(): seconds for state, seconds in radio.seconds.items()},
                "transmit_seconds": radio.transmitting,
                "connections": radio.connections,
                "bytes_sent": radio.bytes_sent,
                "bytes_received": radio.bytes_received,
                "charge_mah": radio.charge_mah,
                "energy_mwh": radio.energy_mwh,
                "kept_awake_by": dict(radio.by_cause),
            }

        if self.forecast is not None:
            values["forecast"] = {**dataclasses.asdict(self.forecast), "battery_share": self.forecast.battery_share}

        return values

    def __str__(self) -> str:
        return "\n".join([*aligned(self.rows()), "", *self.summary()])

    def rows(self) -> list[tuple[str, ...]]:
        """Return the table: its headings, a row for each connection, the newest 100, and the sums."""
        usage = self.usage
        shown = usage.connections[-_MOST_ROWS:]
        hidden = usage.opened - len(shown)
        total = (
            *(f"all {usage.opened}", "", "", f"{usage.sent}", f"{usage.received}"),
            *(f"{usage.air_sent}", f"{usage.air_received}", f"{usage.sends}", f"{usage.queries}"),
            f"{usage.handshake_share:.0%}" if usage.handshakes else "-",
            f"{usage.resumed} of {usage.handshakes} resumed" if usage.handshakes else "-",
        )
        before = [(f"({hidden} before these)", *[""] * (len(_HEADINGS) - 1))] if hidden > 0 else []
        return [_HEADINGS, *before, *map(_row, shown), total]

    def summary(self) -> list[str]:
        """Return what is not about single connections, in lines."""
        usage = self.usage
        lines = [
            f"on the line: {usage.line_sent} bytes to the module, {usage.line_received} from it, "
            f"{sum(usage.commands.values())} commands, in {usage.seconds:.1f} s"
        ]
        if (radio := usage.radio) is not None:
            lines.append(f"radio (emulated): {radio}")
            connected = radio.connected_seconds
            shares = [f"{cause} {seconds:.1f} s ({seconds / connected:.0%})" for cause, seconds in awake(usage)]
            if shares:
                lines.append(f"kept connected by: {', '.join(shares)}")

        if self.forecast is not None:
            lines.append(str(self.forecast))

        return lines


def awake(usage: ModemUsage) -> list[tuple[str, float]]:
    """Return for how long which socket kept the radio connected, in seconds, as far as that matters."""
    titles = {one.peer: one.title for one in usage.connections}
    found: dict[str, float] = {}
    for cause, seconds in ({} if usage.radio is None else usage.radio.by_cause).items():
        title = titles.get(cause, cause)
        found[title] = found.get(title, 0.0) + seconds

    return [(title, seconds) for title, seconds in found.items() if seconds >= 0.05]


def _row(one: ConnectionUsage) -> tuple[str, ...]:
    return (
        *(
            one.title,
            f"{one.opened:.1f} s",
            f"{one.seconds:.1f} s" if one.was_opened else "failed",
            f"{one.sent}",
            f"{one.received}",
        ),
        *(f"{one.air_sent}", f"{one.air_received}", f"{one.sends}", f"{one.queries}"),
        "-" if one.tls is None else f"{one.handshake_share:.0%}",
        "-" if one.tls is None else f"{one.tls.version or 'TLS'}, {one.tls.resumption}",
    )


def aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the rows of a table as lines: text to the left, the rest to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    last = len(widths) - 1
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if index in (0, last) else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())

    return lines
