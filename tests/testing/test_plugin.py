"""The pytest plugin, in projects of a test or two that each runner of coroutine tests runs."""

from typing import Final

import pytest
from anyio.from_thread import start_blocking_portal

from bc260y_aio.emulator import Emulator

ASYNCIO: Final = "asyncio_default_fixture_loop_scope = function\nasyncio_mode ="
RUNNERS: Final = {
    "anyio": ("anyio", ""),
    "pytest-asyncio": ("asyncio", f"{ASYNCIO} strict"),
    "pytest-asyncio, auto": ("asyncio", f"{ASYNCIO} auto"),
}

runners = pytest.mark.parametrize(("mark", "mode"), RUNNERS.values(), ids=RUNNERS)


def run(
    pytester: pytest.Pytester,
    source: str,
    *arguments: str,
    mark: str = "anyio",
    mode: str = "",
    timeout: float | None = None,
) -> str:
    """Run the tests of a file, and return the output of pytest; a hang ends after ``timeout`` seconds."""
    plugin = {"anyio": "-p no:asyncio", "asyncio": "-p no:anyio"}.get(mark, "")
    plugin += f" --timeout={timeout}" if timeout else ""
    pytester.makeini(f"[pytest]\naddopts = -p no:cacheprovider -p no:xdist {plugin}\nfilterwarnings = error\n{mode}\n")
    pytester.makepyfile(source.replace("RUNNER", mark))
    pytester.makeconftest("import pytest\n@pytest.fixture\ndef anyio_backend(): return 'asyncio'\n")
    return pytester.runpytest_inprocess("-q", *arguments).stdout.str()


@runners
def test_a_test_has_a_modem_on_an_emulated_module_and_a_network_behind_it(
    pytester: pytest.Pytester, mark: str, mode: str
) -> None:
    said = run(
        pytester,
        """
        import pytest

        @pytest.mark.RUNNER
        @pytest.mark.bc260y_emulator(latency=0.01, send_fail_taken=0.2, seed=3)
        @pytest.mark.bc260y_modem(data_format="text")
        async def test_a_sink(bc260y_modem, bc260y_network, bc260y_emulator):
            sink = bc260y_network.add_sink("sink.example")
            reader, writer = await bc260y_modem.open_connection(*bc260y_network.address("sink.example", 7))
            writer.write(b"x" * 20_000)
            await writer.drain()
            writer.close()
            await writer.wait_closed()
            assert sink.data == b"x" * 20_000
            assert bc260y_emulator.faults.counts["send_fail_taken"]

        @pytest.mark.RUNNER
        async def test_another_begins_anew(bc260y_modem, bc260y_emulator):
            assert await bc260y_modem.sockets() == []
            assert not bc260y_emulator.faults.send_fail_taken
        """,
        mark=mark,
        mode=mode,
    )
    assert "2 passed" in said


@runners
def test_the_cost_of_a_test_so_far_is_a_fixture(pytester: pytest.Pytester, mark: str, mode: str) -> None:
    said = run(
        pytester,
        """
        import pytest

        @pytest.mark.RUNNER
        async def test_it(bc260y_usage, bc260y_modem, bc260y_network, bc260y_emulator):
            bc260y_network.add_echo("meter.example")
            assert (bc260y_usage.opened, bc260y_usage.radio_seconds) == (0, 0)
            async with await bc260y_modem.open_datagram_endpoint("meter.example", 5683) as endpoint:
                await endpoint.send(b"21.5")
                await endpoint.receive()
            assert (bc260y_usage.air_sent, bc260y_usage.air_received) == (32, 32)
            # The connection that is left behind is counted up to its release.
            assert 15 < bc260y_usage.radio_seconds < 30
            assert bc260y_usage.energy_mwh == bc260y_usage.now.radio.energy_mwh > 0
            assert bc260y_emulator.radio.connected_seconds < 5
        """,
        mark=mark,
        mode=mode,
    )
    assert "1 passed" in said


