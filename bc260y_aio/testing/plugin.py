"""The pytest plugin: an emulated module, a modem on it, and its network, as fixtures.

pytest loads it if this package is installed. It works with anyio's plugin and with pytest-asyncio::

    @pytest.mark.anyio
    @pytest.mark.bc260y_emulator(latency=0.5, send_ok_lost=0.05)
    async def test_a_reading_is_uploaded(bc260y_modem, bc260y_network):
        api = bc260y_network.add_http("api.example", {"POST /readings": 204})
        await upload(bc260y_modem, bc260y_network.address("api.example", 80), b"21.5")
        assert [request.body for request in api.requests] == [b"21.5"]

A test that is not a coroutine gets an emulated module that runs in a thread, and opens its port like any other program.
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
    from .usage_since import UsageSince

_EMULATOR: Final = "bc260y_emulator"
_MODEM: Final = "bc260y_modem"
_SESSION_MODEM: Final = "bc260y_session_modem"
_SERVED: Final = "bc260y_served"
_LOOP_SCOPES: Final = ("function", "class", "module", "package", "session")
_MARKERS: Final = {
    _EMULATOR: "the options of the emulated module: those of bc260y_aio.emulator.Emulator, including faults",
    _MODEM: "the options of the modem: those of bc260y_aio.Modem",
}
_NO_RUNNER: Final = (
    "this is a coroutine test that neither anyio's plugin nor pytest-asyncio runs; "
    "mark it with pytest.mark.anyio or pytest.mark.asyncio"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options for tests on a real module."""
    group = parser.getgroup("bc260y", "a BC260Y module for the tests")
    group.addoption(
        "--bc260y-port",
        metavar="PORT",
        help="run the tests on the module at this serial port (--bc260y-port=/dev/ttyUSB0, with the equals sign); "
        "tests that need an emulated module are skipped",
    )
    group.addoption(
        "--bc260y-server",
        metavar="ADDRESS",
        help="with --bc260y-port: the address at which that module reaches this machine. The peers of the tests listen "
        "on all its addresses, on ports that the system chooses; without it, tests that need a network are skipped",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers."""
    for name, text in _MARKERS.items():
        config.addinivalue_line("markers", f"{name}(**options): {text}")

    _declare(config.pluginmanager)


# Options that a project may override, in a conftest.py, a module or a parametrization


@pytest.fixture
def bc260y_emulator_options() -> dict[str, Any]:
    """The options of the emulated modules; a test's marker ``bc260y_emulator(**options)`` takes precedence."""
    return {}


@pytest.fixture
def bc260y_modem_options() -> dict[str, Any]:
    """The options of the modems; a test's marker ``bc260y_modem(**options)`` takes precedence."""
    return {}


# The fixtures


# The options are arguments so that a test can be parametrized with them.


@pytest.fixture
def bc260y_emulator(request: pytest.FixtureRequest, bc260y_emulator_options: dict[str, Any]) -> "Emulator":
    """An emulated module, switched on; a program opens its ``url``. Skipped with ``--bc260y-port``.

    Its network has the hosts that the test adds, and no others: another name raises ResolutionError. The option
    ``names=True`` lets every name lead to this machine's loopback interface instead.
    """
    if request.config.getoption("--bc260y-port"):
        pytest.skip("this test needs an emulated module, and --bc260y-port names a real one")

    emulator: Emulator = _set_up(request, _EMULATOR)
    return emulator


@pytest.fixture
def bc260y_network(request: pytest.FixtureRequest, bc260y_emulator_options: dict[str, Any]) -> "Directory":
    """The network of the module: a test adds hosts to it, and :meth:`Directory.address` returns their addresses.

    It is the emulated module's network, which also has latency, losses and outages. With ``--bc260y-port``, the hosts
    are servers on this machine, and the test is skipped unless ``--bc260y-server`` names its address.
    """
    if not request.config.getoption("--bc260y-port"):
        emulator: Emulator = request.getfixturevalue(_EMULATOR)
        return emulator.network

    if not request.config.getoption("--bc260y-server"):
        pytest.skip("the module has to reach this machine: --bc260y-server names its address")

    network: Directory = _set_up(request, _SERVED)
    return network


@pytest.fixture
def bc260y_modem(
    request: pytest.FixtureRequest, bc260y_emulator_options: dict[str, Any], bc260y_modem_options: dict[str, Any]
) -> "Modem":
    """An open modem, on the emulated module, or on the module at ``--bc260y-port``."""
    if not request.config.getoption("--bc260y-port"):
        request.getfixturevalue(_EMULATOR)

    modem: Modem = _set_up(request, _MODEM)
    return modem


@pytest.fixture
def bc260y_usage(bc260y_modem: "Modem") -> "UsageSince":
    """The cost of the test so far: ``assert bc260y_usage.radio_seconds < 30``.

    It has the attributes of :class:`bc260y_aio.usage.ModemUsage`, such as ``air_sent``, ``sends``, ``energy_mwh``.
    """
    from .usage_since import UsageSince

    return UsageSince(bc260y_modem)


@pytest.fixture
def bc260y_session_modem(request: pytest.FixtureRequest) -> "Modem":
    """A modem that is opened once for all tests, since opening a real module takes seconds and wears it.

    All tests that use it run on one event loop: with pytest-asyncio ``@pytest.mark.asyncio(loop_scope="session")``,
    with anyio's plugin an ``anyio_backend`` fixture of scope ``"session"``. Without ``--bc260y-port`` its module is
    emulated.
    """
    modem: Modem = _set_up(request, _SESSION_MODEM)
    return modem


@pytest.fixture(scope="session")
def bc260y_session_modem_options() -> dict[str, Any]:
    """The options of :func:`bc260y_session_modem`, as for :class:`bc260y_aio.Modem`."""
    return {}


# Creating them: asynchronous fixtures, on the event loop of the test


@contextlib.asynccontextmanager
async def _emulator(request: pytest.FixtureRequest) -> AsyncIterator["Emulator"]:
    from ..emulator import Emulator

    async with Emulator(**_options(request, _EMULATOR, line="memory", names=False)) as emulator:
        yield emulator


@contextlib.asynccontextmanager
async def _modem(request: pytest.FixtureRequest) -> AsyncIterator["Modem"]:
    from ..modem.modem import Modem

    url = request.config.getoption("--bc260y-port") or request.getfixturevalue(_EMULATOR).url
    async with Modem(url, **_options(request, _MODEM)) as modem:
        yield modem


@contextlib.asynccontextmanager
async def _session_modem(request: pytest.FixtureRequest) -> AsyncIterator["Modem"]:
    from ..modem.modem import Modem

    url = request.config.getoption("--bc260y-port") or "emulator://?names=False"
    async with Modem(url, **request.getfixturevalue(f"{_SESSION_MODEM}_options")) as modem:
        yield modem


@contextlib.asynccontextmanager
async def _served(request: pytest.FixtureRequest) -> AsyncIterator["Directory"]:
    from .local_servers import LocalServers

    async with LocalServers(request.config.getoption("--bc260y-server")) as network:
        yield network


def _options(request: pytest.FixtureRequest, name: str, **defaults: Any) -> dict[str, Any]:
    options: dict[str, Any] = defaults | request.getfixturevalue(f"{name}_options")
    for marker in reversed(list(request.node.iter_markers(name))):
        options |= marker.kwargs

    return options


Maker: TypeAlias = Callable[[pytest.FixtureRequest], contextlib.AbstractAsyncContextManager[Any]]

_MAKERS: Final[dict[str, Maker]] = {
    _EMULATOR: _emulator,
    _MODEM: _modem,
    _SESSION_MODEM: _session_modem,
    _SERVED: _served,
}


def _asynchronous(make: Maker) -> Callable[[pytest.FixtureRequest], AsyncIterator[Any]]:
    async def fixture(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
        async with make(request) as thing:
            yield thing

    return fixture


def _on_runner(make: Maker, loop_scope: str) -> Callable[[pytest.FixtureRequest], Iterator[Any]]:
    """Return a fixture for a test with both anyio's marker and pytest-asyncio's, which pytest-asyncio runs.

    anyio's plugin would run an asynchronous fixture of such a test on a loop of its own, so this one is synchronous.
    """

    def fixture(request: pytest.FixtureRequest) -> Iterator[Any]:
        # Since pytest-asyncio 1.1.
        runner = request.getfixturevalue(f"_{loop_scope}_scoped_runner")
        manager = make(request)
        yield runner.run(manager.__aenter__())
        runner.run(manager.__aexit__(None, None, None))

    return fixture


class _ByAnyio:
    """The fixtures for coroutine tests that anyio's plugin runs."""


class _ByAsyncio:
    """The fixtures for coroutine tests that pytest-asyncio runs, one for each scope of its event loops."""


def _declare(plugin: pytest.PytestPluginManager) -> None:
    """Declare each fixture for each plugin that runs coroutine tests, and for each scope of an event loop."""
    for name, make in _MAKERS.items():
        scope: Any = "session" if name == _SESSION_MODEM else "function"
        setattr(_ByAnyio, name, pytest.fixture(name=f"_{name}_by_anyio", scope=scope)(_asynchronous(make)))
        if importlib.util.find_spec("pytest_asyncio") is None:
            continue

        import pytest_asyncio

        for loop_scope in _LOOP_SCOPES if scope == "function" else ("session",):
            declared = pytest_asyncio.fixture(
                name=f"_{name}_by_asyncio_{loop_scope}", scope=scope, loop_scope=loop_scope
            )
            setattr(_ByAsyncio, f"{name}_{loop_scope}", declared(_asynchronous(make)))
            by_runner = pytest.fixture(name=f"_{name}_by_runner_{loop_scope}", scope=scope)
            setattr(_ByAsyncio, f"{name}_{loop_scope}_runner", by_runner(_on_runner(make, loop_scope)))

    plugin.register(_ByAnyio)
    plugin.register(_ByAsyncio)


@pytest.fixture
def _bc260y_emulator_in_thread(request: pytest.FixtureRequest) -> Iterator["Emulator"]:
    from anyio.from_thread import start_blocking_portal

    from ..emulator import Emulator

    emulator = Emulator(**_options(request, _EMULATOR, line="pty", names=False))
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(emulator):
        yield emulator


def _set_up(request: pytest.FixtureRequest, name: str) -> Any:
    """Set up a fixture on the event loop of the test."""
    has_backend = "anyio_backend" in request.fixturenames
    marker = request.node.get_closest_marker("asyncio")
    # pytest-asyncio runs a test with its marker, which its auto mode adds, even where anyio's is there too.
    if marker is not None and request.config.pluginmanager.hasplugin("asyncio"):
        loop_scope = _loop_scope(request.config, marker)
        if name == _SESSION_MODEM and loop_scope != "session":
            pytest.fail(f'{name} needs @pytest.mark.asyncio(loop_scope="session")', pytrace=False)

        return request.getfixturevalue(f"_{name}_by_{'runner' if has_backend else 'asyncio'}_{loop_scope}")

    if has_backend:
        if request.getfixturevalue("anyio_backend_name") != "asyncio":
            pytest.skip("a modem needs asyncio's event loop")

        return request.getfixturevalue(f"_{name}_by_anyio")

    if inspect.iscoroutinefunction(request.function):
        pytest.fail(_NO_RUNNER, pytrace=False)

    if name != _EMULATOR:
        pytest.fail(f"{name} is for coroutine tests; a blocking test can open bc260y_emulator.url", pytrace=False)

    return request.getfixturevalue("_bc260y_emulator_in_thread")


def _loop_scope(config: pytest.Config, marker: pytest.Mark) -> str:
    """Return the scope of the event loop on which pytest-asyncio runs a test."""
    named = marker.kwargs.get("loop_scope") or marker.kwargs.get("scope")
    try:
        return str(named or config.getini("asyncio_default_test_loop_scope") or "function")
    except ValueError:
        # Before pytest-asyncio 0.26 there was no such setting.
        return "function"
