"""Sleep: what it costs, what ends it, and what is asked of the network (guide 4.1, 4.2.9, 4.3.8, 4.3.9)."""

import asyncio
import random
from datetime import timedelta
from typing import Any

import pytest

from bc260y_aio import EdrxSetting, Modem, ModuleSlept, PsmSetting
from bc260y_aio.at.urcs import PowerChanged, PowerEvent
from tests.guide.bench import Bench, datagrams, now, on_air, powered, quiet, stream

SLEEPY: dict[str, Any] = {"sleep_after": 10.0}

either_depth = pytest.mark.parametrize("light_sleep", [False, True], ids=["deep", "light"])


def state_of(bench: Bench) -> str:
    return bench.emulator.module.sleep.state.name


async def fall_asleep(bench: Bench) -> None:
    """Let the module sleep, and wait until it does."""
    await bench.modem.sleep()
    await quiet(12)
    assert state_of(bench) in ("DEEP_SLEEP", "LIGHT_SLEEP")


# The guide's own procedure


async def test_udp_goes_on_after_deep_sleep_as_the_guide_has_it() -> None:
    async with on_air(**SLEEPY) as bench:
        modem = bench.modem
        events: list[Any] = []
        modem.subscribe(events.append, PowerChanged)
        transport, _ = await datagrams(modem, "report.example")
        transport.sendto(b"1234567890")
        await transport.drained()
        bench.wire.clear()
        await fall_asleep(bench)
        assert bench.wire.commands == [
            b"AT+QNBIOTEVENT?",
            b"AT+QNBIOTEVENT=1,1",
            b'AT+QCFG="dsevent"',
            b'AT+QCFG="dsevent",1',
            b'AT+QCFG="slplocktimes"',
            b"AT+QSCLK=1",
        ]
        assert bench.wire.said.endswith(b'\r\n+QNBIOTEVENT: "ENTER DEEPSLEEP"\r\n')

        bench.wire.clear()
        await modem.wake()
        assert bench.wire.commands[0] == b"AT"
        assert b"AT+QSCLK=0" in bench.wire.commands
        assert bench.wire.said.startswith(b'\r\n+QNBIOTEVENT: "EXIT DEEPSLEEP"\r\n')
        assert events == [PowerChanged(PowerEvent.ENTER_DEEP_SLEEP), PowerChanged(PowerEvent.EXIT_DEEP_SLEEP)]

        bench.wire.clear()
        transport.sendto(b"1234567890")
        await transport.drained()
        assert [await bench.hosts.reports.get() for _ in range(2)] == [b"1234567890"] * 2
        assert bench.wire.commands == [b'AT+QISEND=0,10,"31323334353637383930"']


@either_depth
async def test_a_datagram_wakes_the_module_and_is_not_lost(light_sleep: bool) -> None:
    async with on_air(light_sleep=light_sleep, **SLEEPY) as bench:
        transport, protocol = await datagrams(bench.modem, "echo.example")
        await bench.modem.sleep()
        sent = []
        for number in range(10):
            await quiet(random.Random(number).uniform(0.1, 30))
            sent.append(b"%d" % number)
            transport.sendto(sent[-1])

        await quiet(5)
        assert [data for data, _ in protocol.datagrams] == sent
        assert bench.emulator.module.sleep.mode == 1


@pytest.mark.parametrize("moment", [9.6, 9.9, 9.99, 10.0, 10.01, 10.1, 10.4])
async def test_a_datagram_that_meets_the_module_falling_asleep_is_sent_once(moment: float) -> None:
    async with on_air(**SLEEPY) as bench:
        transport, protocol = await datagrams(bench.modem, "echo.example")
        await bench.modem.sleep()
        await quiet(moment)
        transport.sendto(b"just then")
        await quiet(30)
        assert [data for data, _ in protocol.datagrams] == [b"just then"]


async def test_a_module_that_takes_its_time_to_wake_is_waited_for() -> None:
    async with on_air(wake_time=5.0, **SLEEPY) as bench:
        transport, protocol = await datagrams(bench.modem, "echo.example")
        await fall_asleep(bench)
        began = now()
        transport.sendto(b"good morning")
        assert await protocol.until_datagrams(1) == [b"good morning"]
        assert 5 <= now() - began < 6


# Costs of sleep


async def test_a_module_that_sleeps_again_before_it_has_answered_is_found() -> None:
    async with on_air(sleep_after=10.0, answer_late_by=30.0) as bench:
        await fall_asleep(bench)
        bench.emulator.faults.answer_late = 1.0
        asyncio.get_running_loop().call_later(1.5, setattr, bench.emulator.faults, "answer_late", 0.0)
        began = now()
        assert await bench.modem.execute("AT+CSQ") == ["+CSQ: 23,0"]
        assert bench.emulator.faults.counts["answer_late"] == 1
        assert 20 < now() - began < 60


