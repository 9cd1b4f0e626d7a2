"""Open modems on other kinds of ports."""

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeAlias

import bc260y_aio.modem.lifecycle
from bc260y_aio.port import Port

Opener: TypeAlias = Callable[[str], Awaitable[Port]]


@contextlib.contextmanager
def opened_by(opener: Opener) -> Iterator[None]:
    """Make modems open their ports by this function, rather than by their URL."""
    names = vars(bc260y_aio.modem.lifecycle)
    original = names["open_port"]
    names["open_port"] = lambda url, baudrate=None: opener(url)
    try:
        yield
    finally:
        names["open_port"] = original
