"""A report as one HTML page with plots, by bokeh."""

import html
from collections.abc import Mapping
from typing import Any, Final

from bokeh.embed import file_html
from bokeh.layouts import column
from bokeh.models import ColumnDataSource, FactorRange
from bokeh.models.widgets import Div
from bokeh.plotting import figure
from bokeh.resources import INLINE
from bokeh.transform import dodge

from .forecast import Forecast
from .report import Report, awake

_WIDTH: Final = 960
_COLOURS: Final = ("#1f77b4", "#ff7f0e", "#2ca02c", "#9467bd")
# A plot shows the newest of many connections.
_MOST_BARS: Final = 30
_STYLE: Final = (
    "<style>table{border-collapse:collapse;font:13px sans-serif}"
    "td,th{padding:3px 9px;border-bottom:1px solid #ddd;text-align:right}"
    "td:first-child,th:first-child,td:last-child,th:last-child{text-align:left}"
    "h1{font:22px sans-serif}p{font:14px sans-serif;margin:4px 0}</style>"
)


def page(report: Report) -> str:
    """Return a report as one HTML page, with all that it needs inside."""
    parts: list[Any] = [Div(text=_STYLE + _heading(report) + _table(report), width=_WIDTH)]
    parts += _connections(report)
    parts += _radio(report)
    return file_html(column(*parts), INLINE, report.title)


def _heading(report: Report) -> str:
    lines = "".join(f"<p>{html.escape(line)}</p>" for line in report.summary())
    return f"<h1>{html.escape(report.title)}</h1>{lines}"


def _table(report: Report) -> str:
    headings, *rows = report.rows()
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in headings)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _connections(report: Report) -> list[Any]:
    shown = report.usage.connections[-_MOST_BARS:]
    if not shown:
        return []

    names = [f"{number} {one.title}" for number, one in enumerate(shown, 1)]
    tls = [(0, 0) if one.tls is None else (one.tls.sent, one.tls.received) for one in shown]
    series: dict[str, list[float]] = {
        "up": [one.air_sent for one in shown],
        "down": [one.air_received for one in shown],
    }
    if any(map(sum, tls)):
        series["TLS handshake, both ways"] = [sum(pair) for pair in tls]

    return [grouped_bars("On the air, by connection", "bytes", names, series)]


def _radio(report: Report) -> list[Any]:
    radio = report.usage.radio
    if radio is None:
        return []

    states = {state.name.lower().replace("_", " "): [seconds] for state, seconds in radio.seconds.items() if seconds}
    plots = [grouped_bars("The radio, by state", "seconds", list(states), {"": [one[0] for one in states.values()]})]
    if causes := dict(awake(report.usage)[:_MOST_BARS]):
        seconds = list(causes.values())
        plots.append(grouped_bars("What kept the radio connected", "seconds", list(causes), {"": seconds}))

    forecast = report.forecast
    if forecast is not None and forecast.energy_mwh is not None and forecast.active_mwh is not None:
        energy = [forecast.active_mwh, forecast.energy_mwh - forecast.active_mwh]
        plots.append(grouped_bars("A month's energy", "mWh", ["connected", "resting"], {"": energy}))

    return plots


def comparison(title: str, months: Mapping[str, Forecast]) -> tuple[str, int]:
    """Return a page that compares the forecasts of several ways, by their names, and its height in pixels.

    Energy where it is known: what the connections cost, and resting; otherwise bytes on the air.
    """
    names = list(months)
    active = [month.active_mwh or 0.0 for month in months.values()]
    resting = [(month.energy_mwh or 0.0) - (month.active_mwh or 0.0) for month in months.values()]
    if any(month.energy_mwh is None for month in months.values()):
        unit, parts = "MB", {"on the air": [month.megabytes for month in months.values()]}
    else:
        unit, parts = "mWh", {"connected": active, "resting": resting}

    any_names: Any = names[::-1]
    height = 110 + 26 * len(names)
    plot: Any = figure(
        title=title,
        y_range=FactorRange(*any_names),
        x_axis_label=unit,
        height=height,
        width=_WIDTH,
        toolbar_location=None,
        tools="hover",
        tooltips=[("", "@names"), *((name, f"@{{{name}}} {unit}") for name in parts)],
    )
    plot.hbar_stack(
        list(parts),
        y="names",
        height=0.75,
        color=_COLOURS[: len(parts)],
        source=ColumnDataSource({"names": names, **parts}),
        legend_label=list(parts),
    )
    plot.add_layout(plot.legend[0], "right")
    plot.x_range.start = 0
    plot.ygrid.grid_line_color = None
    return file_html(column(plot), INLINE, title), height + 20


def grouped_bars(title: str, unit: str, names: list[str], series: dict[str, list[float]]) -> Any:
    """Return a plot with a group of bars for each name.

    Args:
        title: its title.
        unit: the unit of the values.
        names: the names of the groups, without two that are equal.
        series: the values of each bar of the groups, by its name.
    """
    any_names: Any = names
    data = ColumnDataSource({"names": names, **{f"value {index}": one for index, one in enumerate(series.values())}})
    plot: Any = figure(
        title=title,
        x_range=FactorRange(*any_names),
        y_axis_label=unit,
        height=340,
        width=_WIDTH,
        toolbar_location=None,
        tools="hover",
        tooltips=[("", "@names"), *((name or unit, f"@{{value {index}}}") for index, name in enumerate(series))],
    )
    width = 0.8 / len(series)
    for index, name in enumerate(series):
        offset = (index - (len(series) - 1) / 2) * width
        label = {"legend_label": name} if name else {}
        plot.vbar(
            x=dodge("names", offset, range=plot.x_range),
            top=f"value {index}",
            width=width * 0.9,
            source=data,
            color=_COLOURS[index % len(_COLOURS)],
            **label,
        )

    if len(series) > 1:
        # Beside the bars, not above them.
        plot.add_layout(plot.legend[0], "right")

    plot.y_range.start = 0
    plot.xaxis.major_label_orientation = 0.6 if len(names) > 3 else 0.0
    return plot
