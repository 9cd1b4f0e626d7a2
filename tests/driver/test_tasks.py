"""Tasks that outlive the call that started them: each is kept, waited for, and cancelled at last."""

import asyncio
import logging

import anyio
import pytest

from bc260y_aio.sockets.tasks import TaskSet, running_loop, uninterrupted
from tests.driver.scripted import fast_forward, settle
from tests.loops import Clock, LoopFactory

# Sets of tasks


async def test_a_task_has_the_name_of_its_set_and_is_kept_until_it_is_done() -> None:
    tasks = TaskSet("script")
    task = tasks.spawn(asyncio.sleep(0), "work")
    assert (len(tasks), task.get_name()) == (1, "bc260y[script].work")
    await tasks.wait_all(1.0)
    assert (len(tasks), task.cancelled()) == (0, False)


def test_tasks_can_be_started_between_two_runs_of_a_loop(loop_factory: LoopFactory) -> None:
    async def bind() -> None:
        tasks.bind()

    tasks = TaskSet("script")
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(bind())
        tasks.spawn(asyncio.sleep(0), "work")
        runner.run(tasks.wait_all(1.0))
        assert len(tasks) == 0


async def test_tasks_that_others_start_are_waited_for_too_and_no_longer_than_they_take(clock: Clock) -> None:
    async def work() -> None:
        await asyncio.sleep(3.0)
        started.append(tasks.spawn(asyncio.sleep(4.0), "second"))

    tasks, started = TaskSet("script"), []
    began = clock.time()
    started.append(tasks.spawn(work(), "first"))
    await fast_forward(clock, tasks.wait_all(10.0))
    assert clock.time() - began == pytest.approx(7.0, abs=0.9)
    assert [task.cancelled() for task in started] == [False, False]


async def test_tasks_are_cancelled_when_the_time_has_passed_in_which_they_might_have_made_progress(
    clock: Clock,
) -> None:
    steps = 0

    async def work() -> None:
        nonlocal steps
        for _ in range(3):
            await asyncio.sleep(4.0)
            steps += 1

        await asyncio.sleep(60.0)

    tasks = TaskSet("script")
    began = clock.time()
    task = tasks.spawn(work(), "work")
    # Looked at after five, ten, fifteen and twenty seconds; the last progress was made after twelve.
    await fast_forward(clock, tasks.wait_all(5.0, lambda: steps))
    assert clock.time() - began == pytest.approx(20.0, abs=0.9)
    assert (task.cancelled(), len(tasks)) == (True, 0)


async def test_a_task_that_is_started_by_one_that_is_cancelled_is_cancelled_too() -> None:
    async def work() -> None:
        try:
            await asyncio.sleep(60.0)
        finally:
            started.append(tasks.spawn(asyncio.sleep(60.0), "second"))

    tasks, started = TaskSet("script"), []
    started.append(tasks.spawn(work(), "first"))
    await settle()
    await tasks.wait_all(0.0)
    assert [task.cancelled() for task in started] == [True, True]


def test_without_a_running_loop_the_error_says_what_to_do() -> None:
    with pytest.raises(RuntimeError, match=r"^no running event loop of asyncio: .* asyncio\.run\(main\(\)\); .* trio$"):
        running_loop()


# Work that is not interrupted


async def test_work_that_is_cancelled_itself_is_started_again() -> None:
    starts: list[asyncio.Task[None]] = []

    def start() -> asyncio.Task[None]:
        starts.append(asyncio.ensure_future(asyncio.sleep(0)))
        if len(starts) < 3:
            starts[-1].cancel()

        return starts[-1]

    await uninterrupted(start)
    assert [task.cancelled() for task in starts] == [True, True, False]


async def test_work_that_is_cancelled_whenever_it_starts_is_given_up_after_a_hundred_times() -> None:
    starts: list[asyncio.Task[None]] = []

    def start() -> asyncio.Task[None]:
        starts.append(asyncio.ensure_future(asyncio.sleep(0)))
        starts[-1].cancel()
        return starts[-1]

    with pytest.raises(asyncio.CancelledError):
        await uninterrupted(start)

    assert len(starts) == 100


async def test_a_caller_that_is_cancelled_again_and_again_gets_its_first_cancellation_once_the_work_has_ended() -> None:
    async def work() -> None:
        await done.wait()

    done, told = asyncio.Event(), []
    calling = asyncio.ensure_future(uninterrupted(lambda: asyncio.ensure_future(work()), lambda: told.append("told")))
    seen = []
    for reason in ("first", "second"):
        await settle()
        calling.cancel(reason)
        await settle()
        seen.append((calling.done(), len(told)))

    done.set()
    with pytest.raises(asyncio.CancelledError, match=r"^first$"):
        await calling

    assert seen == [(False, 1), (False, 1)]


async def test_a_scope_of_anyio_does_not_cancel_its_caller_at_every_turn_of_the_loop() -> None:
    async def work() -> None:
        await done.wait()

    async def call() -> None:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await uninterrupted(lambda: asyncio.ensure_future(work()))

    done = asyncio.Event()
    calling = asyncio.ensure_future(call())
    await settle()
    seen = (calling.done(), calling.cancelling())
    done.set()
    await calling
    assert seen == (False, 1)


async def test_a_failure_of_the_work_is_raised_and_logged_if_a_cancellation_is_raised_in_its_place(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def work() -> None:
        await done.wait()
        raise ZeroDivisionError("failed")

    caplog.set_level(logging.INFO, "bc260y_aio")
    for is_cancelled in (False, True):
        done = asyncio.Event()
        calling = asyncio.ensure_future(uninterrupted(lambda: asyncio.create_task(work(), name="work")))
        await settle()
        if is_cancelled:
            calling.cancel()

        done.set()
        with pytest.raises(asyncio.CancelledError if is_cancelled else ZeroDivisionError):
            await calling

        wanted = ["work failed while its caller was cancelled: ZeroDivisionError('failed')"] if is_cancelled else []
        assert caplog.messages == wanted
