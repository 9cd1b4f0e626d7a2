"""Tasks that outlive the call that started them, kept where their end can be waited for."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class TaskSet:
    """The background tasks of one modem."""

    def __init__(self, name: str) -> None:
        """Make an empty set; ``name`` is what its tasks are called after."""
        self._name = name
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def __len__(self) -> int:
        return len(self._tasks)

    def begin(self) -> None:
        """Start tasks on the running loop from now on, also between two of its runs: a transport can be closed then."""
        self._loop = asyncio.get_running_loop()

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Start a task. It is kept until it is done."""
        task = (self._loop or asyncio.get_running_loop()).create_task(work, name=f"bc260y[{self._name}].{name}")
        if not task.done():
            self._tasks[task] = None
            task.add_done_callback(self._tasks.pop)

        return task

    async def settle(self, timeout: float) -> None:
        """Wait until all have ended, those too that start meanwhile; after ``timeout`` seconds, cancel the rest."""
        deadline = asyncio.get_running_loop().time() + timeout
        while self._tasks and (left := deadline - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(tuple(self._tasks), timeout=left)

        while tasks := tuple(self._tasks):
            for task in tasks:
                task.cancel()

            await asyncio.wait(tasks)
