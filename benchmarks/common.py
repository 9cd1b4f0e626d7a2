"""The shared parts of the benchmarks: rounds and medians, tables and charts, and the command line of each."""

import argparse
import gc
import re
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

if TYPE_CHECKING:
    from matplotlib.axes import Axes

T = TypeVar("T")

# A median of fewer rounds means little on a busy machine.
ROUNDS: Final = 5


@dataclass(frozen=True, slots=True)
class Chart:
    """The contents of a figure.

    Attributes:
        x: the label of the horizontal axis.
        y: the label of the vertical axis.
        series: points by name; where an x is a word, the series are groups of bars.
        logarithmic: whether both axes are.
    """

    x: str
    y: str
    series: Mapping[str, Sequence[tuple[Any, float]]]
    logarithmic: bool = False


@dataclass(frozen=True, slots=True)
class Promise:
    """A promised bound, and what was found.

    Attributes:
        what: its description.
        found: what was found.
        bound: the largest, or the least, value allowed.
        at_least: whether the bound is the least value rather than the largest.
    """

    what: str
    found: float
    bound: float
    at_least: bool = False

    @property
    def is_kept(self) -> bool:
        """Whether what was found is within the bound."""
        return self.found >= self.bound if self.at_least else self.found <= self.bound

    @property
    def cells(self) -> list[str]:
        """The row of a table."""
        bound = f"{'at least' if self.at_least else 'at most'} {self.bound:g}"
        return [self.what, bound, f"{self.found:.3g}", "yes" if self.is_kept else "no"]


@dataclass(frozen=True, slots=True)
class Table:
    """The result of a benchmark.

    Attributes:
        title: its subject.
        columns: the column heads.
        rows: the cells, as they are shown.
        notes: explanations below the table.
        chart: the same as a figure.
        promises: the promises that it checks.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    chart: Chart | None = None
    promises: Sequence[Promise] = ()

    def __str__(self) -> str:
        """Return it as aligned Markdown."""
        cells = [list(self.columns), *(list(row) for row in self.rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(self.columns))]
        rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
        lines = [f"**{self.title}**", ""]
        for row in (cells[0], rule, *cells[1:]):
            first = row[0].ljust(widths[0])
            others = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
            lines.append("| " + " | ".join([first, *others]) + " |")

        return "\n".join([*lines, *(f"\n{note}" for note in self.notes)])


class Measure(Protocol):
    """A benchmark: a function that returns a table."""

    def __call__(self, rounds: int = ROUNDS, *, brief: bool = False) -> Table:
        """Measure.

        Args:
            rounds: how many; the table shows medians.
            brief: less of everything, but the number of rounds.
        """


def promised(tables: Sequence[Table]) -> Table:
    """Return a table of all promises, and of what was found."""
    rows = [promise.cells for table in tables for promise in table.promises]
    return Table("What is promised", ["", "promised", "found", "kept"], rows)


def interleaved(contenders: Mapping[str, Callable[[], T]], rounds: int, *, is_warm: bool = False) -> dict[str, list[T]]:
    """Run contenders in turns, so that other load of the machine affects all of them alike.

    Each runs once before that, as a warm-up, unless that makes no difference.
    """
    found: dict[str, list[T]] = {name: [] for name in contenders}
    for number in range(int(is_warm), rounds + 1):
        for name, run in contenders.items():
            gc.collect()
            result = run()
            if number:
                found[name].append(result)

    return found


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def ratios(of: Sequence[float], to: Sequence[float]) -> float:
    """Return the median of the ratios of the values of the same round."""
    return statistics.median(one / other for one, other in zip(of, to, strict=True))


def micro(seconds: float) -> str:
    """Format a time in microseconds."""
    return f"{seconds * 1e6:.0f}" if seconds >= 1e-5 else f"{seconds * 1e6:.2f}"


def percent(share: float) -> str:
    """Format a share of one."""
    return f"{share * 100:.1f} %"


def script(measure: Measure, description: str | None) -> None:
    """Run the command line of a benchmark: print its table, and draw its figure with ``--plot FILE``."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how many rounds the medians are of (default: 5)")
    parser.add_argument("--brief", action="store_true", help="measure less")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw a figure, too")
    arguments = parser.parse_args()
    table = measure(arguments.rounds, brief=arguments.brief)
    print(table)
    if table.promises:
        print(f"\n{promised([table])}")

    if arguments.plot is not None:
        try:
            plot([table], arguments.plot)
        except ImportError:
            sys.exit("a figure needs matplotlib: pip install 'bc260y-aio[bench]'")


def plot(tables: Sequence[Table], file: Path) -> None:
    """Draw the charts of tables, one below the other.

    Raises:
        ImportError: matplotlib is not installed.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    # Text as text, not as outlines: a tenth of the size.
    mpl.rcParams["svg.fonttype"] = "none"
    from matplotlib import pyplot

    shown = [table for table in tables if table.chart is not None]
    figure, axes = pyplot.subplots(len(shown), 1, figsize=(8, 4.2 * len(shown)), layout="constrained", squeeze=False)
    for table, axis in zip(shown, axes[:, 0], strict=True):
        assert table.chart is not None
        axis.set_title(table.title)
        _draw(table.chart, axis)

    figure.savefig(file)
    pyplot.close(figure)


def _draw(chart: Chart, axis: "Axes") -> None:
    if all(isinstance(x, str) for points in chart.series.values() for x, _ in points):
        _draw_bars(chart, axis)
    else:
        for name, points in chart.series.items():
            axis.plot([x for x, _ in points], [y for _, y in points], marker="o", markersize=4, label=name)

        if chart.logarithmic:
            axis.set_xscale("log")
            axis.set_yscale("log")

    axis.set_xlabel(chart.x)
    axis.set_ylabel(chart.y)
    axis.grid(alpha=0.3)
    if len(chart.series) > 1:
        axis.legend(fontsize="small")


def _draw_bars(chart: Chart, axis: "Axes") -> None:
    names = list(dict.fromkeys(x for points in chart.series.values() for x, _ in points))
    width = 0.8 / len(chart.series)
    for number, (name, points) in enumerate(chart.series.items()):
        places = [names.index(x) + (number - (len(chart.series) - 1) / 2) * width for x, _ in points]
        axis.bar(places, [y for _, y in points], width, label=name)

    axis.set_xticks(range(len(names)), names, rotation=20, ha="right", fontsize="small")
    if chart.logarithmic:
        axis.set_yscale("log")


# Pages that show what was measured


def find_section(page: Path, name: str) -> re.Match[str]:
    """Return where a page has what was measured, between the comments that begin and end it.

    Raises:
        LookupError: it has no such comments.
    """
    found = re.search(rf"(?<=<!-- {name}: begin -->\n).*(?=<!-- {name}: end -->)", page.read_text("utf-8"), re.DOTALL)
    if found is None:
        raise LookupError(f"{page} has no section {name!r}")

    return found


def replace_section(page: Path, name: str, body: str) -> None:
    """Write what was measured into a page, instead of what it has.

    Args:
        page: the page.
        name: the name in the comments around it.
        body: whole lines.

    Raises:
        LookupError: the page has no such comments.
    """
    found = find_section(page, name)
    page.write_text(f"{found.string[: found.start()]}{body}{found.string[found.end() :]}", encoding="utf-8")