def test_what_only_an_emulated_module_can_tell_skips_a_test_on_a_real_one(pytester: pytest.Pytester) -> None:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(Emulator(line="pty")) as emulator:
        said = run(
            pytester,
            """
            import pytest

            @pytest.mark.anyio
            async def test_it(bc260y_usage):
                assert bc260y_usage.sends == 0
                assert bc260y_usage.radio_seconds < 30
            """,
            f"--bc260y-port={emulator.url}",
            "-rs",
        )

    assert "1 skipped" in said
    assert "a real module does not report what its radio does" in said


def test_a_test_that_blocks_gets_a_module_on_a_port(pytester: pytest.Pytester) -> None:
    said = run(
        pytester,
        """
        import serial

        def test_it_answers(bc260y_emulator):
            with serial.Serial(bc260y_emulator.url, timeout=10) as port:
                port.write(b"AT\\r")
                assert port.read_until(b"OK\\r\\n") == b"AT\\r\\nOK\\r\\n"
        """,
    )
    assert "1 passed" in said


def test_variants_are_options_of_a_project_and_of_a_parametrization(pytester: pytest.Pytester) -> None:
    said = run(
        pytester,
        """
        import pytest

        @pytest.fixture
        def bc260y_modem_options():
            return {"close_timeout": 1.0}

        @pytest.mark.anyio
        @pytest.mark.parametrize("bc260y_emulator_options", [{"firmware": "R01A02"}, {"firmware": "R02A01"}])
        async def test_every_firmware(bc260y_emulator, bc260y_modem, bc260y_emulator_options):
            revision = (await bc260y_modem.execute("AT+CGMR"))[0]
            assert bc260y_emulator_options["firmware"] in revision
        """,
    )
    assert "2 passed" in said


def test_a_marker_takes_the_network_away(pytester: pytest.Pytester) -> None:
    said = run(
        pytester,
        """
        import pytest
        from bc260y_aio import NotRegistered

        def reason(options, expected):
            return pytest.param(expected, marks=pytest.mark.bc260y_emulator(**options))

        @pytest.mark.anyio
        @pytest.mark.bc260y_modem(registration_timeout=0.1)
        @pytest.mark.parametrize("expected", [
            reason({"sim": "none"}, "it reports no SIM"),
            reason({"sim": "pin"}, "its SIM asks for SIM PIN"),
            reason({"reject_cause": 11}, "cause 11, PLMN not allowed"),
            reason({"reject_cause": 19}, "it is searching"),
            reason({"has_cell": False}, "it is searching"),
            reason({"cell_lost": (0.0, 60.0)}, "it is searching"),
        ])
        async def test_a_device_without_a_network(bc260y_modem, bc260y_network, expected):
            bc260y_network.add_echo("echo.example")
            with pytest.raises(NotRegistered, match=expected):
                await bc260y_modem.open_connection("echo.example", 7)

        @pytest.mark.anyio
        @pytest.mark.bc260y_emulator(has_cell=False)
        async def test_the_network_is_found(bc260y_emulator, bc260y_modem):
            assert not (await bc260y_modem.registration()).status.is_registered
            bc260y_emulator.network.has_cell = True
            assert (await bc260y_modem.registration()).status.is_registered
            bc260y_emulator.network.reject_cause = 15
            assert not (await bc260y_modem.registration()).status.is_registered
        """,
    )
    assert "7 passed" in said


def test_a_day_passes_in_a_moment_on_a_controlled_clock(pytester: pytest.Pytester) -> None:
    said = run(
        pytester,
        """
        import asyncio
        import pytest
        from bc260y_aio.testing import virtual_clock

        @pytest.fixture
        def anyio_backend():
            return "asyncio", {"loop_factory": virtual_clock()}

        @pytest.mark.anyio
        async def test_a_day(bc260y_modem, bc260y_network):
            bc260y_network.add_sink("sink.example")
            reader, writer = await bc260y_modem.open_connection("sink.example", 7)
            writer.transport.set_keepalive(500)
            await asyncio.sleep(86400)
            assert writer.transport.traffic.sends == 172
            writer.close()
            await writer.wait_closed()
        """,
    )
    assert "1 passed" in said


def test_a_missing_runner_option_is_reported(pytester: pytest.Pytester) -> None:
    said = run(pytester, "def test_it(bc260y_modem): pass")
    assert "bc260y_modem is for coroutine tests" in said
    said = run(pytester, "async def test_it(bc260y_modem): pass")
    assert "mark it with pytest.mark.anyio or pytest.mark.asyncio" in said


