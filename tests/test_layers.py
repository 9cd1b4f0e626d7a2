"""The architecture as a test: imports go down, and each room stays small.

A room is a module or a package directly inside bc260y_aio; a file of it is one of its modules. Every room has a floor.
It may import the rooms of lower floors, and its neighbours, as long as no circle comes of it. An import counts wherever
it stands: at the top of a file, in a function, or for type checking only.
"""

import ast
import graphlib
import sys
from pathlib import Path
from typing import Final

import pytest

PACKAGE: Final = Path(__file__).parents[1] / "bc260y_aio"

# From the ground up. A room that is named here need not exist yet; one that exists must be named here.
FLOORS: Final = (
    {"errors"},
    {"at"},
    {"emulator", "tracing"},
    {"port"},
    {"line", "recording"},
    {"sockets", "tls"},
    {"transports"},
    {"bridge"},
    {"routing"},
    {"modem"},
    {"anyio", "doctor"},
    {"cli", "testing"},
    {"__main__"},
)
HEIGHT: Final = {room: height for height, floor in enumerate(FLOORS) for room in floor}

# The face, at which nothing inside looks.
FACE: Final = "__init__"

# Rooms that may import less than what is below them.
CONFINED: Final = {"emulator": {"errors", "at"}, "port": {"errors", "emulator"}}

# The ground floor is a function of bytes: it has no clock, no line, no logger and no dice.
IMPURE: Final = {"asyncio", "logging", "os", "random", "serial", "serial_asyncio", "socket", "threading", "time"}

# What may be asked of those who install the package: what pyproject.toml names. The stubs' own module has no code.
DEPENDENCIES: Final = {"anyio", "serial", "serial_asyncio", "_typeshed"}

# What a room looks for, and does without where it is not installed.
WELCOME: Final = {"testing": {"pytest", "pytest_asyncio"}, "routing": {"uvloop"}}

# Nothing above the serial port has heard of pyserial.
PYSERIAL: Final = {"serial", "serial_asyncio"}

# In lines.
LONGEST_FILE: Final = 450
LONGEST_FUNCTION: Final = 40

FUNCTION: Final = (ast.FunctionDef, ast.AsyncFunctionDef)

FILES: Final = sorted(PACKAGE.rglob("*.py"))
each_file: Final = pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())


# Reading what a file imports


def imported(path: Path) -> tuple[set[str], set[str]]:
    """Tell which rooms, and which modules from outside of the package, a file imports."""
    return read_imports(path.read_text(), path.relative_to(PACKAGE).parts[:-1])


def read_imports(source: str, inside: tuple[str, ...]) -> tuple[set[str], set[str]]:
    """Tell what the source of a file imports that lies in these packages, from bc260y_aio downwards."""
    rooms: set[str] = set()
    modules: set[str] = set()

    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                modules |= {alias.name.partition(".")[0] for alias in names}
            case ast.ImportFrom(level=0, module=str(module)):
                modules.add(module.partition(".")[0])
            case ast.ImportFrom(level=level, module=module, names=names):
                above = inside[: len(inside) - level + 1]
                within = (*above, *(module.split(".") if module else ()))
                rooms |= {(*within, alias.name)[0] for alias in names}

    return rooms, modules


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize(
    ("inside", "source", "rooms", "modules"),
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
def test_an_import_is_traced_to_its_room(
    inside: tuple[str, ...], source: str, rooms: set[str], modules: set[str]
) -> None:
    assert read_imports(source, inside) == (rooms, modules)


# The floors


def test_every_room_has_one_floor() -> None:
    assert {room_of(path) for path in FILES} - HEIGHT.keys() == {FACE}
    assert len(HEIGHT) == sum(map(len, FLOORS))


@each_file
def test_imports_go_down(path: Path) -> None:
    room = room_of(path)
    rooms, _ = imported(path)

    # The face may show anything; a room without a floor is the failure of the test above.
    if room not in HEIGHT:
        return

    assert rooms <= HEIGHT.keys(), "the face, or a room without a floor"
    assert {other for other in rooms if HEIGHT[other] > HEIGHT[room]} == set()
    assert rooms <= CONFINED.get(room, rooms) | {room}


def test_neighbours_do_not_go_round_in_circles() -> None:
    graph: dict[str, set[str]] = {}

    for path in FILES:
        graph.setdefault(room_of(path), set()).update(imported(path)[0] - {room_of(path)})

    assert list(graphlib.TopologicalSorter(graph).static_order())


@each_file
def test_only_the_entry_point_calls_the_package_by_its_full_name(path: Path) -> None:
    _, modules = imported(path)

    assert PACKAGE.name not in modules or room_of(path) == "__main__"


@each_file
def test_nothing_is_needed_beyond_the_dependencies(path: Path) -> None:
    _, modules = imported(path)
    beyond = modules - sys.stdlib_module_names - DEPENDENCIES - {PACKAGE.name}

    assert beyond <= WELCOME.get(room_of(path), set())


@each_file
def test_only_the_port_has_heard_of_pyserial(path: Path) -> None:
    _, modules = imported(path)

    assert modules & PYSERIAL == set() or path.parent.name == "port"


@each_file
def test_the_ground_floor_is_a_function_of_bytes(path: Path) -> None:
    _, modules = imported(path)

    assert modules & IMPURE == set() or room_of(path) != "at"


# The rooms


@each_file
def test_a_file_that_is_too_long_asks_to_be_two(path: Path) -> None:
    lines = len(path.read_text().splitlines())

    assert lines <= LONGEST_FILE


@each_file
def test_a_function_that_is_too_long_asks_to_be_two(path: Path) -> None:
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
    """Count the lines of a function, from its `def` to its end, without its docstring."""
    first, end = function.body[0], function.end_lineno or function.lineno
    documented = ast.get_docstring(function) is not None
    return end - function.lineno + 1 - (documented and (first.end_lineno or 0) - first.lineno + 1)
