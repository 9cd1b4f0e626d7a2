"""Which tests to run for a mutation: those that run its lines, the quickest first, from many files."""

import ast
import itertools
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import coverage

from .places import Mutation

# Names that are assigned at the top of a file, or in a class; their use is what tests run.
_ASSIGNED: Final = re.compile(r"^\s*(\w+)(?:: [^=]+)?\s*(?:=|:)")
_MOST: Final = 3000
# So many files of tests are run at a time; each has to be imported.
_FILES: Final = 3
# The folders of tests that are closest to each folder of the package.
_NEAR: Final = {
    "at": ("at", "driver"),
    "line": ("driver", "guide", "at"),
    "sockets": ("driver", "guide", "contract"),
    "transports": ("driver", "contract", "tls", "guide", "routing"),
    "routing": ("routing", "contract", "bridge"),
    "modem": ("driver", "guide"),
    "emulator/module": ("emulator", "guide"),
}


class TestsByLine:
    """The tests that run each line, from the files that :mod:`.covering` wrote.

    Attributes:
        seconds: how long each test takes.
        failing: tests that fail without a mutation.
        trusted: tests that pass without one.
    """

    __test__ = False

    def __init__(self, root: Path, files: Iterable[Path]) -> None:
        self._root = root
        self.seconds: dict[str, float] = {}
        self.failing: set[str] = set()
        self.trusted: set[str] = set()
        self._data = coverage.CoverageData(no_disk=True)
        for file in files:
            self.seconds |= json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
            data = coverage.CoverageData(str(file))
            data.read()
            self._data.update(data)

        self._names = {Path(name).as_posix().partition("/bc260y_aio/")[2]: name for name in self._data.measured_files()}
        self._by_file: dict[str, dict[int, list[str]]] = {}
        self._sources = {
            path.relative_to(root / "bc260y_aio").as_posix(): path.read_text(encoding="utf-8").splitlines()
            for path in (root / "bc260y_aio").rglob("*.py")
        }
        # Tests that found a mutation of the same file, with those that found most at the end.
        self._found: dict[str, list[str]] = {}

    def note(self, mutation: Mutation, test: str) -> None:
        """Note which test noticed a mutation; it is asked first for the next in that file."""
        found = self._found.setdefault(mutation.path, [])
        if test in found:
            found.remove(test)

        found.append(test)

    def choose(self, mutation: Mutation) -> list[str]:
        """Return the tests for a mutation, in the order in which to run them."""
        name = mutation.path.removeprefix("bc260y_aio/")
        if (lines := self._lines_in_function(name, mutation)) is not None:
            tests = self._running(name, lines)
        else:
            tests = set(itertools.chain.from_iterable(self._users(name, mutation)))

        usable = {test for test in tests if self.seconds.get(test, -1.0) >= 0.0 and test not in self.failing}
        latest = [test for test in reversed(self._found.get(mutation.path, [])) if test in usable][:3]
        return [*latest, *(test for test in self._mixed(usable, mutation) if test not in latest)][:_MOST]

    def _mixed(self, tests: set[str], mutation: Mutation) -> list[str]:
        """Take tests from a few files in turn, the nearest files first, then from all others."""
        files: dict[str, list[str]] = {}
        for test in sorted(tests, key=lambda test: (self.seconds[test], test)):
            files.setdefault(test.partition("::")[0], []).append(test)

        stem = Path(mutation.path).stem
        near = _NEAR[mutation.folder]
        order = sorted(
            files,
            key=lambda file: (
                stem not in file,
                next((rank for rank, folder in enumerate(near) if file.startswith(f"tests/{folder}/")), len(near)),
                -len(files[file]),
            ),
        )
        chosen: list[str] = []
        for start in range(0, len(order), _FILES):
            rows = itertools.zip_longest(*(files[file] for file in order[start : start + _FILES]))
            chosen += [test for row in rows for test in row if test is not None]

        return chosen

    def _lines_in_function(self, name: str, mutation: Mutation) -> Iterable[int] | None:
        """Return the lines of a function that a mutation changes, or its body if it changes the head."""
        functions = [
            node
            for node in ast.walk(ast.parse("\n".join(self._sources[name])))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and _first_line(node) <= mutation.first <= (node.end_lineno or 0)
        ]
        if not functions:
            return None

        innermost = max(functions, key=_first_line)
        start = innermost.body[0].lineno
        if mutation.last >= start:
            return range(mutation.first, mutation.last + 1)

        return range(start, (innermost.end_lineno or start) + 1)

    def _running(self, name: str, lines: Iterable[int]) -> set[str]:
        if name not in self._by_file:
            found = self._data.contexts_by_lineno(self._names[name]) if name in self._names else {}
            self._by_file[name] = {line: [test for test in tests if test] for line, tests in found.items()}

        return {test for line in lines for test in self._by_file[name].get(line, ())}

    def _users(self, name: str, mutation: Mutation) -> Iterator[set[str]]:
        """Yield the tests that run lines with the names that a line outside of all functions assigns."""
        source = self._sources[name]
        line = mutation.first
        # Up to the first line of a statement of several lines.
        while line > 1 and not (assigned := _ASSIGNED.match(source[line - 1])):
            line -= 1

        if not (assigned := _ASSIGNED.match(source[line - 1])):
            return

        word = re.compile(rf"\b{assigned[1]}\b")
        for other, text in self._sources.items():
            if other == name or not assigned[1].startswith("_"):
                used = [number for number, row in enumerate(text, 1) if word.search(row)]
                yield self._running(other, used)


def _first_line(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])
