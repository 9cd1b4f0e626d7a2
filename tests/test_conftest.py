"""The rules of conftest.py: each test here runs a small suite under it and checks the outcome."""

import asyncio
import sys
import textwrap
from pathlib import Path

import pytest

from tests import loops
from tests.loops import Clock, Contexts, LoopFactory


class Run:
    def __init__(self, pytester: pytest.Pytester) -> None:
        self._pytester = pytester

    def __call__(self, source: str) -> pytest.RunResult:
        self._pytester.makepyfile("import asyncio, os, socket\n" + textwrap.dedent(source))
        return self._pytester.runpytest("-p", "tests.conftest", "-p", "no:asyncio", "-p", "no:cacheprovider", "-v")


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a suite in this process, where the bounds can be made short."""
    monkeypatch.setattr(loops, "BOUND", 0.2)
    monkeypatch.setattr(loops, "GRACE", 0.05)
    pytester.makeini("[pytest]\nfilterwarnings = error\naddopts = --strict-markers")
    return Run(pytester)


# Running a coroutine test


async def test_the_loop_is_in_debug_mode() -> None:
    assert asyncio.get_running_loop().get_debug()


async def test_a_coroutine_test_gets_its_fixtures(loop_errors: Contexts, loop_factory: LoopFactory) -> None:
    assert loop_errors == []
    assert loop_factory is asyncio.new_event_loop


def test_a_failing_coroutine_fails_its_test(run: Run) -> None:
    result = run("""
        async def test_it():
            assert 1 == 2
    """)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines("*assert 1 == 2")


def test_a_coroutine_test_may_skip_itself(run: Run) -> None:
    result = run("""
        import pytest

        async def test_it():
            pytest.skip("not today")
    """)

    result.assert_outcomes(skipped=1)


def test_a_method_is_run_too(run: Run) -> None:
    result = run("""
        class TestIt:
            async def test_it(self, tmp_path):
                assert tmp_path.exists()
    """)

    result.assert_outcomes(passed=1)


def test_a_coroutine_that_takes_too_long_fails(run: Run) -> None:
    result = run("""
        async def test_it():
            await asyncio.Event().wait()
    """)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines("*not done after 0.2 s*")


def test_a_timeout_that_the_test_raises_is_reported_unchanged(run: Run) -> None:
    result = run("""
        async def test_it():
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
    """)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines("*TimeoutError")
    result.stdout.no_fnmatch_line("*not done after*")


def test_each_example_of_a_property_has_a_loop_of_its_own(run: Run) -> None:
    result = run("""
        import pytest
        from hypothesis import given, strategies

        LOOPS = set()

        @pytest.mark.loops("asyncio", "uvloop")
        @given(number=strategies.integers(0, 9))
        async def test_it(number, request):
            LOOPS.add(asyncio.get_running_loop())
            await asyncio.sleep(0)

        def test_loops():
            assert len(LOOPS) > 10

        @given(strategies.integers(0, 9))
        async def test_that_fails(number):
            assert number < 5
    """)

    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines("*number=5*")


# Choosing loops


@pytest.mark.loops("asyncio", "eager", "uvloop")
async def test_a_test_runs_on_each_loop_that_it_names(request: pytest.FixtureRequest) -> None:
    loop = asyncio.get_running_loop()

    match request.node.callspec.params["loop_factory"]:
        case "asyncio":
            assert isinstance(loop, asyncio.BaseEventLoop)
            assert loop.get_task_factory() is None
        case "eager" if sys.version_info >= (3, 12):
            assert loop.get_task_factory() is asyncio.eager_task_factory
        case kind:
            assert (kind, type(loop).__module__) == ("uvloop", "uvloop")


@pytest.mark.loops("asyncio", "uvloop")
def test_a_plain_test_may_ask_for_the_loops_too(loop_factory: LoopFactory) -> None:
    loop = loop_factory()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


def test_a_module_names_its_loops_and_its_plain_tests_run_once(run: Run) -> None:
    result = run("""
        import pytest

        pytestmark = pytest.mark.loops("asyncio", "uvloop")

        async def test_coroutine():
            pass

        def test_plain():
            pass
    """)

    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["*test_coroutine?asyncio? PASSED*", "*test_coroutine?uvloop? PASSED*"])


def test_an_unknown_loop_is_an_error(run: Run) -> None:
    result = run("""
        import pytest

        @pytest.mark.loops("asyncoi")
        async def test_it():
            pass
    """)

    assert result.ret != 0
    result.stdout.fnmatch_lines("*no such event loop: asyncoi")


# Open resources at the end of a test


def test_a_task_left_pending_fails_the_test(run: Run) -> None:
    result = run("""
        async def test_it():
            asyncio.create_task(asyncio.Event().wait(), name="forgotten")

        async def test_that_ends_its_task():
            task = asyncio.create_task(asyncio.Event().wait())
            asyncio.get_running_loop().call_soon(task.cancel)
    """)

    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["left these tasks pending:", "*forgotten*"])


def test_an_exception_in_a_callback_fails_the_test(run: Run) -> None:
    result = run("""
        async def test_it():
            asyncio.get_running_loop().call_soon(int, "one")
            await asyncio.sleep(0)
    """)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["the loop's exception handler was called:", "*ValueError: *'one'*"])


def test_an_exception_that_was_never_retrieved_fails_the_test(run: Run) -> None:
    result = run("""
        async def fail():
            raise ValueError("unseen")

        async def test_it():
            task = asyncio.create_task(fail())
            await asyncio.sleep(0)
    """)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["Task exception was never retrieved", "ValueError: unseen"])


async def test_a_test_may_take_the_errors_of_the_loop(loop_errors: Contexts) -> None:
    asyncio.get_running_loop().call_soon(int, "one")
    await asyncio.sleep(0)

    assert isinstance(loop_errors[0]["exception"], ValueError)


def test_a_descriptor_that_is_left_open_fails_the_test(
    run: Run, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In a separate process, since what is left open there would be left open here.
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    monkeypatch.setattr(pytester, "_method", "subprocess")

    result = run("""
        KEPT = []

        def test_descriptor():
            KEPT.extend(os.pipe())

        async def test_socket():
            KEPT.append(socket.socket())

        def test_socket_left_to_the_garbage_collector():
            ring = [socket.socket()]
            ring.append(ring)

        def test_tidy():
            KEPT.pop().close()
            os.close(KEPT.pop())
            os.close(KEPT.pop())
    """)

    result.assert_outcomes(failed=3, passed=1)
    result.stdout.fnmatch_lines(
        [
            "left these descriptors open: {*: 'pipe:*', *: 'pipe:*'}",
            "left these descriptors open: {*: 'socket:*'}",
            "*ResourceWarning: unclosed <socket.socket *",
        ]
    )


# The clock


async def test_a_test_can_move_the_clock(clock: Clock) -> None:
    loop = asyncio.get_running_loop()
    before = loop.time()
    sleeper = asyncio.create_task(asyncio.sleep(69, "slept"))
    late = asyncio.create_task(asyncio.sleep(71))

    await clock.advance(70)

    assert 70 <= loop.time() - before < 75
    assert sleeper.done()
    assert sleeper.result() == "slept"
    assert not late.done()

    late.cancel()


def test_the_clock_of_uvloop_cannot_be_moved(run: Run) -> None:
    result = run("""
        import pytest

        @pytest.mark.loops("uvloop")
        async def test_it(clock):
            pass
    """)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines("*TypeError: the clock of <uvloop.Loop*> cannot be moved")
