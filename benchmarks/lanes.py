"""The activity of each socket and of the line while five sockets upload at once.

Draws a trace that a command wrote with ``--trace``::

    bc260y-aio demo --size 3000 --seed 5 --trace trace.json
    python -m benchmarks.lanes trace.json lanes.png

A lane for the line, and one for each connectID: its commands in colour, the times in which it waited for its turn in
grey, data that came as marks. Below, the data that waits to be sent.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Entry = dict[str, Any]

_COLOURS: Final = {
    "AT+QISEND": ("send", "#2a78b5"),
    "AT+QIOPEN": ("open", "#3f9b54"),
    "AT+QICLOSE": ("close", "#b5562a"),
    "out of step": ("out of step", "#c03a3a"),
    "waiting": ("waits for its turn", "#d5d8dc"),
}
_OTHER: Final = ("other commands", "#8a63a8")
_RECEIVED: Final = ("data comes", "#1c1c1c")
_MICROSECONDS: Final = 1e6
_DOTS_PER_INCH: Final = 110


def read_lanes(entries: Sequence[Entry]) -> dict[int, str]:
    """Return the names of the lanes, by number."""
    named = [entry for entry in entries if entry["ph"] == "M" and entry["name"] == "thread_name"]
    return {entry["tid"]: entry["args"]["name"] for entry in sorted(named, key=lambda entry: entry["tid"])}


def draw_lanes(axes: "Axes", entries: Sequence[Entry], lanes: dict[int, str]) -> None:
    """Draw the spans and the marks of each lane, from above."""
    rows = {lane: -row for row, lane in enumerate(lanes)}
    for name, colour in (*_COLOURS.values(), _OTHER):
        spans = [entry for entry in entries if entry["ph"] == "X" and _COLOURS.get(entry["name"], _OTHER)[0] == name]
        for lane, row in rows.items():
            places = [
                (span["ts"] / _MICROSECONDS, span["dur"] / _MICROSECONDS) for span in spans if span["tid"] == lane
            ]
            axes.broken_barh(places, (row - 0.3, 0.6), facecolors=colour, linewidth=0)

        if spans:
            axes.barh(0, 0, color=colour, label=name)

    marks = [entry for entry in entries if entry["ph"] == "i" and entry.get("cat") == "data"]
    times = [mark["ts"] / _MICROSECONDS for mark in marks]
    name, colour = _RECEIVED
    axes.plot(times, [rows[mark["tid"]] + 0.4 for mark in marks], "v", color=colour, markersize=4, label=name)
    axes.set_yticks(list(rows.values()), [_title(entries, lane, name) for lane, name in lanes.items()])
    axes.set_ylim(0.6 - len(rows), 0.7)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=7, frameon=False, fontsize=8, handlelength=1.2)


def _title(entries: Sequence[Entry], lane: int, name: str) -> str:
    life = next((entry["name"] for entry in entries if entry["ph"] == "B" and entry["tid"] == lane), "")
    return f"{name}, {life.partition(' ')[0]}" if life else name


def draw_queues(axes: "Axes", entries: Sequence[Entry], lanes: dict[int, str]) -> None:
    """Draw how much waits to be sent on each connectID."""
    for name in list(lanes.values())[1:]:
        points = [entry for entry in entries if entry["ph"] == "C" and entry["name"] == f"{name} queues"]
        times = [point["ts"] / _MICROSECONDS for point in points]
        axes.step(times, [point["args"]["sending"] for point in points], where="post", linewidth=1.2, label=name)

    axes.set_ylabel("bytes to send")
    axes.set_xlabel("seconds")
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper right", fontsize=7, frameon=False)


def draw(trace: Path, picture: Path) -> None:
    """Draw a trace to a picture, SVG or PNG as its name says."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    entries: list[Entry] = json.loads(trace.read_text())
    lanes = read_lanes(entries)
    height = 0.42 * len(lanes)
    figure, (above, below) = plt.subplots(
        2, 1, sharex=True, figsize=(10, height + 2.4), height_ratios=(height, 1.3), layout="constrained"
    )
    draw_lanes(above, entries, lanes)
    draw_queues(below, entries, lanes)
    above.set_xlim(0, max(entry["ts"] + entry.get("dur", 0) for entry in entries if "ts" in entry) / _MICROSECONDS)
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)

    figure.savefig(picture, dpi=_DOTS_PER_INCH)
    plt.close(figure)


def main() -> None:
    """Draw the trace that the command line names."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("trace", type=Path, help="the file that a command wrote with --trace")
    parser.add_argument("picture", type=Path, help="the file to write: .png or .svg")
    options = parser.parse_args()
    draw(options.trace, options.picture)
    print(f"{options.picture}: {options.picture.stat().st_size} bytes")


if __name__ == "__main__":
    main()
