"""The tables of docs/pages/coverage.md are complete, and the tests and calls that they name exist."""

import ast
import functools
import re
from pathlib import Path
from typing import Final, NamedTuple

import bc260y_aio
from bc260y_aio import Modem, ModemTransport, UnconnectedDatagramTransport

TESTS: Final = Path(__file__).parents[1]
PAGE: Final = TESTS.parent / "docs/pages/coverage.md"

# The contents of the guide: the forms of its commands, its numbered notes, and its sections.
FORMS: Final = {
    "2.2.1": ("test", "query", "set"),
    "2.2.2": ("test", "set"),
    "2.2.3": ("test", "set"),
    "2.2.4": ("test", "read", "set 0", "set 1"),
    "2.2.5": ("test", "set", "query"),
    "2.2.6": ("test", "set"),
    "2.2.7": ("test", "set", "query"),
    "2.2.8": ("test", "set"),
    "2.2.9": ("test", "set"),
}
NOTES: Final = {
    "2.2.2": 6,
    "2.2.4": 2,
    "2.2.5": 4,
    "2.2.6": 1,
    "2.2.7": 3,
    "2.2.8": 2,
    "2.2.9": 2,
    "2.3": 4,
    "4.1": 2,
    "4.2.9": 2,
    "4.3.8": 1,
}
SECTIONS: Final = (
    "2.3.1",
    "2.3.2",
    "3",
    "4.1",
    *(f"4.2.{number}" for number in range(1, 11)),
    *(f"4.3.{number}" for number in range(1, 10)),
    *(f"4.{number}" for number in range(4, 8)),
)


class Row(NamedTuple):
    subject: str
    python: str
    tests: str


def rows(title: str) -> list[Row]:
    """Return the rows of the table under a title, without its head."""
    chapter = PAGE.read_text(encoding="utf-8").partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in chapter.splitlines() if line.startswith("|")]
    return [Row(*(cell.strip() for cell in line.strip("|").split("|"))) for line in lines[2:]]


def named_tests(row: Row) -> list[tuple[str, str]]:
    return re.findall(r"`([\w/]+\.py)::(\w+)`", row.tests)


@functools.cache
def defined(file: str) -> set[str]:
    """Return the names of the tests that a file defines."""
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


TABLES: Final = ("The guide, from Python", "The AT manual, from Python", "Faults", "Bounds", "Safety", "Mistakes")
ALL: Final = [row for title in TABLES for row in rows(title)]


def test_every_form_note_and_section_of_the_guide_has_a_row() -> None:
    labels = [
        re.match(r"[\d.]+(, (note \d|test|read|query|set( \d)?))?(?=:)", row.subject)
        for row in rows("The guide, from Python")
    ]
    expected = {f"{section}, {form}" for section, forms in FORMS.items() for form in forms}
    expected |= {f"{section}, note {number + 1}" for section, count in NOTES.items() for number in range(count)}
    expected |= set(SECTIONS)
    found = [label[0] if label else "?" for label in labels]
    assert sorted(found) == sorted(expected)


def test_no_cell_is_empty() -> None:
    assert [row for row in ALL if not all(row)] == []
    assert len(rows("Faults")) >= 20
    assert all(rows(title) for title in TABLES)


def test_every_test_that_is_named_exists() -> None:
    assert [row.subject for row in ALL if not named_tests(row)] == []
    missing = {(file, name) for row in ALL for file, name in named_tests(row) if name not in defined(file)}
    assert missing == set()


def test_every_call_that_is_named_exists() -> None:
    owners = {
        "modem": (Modem,),
        "transport": (ModemTransport, UnconnectedDatagramTransport),
        "bc260y_aio": (bc260y_aio,),
    }
    wrong = [
        (row.subject, name)
        for row in ALL
        for owner, name in re.findall(r"`(modem|transport|bc260y_aio)\.(\w+)", row.python)
        if not any(hasattr(one, name) for one in owners[owner])
    ]
    assert wrong == []


def test_every_public_call_of_a_modem_stands_in_the_table_or_is_for_another_folder() -> None:
    calls = {name for name in vars(Modem) if not name.startswith("_")}
    for base in Modem.__mro__[1:-1]:
        calls |= {name for name in vars(base) if not name.startswith("_")}

    named = {name for row in ALL for name in re.findall(r"\b[Mm]odem\.(\w+)", row.python)}
    # Routing, sockets, traces, captures, usage have folders of their own; these are facts, tried wherever they matter.
    elsewhere = {
        "route",
        "open_socket",
        "trace",
        "capture",
        "check_datagram",
        "is_open",
        "name",
        "port",
        "baudrate",
        "psm",
        "set_psm",
        "usage",
    }
    assert calls - named - elsewhere == set()
