"""The lists of the documentation are complete: the API reference, the packages, and the folders of tests."""

import pkgutil
import re
from typing import Final

import pytest

import bc260y_aio
from docs.import_graph import PACKAGE
from tests.docs.snippets import ROOT

REFERENCE: Final = sorted((ROOT / "docs/pages/reference").glob("*.md"))
IDENTIFIERS: Final = [
    name for page in REFERENCE for name in re.findall(r"^::: (\S+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
]


@pytest.mark.parametrize("identifier", IDENTIFIERS)
def test_names_in_the_reference_exist(identifier: str) -> None:
    assert pkgutil.resolve_name(identifier)


def test_every_public_name_is_in_the_reference() -> None:
    errors = {name for name in bc260y_aio.__all__ if getattr(bc260y_aio, name).__module__ == "bc260y_aio.errors"}
    shown = {name.removeprefix("bc260y_aio.") for name in IDENTIFIERS}
    assert "bc260y_aio.errors" in IDENTIFIERS
    assert set(bc260y_aio.__all__) - errors - shown == set()


def test_every_package_is_in_the_table_of_the_architecture() -> None:
    text = (ROOT / "docs/pages/architecture.md").read_text(encoding="utf-8").partition("## Where things are")[2]
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert {
        name for cell in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE) for name in re.findall(r"`(\w+)`", cell)
    } == packages


def test_every_folder_of_tests_is_in_their_readme() -> None:
    text = (ROOT / "tests/README.md").read_text(encoding="utf-8")
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/*.py")}
    assert {folder for folder in folders if f"`{folder}/`" not in text} == set()