def test_on_another_event_loop_than_asyncios_the_test_is_skipped(pytester: pytest.Pytester) -> None:
    source = """
        import pytest

        @pytest.fixture(params=["asyncio", "trio"])
        def anyio_backend(request):
            return request.param

        @pytest.mark.anyio
        async def test_it(bc260y_modem):
            pass
        """
    assert "1 passed, 1 skipped" in run(pytester, source)


# The event loop of the test


LOOP_SCOPES: Final = ["function", "class", "module", "package", "session"]
TWO_TESTS: Final = """
    import asyncio
    import pytest

    loops = []

    MARK
    class TestIt:
        @pytest.mark.parametrize("number", range(2))
        async def test_it(self, bc260y_modem, bc260y_network, number):
            loops.append(asyncio.get_running_loop())
            bc260y_network.add_echo("echo.example")
            reader, writer = await bc260y_modem.open_connection("echo.example", 7)
            writer.write(b"hello")
            assert await reader.readexactly(5) == b"hello"
            writer.close()
            await writer.wait_closed()
            assert len(set(map(id, loops))) == (1 if SHARED else len(loops))
    """


def on_loops(mark: str, *, shared: bool) -> str:
    return TWO_TESTS.replace("MARK", mark).replace("SHARED", str(shared))


@pytest.mark.parametrize("scope", LOOP_SCOPES)
@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_a_modem_is_on_the_loop_that_the_marker_names(pytester: pytest.Pytester, scope: str, mode: str) -> None:
    source = on_loops(f'@pytest.mark.asyncio(loop_scope="{scope}")', shared=scope != "function")
    said = run(pytester, source, mark="asyncio", mode=f"{ASYNCIO} {mode}", timeout=15)
    assert "2 passed" in said


# pytest-asyncio warns where the scope of fixtures is not set. The settings of the inner run take effect there in newer
# versions of pytest only; in older ones those of this run do.
@pytest.mark.filterwarnings("ignore:The configuration option:pytest.PytestDeprecationWarning")
@pytest.mark.parametrize("fixture_scope", [None, "function", "session"])
@pytest.mark.parametrize("test_scope", [None, "module", "session"])
def test_a_modem_is_on_the_loop_of_the_test_whatever_the_defaults(
    pytester: pytest.Pytester, fixture_scope: str | None, test_scope: str | None
) -> None:
    # The first line continues `filterwarnings`.
    settings = "    ignore::pytest.PytestDeprecationWarning\nasyncio_mode = strict"
    settings += f"\nasyncio_default_fixture_loop_scope = {fixture_scope}" if fixture_scope else ""
    settings += f"\nasyncio_default_test_loop_scope = {test_scope}" if test_scope else ""
    source = on_loops("@pytest.mark.asyncio", shared=test_scope is not None)
    assert "2 passed" in run(pytester, source, mark="asyncio", mode=settings, timeout=15)


@pytest.mark.parametrize("scope", ["function", "session"])
def test_a_test_with_the_marker_of_anyio_may_be_run_by_pytest_asyncio(pytester: pytest.Pytester, scope: str) -> None:
    settings = f"{ASYNCIO} auto\nasyncio_default_test_loop_scope = {scope}"
    source = on_loops("@pytest.mark.anyio", shared=scope != "function")
    assert "2 passed" in run(pytester, source, mark="both", mode=settings, timeout=15)


@pytest.mark.parametrize("runner", ["anyio", "asyncio"])
def test_a_session_modem_is_opened_once(pytester: pytest.Pytester, runner: str) -> None:
    mark = 'asyncio(loop_scope="session")' if runner == "asyncio" else "anyio"
    source = """
        import pytest

        modems = []

        @pytest.fixture(scope="session")
        def anyio_backend():
            return "asyncio"

        @pytest.fixture(scope="session")
        def bc260y_session_modem_options():
            return {"baudrate": 9600}

        @pytest.mark.RUNNER
        @pytest.mark.parametrize("number", range(3))
        async def test_it(bc260y_session_modem, number):
            modems.append(bc260y_session_modem)
            assert await bc260y_session_modem.execute("AT") == []
            assert len(set(modems)) == 1
        """
    emulator = Emulator(line="pty")
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(emulator) as module:
        source, mode = source.replace("RUNNER", mark), f"{ASYNCIO} strict" if runner == "asyncio" else ""
        said = run(pytester, source, f"--bc260y-port={module.url}", mark=runner, mode=mode, timeout=20)
        starts = emulator.module.commands["+CEREG"]

    assert "3 passed" in said
    assert starts <= 2
    assert "3 passed" in run(pytester, source, mark=runner, mode=mode, timeout=20)


