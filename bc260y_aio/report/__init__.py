"""Reports on what traffic costs, and a view of it while it flows.

:class:`Report` is a table, JSON or, by :func:`write_page`, one HTML file with plots (extra ``report``).
:class:`Forecast` is what a month costs. :class:`Watch` shows a modem at work (extra ``cli``).
"""

from collections.abc import Mapping
from pathlib import Path

from .forecast import Forecast
from .report import Report
from .watch import Watch

__all__ = ["Forecast", "Report", "Watch", "write_comparison", "write_page"]


def write_page(report: Report, path: str) -> None:
    """Write a report as one HTML file with plots, which needs no network to be shown.

    Raises:
        ImportError: the extra ``report`` is not installed.
        OSError: the file cannot be written.
    """
    from .page import page

    Path(path).write_text(page(report), encoding="utf-8")


def write_comparison(title: str, months: Mapping[str, Forecast], path: str) -> int:
    """Write the forecasts of several ways, by their names, as one HTML file with a plot.

    Args:
        title: its title.
        months: the forecasts: energy is compared where all of them have it, otherwise bytes on the air.
        path: the file; an existing one is replaced.

    Returns:
        The height of the page, in pixels.

    Raises:
        ImportError: the extra ``report`` is not installed.
        OSError: the file cannot be written.
    """
    from .page import comparison

    text, height = comparison(title, months)
    Path(path).write_text(text, encoding="utf-8")
    return height
