"""The list of mutations that change nothing names code that is there."""

from pathlib import Path
from typing import Final

import pytest

from tests.mutation.equivalent import EQUIVALENT

ROOT: Final = Path(__file__).parents[2]


@pytest.mark.parametrize(("path", "before", "after"), EQUIVALENT)
def test_what_is_said_to_change_nothing_is_in_the_code(path: str, before: str, after: str) -> None:
    lines = [line.strip() for line in (ROOT / path).read_text(encoding="utf-8").splitlines()]
    assert before in " ".join(lines)
    assert before != after
    assert EQUIVALENT[path, before, after]
