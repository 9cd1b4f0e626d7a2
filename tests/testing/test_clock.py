import asyncio
import contextvars
import gc
import socket
import threading
import time
import weakref
from collections.abc import Coroutine
from typing import Any

import pytest

from bc260y_aio.testing import ControlledClockLoop, WaitsForever, virtual_clock


def run(main: Coroutine[Any, Any, None], loop: ControlledClockLoop | None = None) -> None:
    with asyncio.Runner(debug=True, loop_factory=lambda: loop or ControlledClockLoop()) as runner:
        runner.run(main)


def test_an_hour_passes_at_once_and_exactly() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(3600)
        assert loop.time() == 3600.0

    before = time.monotonic()
    run(main())

    assert time.monotonic() - before < 5


def test_timers_come_in_the_order_in_which_they_are_due() -> None:
    order = []

    async def sleeper(seconds: float) -> None:
        await asyncio.sleep(seconds)
        order.append((seconds, asyncio.get_running_loop().time()))

    async def main() -> None:
        await asyncio.gather(*map(sleeper, (3, 0.1, 2, 70)))

    run(main())

    assert order == [(0.1, 0.1), (2, 2.0), (3, 3.0), (70, 70.0)]


def test_timers_that_are_due_at_once_come_in_the_order_in_which_they_were_set() -> None:
    order: list[int] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        timers = [loop.call_at(7.0, order.append, number) for number in range(50)]
        for timer in timers[::3]:
            timer.cancel()

        await asyncio.sleep(7)

    run(main())

    assert order == [number for number in range(50) if number % 3]


def test_cancelled_timers_are_not_kept_until_they_would_have_been_due() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        callbacks = [Callback() for _ in range(300)]
        kept = [weakref.ref(callback) for callback in callbacks]
        timers = [weakref.ref(loop.call_at(7.0 + number, callback)) for number, callback in enumerate(callbacks)]
        for one in timers[1:]:
            timer = one()
            assert timer is not None
            timer.cancel()
            timer.cancel()

        del callbacks, timer
        gc.collect()
        assert sum(one() is not None for one in kept) == 1
        assert sum(one() is not None for one in timers) < 110
        await asyncio.sleep(8)
        assert [loop.time(), ran] == [8.0, [7.0]]

    class Callback:
        def __call__(self) -> None:
            ran.append(asyncio.get_running_loop().time())

    ran: list[float] = []
    with asyncio.Runner(loop_factory=ControlledClockLoop) as runner:
        runner.run(main())


def test_timers_come_after_the_bytes_that_are_read_in_the_same_turn() -> None:
    order = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        here, there = socket.socketpair()
        with here, there:
            here.setblocking(False)
            loop.add_reader(here, lambda: order.append(here.recv(10)))
            there.send(b"first")
            loop.call_at(loop.time(), order.append, b"second")
            await asyncio.sleep(1)
            loop.remove_reader(here)

    run(main())

    assert order == [b"first", b"second"]


def test_a_timer_that_is_never_due_is_none() -> None:
    loop = ControlledClockLoop(patience=0.01)
    forever = asyncio.sleep(float("inf"))
    try:
        with pytest.raises(WaitsForever):
            loop.run_until_complete(forever)

        for task in asyncio.all_tasks(loop):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                loop.run_until_complete(task)
    finally:
        loop.close()


