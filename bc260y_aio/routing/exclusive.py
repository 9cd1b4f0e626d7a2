"""Calls that an exclusive route refuses besides those of the loop: sockets and names that code uses by itself."""

import asyncio
import errno
import socket
import threading
from collections.abc import Callable
from typing import Any, Final

from . import socket_calls
from .destinations import host_text

# The prefix of the names of a modem's threads: its serial port may be reached over the host's network.
MODEM_THREAD_PREFIX: Final = "bc260y["

_REASON: Final = "the host's network is not allowed while a route is exclusive"


def is_modem_thread() -> bool:
    """Return whether the code that runs is in a thread of a modem."""
    return threading.current_thread().name.startswith(MODEM_THREAD_PREFIX)


def refusal(what: str) -> OSError:
    """Return the error for something that would use the host's network."""
    return OSError(errno.ENETUNREACH, f"{_REASON}: {what}")


class ExclusivePolicy:
    """Refuses calls that go to another machine, in loops with an exclusive route and in threads without a loop."""

    def __init__(self, is_exclusive: Callable[[asyncio.AbstractEventLoop], bool]) -> None:
        """Take a function that returns whether a loop has an exclusive route."""
        self._is_exclusive = is_exclusive
        self._count = 0

    def begin(self) -> None:
        """Take an exclusive route into account."""
        self._count += 1
        if self._count == 1:
            socket_calls.install(self)

    def end(self) -> None:
        """Forget an exclusive route."""
        self._count -= 1
        if self._count == 0:
            socket_calls.uninstall(self)

    # Called by the socket module's functions

    def applies(self) -> bool:
        """Return whether the code that runs is on a loop with an exclusive route, or in a thread without a loop."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return not is_modem_thread()

        return self._is_exclusive(loop)

    def refusal(self, what: str) -> OSError:
        """Return the error for something that would use the host's network."""
        return refusal(what)

    def resolve(self, host: Any, port: Any, family: int, type: int, proto: int) -> list[Any]:
        """Refuse.

        Raises:
            socket.gaierror: always.
        """
        raise socket.gaierror(socket.EAI_FAIL, f"{_REASON}: {host_text(host)}")

    def connect(self, sock: socket.socket, address: Any) -> None:
        """Refuse.

        Raises:
            OSError: always.
        """
        raise refusal(f"{host_text(address[0])}:{address[1]}")

    def destination(self, sock: socket.socket, data: Any, address: Any) -> Any:
        """Refuse.

        Raises:
            OSError: always.
        """
        raise refusal(f"{host_text(address[0])}:{address[1]}")
