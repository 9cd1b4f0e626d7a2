"""Calls that are deferred until a read has been handled."""

import asyncio
import contextvars
from collections.abc import Callable
from types import TracebackType


class DeferredCalls:
    """Calls that wait until a read has been handled, and the next command, if one waits, has been written.

    This is a context manager around the handling of a read. Calls that are added inside run when it ends, in the same
    turn of the loop; calls that are added at other times run in the next turn, as by ``call_soon``.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._calls: list[tuple[Callable[[], None], contextvars.Context]] = []
        self._is_held = False
        self._is_due = False

    def __enter__(self) -> None:
        self._is_held = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_held = False
        if self._calls:
            self._run()

    def call(self, callback: Callable[[], None], context: contextvars.Context) -> None:
        """Call back, in a context, when the read has been handled. An exception goes to the loop's handler."""
        self._calls.append((callback, context))
        if not (self._is_held or self._is_due):
            self._is_due = True
            self._loop.call_soon(self._run)

    def _run(self) -> None:
        self._is_due = False
        # Calls that one of them adds run in the next turn.
        calls, self._calls = self._calls, []
        for callback, context in calls:
            try:
                context.run(callback)
            except Exception as exc:
                self._loop.call_exception_handler({"message": f"{callback!r} failed", "exception": exc})
