"""The report of a fleet as one HTML file with plots, by bokeh."""

import html
import os
from pathlib import Path
from typing import Any

from .report import FleetReport

_WIDTH = 900


def write_page(report: FleetReport, path: str | os.PathLike[str]) -> None:
    """Write the report as one HTML file with plots, which needs no network to be shown.

    Raises:
        OSError: the file cannot be written.
    """
    Path(path).write_text(page(report), encoding="utf-8")


def page(report: FleetReport) -> str:
    """Return the report as one HTML page."""
    # Here, for to import it takes a second, and no worker needs it.
    from bokeh.embed import file_html
    from bokeh.layouts import column
    from bokeh.models.widgets import Div
    from bokeh.resources import INLINE

    parts: list[Any] = [Div(text=f"<h1>Fleet of {report.devices} devices</h1>{_table(report)}", width=_WIDTH)]
    arrivals = {f"minute {minute}": number for minute, number in report.arrivals.items()}
    parts += _bars("Reports that arrived, by minute", "reports", arrivals)
    parts += _bars("Latency of a report, by percentile", "seconds", report.latency)
    parts += _bars("Radio, all devices together", "seconds", report.radio_seconds)
    parts += _bars("Energy of the radios", "mWh", _energy(report))
    trouble = {**report.failed, "missed": report.missed, "modem reopened": report.reopened, "restarts": report.restarts}
    parts += _bars("Failures and retries", "number", {name: number for name, number in trouble.items() if number})
    for kind, text in report.tracebacks.items():
        parts.append(Div(text=f"<h3>{html.escape(kind)}</h3><pre>{html.escape(text)}</pre>", width=_WIDTH))

    return file_html(column(*parts), INLINE, "bc260y-aio fleet")


def _table(report: FleetReport) -> str:
    rows = "".join(f"<li>{html.escape(line)}</li>" for line in str(report).splitlines())
    return f"<ul>{rows}</ul>"


def _energy(report: FleetReport) -> dict[str, float]:
    shares = {"per device": report.devices, "per report": report.reports}
    return {name: report.energy_mwh / number for name, number in shares.items() if number and report.radio_seconds}


def _bars(title: str, unit: str, values: Any) -> list[Any]:
    from bokeh.models import FactorRange
    from bokeh.plotting import figure

    if not values:
        return []

    names = list(values)
    plot: Any = figure(
        title=title, x_range=FactorRange(*names), y_axis_label=unit, height=300, width=_WIDTH, toolbar_location=None
    )
    plot.vbar(x=names, top=list(values.values()), width=0.8)
    plot.y_range.start = 0
    plot.xaxis.major_label_orientation = 0.8 if len(names) > 8 else 0.0
    return [plot]
