"""The architecture as a test: imports go down, there are no circles, and each file stays small.

Every package directly inside bc260y_aio (or module, such as errors.py) is in one layer. It may import packages of lower
layers, and of its own layer, as long as there is no circle. An import counts wherever it stands: at the top of a file,
in a function, or for type checking only.
"""

import ast
import graphlib
import sys
from pathlib import Path
from typing import Final

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
each_file: Final = pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())


# Reading what a file imports


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


@each_file
def test_imports_go_down(path: Path) -> None:
    name = package_of(path)
    packages, _ = imported(path)

    # The public module may show anything; a package without a layer is the failure of the test above.
    if name not in HEIGHT:
        return

    assert packages <= HEIGHT.keys(), "the public module, or a package without a layer"
    assert {other for other in packages if HEIGHT[other] > HEIGHT[name]} == set()
    assert packages <= CONFINED.get(name, packages) | {name}


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


@each_file
def test_only_the_entry_point_calls_the_package_by_its_full_name(path: Path) -> None:
    _, modules = imported(path)

    assert PACKAGE.name not in modules or package_of(path) == "__main__"


@each_file
def test_nothing_is_needed_beyond_the_dependencies(path: Path) -> None:
    _, modules = imported(path)
    beyond = modules - sys.stdlib_module_names - DEPENDENCIES - {PACKAGE.name}

    assert beyond <= OPTIONAL.get(package_of(path), set())


@each_file
def test_only_the_port_imports_pyserial(path: Path) -> None:
    _, modules = imported(path)

    assert modules & PYSERIAL == set() or path.parent.name == "port"


@each_file
def test_the_at_package_is_a_function_of_bytes(path: Path) -> None:
    _, modules = imported(path)

    assert modules & IMPURE == set() or package_of(path) != "at"


# The files


@each_file
def test_a_file_is_short(path: Path) -> None:
    lines = len(path.read_text().splitlines())

    assert lines <= LONGEST_FILE


@each_file
def test_a_function_is_short(path: Path) -> None:
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, FUNCTION)]

    assert {node.name: lines for node in functions if (lines := length(node)) > LONGEST_FUNCTION} == {}


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
