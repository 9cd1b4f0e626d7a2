"""Cancelling a coroutine at a suspension of one's choice."""

import asyncio
import types
from collections.abc import Coroutine, Generator
from dataclasses import dataclass
from typing import Any, Literal

Moment = Literal["waiting", "served"]
"""When it is cancelled: while it waits, or when its result is there and the task has not run since."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result.

    Attributes:
        was_interrupted: it suspended often enough to be cancelled.
        is_cancelled: it ended so.
        result: what it returned.
        error: what it raised.
    """

    was_interrupted: bool
    is_cancelled: bool
    result: Any = None
    error: BaseException | None = None


async def interrupted(work: Coroutine[Any, Any, Any], at: int, moment: Moment) -> Outcome:
    """Run a coroutine in a task of its own, and cancel it at one of its suspensions, counted from 1."""
    reached: list[int] = []
    task = asyncio.ensure_future(_stepwise(work, at, moment, reached))
    await asyncio.wait([task])
    was_interrupted = bool(reached)
    if task.cancelled():
        return Outcome(was_interrupted, is_cancelled=True)

    error = task.exception()
    return Outcome(was_interrupted, is_cancelled=False, result=None if error else task.result(), error=error)


async def _stepwise(work: Coroutine[Any, Any, Any], at: int, moment: Moment, reached: list[int]) -> Any:
    return await _steps(work, at, moment, reached)


@types.coroutine
def _steps(work: Coroutine[Any, Any, Any], at: int, moment: Moment, reached: list[int]) -> Generator[Any, Any, Any]:
    task = asyncio.current_task()
    assert task is not None
    suspensions = 0
    step, value = work.send, None
    while True:
        try:
            waited_for = step(value)
        except StopIteration as stop:
            return stop.value

        suspensions += 1
        if suspensions == at:
            reached.append(at)
            if moment == "served" and waited_for is not None:
                # The first of its callbacks: the task itself is woken after this.
                waited_for.add_done_callback(lambda _: task.cancel())
            else:
                task.cancel()

        try:
            value = yield waited_for
            step = work.send
        except BaseException as exc:
            step, value = work.throw, exc