async def test_a_stream_that_was_open_ends_with_an_error_and_not_with_eof() -> None:
    async with on_air(**SLEEPY) as bench:
        reader, writer = await bench.modem.open_connection("echo.example", 7)
        transport, protocol = await stream(bench.modem, "echo.example")
        await fall_asleep(bench)
        await bench.modem.wake()
        with pytest.raises(ConnectionResetError):
            await reader.read()

        with pytest.raises(ConnectionResetError):
            await writer.drain()

        await protocol.lost.wait()
        assert [type(loss) for loss in protocol.losses] == [ModuleSlept]
        assert not protocol.has_eof
        assert transport.is_closing()
        with pytest.raises(ConnectionResetError):
            await writer.wait_closed()

        await quiet()
        assert await bench.modem.sockets() == []


async def test_writing_to_a_stream_that_slept_is_an_error() -> None:
    async with on_air(**SLEEPY) as bench:
        _, protocol = await stream(bench.modem, "sink.example")
        await fall_asleep(bench)
        protocol.transport.write(b"too late")
        await protocol.lost.wait()
        assert isinstance(protocol.losses[0], ConnectionResetError)
        assert bench.hosts.sink.data == b""


async def test_a_stream_lives_through_light_sleep() -> None:
    async with on_air(light_sleep=True, **SLEEPY) as bench:
        transport, protocol = await stream(bench.modem, "echo.example")
        await fall_asleep(bench)
        transport.write(b"still here")
        assert await protocol.until_data(10) == b"still here"


async def test_firmware_without_reports_of_sleep_still_ends_its_streams() -> None:
    async with on_air(**SLEEPY) as bench:
        _, protocol = await stream(bench.modem, "echo.example")
        await bench.modem.sleep()
        await bench.modem.execute("AT+QNBIOTEVENT=0,1")
        await quiet(12)
        assert state_of(bench) == "DEEP_SLEEP"
        await bench.modem.wake()
        async with asyncio.timeout(100):
            await protocol.lost.wait()

        assert isinstance(protocol.losses[0], ConnectionResetError)


async def test_a_connection_can_be_opened_while_the_module_sleeps() -> None:
    async with on_air(**SLEEPY) as bench:
        await fall_asleep(bench)
        transport, protocol = await stream(bench.modem, "echo.example")
        transport.write(b"good morning")
        assert await protocol.until_data(12) == b"good morning"
        assert protocol.losses == []


# When it may sleep


async def test_the_module_stays_awake_unless_sleep_is_allowed() -> None:
    async with on_air(**SLEEPY) as bench:
        await quiet(300)
        assert state_of(bench) == "AWAKE"
        assert bench.emulator.module.sleep.mode == 0


async def test_a_block_keeps_the_module_awake_and_the_last_lets_it_sleep() -> None:
    async with on_air(**SLEEPY) as bench:
        modem, sleep = bench.modem, bench.emulator.module.sleep
        await modem.sleep()
        async with modem.awake():
            async with modem.awake():
                await quiet(60)

            await quiet(60)
            assert (state_of(bench), sleep.mode) == ("AWAKE", 0)

        assert sleep.mode == 1
        await quiet(12)
        assert state_of(bench) == "DEEP_SLEEP"


async def test_a_module_that_was_allowed_to_sleep_is_allowed_to_after_its_restart() -> None:
    async with on_air(boot_time=2.0, **SLEEPY) as bench:
        transport, protocol = await stream(bench.modem, "echo.example")
        await bench.modem.sleep()
        bench.emulator.restart()
        await quiet(60)
        assert state_of(bench) == "DEEP_SLEEP"
        assert bench.wire.said.endswith(b'\r\n+QNBIOTEVENT: "ENTER DEEPSLEEP"\r\n')
        assert transport.is_closing()
        await protocol.lost.wait()


async def test_a_module_whose_consent_to_sleep_was_not_received_is_woken_all_the_same() -> None:
    async with on_air(answer_delay=0.1, **SLEEPY) as bench:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.55):
                await bench.modem.sleep()

        assert bench.wire.commands[-1] == b"AT+QSCLK=1"
        await quiet(60)
        assert state_of(bench) == "DEEP_SLEEP"
        assert await bench.modem.execute("AT+CSQ") == ["+CSQ: 23,0"]


