"""The private names of other libraries that the package uses are listed, exist, and are unchanged."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from bc260y_aio.port.transport import SerialTransport
from bc260y_aio.transports.tls_protocol import TlsProtocol

from . import private_names
from .private_names import EXCEPTION, EXPECTED, MODULES, NONE, PRIVATE, Private, complaints, serial_transport

PACKAGE: Final = Path(private_names.__file__).parents[2] / "bc260y_aio"
# Documented, in spite of the underscore.
PUBLIC: Final = {"_exit", "_asdict", "_fields", "_make", "_replace"}
# For type checkers only, and documented for them.
STUBS: Final = "_typeshed"
FILES: Final = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
TREES: Final = {file: ast.parse((PACKAGE / file).read_text()) for file in FILES}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def used_in(file: str) -> set[str]:
    """Return the private names that a file reads, sets, calls or defines as a method."""
    found = {node.attr for node in ast.walk(TREES[file]) if isinstance(node, ast.Attribute)}
    methods = (ast.FunctionDef, ast.AsyncFunctionDef)
    found |= {node.name for node in ast.walk(TREES[file]) if isinstance(node, methods)}
    return {name for name in found if is_private(name)}


@functools.cache
def defined() -> set[str]:
    """Return the private names that the package gives to something itself."""
    found: set[str] = set()
    for tree in TREES.values():
        for node in ast.walk(tree):
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    found.add(name)
                case ast.Attribute(attr=name, ctx=ast.Store()) | ast.Name(id=name, ctx=ast.Store()):
                    found.add(name)
                case ast.AnnAssign(target=ast.Name(id=name)):
                    found.add(name)

    return found


def imported() -> Iterator[tuple[str, str, str]]:
    """Yield each module and name that the package imports from outside, with the file."""
    for file, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from ((alias.name, "", file) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                yield from ((node.module or "", alias.name, file) for alias in node.names)


async def test_this_python_has_every_private_name_that_is_used_as_it_is_used() -> None:
    assert complaints() == []


async def test_a_python_that_lacks_one_or_has_it_otherwise_is_named_in_the_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def made() -> Any:
        class Later:
            def _do_flush(self, all_of_it: bool) -> None:
                pass

        return Later()

    later = Private(
        owner="asyncio.sslproto.SSLProtocol",
        file="transports/tls.py",
        reason="it must",
        made=made,
        called={"_do_flush": NONE, "_set_state": EXCEPTION},
        attributes=("_state",),
    )
    monkeypatch.setattr(private_names, "PRIVATE", (later,))

    sentences = [sentence.partition(": ")[2] for sentence in complaints()]
    tail = ". bc260y_aio/transports/tls.py uses it, because it must."
    assert sentences == [
        "asyncio.sslproto.SSLProtocol has no attribute _state" + tail,
        "asyncio.sslproto.SSLProtocol has _do_flush(all_of_it), not _do_flush()" + tail,
        "asyncio.sslproto.SSLProtocol has no method _set_state()" + tail,
    ]


@pytest.mark.parametrize("private", PRIVATE, ids=lambda private: private.owner)
def test_nothing_is_listed_that_is_not_used(private: Private) -> None:
    assert private.names - used_in(private.file) == set()


@pytest.mark.parametrize("private", [private for private in PRIVATE if private.overridden], ids=lambda it: it.owner)
async def test_attributes_of_a_base_that_a_subclass_uses_are_listed(private: Private) -> None:
    thing = private.made()
    theirs = {*dir(thing), *vars(thing)}

    assert {name for name in used_in(private.file) & theirs if is_private(name)} == private.names


def test_no_other_file_uses_a_private_name_of_another_library() -> None:
    assert {file: left for file in FILES if (left := used_in(file) - defined() - listed(file) - PUBLIC)} == {}


def listed(file: str) -> set[str]:
    """Return the private names that a file may use."""
    names = {name for private in PRIVATE if private.file == file for name in private.names}
    return names | {expected.name for expected in EXPECTED if expected.file == file}


def test_attributes_that_asyncio_probes_are_defined_where_the_list_names_them() -> None:
    for expected in EXPECTED:
        assert expected.name in (PACKAGE / expected.file).read_text(), expected


def test_no_private_module_or_name_is_imported_that_is_not_listed() -> None:
    private = {
        (module, file)
        for module, name, file in imported()
        if any(is_private(part) for part in (*module.split("."), name)) and module not in (STUBS, "__future__")
    }
    undocumented = {(module, file) for module, _, file in imported() if module == "asyncio.sslproto"}

    assert private | undocumented == MODULES.keys()


async def test_overridden_attributes_are_listed_as_such() -> None:
    for kind, base, owner in (
        (SerialTransport, type(serial_transport()), "serial_asyncio.SerialTransport"),
        (TlsProtocol, type(private_names.tls_protocol()), "asyncio.sslproto.SSLProtocol"),
    ):
        between = kind.__mro__[: kind.__mro__.index(base)]
        ours = {name for own in between for name in vars(own) if is_private(name) and callable(getattr(own, name))}
        (private,) = (private for private in PRIVATE if private.owner == owner)

        assert ours & set(dir(base)) == private.overridden.keys()


@pytest.mark.parametrize("private", PRIVATE, ids=lambda private: private.owner)
def test_there_is_a_reason_for_each(private: Private) -> None:
    assert len(private.reason) > 40
