"""The architecture as a test: imports go down, there are no circles, and each file stays small.

Every package directly inside bc260y_aio (or module, such as errors.py) is in one layer. It may import packages of lower
layers, and of its own layer, as long as there is no circle. An import counts wherever it stands: at the top of a file,
in a function, or for type checking only.
"""

import ast
import functools
import graphlib
import sys
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, Final

import pytest

from docs.import_graph import PACKAGE, drawn, package_of, read_imports

# From the lowest one up. A package that is named here need not exist yet; one that exists must be named here.
LAYERS: Final = (
    {"errors"},
    {"at"},
    {"emulator", "tracing"},
    {"port", "usage"},
    {"line", "recording", "capture"},
    {"sockets", "tls"},
    {"transports"},
    {"bridge"},
    {"routing"},
    {"modem"},
    {"anyio", "doctor", "report"},
    {"testing"},
    {"fleet"},
    {"cli"},
    {"__main__"},
)
HEIGHT: Final = {name: height for height, layer in enumerate(LAYERS) for name in layer}

# The module of the public names, which no other module imports.
PUBLIC: Final = "__init__"

# Packages that may import less than what is below them.
CONFINED: Final = {"emulator": {"errors", "at"}, "port": {"errors", "emulator"}}

# at/ is a function of bytes: it has no clock, no line, no logger and no random numbers.
IMPURE: Final = {"asyncio", "logging", "os", "random", "serial", "serial_asyncio", "socket", "threading", "time"}

# The requirements of pyproject.toml. The module of the stubs has no code.
DEPENDENCIES: Final = {"anyio", "serial", "serial_asyncio", "_typeshed"}

# Optional packages, by the packages that use them where they are installed.
OPTIONAL: Final = {
    "bridge": {"dns", "mitmproxy_rs"},
    "cli": {"prompt_toolkit", "rich", "shtab"},
    "emulator": {"h11"},
    "fleet": {"bokeh", "distributed", "hdrh"},
    "line": {"tomli_w"},
    "report": {"bokeh", "rich"},
    "routing": {"uvloop"},
    "testing": {"pytest", "pytest_asyncio"},
}

# Only port/ imports pyserial.
PYSERIAL: Final = {"serial", "serial_asyncio"}


# In lines.
LONGEST_FILE: Final = 450
LONGEST_FUNCTION: Final = 40

FUNCTION: Final = (ast.FunctionDef, ast.AsyncFunctionDef)

FILES: Final = sorted(PACKAGE.rglob("*.py"))


# Reading what a file imports


@functools.cache
def imported(path: Path) -> tuple[set[str], set[str]]:
    """Return which packages, and which modules from outside of bc260y_aio, a file imports."""
    return read_imports(path.read_text(), path.relative_to(PACKAGE).parts[:-1])


def imported_files(path: Path) -> set[Path]:
    """Return which files of bc260y_aio a file imports."""
    inside = path.relative_to(PACKAGE).parts[:-1]
    found: set[Path] = set()

    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            within = PACKAGE.joinpath(*inside[: len(inside) - node.level + 1], *(node.module or "").split("."))
            found |= {file_of(within / alias.name) or file_of(within) or path for alias in node.names}

    return found - {path}


def file_of(module: Path) -> Path | None:
    """Return the file of a module or a package, or None where there is neither."""
    files = module.with_suffix(".py"), module / "__init__.py"
    return next((file for file in files if file.is_file()), None)


def named(found: Iterable[tuple[Path, Collection[Any]]]) -> dict[str, Collection[Any]]:
    """Return what was found, by file, where there is something."""
    return {path.relative_to(PACKAGE).as_posix(): what for path, what in found if what}


