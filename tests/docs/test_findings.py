"""The scripts of findings/ have the form that its README describes. They install packages, so they do not run here."""

import os
import re
from pathlib import Path

import pytest

from tests.docs.snippets import ROOT

FOLDER = ROOT / "findings"
SCRIPTS = sorted(FOLDER.glob("*.sh"))


def test_every_script_is_in_the_table_and_the_other_way_round() -> None:
    listed = re.findall(r"^\| \[[\w-]+\]\(([\w-]+\.sh)\) \|", (FOLDER / "README.md").read_text(), re.MULTILINE)
    assert listed == [script.name for script in SCRIPTS]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_has_the_form_of_a_finding(script: Path) -> None:
    text = script.read_text()
    packages = [name for line in re.findall(r"pip\" install (.*)", text) for name in re.findall(r"'([^']+)'", line)]
    assert os.access(script, os.X_OK)
    assert text.startswith("#!/bin/sh\n# ")
    assert "mktemp -d" in text
    assert "trap 'rm -rf \"$folder\"' EXIT" in text
    assert [name for name in packages if not re.fullmatch(r"[\w.-]+(\[[\w,]+\])?==[\w.]+", name)] == []
    assert "bc260y_aio" not in text
    assert "sys.exit(" in text
    compile(text.partition("<<'EOF'\n")[2].removesuffix("EOF\n"), script.name, "exec")
