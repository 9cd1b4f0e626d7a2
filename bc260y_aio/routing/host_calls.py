"""Calls that were given to a loop's own methods, which call the loop's other methods for the same destination."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, Final

from .destinations import host_text, port_number


class HostCall:
    """A call that was given to the loop's own method, and the destinations that it may reach."""

    def __init__(self, *destinations: Any) -> None:
        """Begin with the destinations that the call names."""
        self.is_open = True
        self._destinations = set(map(comparable, destinations))

    def covers(self, destination: Any) -> bool:
        """Return whether a destination belongs to the call, while that lasts."""
        return self.is_open and comparable(destination) in self._destinations

    def extend(self, addresses: list[str], port: Any) -> None:
        """Add the addresses of a name."""
        self._destinations |= {comparable((address, port)) for address in addresses}


def comparable(destination: Any) -> tuple[str, int] | None:
    """Return a destination in a form that can be compared; None if it is none."""
    match destination:
        case (str() | bytes() | bytearray() as host, port, *_):
            return host_text(host), port_number(port)
        case _:
            return None


_current: Final[ContextVar[HostCall | None]] = ContextVar("bc260y_aio.host_call", default=None)


@contextlib.contextmanager
def on_host(*destinations: Any) -> Iterator[HostCall]:
    """Let the loop's own method pass, where it calls others of the loop's for the same destination."""
    call = HostCall(*destinations)
    token = _current.set(call)
    try:
        yield call
    finally:
        # Callbacks of what was opened have copies of this context.
        call.is_open = False
        _current.reset(token)


def host_call(destination: Any) -> HostCall | None:
    """Return the call to which a destination belongs, if it belongs to one."""
    call = _current.get()
    return call if call is not None and call.covers(destination) else None
