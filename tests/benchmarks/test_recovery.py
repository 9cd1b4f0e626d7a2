"""How long one lost answer holds the line up: what is promised, and what the page says."""

from pathlib import Path
from typing import Final

import pytest

from benchmarks.lost_answers import LINES
from benchmarks.recovery import LIMIT, REASONS, Times, run, table

PAGE: Final = Path(__file__).parents[2] / "docs/pages/howto/delivery.md"


@pytest.fixture(scope="module")
def found() -> Times:
    return run(None, 1)


def test_one_lost_answer_holds_the_line_up_for_six_seconds_but_where_a_reason_is_given(found: Times) -> None:
    assert LINES.keys() <= found.keys()
    for command, times in found.items():
        assert (max(map(max, times)) > LIMIT) == (command in REASONS), command
        assert max(map(max, times)) < 66.0


def test_the_page_has_the_times_of_this_build(found: Times) -> None:
    page = PAGE.read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page if line.startswith("|")]
    for command, _, worst, reason in table([("this build", found)]).rows:
        written = next(row for row in rows if row[0] == command)
        assert abs(float(written[2]) - float(worst)) < 1.0
        assert written[5] == reason
