"""The contents of an installed package: its public names, docstrings, types and entry points."""

import importlib
import inspect
import itertools
import pkgutil
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

import bc260y_aio
from tests.report import test_report
from tests.tls import test_tls_servers
from tests.tools import PROMISED, is_lacking

ROOT: Final = Path(__file__).parents[1]
PROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


# Public names


def test_every_public_name_exists_and_is_listed_once() -> None:
    assert [name for name in bc260y_aio.__all__ if not hasattr(bc260y_aio, name)] == []
    assert len(set(bc260y_aio.__all__)) == len(bc260y_aio.__all__)


def test_every_name_of_the_package_is_listed() -> None:
    found = {
        name for name, thing in vars(bc260y_aio).items() if not name.startswith("_") and not inspect.ismodule(thing)
    }

    assert found - set(bc260y_aio.__all__) == set()


def test_each_name_is_loaded_when_it_is_first_used() -> None:
    program = (
        "import sys, bc260y_aio; before = [one for one in sys.modules if one.startswith('bc260y_aio.')]; "
        "bc260y_aio.PortLost; after = [one for one in sys.modules if one.startswith('bc260y_aio.')]; "
        "print(before, after, bc260y_aio.errors.PortLost is bc260y_aio.PortLost)"
    )

    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert run.stdout == "[] ['bc260y_aio.errors'] True\n"
    assert set(bc260y_aio._HOMES) == set(bc260y_aio.__all__) <= set(dir(bc260y_aio))
    with pytest.raises(AttributeError, match="has no attribute 'Modems'"):
        getattr(bc260y_aio, "Mod" + "ems")


def test_a_program_with_a_modem_loads_neither_the_emulator_nor_what_records_and_inspects() -> None:
    program = (
        "import sys; from bc260y_aio import Modem; "
        "print(*sorted({one.split('.')[1] for one in sys.modules if one.startswith('bc260y_aio.')}))"
    )

    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    packages = set(run.stdout.split())
    assert "modem" in packages
    assert not packages & {"anyio", "cli", "doctor", "emulator", "fleet", "recording", "report", "testing"}


@pytest.mark.parametrize(
    ("known", "imported", "most"),
    [
        # Every program pays for the first, and every run of pytest for the second.
        ("asyncio, typing", "bc260y_aio", 1),
        ("asyncio", "bc260y_aio.modem", 175),
        ("pytest", "bc260y_aio.testing.plugin", 3),
        ("argparse, asyncio", "bc260y_aio.cli", 20),
    ],
)
def test_few_modules_are_loaded_at_the_start(known: str, imported: str, most: int) -> None:
    program = f"import sys, {known}; before = set(sys.modules); import {imported}; print(*sys.modules.keys() - before)"

    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert len(run.stdout.split()) <= most, run.stdout


def test_importing_the_package_prints_nothing_and_imports_no_test_tools() -> None:
    program = "import sys, bc260y_aio; print(sorted({'hypothesis', 'pytest', 'uvloop'} & sys.modules.keys()))"

    run = subprocess.run([sys.executable, "-W", "error", "-c", program], cwd=ROOT, capture_output=True, check=False)

    assert (run.stdout, run.stderr) == (b"[]\n", b"")


@pytest.mark.parametrize(
    ("files_of_the_other", "reason"),
    [
        # The package serial of the index, beside pyserial's folder of URL handlers; and serialx-compat, which has none.
        (
            {"__init__.py": "", "urlhandler/protocol_spy.py": "import serial; serial.Serial"},
            "has no attribute 'Serial'",
        ),
        ({"__init__.py": ""}, "No module named 'serial.urlhandler'"),
        ({"__init__.py": "raise RuntimeError('a mixed installation')"}, "a mixed installation"),
    ],
    ids=["serial", "serialx-compat", "both"],
)
def test_another_package_in_the_place_of_pyserial_is_named(
    files_of_the_other: dict[str, str], reason: str, tmp_path: Path
) -> None:
    for name, text in files_of_the_other.items():
        file = tmp_path / "serial" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import bc260y_aio; bc260y_aio.Modem"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    *_, last = done.stderr.splitlines()
    assert last.startswith("ImportError: pyserial cannot be imported (")
    assert reason in last
    assert "pip install --force-reinstall pyserial pyserial-asyncio" in last


