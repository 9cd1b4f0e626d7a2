"""Every Python snippet of README.md and docs/ runs on an emulated module, and prints what the page says."""

import ast
import importlib
from pathlib import Path
from typing import Any

import pytest

from tests.docs.snippets import PAGES, ROOT, Snippet, authority, run_snippet, snippets

# Whole tests are for pytest; all other snippets are run here.
WITH_PYTHON = [page for page in PAGES if any("def test_" not in snippet.text for snippet in snippets(page, "python"))]
TESTS = [snippet for page in PAGES for snippet in snippets(page, "python") if "def test_" in snippet.text]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", WITH_PYTHON, ids=name)
async def test_the_snippets_of_a_page_run_and_print_what_it_says(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: dict[str, Any] = {}
    authority().cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))

    for snippet in snippets(page, "python"):
        if "def test_" not in snippet.text:
            printed = await run_snippet(snippet, known)
            assert snippet.output is None or printed == snippet.output, f"{name(page)}:{snippet.line}"


@pytest.mark.parametrize("snippet", TESTS, ids=lambda snippet: f"{name(snippet.page)}:{snippet.line}")
def test_the_tests_on_a_page_pass(snippet: Snippet, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(snippet.text)
    pytester.makeconftest((ROOT / "examples/device/conftest.py").read_text(encoding="utf-8"))
    pytester.makeini("[pytest]\naddopts = -p no:asyncio\n")
    outcomes = pytester.runpytest_inprocess("-q").parseoutcomes()
    assert outcomes.keys() == {"passed"}
    assert outcomes["passed"] >= snippet.text.count("def test_")


def test_every_name_that_a_page_imports_is_public() -> None:
    private = [
        (name(page), module, alias.name)
        for page in PAGES
        for snippet in snippets(page, "python")
        for node in ast.walk(ast.parse(snippet.text))
        if isinstance(node, ast.ImportFrom) and (module := node.module or "").startswith("bc260y_aio")
        for alias in node.names
        if alias.name not in getattr(importlib.import_module(module), "__all__", ())
    ]
    assert private == []
