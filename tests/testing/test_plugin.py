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


def run(pytester: pytest.Pytester, source: str, *arguments: str, mark: str = "anyio", mode: str = "") -> str:
    """Run the tests of a file, and return what pytest says."""
    plugin = "-p no:asyncio" if mark == "anyio" else "-p no:anyio"
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


def test_who_names_no_runner_is_told_to(pytester: pytest.Pytester) -> None:
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
        assert "--bc260y-server tells where" in said
