"""Every command line of README.md and docs/ that starts bc260y-aio is one that the program understands."""

import contextlib
import io
import re
import shlex
from pathlib import Path
from typing import Final

import pytest

from bc260y_aio.cli import build_parser
from tests.docs.snippets import PAGES, ROOT, snippets

LINES: Final = [
    (page, line.strip())
    for page in PAGES
    for snippet in snippets(page, "sh")
    for line in snippet.text.splitlines()
    if re.match(r"(\S*/)?bc260y-aio\b", line.strip())
]


@pytest.mark.parametrize(("page", "line"), LINES, ids=[f"{page.relative_to(ROOT)}: {line}" for page, line in LINES])
def test_a_command_line_is_understood(page: Path, line: str) -> None:
    words = shlex.split(re.sub(r" +[<>|&].*", "", line), comments=True)
    errors = io.StringIO()
    status: object = 0

    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        try:
            build_parser().parse_args(words[1:])
        except SystemExit as exc:
            # Help and the version end the program with success.
            status = exc.code

    assert status == 0, errors.getvalue()


def test_there_are_command_lines() -> None:
    assert len(LINES) > 10