async def test_a_module_that_sleeps_at_the_end_is_left_asleep_in_good_order() -> None:
    async with on_air(**SLEEPY) as bench:
        transport, protocol = await datagrams(bench.modem, "report.example")
        await fall_asleep(bench)
        await bench.modem.close()
        await protocol.lost.wait()
        assert bench.emulator.module.sockets == {}
        assert bench.emulator.module.sleep.mode == 1
        assert transport.is_closing()


# Requests to the network


async def test_psm_is_asked_for_and_given_up() -> None:
    async with on_air() as bench:
        modem = bench.modem
        assert await modem.psm() == PsmSetting(False, timedelta(hours=1), timedelta(minutes=4))
        await modem.set_psm(periodic_update=timedelta(hours=10), active_time=timedelta(seconds=30))
        assert bench.wire.commands[-1] == b'AT+CPSMS=1,,,"00101010","00001111"'
        assert await modem.psm() == PsmSetting(True, timedelta(hours=10), timedelta(seconds=30))
        await modem.set_psm(active_time=timedelta(minutes=2))
        assert await modem.psm() == PsmSetting(True, None, timedelta(minutes=2))
        await modem.set_psm()
        assert bench.wire.commands[-1] == b"AT+CPSMS=0"
        assert not (await modem.psm()).enabled
        with pytest.raises(ValueError, match="is 0 to"):
            await modem.set_psm(active_time=timedelta(days=1))


async def test_a_time_of_psm_that_is_not_given_stays_as_it_was_set() -> None:
    async with powered(firmware="manual", psm_requested=True) as (emulator, _), Modem(emulator.url) as modem:
        # The factory's setting (AT manual 8.2).
        assert await modem.psm() == PsmSetting(True, timedelta(hours=1), timedelta(minutes=4))
        writes = emulator.nvram.writes
        await modem.set_psm(periodic_update=timedelta(hours=1))
        await modem.set_psm(active_time=timedelta(minutes=4))
        assert emulator.nvram.writes == writes
        for _ in range(2):
            await modem.set_psm(active_time=timedelta(minutes=2))
            await modem.set_psm(periodic_update=timedelta(hours=10))

        assert emulator.nvram.writes == writes + 2
        assert await modem.psm() == PsmSetting(True, timedelta(hours=10), timedelta(minutes=2))
        await modem.set_psm()
        assert await modem.psm() == PsmSetting(False, timedelta(hours=10), timedelta(minutes=2))


@pytest.mark.parametrize("model", ["BC260Y-CN", "BC660K-GL"])
async def test_a_start_ten_sleeps_and_a_close_write_nothing_that_the_module_has_already(model: str) -> None:
    async with powered(firmware="manual", model=model, sleep_after=10.0) as (emulator, _):
        for wanted in (False, True):
            before = emulator.nvram.writes
            async with Modem(emulator.url) as modem:
                for _ in range(10):
                    await modem.sleep()
                    await asyncio.sleep(15.0)
                    await modem.wake()

            assert (emulator.nvram.writes == before) is wanted
            # What was written is in force after a restart.
            emulator.restart()
            await asyncio.sleep(5.0)


async def test_edrx_is_asked_for_and_given_up() -> None:
    async with on_air() as bench:
        modem = bench.modem
        assert await modem.edrx() == EdrxSetting()
        await modem.set_edrx(timedelta(seconds=80))
        assert bench.wire.commands[-1] == b'AT+CEDRXS=1,5,"0101"'
        assert await modem.edrx() == EdrxSetting(timedelta(seconds=81.92))
        await modem.set_edrx(None)
        assert await modem.edrx() == EdrxSetting()
        with pytest.raises(ValueError, match="eDRX"):
            await modem.set_edrx(timedelta(days=1))


async def test_settings_of_the_network_are_written_only_when_they_differ() -> None:
    async with on_air() as bench:
        for _ in range(3):
            await bench.modem.set_psm(periodic_update=timedelta(hours=70), active_time=timedelta(minutes=4))
            await bench.modem.set_edrx(timedelta(seconds=81.92))

        assert [line for line in bench.wire.commands if line.startswith((b"AT+CPSMS=", b"AT+CEDRXS="))] == [
            b'AT+CPSMS=1,,,"01000111","00100100"',
            b'AT+CEDRXS=1,5,"0101"',
        ]
        await bench.modem.set_psm()
        await bench.modem.set_edrx(None)
        assert [line for line in bench.wire.commands if line.startswith((b"AT+CPSMS=", b"AT+CEDRXS="))][2:] == [
            b"AT+CPSMS=0",
            b"AT+CEDRXS=3",
        ]
