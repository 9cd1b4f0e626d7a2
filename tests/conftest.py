"""The rules that every test runs under.

- `async def` tests are run here, each on an event loop of its own, in debug mode. `pytest.mark.loops("asyncio",
  "eager", "uvloop")` runs a test, or a module, once on each of these; otherwise it is asyncio's own loop. What a test
  opens, it closes by itself, with `async with`.
- A test fails if it is not done in time, leaves a task pending or a descriptor open, has an exception arrive at the
  loop's exception handler, or uses an address outside of the loopback interface.
"""

import contextlib
import functools
import gc
import inspect
import os
import sys
from collections.abc import Callable, Generator, Iterator
from typing import Any, Final

import hypothesis
import pytest

from tests import guard, loops

guard.install()

# On a build machine the examples are the same each time, and a failure there is a failure everywhere.
hypothesis.settings.register_profile("bc260y", deadline=None, max_examples=60, derandomize="CI" in os.environ)
# For a long run: `pytest -n 0 tests/properties --hypothesis-profile=long`, with HYPOTHESIS_EXAMPLES examples a test.
hypothesis.settings.register_profile(
    "long", deadline=None, max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", "5000")), report_multiple_bugs=False
)
hypothesis.settings.load_profile("bc260y")

# Where Linux lists what a process has open; elsewhere open descriptors go unnoticed.
_DESCRIPTORS: Final = "/proc/self/fd"

# From its first callback on, libffi keeps its own file open, whatever has imported ctypes.
_LIBFFI: Final = "/libffi.so"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "loops(*kinds): run on each of these event loops: " + ", ".join(loops.KINDS))
    _share_bytecode(config)


def _share_bytecode(config: pytest.Config) -> None:
    """Keep what is compiled in pytest's cache, where the environment wants none of it beside the sources.

    Otherwise each of the hundreds of programs that the tests start compiles everything that it imports.
    """
    if sys.dont_write_bytecode and config.pluginmanager.has_plugin("cacheprovider"):
        assert config.cache is not None
        sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"] = str(config.cache.mkdir("bytecode"))
        sys.dont_write_bytecode = False
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


# Fixtures


@pytest.fixture(autouse=True)
def loop_factory(request: pytest.FixtureRequest) -> loops.LoopFactory:
    """Return what makes event loops of the kind that the test runs on."""
    return loops.FACTORIES[getattr(request, "param", "asyncio")]


@pytest.fixture
def loop_errors() -> loops.Contexts:
    """Return what arrives at the loop's exception handler, for the test to check; it is no failure then."""
    return []


@pytest.fixture
def clock() -> loops.Clock:
    """Move the loop's clock by hand: `await clock.advance(70)`. On asyncio's own loops only."""
    return loops.Clock()


@pytest.fixture
def left_loopback() -> list[str]:
    """Return the refused attempts to leave the loopback interface, for the test to check; they are no failure then."""
    return guard.REFUSED


# Running a test


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("loops")
    asks = "loop_factory" in inspect.signature(metafunc.function).parameters

    if marker is None or not (asks or _is_coroutine_test(metafunc.function)):
        return

    if unknown := set(marker.args) - set(loops.KINDS):
        raise pytest.UsageError(f"{metafunc.definition.nodeid}: no such event loop: {', '.join(sorted(unknown))}")

    metafunc.parametrize("loop_factory", [kind for kind in marker.args if kind in loops.FACTORIES], indirect=True)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    test: Any = pyfuncitem.obj
    funcargs: dict[str, Any] = pyfuncitem.funcargs

    if "anyio_backend" in funcargs:
        return None

    arguments = {name: funcargs[name] for name in inspect.signature(test).parameters if name in funcargs}
    run = functools.partial(
        loops.run,
        factory=funcargs["loop_factory"],
        clock=funcargs.get("clock"),
        errors=funcargs.get("loop_errors"),
    )

    with _without_open_descriptors():
        if not _is_coroutine_test(test):
            test(**arguments)
        elif hasattr(test, "hypothesis"):
            _run_with_examples(test, run, arguments)
        else:
            run(functools.partial(test, **arguments))

    return True


def _is_coroutine_test(function: Any) -> bool:
    return inspect.iscoroutinefunction(function.hypothesis.inner_test if hasattr(function, "hypothesis") else function)


def _run_with_examples(test: Any, run: Callable[[loops.Test], None], arguments: dict[str, Any]) -> None:
    """Run each example of a property on a loop of its own."""
    coroutine_test = test.hypothesis.inner_test

    @functools.wraps(coroutine_test)
    def run_example(*args: object, **kwargs: object) -> None:
        run(functools.partial(coroutine_test, *args, **kwargs))

    test.hypothesis.inner_test = run_example

    try:
        test(**arguments)
    finally:
        test.hypothesis.inner_test = coroutine_test


# Checking what a test leaves open


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    with _on_loopback(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    with _on_loopback(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    with _on_loopback(item):
        return (yield)


@contextlib.contextmanager
def _on_loopback(item: pytest.Item) -> Iterator[None]:
    try:
        yield
    finally:
        refused = guard.REFUSED.copy()
        guard.REFUSED.clear()

    if refused and "left_loopback" not in getattr(item, "fixturenames", ()):
        pytest.fail("\n".join(refused), pytrace=False)


@contextlib.contextmanager
def _without_open_descriptors() -> Iterator[None]:
    before = _descriptors()
    yield

    if _descriptors().keys() - before.keys():
        gc.collect()

    if left := {number: what for number, what in _descriptors().items() if number not in before}:
        pytest.fail(f"left these descriptors open: {left}", pytrace=False)


def _descriptors() -> dict[int, str]:
    """Return what is open in this process, where the system has a list."""
    found: dict[int, str] = {}

    for name in os.listdir(_DESCRIPTORS) if os.path.isdir(_DESCRIPTORS) else ():
        # The descriptor that lists the folder is closed by now.
        with contextlib.suppress(OSError):
            found[int(name)] = os.readlink(f"{_DESCRIPTORS}/{name}")

    return {number: what for number, what in found.items() if _LIBFFI not in what}
