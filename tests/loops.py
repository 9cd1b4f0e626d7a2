"""Run a coroutine test on a new event loop, in debug mode, for a bounded time; it must leave nothing open."""

import asyncio
import asyncio.constants
import contextlib
import gc
import importlib.util
import sys
import time
import traceback
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final, TypeAlias

import pytest

LoopFactory: TypeAlias = Callable[[], asyncio.AbstractEventLoop]
Test: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
Contexts: TypeAlias = list[dict[str, Any]]

# A coroutine test is cancelled, and fails, after this long.
BOUND: Final = 30.0

# The close of a test's resources may take this long, in seconds.
GRACE: Final = 0.5

# In debug mode asyncio keeps the stack of everything that calls for something later. Ten frames of it, asyncio's own
# choice, took a quarter of the suite's time; the last is asyncio's, and the one before is the place to look for.
asyncio.constants.DEBUG_STACK_DEPTH = 2  # type: ignore[misc]

# The kinds of event loop that the marker `loops` may name, whether or not this machine has them.
KINDS: Final = ("asyncio", "eager", "uvloop")


def _eager_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()

    if sys.version_info >= (3, 12):
        loop.set_task_factory(asyncio.eager_task_factory)

    return loop


def _factories() -> dict[str, LoopFactory]:
    found: dict[str, LoopFactory] = {"asyncio": asyncio.new_event_loop}

    if sys.version_info >= (3, 12):
        found["eager"] = _eager_loop

    if importlib.util.find_spec("uvloop"):
        import uvloop

        found["uvloop"] = uvloop.new_event_loop
        # The first loop opens a pipe that libuv never closes. Open it here, so that no test seems to leave it open.
        uvloop.new_event_loop().close()

    return found


# The kinds that this machine has, and their factories.
FACTORIES: Final = _factories()


class Clock:
    """The clock of an asyncio event loop. It runs, and a test can move it forward."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Make a loop use this clock.

        Raises:
            TypeError: the loop is uvloop's, whose clock cannot be replaced.
        """
        if not isinstance(loop, asyncio.BaseEventLoop):
            raise TypeError(f"the clock of {loop!r} cannot be moved")

        loop.time = self.time  # type: ignore[method-assign]

    def time(self) -> float:
        """Return the time, in seconds."""
        return time.monotonic() + self._ahead

    async def advance(self, seconds: float) -> None:
        """Run what is ready, move the clock, and run what is due by then."""
        await _turn()
        self._ahead += seconds
        await _turn()


async def _turn() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def run(
    test: Test,
    factory: LoopFactory = asyncio.new_event_loop,
    *,
    clock: Clock | None = None,
    errors: Contexts | None = None,
) -> None:
    """Run a coroutine test to its end.

    Args:
        test: the test, called on the loop.
        factory: makes the loop.
        clock: the clock that the loop uses.
        errors: gets what arrives at the loop's exception handler; without it, that is a failure.

    Raises:
        Failed: the test timed out, left tasks pending, or caused a call of the exception handler.
        BaseException: what the test raised.
    """
    contexts = [] if errors is None else errors

    with asyncio.Runner(debug=True, loop_factory=factory) as runner:
        runner.get_loop().set_exception_handler(lambda _, context: contexts.append(context))
        # Debug mode would report callbacks that are slow only because the machine is busy or a clock was moved.
        runner.get_loop().slow_callback_duration = float("inf")

        if clock is not None:
            clock.attach(runner.get_loop())

        runner.run(_supervise(test))

    # A task or transport that is dropped with an unretrieved exception calls the handler when it is collected.
    gc.collect(1)

    if contexts and errors is None:
        reported = "\n".join(map(_describe, contexts))
        pytest.fail(f"the loop's exception handler was called:\n{reported}", pytrace=False)


async def _supervise(test: Test) -> None:
    try:
        async with asyncio.timeout(None) as scope:
            with _bounded(scope):
                await test()
    except TimeoutError:
        if scope.expired():
            pytest.fail(f"not done after {BOUND:g} s, with these tasks pending:\n{_list(_others())}", pytrace=False)

        raise

    if others := _others():
        await asyncio.wait(others, timeout=GRACE)

    if others := _others():
        pytest.fail(f"left these tasks pending:\n{_list(others)}", pytrace=False)


@contextlib.contextmanager
def _bounded(scope: asyncio.Timeout) -> Iterator[None]:
    """End the scope after BOUND seconds of real time, whatever the loop's clock says."""
    loop = asyncio.get_running_loop()
    end = time.monotonic() + BOUND
    timer: asyncio.TimerHandle

    def check() -> None:
        nonlocal timer

        if time.monotonic() >= end:
            scope.reschedule(loop.time())
        else:
            timer = loop.call_later(min(1.0, end - time.monotonic()), check)

    check()

    try:
        yield
    finally:
        timer.cancel()


def _others() -> set[asyncio.Task[Any]]:
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}


def _list(tasks: set[asyncio.Task[Any]]) -> str:
    return "\n".join(sorted(f"  {task!r}" for task in tasks))


def _describe(context: dict[str, Any]) -> str:
    exception = context.get("exception")
    facts = [f"  {name}: {value!r}" for name, value in context.items() if name not in ("message", "exception")]
    frames = traceback.format_exception(exception) if exception else []
    return "\n".join([context["message"], *facts, *frames])