@pytest.mark.parametrize(
    ("inside", "source", "packages", "modules"),
    [
        ((), "import os, asyncio.streams", set(), {"os", "asyncio"}),
        ((), "from collections.abc import Iterator", set(), {"collections"}),
        ((), "from .errors import PortLost", {"errors"}, set()),
        ((), "from . import errors, at", {"errors", "at"}, set()),
        ((), "from .at.commands import Ping", {"at"}, set()),
        ((), "import anyio\nfrom .anyio import connect_tcp", {"anyio"}, {"anyio"}),
        (("at",), "from .buffer import Buffer", {"at"}, set()),
        (("at",), "from . import buffer", {"at"}, set()),
        (("at",), "from .. import modem", {"modem"}, set()),
        (("at",), "from ..modem import Modem", {"modem"}, set()),
        (("at", "commands"), "from ..buffer import Buffer", {"at"}, set()),
        (("at", "commands"), "from ...modem import Modem", {"modem"}, set()),
        ((), "if TYPE_CHECKING:\n    from .modem import Modem", {"modem"}, set()),
        ((), "def later():\n    from .emulator import Emulator", {"emulator"}, set()),
    ],
)
def test_an_import_is_traced_to_its_package(
    inside: tuple[str, ...], source: str, packages: set[str], modules: set[str]
) -> None:
    assert read_imports(source, inside) == (packages, modules)


# The layers


def test_every_package_is_in_one_layer() -> None:
    assert {package_of(path) for path in FILES} - HEIGHT.keys() == {PUBLIC}
    assert len(HEIGHT) == sum(map(len, LAYERS))


def test_imports_go_down() -> None:
    # The public module may show anything; a package without a layer is the failure of the test above.
    layered = [(path, package_of(path), imported(path)[0]) for path in FILES if package_of(path) in HEIGHT]
    assert named((path, packages - HEIGHT.keys()) for path, _, packages in layered) == {}, "not in a layer, or public"
    assert named((path, {to for to in packages if HEIGHT[to] > HEIGHT[name]}) for path, name, packages in layered) == {}
    assert named((path, packages - CONFINED.get(name, packages) - {name}) for path, name, packages in layered) == {}


def test_packages_of_a_layer_do_not_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}

    for path in FILES:
        graph.setdefault(package_of(path), set()).update(imported(path)[0] - {package_of(path)})

    assert list(graphlib.TopologicalSorter(graph).static_order())


def test_files_do_not_import_each_other_in_a_circle() -> None:
    graph = {path: imported_files(path) for path in FILES}

    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" imports ".join(path.relative_to(PACKAGE).as_posix() for path in reversed(error.args[1])))


def test_the_drawing_of_the_imports_shows_the_code_as_it_is() -> None:
    changed = [path.name for path, text in drawn().items() if path.read_text(encoding="utf-8") != text]

    assert changed == [], "imports have changed: run python -m docs.import_graph, and commit what it writes"


def test_only_the_entry_point_calls_the_package_by_its_full_name() -> None:
    assert {package_of(path) for path in FILES if PACKAGE.name in imported(path)[1]} <= {"__main__"}


def test_nothing_is_needed_beyond_the_dependencies() -> None:
    ours = sys.stdlib_module_names | DEPENDENCIES | {PACKAGE.name}

    assert named((path, imported(path)[1] - ours - OPTIONAL.get(package_of(path), set())) for path in FILES) == {}


def test_only_the_port_imports_pyserial() -> None:
    assert named((path, imported(path)[1] & PYSERIAL) for path in FILES if path.parent.name != "port") == {}


def test_the_at_package_is_a_function_of_bytes() -> None:
    assert named((path, imported(path)[1] & IMPURE) for path in FILES if package_of(path) == "at") == {}


# The files


def test_a_file_is_short() -> None:
    lines = {path: len(path.read_text().splitlines()) for path in FILES}

    assert {path.relative_to(PACKAGE).as_posix(): many for path, many in lines.items() if many > LONGEST_FILE} == {}


def test_a_function_is_short() -> None:
    assert named((path, long_functions(path)) for path in FILES) == {}


def long_functions(path: Path) -> set[tuple[str, int]]:
    """Return the functions of a file that are too long, with their lengths."""
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, FUNCTION)]
    return {(node.name, lines) for node in functions if (lines := length(node)) > LONGEST_FUNCTION}


def test_a_function_is_measured_without_its_docstring() -> None:
    (function,) = ast.parse('''@decorated
async def function(
    argument,
):
    """Do it.

    And how.
    """
    return argument''').body

    assert isinstance(function, FUNCTION)
    assert length(function) == 4


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the number of lines of a function, from its `def` to its end, without its docstring."""
    first, end = function.body[0], function.end_lineno or function.lineno
    documented = ast.get_docstring(function) is not None
    return end - function.lineno + 1 - (documented and (first.end_lineno or 0) - first.lineno + 1)
