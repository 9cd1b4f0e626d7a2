"""Calls that are deferred until a read has been handled."""

import asyncio
import contextvars
from collections.abc import Callable


class DeferredCalls:
    """Calls that wait until a read has been handled, and the next command, if one waits, has been written.

    Calls that are added while a read is handled run when that ends, in the same turn of the loop; calls that are added
    at other times run in the next turn, as by ``call_soon``.

    Attributes:
        is_held: a read is being handled. Set it before; reset it after, whatever happens, and then run the calls.
        calls: the calls that wait, with their contexts.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.calls: list[tuple[Callable[[], None], contextvars.Context]] = []
        self._is_due = False
        self.is_held = False

    def call(self, callback: Callable[[], None], context: contextvars.Context) -> None:
        """Call back, in a context, when the read has been handled. An exception goes to the loop's handler."""
        self.calls.append((callback, context))
        if not (self.is_held or self._is_due):
            self._is_due = True
            self._loop.call_soon(self.run)

    def run(self) -> None:
        """Run the calls that wait."""
        self._is_due = False
        # Calls that one of them adds run in the next turn.
        calls, self.calls = self.calls, []
        for callback, context in calls:
            try:
                context.run(callback)
            except Exception as exc:
                self._loop.call_exception_handler({"message": f"{callback!r} failed", "exception": exc})