# Documentation


def test_everything_public_is_documented() -> None:
    names = [module.name for module in pkgutil.walk_packages(bc260y_aio.__path__, "bc260y_aio.")]
    modules = [importlib.import_module(name) for name in names if not name.endswith("__main__")]

    assert [name for module in (bc260y_aio, *modules) for name in undocumented(module)] == []


def undocumented(namespace: ModuleType | type) -> Iterator[str]:
    """Yield the public names of a module or class without a docstring, of their own or of what they override."""
    if not is_documented(namespace):
        yield f"{namespace.__module__}.{namespace.__name__}" if isinstance(namespace, type) else namespace.__name__

    for name, thing in vars(namespace).items():
        code = getattr(thing, "fget", None) or getattr(thing, "__func__", thing)

        if name.startswith("_") or getattr(code, "__module__", None) != module_of(namespace):
            continue

        if inspect.isclass(code):
            yield from undocumented(code)
        elif inspect.isfunction(code) and not is_documented(getattr(namespace, name)):
            yield f"{code.__module__}.{code.__qualname__}"


def module_of(namespace: ModuleType | type) -> str:
    return namespace.__module__ if isinstance(namespace, type) else namespace.__name__


def is_documented(thing: object) -> bool:
    """Return whether there is a written docstring: a dataclass without one gets its signature instead."""
    if inspect.isclass(thing):
        return bool(thing.__doc__) and not str(thing.__doc__).startswith(f"{thing.__name__}(")

    return bool(inspect.getdoc(thing))


# Other installed files


def test_the_package_is_marked_as_typed() -> None:
    assert files(bc260y_aio).joinpath("py.typed").is_file()


@pytest.mark.parametrize("reference", sorted(PROJECT["scripts"].values()))
def test_targets_of_entry_points_exist(reference: str) -> None:
    assert pkgutil.resolve_name(reference)


# Versions

REQUIREMENTS: Final = sorted({*PROJECT["dependencies"], *itertools.chain(*PROJECT["optional-dependencies"].values())})


def test_the_classifiers_name_the_pythons_on_which_the_tests_are_run() -> None:
    newer = re.search(r"^newer=\((.*)\)$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert newer is not None
    prefix = "Programming Language :: Python :: "
    classifiers = [name.removeprefix(prefix) for name in PROJECT["classifiers"] if name.startswith(f"{prefix}3.")]

    assert PROJECT["requires-python"] == ">=3.11"
    assert classifiers == ["3.11", *newer[1].split()]


def test_the_programs_that_tests_need_are_installed_before_a_run() -> None:
    tools = re.search(r"^tools=\((.*)\)$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert tools is not None
    named = {
        name
        for path in (ROOT / "tests").rglob("*.py")
        for name in re.findall(r"\bneeds\(\"([\w.-]+)\"", path.read_text(encoding="utf-8"))
    }

    assert named | set(test_tls_servers.SERVERS) | {test_report.BROWSERS[0]} == set(tools[1].split())


def test_a_test_of_a_program_that_was_promised_is_not_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PROMISED, raising=False)
    assert is_lacking("no-such-program")
    assert not is_lacking("no-such-program", "sh")
    monkeypatch.setenv(PROMISED, "another no-such-program")
    assert not is_lacking("no-such-program")


@pytest.mark.parametrize("requirement", REQUIREMENTS)
def test_every_requirement_has_a_lowest_version(requirement: str) -> None:
    assert re.search("[>=]=", requirement) or requirement.startswith("bc260y-aio[")
