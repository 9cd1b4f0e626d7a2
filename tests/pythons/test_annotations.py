"""Annotations that every Python evaluates to the same."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).parents[2] / "bc260y_aio"

# An annotation of a class is evaluated where it stands up to Python 3.13, and later, in the finished class, from 3.14
# on: there a name may mean what the class defines further down.
SHADOWED: Final = """
import random

class Faults:
    sequence: random.Random

    def random(self) -> int: ...
"""


def shadowed(source: str) -> Iterator[str]:
    """Name what the annotations of fields use that their class itself defines as well."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            defined = {part.name for part in node.body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)}
            for part in node.body:
                if isinstance(part, ast.AnnAssign):
                    names = {name.id for name in ast.walk(part.annotation) if isinstance(name, ast.Name)}
                    yield from (f"{node.name}.{name}" for name in sorted(names & defined))


def test_a_field_whose_annotation_would_mean_a_method_is_found() -> None:
    assert list(shadowed(SHADOWED)) == ["Faults.random"]


def test_no_annotation_of_a_field_means_a_method_of_its_class() -> None:
    found = {path.relative_to(PACKAGE).as_posix(): list(shadowed(path.read_text())) for path in PACKAGE.rglob("*.py")}

    assert {path: fields for path, fields in found.items() if fields} == {}