@pytest.mark.parametrize("debug", [False, True])
def test_a_timer_is_one_of_asyncio_and_has_all_its_attributes(debug: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asyncio.constants.DEBUG_STACK_DEPTH", 10)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        variable.set("of the caller")
        timer = loop.call_later(3, lambda: seen.append(variable.get()))
        names = {name for kind in asyncio.TimerHandle.__mro__ for name in getattr(kind, "__slots__", ())}
        assert not [name for name in names if not hasattr(timer, name)]
        assert (timer.when(), timer.cancelled()) == (3.0, False)
        assert "when=3" in repr(timer)
        assert ("created at" in repr(timer)) is (f"created at {__file__}" in repr(timer)) is debug
        loop.call_later(3, lambda: seen.append(variable.get()), context=contextvars.Context())
        loop.call_later(4, seen.remove, "missing")
        loop.set_exception_handler(lambda _, context: seen.append(type(context["exception"])))
        await asyncio.sleep(5)

    variable = contextvars.ContextVar("variable", default="none")
    seen: list[object] = []
    with asyncio.Runner(debug=debug, loop_factory=ControlledClockLoop) as runner:
        runner.run(main())

    assert seen == ["of the caller", "none", ValueError]


def test_a_closed_loop_takes_no_timers() -> None:
    loop = ControlledClockLoop()
    loop.close()

    with pytest.raises(RuntimeError, match="closed"):
        loop.call_later(1, print)


def test_debug_mode_finds_timers_of_other_threads_and_of_coroutines() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        with pytest.raises(RuntimeError, match="thread"):
            await asyncio.to_thread(loop.call_later, 1, print)

        with pytest.raises(TypeError, match="coroutines"):
            loop.call_later(1, main)

    run(main())


def test_the_clock_stands_still_while_there_is_something_to_do() -> None:
    async def main() -> None:
        for _ in range(1000):
            await asyncio.sleep(0)

        assert asyncio.get_running_loop().time() == 0.0

    run(main())


def test_a_timeout_expires_at_its_time() -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(20):
                await asyncio.Event().wait()

        assert asyncio.get_running_loop().time() == pytest.approx(20)

    run(main())


def test_the_clock_starts_at_the_given_time() -> None:
    loop = ControlledClockLoop(1000.0)

    async def main() -> None:
        assert asyncio.get_running_loop().time() == 1000.0
        await asyncio.sleep(1)

    run(main(), loop)

    assert (loop.time(), loop.jumps) == (1001.0, 1)


def test_bytes_that_are_there_come_before_any_jump() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        here, there = socket.socketpair()
        with here, there:
            here.setblocking(False)
            loop.call_later(0.001, pytest.fail, "the clock has jumped")
            there.send(b"first")
            assert await loop.sock_recv(here, 10) == b"first"

    run(main())


def test_the_clock_stands_still_while_a_thread_works() -> None:
    async def main() -> None:
        async with asyncio.timeout(0.01):
            await asyncio.to_thread(time.sleep, 0.05)

        assert asyncio.get_running_loop().time() == 0.0

    run(main())


def test_a_thread_that_does_not_come_back_is_waited_for_as_long_as_the_patience_lasts() -> None:
    async def main() -> None:
        release = threading.Event()
        work = asyncio.get_running_loop().run_in_executor(None, release.wait, 10)
        async with asyncio.timeout(3600):
            await asyncio.sleep(60)

        assert asyncio.get_running_loop().time() == 60
        release.set()
        assert await work

    run(main(), ControlledClockLoop(patience=0.05))


def test_data_of_another_thread_is_waited_for_within_the_grace() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        here, there = socket.socketpair()
        with here, there:
            here.setblocking(False)
            threading.Timer(0.05, there.send, [b"late"]).start()
            async with asyncio.timeout(0.01):
                assert await loop.sock_recv(here, 10) == b"late"

    run(main(), ControlledClockLoop(grace=5))


def test_there_is_no_grace_where_nothing_is_watched() -> None:
    async def main() -> None:
        for _ in range(100):
            await asyncio.sleep(60)

    before = time.monotonic()
    run(main(), ControlledClockLoop(grace=1))

    assert time.monotonic() - before < 20


def test_the_clock_can_be_moved_by_hand_and_only_forward() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, ControlledClockLoop)
        due = loop.create_future()
        loop.call_later(70, due.set_result, None)
        loop.advance(70)
        await due
        assert (loop.time(), loop.jumps) == (70.0, 1)
        with pytest.raises(ValueError, match="backward"):
            loop.advance(-1)

    run(main())


def test_a_factory_makes_loops_that_start_anew() -> None:
    async def main() -> float:
        await asyncio.sleep(70)
        return asyncio.get_running_loop().time()

    factory = virtual_clock(1000.0)
    for _ in range(2):
        with asyncio.Runner(loop_factory=factory) as runner:
            assert runner.run(main()) == 1070.0


def test_a_loop_that_would_wait_forever_raises() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    loop = ControlledClockLoop(patience=0.01)
    forever = main()
    try:
        with pytest.raises(WaitsForever):
            loop.run_until_complete(forever)
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                loop.run_until_complete(task)

        loop.close()