def test_a_session_modem_needs_the_loop_of_the_session(pytester: pytest.Pytester) -> None:
    source = """
        import pytest

        @pytest.mark.asyncio
        async def test_it(bc260y_session_modem): pass
        """
    said = run(pytester, source, mark="asyncio", mode=f"{ASYNCIO} strict")
    assert 'needs @pytest.mark.asyncio(loop_scope="session")' in said


# Names


def test_a_host_that_was_not_added_does_not_resolve(pytester: pytest.Pytester) -> None:
    said = run(
        pytester,
        """
        import pytest
        from bc260y_aio import ResolutionError

        @pytest.mark.anyio
        async def test_it(bc260y_modem, bc260y_network):
            bc260y_network.add_echo("echo.example")
            with pytest.raises(ResolutionError):
                await bc260y_modem.open_connection("ecko.example", 7)

        @pytest.mark.anyio
        @pytest.mark.bc260y_emulator(names=True)
        async def test_the_option(bc260y_modem):
            assert await bc260y_modem.resolve("ecko.example")
        """,
    )
    assert "2 passed" in said


# A real module


REAL: Final = """
    import pytest

    @pytest.mark.anyio
    async def test_an_echo(bc260y_modem, bc260y_network):
        echo = bc260y_network.add_echo("echo.example")
        address = bc260y_network.address("echo.example", 7)
        reader, writer = await bc260y_modem.open_connection(*address)
        writer.write(b"hello" * 1000)
        assert await reader.readexactly(5000) == b"hello" * 1000
        writer.close()
        await writer.wait_closed()
        async with await bc260y_modem.open_datagram_endpoint(*address) as endpoint:
            await endpoint.send(b"hello")
            assert await endpoint.receive() == b"hello"

    @pytest.fixture
    def address(bc260y_network):
        bc260y_network.add_echo("echo.example")
        return bc260y_network.address("echo.example", 7)

    @pytest.mark.anyio
    async def test_an_address_that_was_asked_for_early(bc260y_modem, address):
        async with await bc260y_modem.open_datagram_endpoint(*address) as endpoint:
            await endpoint.send(b"hello")
            assert await endpoint.receive() == b"hello"

    @pytest.mark.anyio
    async def test_refused(bc260y_modem, bc260y_network):
        bc260y_network.add_refusing("nobody.example")
        with pytest.raises(ConnectionRefusedError):
            await bc260y_modem.open_connection(*bc260y_network.address("nobody.example", 7))

    @pytest.mark.anyio
    async def test_a_script(bc260y_modem, bc260y_network):
        from bc260y_aio.emulator import Expect, Hold, Send
        script = bc260y_network.add_script("a.example", Expect(b"hello"), Send(b"welcome"), Hold())
        reader, writer = await bc260y_modem.open_connection(*bc260y_network.address("a.example", 7))
        writer.write(b"hello")
        assert await reader.readexactly(7) == b"welcome"
        writer.close()
        await writer.wait_closed()

    @pytest.mark.anyio
    async def test_a_fault(bc260y_emulator):
        pass
    """


def test_the_same_tests_run_on_a_module_at_a_port(pytester: pytest.Pytester) -> None:
    emulator = Emulator(line="pty")
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(emulator) as module:
        port = f"--bc260y-port={module.url}"
        assert "4 passed, 1 skipped" in run(pytester, REAL, port, "--bc260y-server=127.0.0.1")
        said = run(pytester, REAL, "-rs", port)
        assert "5 skipped" in said
        assert "--bc260y-server names its address" in said
