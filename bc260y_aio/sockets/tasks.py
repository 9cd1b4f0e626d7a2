"""Tasks that outlive the call that started them, kept where their end can be waited for."""

import asyncio
import contextlib
import logging
import sys
from collections.abc import Callable, Coroutine
from typing import Any

logger = logging.getLogger("bc260y_aio")


def running_loop() -> asyncio.AbstractEventLoop:
    """Return the running event loop.

    Raises:
        RuntimeError: there is none, and this is what to do about it.
    """
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            "no running event loop of asyncio: a modem is used in coroutines, as with asyncio.run(main()); with anyio "
            "it needs anyio.run(main, backend='asyncio'), for it does not run on trio"
        ) from None


class TaskSet:
    """The background tasks of one modem.

    Attributes:
        name: the names of its tasks begin with it.
    """

    def __init__(self, name: str) -> None:
        """Make an empty set."""
        self.name = name
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def __len__(self) -> int:
        return len(self._tasks)

    def bind(self) -> None:
        """Start tasks on the running loop from now on, even between two of its runs, when a transport can be closed."""
        self._loop = asyncio.get_running_loop()

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Start a task. It is kept until it is done."""
        task = (self._loop or asyncio.get_running_loop()).create_task(work, name=f"bc260y[{self.name}].{name}")
        if not task.done():
            self._tasks[task] = None
            task.add_done_callback(self._tasks.pop)

        return task

    async def wait_all(self, timeout: float, progress: Callable[[], object] = lambda: None) -> None:
        """Wait until all have ended, also those that start meanwhile; cancel the rest when there is no progress.

        Args:
            timeout: how long there may be none, in seconds.
            progress: returns what changes when there is progress; without it the time counts from now.
        """
        loop = asyncio.get_running_loop()
        state, deadline = progress(), loop.time() + timeout
        while self._tasks:
            if (now := progress()) != state:
                state, deadline = now, loop.time() + timeout

            if (left := deadline - loop.time()) <= 0:
                break

            await asyncio.wait(tuple(self._tasks), timeout=left)

        while tasks := tuple(self._tasks):
            for task in tasks:
                task.cancel()

            await asyncio.wait(tasks)


# A task that is cancelled so many times is not started again.
_MOST_STARTS = 100


async def uninterrupted(start: Callable[[], asyncio.Task[None]], on_cancel: Callable[[], None] | None = None) -> None:
    """Wait until a task has ended, however often the caller is cancelled meanwhile; then raise the cancellation.

    An anyio cancel scope, which cancels again at every await, is held off as well.

    Args:
        start: starts the task, which takes a bounded time; it is called again when the task itself was cancelled.
        on_cancel: is called at the first cancellation.

    Raises:
        CancelledError: the caller was cancelled; the task has ended all the same.
        Exception: what the task raised.
    """
    task = start()
    starts = 1
    cancellation: asyncio.CancelledError | None = None
    try:
        while not task.done():
            try:
                with contextlib.nullcontext() if cancellation is None else _anyio_shield():
                    await asyncio.wait((task,))
            except asyncio.CancelledError as exc:
                if cancellation is None and on_cancel is not None:
                    on_cancel()

                cancellation = cancellation or exc

            if task.cancelled() and starts < _MOST_STARTS:
                task = start()
                starts += 1

        if cancellation is not None:
            if not task.cancelled() and (failure := task.exception()) is not None:
                # The cancellation matters more, and the loop would report an exception that nobody looked at.
                logger.info("%s failed while its caller was cancelled: %r", task.get_name(), failure)

            raise cancellation
    finally:
        # An exception that is kept would keep this frame, too.
        cancellation = None

    await task


def _anyio_shield() -> contextlib.AbstractContextManager[object]:
    """Hold off an anyio cancel scope. Nothing of anyio is imported for it: one that cancels is there already."""
    if "anyio._backends._asyncio" not in sys.modules:
        return contextlib.nullcontext()

    from anyio import CancelScope

    return CancelScope(shield=True)
