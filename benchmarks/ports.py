"""Open modems on other kinds of ports."""

import contextlib
import importlib
import types
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeAlias

import bc260y_aio.modem
from bc260y_aio.port import Port

Opener: TypeAlias = Callable[[str], Awaitable[Port]]


def _opening_module() -> types.ModuleType:
    """Return the module that opens a modem's port; in earlier versions, which `beside` runs, `modem` is one file."""
    try:
        return importlib.import_module("bc260y_aio.modem.lifecycle")
    except ModuleNotFoundError:
        return bc260y_aio.modem


@contextlib.contextmanager
def opened_by(opener: Opener) -> Iterator[None]:
    """Make modems open their ports by this function, rather than by their URL."""
    names = vars(_opening_module())
    original = names["open_port"]
    names["open_port"] = lambda url, baudrate=None: opener(url)
    try:
        yield
    finally:
        names["open_port"] = original
