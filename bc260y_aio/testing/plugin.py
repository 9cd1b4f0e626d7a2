"""The pytest plugin: an emulated module, a modem on it, and its network, as fixtures.

It is there as soon as this package is installed beside pytest, and works with anyio's plugin and with pytest-asyncio::

    @pytest.mark.anyio
    @pytest.mark.bc260y_emulator(latency=0.5, send_ok_lost=0.05)
    async def test_a_reading_is_uploaded(bc260y_modem, bc260y_network):
        api = bc260y_network.add_http("api.example", {"POST /readings": 204})
        await upload(bc260y_modem, bc260y_network.address("api.example", 80), b"21.5")
        assert [request.body for request in api.requests] == [b"21.5"]

A test that is no coroutine gets an emulated module that runs in a thread, and opens its port like any other program.
"""

import contextlib
import importlib.util
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pytest

if TYPE_CHECKING:
    from ..emulator import Emulator
    from ..emulator.network.directory import Directory
    from ..modem.modem import Modem

_EMULATOR: Final = "bc260y_emulator"
_MODEM: Final = "bc260y_modem"
_SERVED: Final = "bc260y_served"
_MARKERS: Final = {
    _EMULATOR: "what the emulated module is like: the options of bc260y_aio.emulator.Emulator, its faults among them",
    _MODEM: "what the modem is like: the options of bc260y_aio.Modem",
}
_NO_RUNNER: Final = (
    "this is a coroutine test that neither anyio's plugin nor pytest-asyncio runs; "
    "mark it with pytest.mark.anyio or pytest.mark.asyncio"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that lead the tests to a real module."""
    group = parser.getgroup("bc260y", "a BC260Y module for the tests")
    group.addoption(
        "--bc260y-port",
        metavar="PORT",
        help="run the tests on the module at this serial port (--bc260y-port=/dev/ttyUSB0, with the sign); tests of an "
        "emulated one are skipped",
    )
    group.addoption(
        "--bc260y-server",
        metavar="ADDRESS",
        help="with --bc260y-port: where that module reaches this machine. The tests' peers then listen on all its "
        "addresses, on ports that the system chooses; without it, tests that need a network are skipped",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers."""
    for name, text in _MARKERS.items():
        config.addinivalue_line("markers", f"{name}(**options): {text}")

    _declare(config.pluginmanager)


# What a project may override, in a conftest.py, a module or a parametrization


@pytest.fixture
def bc260y_emulator_options() -> dict[str, Any]:
    """What the emulated modules are like; a test's marker ``bc260y_emulator(**options)`` goes before it."""
    return {}


@pytest.fixture
def bc260y_modem_options() -> dict[str, Any]:
    """What the modems are like; a test's marker ``bc260y_modem(**options)`` goes before it."""
    return {}


# The fixtures


# The options are arguments so that a test can be parametrized with them.


@pytest.fixture
def bc260y_emulator(request: pytest.FixtureRequest, bc260y_emulator_options: dict[str, Any]) -> "Emulator":
    """An emulated module, switched on; a program opens its ``url``. Skipped with ``--bc260y-port``."""
    if request.config.getoption("--bc260y-port"):
        pytest.skip("this test is about an emulated module, and --bc260y-port names a real one")

    emulator: Emulator = _set_up(request, _EMULATOR)
    return emulator


@pytest.fixture
def bc260y_network(request: pytest.FixtureRequest, bc260y_emulator_options: dict[str, Any]) -> "Directory":
    """What the module reaches: hosts are added to it, and :meth:`Directory.address` tells where they are.

    It is the emulated module's network, which has latency, losses and outages besides. With ``--bc260y-port``, the
    hosts are servers on this machine, and the test is skipped unless ``--bc260y-server`` tells where that is.
    """
    if not request.config.getoption("--bc260y-port"):
        emulator: Emulator = request.getfixturevalue(_EMULATOR)
        return emulator.network

    if not request.config.getoption("--bc260y-server"):
        pytest.skip("the module has to reach this machine: --bc260y-server tells where")

    network: Directory = _set_up(request, _SERVED)
    return network


@pytest.fixture
def bc260y_modem(
    request: pytest.FixtureRequest, bc260y_emulator_options: dict[str, Any], bc260y_modem_options: dict[str, Any]
) -> "Modem":
    """An open modem, on the emulated module, or on the one that ``--bc260y-port`` names."""
    if not request.config.getoption("--bc260y-port"):
        request.getfixturevalue(_EMULATOR)

    modem: Modem = _set_up(request, _MODEM)
    return modem


# How they are made: asynchronous fixtures, which each runner of coroutine tests has its own way with


@contextlib.asynccontextmanager
async def _emulator(request: pytest.FixtureRequest) -> AsyncIterator["Emulator"]:
    from ..emulator import Emulator

    async with Emulator(**{"line": "memory"} | _options(request, _EMULATOR)) as emulator:
        yield emulator


@contextlib.asynccontextmanager
async def _modem(request: pytest.FixtureRequest) -> AsyncIterator["Modem"]:
    from ..modem.modem import Modem

    url = request.config.getoption("--bc260y-port") or request.getfixturevalue(_EMULATOR).url
    async with Modem(url, **_options(request, _MODEM)) as modem:
        yield modem


@contextlib.asynccontextmanager
async def _served(request: pytest.FixtureRequest) -> AsyncIterator["Directory"]:
    from .served import ServedNetwork

    async with ServedNetwork(request.config.getoption("--bc260y-server")) as network:
        yield network


def _options(request: pytest.FixtureRequest, name: str) -> dict[str, Any]:
    options: dict[str, Any] = dict(request.getfixturevalue(f"{name}_options"))
    for marker in reversed(list(request.node.iter_markers(name))):
        options |= marker.kwargs

    return options


Maker: TypeAlias = Callable[[pytest.FixtureRequest], contextlib.AbstractAsyncContextManager[Any]]

_MAKERS: Final[dict[str, Maker]] = {_EMULATOR: _emulator, _MODEM: _modem, _SERVED: _served}


def _asynchronous(make: Maker) -> Callable[[pytest.FixtureRequest], AsyncIterator[Any]]:
    async def fixture(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
        async with make(request) as thing:
            yield thing

    return fixture


class _ByAnyio:
    """The fixtures for coroutine tests that anyio's plugin runs."""


class _ByAsyncio:
    """The fixtures for coroutine tests that pytest-asyncio runs."""


def _declare(plugin: pytest.PytestPluginManager) -> None:
    """Declare each fixture once for each runner: both know an asynchronous fixture by how it was declared."""
    for name, make in _MAKERS.items():
        setattr(_ByAnyio, name, pytest.fixture(name=f"_{name}_by_anyio")(_asynchronous(make)))
        if importlib.util.find_spec("pytest_asyncio") is not None:
            import pytest_asyncio

            setattr(_ByAsyncio, name, pytest_asyncio.fixture(name=f"_{name}_by_asyncio")(_asynchronous(make)))

    plugin.register(_ByAnyio)
    plugin.register(_ByAsyncio)


@pytest.fixture
def _bc260y_emulator_in_thread(request: pytest.FixtureRequest) -> Iterator["Emulator"]:
    from anyio.from_thread import start_blocking_portal

    from ..emulator import Emulator

    emulator = Emulator(**{"line": "pty"} | _options(request, _EMULATOR))
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(emulator):
        yield emulator


def _set_up(request: pytest.FixtureRequest, name: str) -> Any:
    """Set a fixture up on the loop of the test, by way of who runs that."""
    if "anyio_backend" in request.fixturenames:
        if request.getfixturevalue("anyio_backend_name") != "asyncio":
            pytest.skip("a modem needs asyncio's event loop")

        return request.getfixturevalue(f"_{name}_by_anyio")

    if request.node.get_closest_marker("asyncio") is not None:
        return request.getfixturevalue(f"_{name}_by_asyncio")

    if inspect.iscoroutinefunction(request.function):
        pytest.fail(_NO_RUNNER, pytrace=False)

    if name != _EMULATOR:
        pytest.fail(f"{name} is for coroutine tests; a test that blocks can open bc260y_emulator.url", pytrace=False)

    return request.getfixturevalue("_bc260y_emulator_in_thread")
