"""The rules of the Trace Event Format that a viewer relies on."""

import json
from pathlib import Path
from typing import Any

Entry = dict[str, Any]

# The fields of every entry of a phase, beside `ph`, `pid` and `tid`.
REQUIRED = {
    "M": {"name", "args"},
    "X": {"name", "ts", "dur"},
    "B": {"name", "ts"},
    "E": {"ts"},
    "i": {"name", "ts", "s"},
    "C": {"name", "ts", "args"},
}


def load(path: Path) -> list[Entry]:
    """Read a file, and check that it is valid."""
    entries: list[Entry] = json.loads(path.read_text())
    assert isinstance(entries, list)
    for entry in entries:
        assert not {"ph", "pid", "tid", *REQUIRED[entry["ph"]]} - entry.keys(), entry
        for key in ("pid", "tid", *({"ts", "dur"} & entry.keys())):
            assert isinstance(entry[key], int), entry
            assert entry[key] >= 0, entry

        if entry["ph"] == "C":
            assert all(isinstance(value, int) for value in entry["args"].values())
        elif entry["ph"] == "i":
            assert entry["s"] in ("t", "p", "g")

    named = set(lanes(entries))
    for lane in {entry["tid"] for entry in entries if entry["ph"] != "M"}:
        assert lane in named
        check_nesting([entry for entry in entries if entry["tid"] == lane])

    return entries


def lanes(entries: list[Entry]) -> dict[int, str]:
    """Return the names of the lanes by number."""
    return {
        entry["tid"]: entry["args"]["name"]
        for entry in entries
        if entry["ph"] == "M" and entry["name"] == "thread_name"
    }


def check_nesting(entries: list[Entry]) -> None:
    """Check that spans of a lane either lie within each other or do not meet, as a viewer reads them: in order of time,
    and spans that begin at the same time in the order of the file."""
    ends: list[float] = []
    spans = [entry for entry in entries if entry["ph"] in "XBE"]
    for entry in sorted(spans, key=lambda entry: (entry["ts"], entry["ph"] != "E")):
        while ends and ends[-1] <= entry["ts"] and ends[-1] != float("inf"):
            ends.pop()

        match entry["ph"]:
            case "B":
                assert not ends or ends[-1] == float("inf"), entry
                ends.append(float("inf"))
            case "E":
                assert ends.pop() == float("inf"), entry
            case "X":
                end = entry["ts"] + entry["dur"]
                assert not ends or end <= ends[-1], entry
                ends.append(end)

    assert float("inf") not in ends


def spans(entries: list[Entry], lane: int) -> list[tuple[str, int, int]]:
    """Return the spans of a lane that are whole: name, beginning and end."""
    return [
        (entry["name"], entry["ts"], entry["ts"] + entry["dur"])
        for entry in entries
        if entry["ph"] == "X" and entry["tid"] == lane
    ]
