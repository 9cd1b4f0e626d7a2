"""Starts, sleeps and restarts of the module: what each of them takes with it, and what it leaves."""

import asyncio
from typing import Any, Final

import pytest

from bc260y_aio.emulator import EchoPeer, Emulator, Network, Nvram, Power
from tests.emulator.terminal import Bench, on_line

READY: Final = b"\r\nRDY\r\n\r\n+CFUN: 1\r\n\r\n+CPIN: READY\r\n"
ADDRESS: Final = b"\r\n+IP: 10.46.18.102\r\n"
ENTER: Final = b'\r\n+QNBIOTEVENT: "ENTER DEEPSLEEP"\r\n'
EXIT: Final = b'\r\n+QNBIOTEVENT: "EXIT DEEPSLEEP"\r\n'
# A payload that a peer which does not acknowledge leaves no room behind.
LARGE: Final = b'AT+QISEND=0,1024,"%b"' % (b"a" * 1024)
# T3324 of 2 s: PSM begins so long after the last connection.
SOON: Final = b'AT+CPSMS=1,,,"00101100","00000001"'


def reporting(**settings: Any) -> Any:
    """Set up a module that reports deep sleep."""
    return on_line(nvram=Nvram(configuration={"dsevent": 1}), **settings)


def state(bench: Bench) -> Power:
    return bench.emulator.module.sleep.state


async def restart(bench: Bench) -> bytes:
    """Restart the module, and return what it wrote until its echo was off again."""
    bench.emulator.restart()
    written = await bench.terminal.read(10)
    await bench.terminal.ask(b"ATE0")
    return written


# When it falls asleep


async def test_a_module_to_which_nobody_ever_speaks_falls_asleep() -> None:
    async with Emulator(line="memory", sleep_after=10.0) as emulator:
        await asyncio.sleep(9.9)
        assert emulator.module.sleep.state.name == "AWAKE"
        await asyncio.sleep(0.2)
        assert emulator.module.sleep.state.name == "DEEP_SLEEP"


async def test_a_module_that_was_woken_falls_asleep_again_though_nobody_speaks() -> None:
    async with on_line(sleep_after=10.0) as bench:
        bench.emulator.sleep()
        bench.emulator.wake()
        await asyncio.sleep(10.2)
        assert state(bench) is Power.AWAKE
        await asyncio.sleep(0.2)
        assert state(bench) is Power.DEEP_SLEEP


async def test_what_the_module_writes_keeps_it_awake_as_what_it_reads_does() -> None:
    async with on_line(sleep_after=10.0) as bench:
        for _ in range(3):
            await asyncio.sleep(9)
            bench.emulator.send_urc("+HELLO: 1")

        await asyncio.sleep(9.9)
        assert state(bench) is Power.AWAKE


async def test_the_rest_of_a_line_that_is_lost_keeps_it_awake_too() -> None:
    async with on_line(sleep_after=10.0) as bench:
        bench.emulator.sleep()
        bench.terminal.transport.write(b"A")
        for _ in range(3):
            await asyncio.sleep(9)
            bench.terminal.transport.write(b"T")

        await asyncio.sleep(9)
        assert state(bench) is Power.AWAKE


@pytest.mark.parametrize(("stored", "lock"), [(None, 7.0), (0, 0.5), (3, 3.0), (30, 30.0)])
async def test_the_sleep_lock_is_the_stored_one_or_that_of_the_option(stored: int | None, lock: float) -> None:
    nvram = Nvram(configuration={} if stored is None else {"slplocktimes": stored})
    async with on_line(nvram=nvram, sleep_after=7.0) as bench:
        shown = 7 if stored is None else stored
        answer = b'\r\n+QCFG: "slplocktimes",%d\r\n\r\nOK\r\n' % shown
        assert await bench.terminal.ask(b'AT+QCFG="slplocktimes"') == answer
        await asyncio.sleep(lock - 0.1)
        assert state(bench) is Power.AWAKE
        await asyncio.sleep(0.2)
        assert state(bench) is Power.DEEP_SLEEP


async def test_without_the_option_the_module_never_sleeps_by_itself_whatever_is_stored() -> None:
    async with on_line(nvram=Nvram(configuration={"slplocktimes": 3})) as bench:
        await asyncio.sleep(3600)
        assert state(bench) is Power.AWAKE


async def test_at_qsclk_2_allows_light_sleep_at_most() -> None:
    async with on_line(sleep_after=10.0) as bench:
        await bench.terminal.ask(b"AT+QSCLK=2")
        await asyncio.sleep(10.1)
        assert state(bench) is Power.LIGHT_SLEEP
        bench.emulator.wake()
        assert state(bench) is Power.AWAKE
        assert await bench.terminal.ask(b"AT") == b"\r\nOK\r\n"


async def test_a_module_that_is_off_does_not_fall_asleep() -> None:
    async with reporting(boot_time=5.0) as bench:
        bench.emulator.restart()
        bench.emulator.sleep()
        assert await bench.terminal.read(10) == READY + ADDRESS
        assert state(bench) is Power.AWAKE


# What deep sleep takes


async def test_deep_sleep_takes_the_contexts_and_leaves_the_settings_of_the_line() -> None:
    network = Network()
    network.add_host("echo.example", EchoPeer())
    async with on_line(network, nvram=Nvram(context=("IPV6", "iot", "", ""))) as (emulator, terminal):
        for line in (b"AT+CMEE=1", b'AT+QICFG="dataformat",1,1', b'AT+CGDCONT=2,"IP"'):
            await terminal.ask(line)

        await terminal.open(0, "echo.example", kind="UDP")
        emulator.sleep()
        emulator.wake()
        assert await terminal.read() == b""
        assert await terminal.ask(b"AT+CGDCONT?") == b'\r\n+CGDCONT: 0,"IPV6","iot"\r\n\r\nOK\r\n'
        assert await terminal.ask(b"AT+CGACT?") == b"\r\n+CGACT: 0,1\r\n\r\nOK\r\n"
        terminal.type(b'AT+QISEND=0,1,"61"', b"AT+QPLMNS")
        assert await terminal.read() == (
            b'\r\nOK\r\n\r\nSEND OK\r\n\r\n+CME ERROR: 3\r\n\r\n+QIURC: "recv",0,1,"61"\r\n'
        )


@pytest.mark.parametrize(("ends", "echo"), [("sleep", b"\r\n"), ("restart", b"ATE0\r\n")])
async def test_a_command_that_waits_for_its_turn_ends_with_its_module(ends: str, echo: bytes) -> None:
    network = Network()
    network.add_host("echo.example", EchoPeer())
    async with on_line(network, send_buffer=1024, send_timeout=3.0) as bench:
        emulator, terminal = bench
        await terminal.open(0, "echo.example")
        await terminal.open(1, "echo.example", kind="UDP")
        emulator.network.outage = True
        await terminal.ask(LARGE, b"SEND OK\r\n")
        terminal.type(LARGE, b"AT+QICLOSE=1")
        assert await terminal.read(1) == b"\r\nOK\r\n"
        getattr(emulator, ends)()
        emulator.network.outage = False
        emulator.wake()
        written = await terminal.read(10)
        assert b"SEND" not in written
        assert b"CLOSE OK" not in written
        assert await terminal.ask(b"ATE0") == echo + b"OK\r\n"
        assert await terminal.ask(b"AT") == b"\r\nOK\r\n"


async def test_deep_sleep_takes_a_line_that_had_not_ended() -> None:
    async with on_line() as (emulator, terminal):
        terminal.transport.write(b"AT+C")
        await terminal.read()
        emulator.sleep()
        emulator.wake()
        await terminal.read()
        assert await terminal.ask(b"AT") == b"\r\nOK\r\n"


# What a restart takes


async def test_a_restart_ends_the_questions_that_are_under_way() -> None:
    async with on_line(Network(latency=1.0)) as bench:
        bench.emulator.network.add_echo("echo.example")
        await bench.terminal.ask(b'AT+QPING=0,"echo.example",4,10')
        await bench.terminal.read(3)
        assert await restart(bench) == READY + ADDRESS
        assert await bench.terminal.read(60) == b""


async def test_a_restart_ends_a_command_whose_answer_is_still_to_come() -> None:
    async with on_line(registration_delay=20.0) as bench:
        await bench.terminal.read(30)
        await bench.terminal.ask(b"AT+CGATT=0")
        bench.terminal.type(b"AT+CGATT=1", b"AT+CSQ")
        assert await bench.terminal.read(1) == b""
        assert await restart(bench) == READY
        assert await bench.terminal.read(30) == ADDRESS


async def test_a_restart_brings_back_the_name_servers_of_the_network() -> None:
    async with on_line() as bench:
        before = await bench.terminal.ask(b"AT+QIDNSCFG=0")
        await bench.terminal.ask(b'AT+QIDNSCFG=0,"1.1.1.1"')
        await restart(bench)
        assert await bench.terminal.ask(b"AT+QIDNSCFG=0") == before


async def test_a_restart_takes_the_line_that_was_being_lost() -> None:
    async with on_line(wake_time=0.3) as bench:
        bench.emulator.sleep()
        bench.terminal.transport.write(b"A")
        await bench.terminal.read(1)
        bench.emulator.restart()
        assert await bench.terminal.read() == READY + ADDRESS
        assert await bench.terminal.ask(b"AT") == b"AT\r\nOK\r\n"


async def test_a_restart_takes_a_urc_that_is_late() -> None:
    async with on_line() as bench:
        bench.emulator.faults.urc_late, bench.emulator.faults.urc_late_by = 1.0, 30.0
        bench.emulator.send_urc("+HELLO: 1")
        bench.emulator.faults.urc_late = 0.0
        assert await restart(bench) == READY + ADDRESS
        assert await bench.terminal.read(60) == b""


async def test_a_module_that_was_waking_boots_all_the_same() -> None:
    async with reporting(boot_time=5.0, wake_time=0.3) as bench:
        bench.emulator.sleep()
        assert await bench.terminal.read() == ENTER
        bench.emulator.wake()
        bench.emulator.restart()
        assert await bench.terminal.read() == b""
        bench.terminal.type(b"AT")
        assert await bench.terminal.read(3) == b""
        assert await bench.terminal.read(2) == READY + ADDRESS


async def test_a_restart_ends_a_detachment() -> None:
    async with on_line() as bench:
        await bench.terminal.ask(b"AT+CGATT=0")
        assert await restart(bench) == READY + ADDRESS


async def test_a_module_that_boots_has_no_active_context_before_it_registers() -> None:
    async with on_line(registration_delay=20.0, boot_time=9.0) as bench:
        await bench.terminal.read(19)
        await restart(bench)
        assert await bench.terminal.ask(b"AT+CGACT?") == b"\r\n+CGACT: 0,0\r\n\r\nOK\r\n"


async def test_a_module_without_a_sim_says_nothing_of_one_when_it_boots() -> None:
    async with on_line(sim="none") as bench:
        assert await restart(bench) == b"\r\nRDY\r\n\r\n+CFUN: 1\r\n"


async def test_a_restart_forgets_the_fault_that_was_about_to_happen() -> None:
    async with on_line() as bench:
        bench.emulator.faults.unplugged = 1.0
        bench.emulator.send_urc("+HELLO: 1")
        bench.emulator.faults.unplugged = 0.0
        bench.emulator.restart()
        assert (await bench.terminal.read(10)).endswith(READY + ADDRESS)
        assert not bench.terminal.lost.done()


async def test_psm_is_reported_again_after_a_restart() -> None:
    async with on_line(rrc_inactivity=1.0) as bench:
        for line in (b"AT+QNBIOTEVENT=1,1", SOON):
            await bench.terminal.ask(line)

        assert await bench.terminal.read(5) == b'\r\n+QNBIOTEVENT: "ENTER PSM"\r\n'
        assert await restart(bench) == READY + ADDRESS + b'\r\n+QNBIOTEVENT: "ENTER PSM"\r\n'


async def test_a_module_may_save_none_of_its_reports() -> None:
    async with on_line(saves_reports=False) as bench:
        for line in (b"AT+CMEE=1", b"AT+CEREG=1", b'AT+QCFG="rohc",1'):
            await bench.terminal.ask(line)

        assert bench.emulator.module.nvram_writes == 0
        assert await bench.terminal.ask(b"AT+CMEE?") == b"\r\n+CMEE: 1\r\n\r\nOK\r\n"
        await restart(bench)
        assert await bench.terminal.ask(b"AT+CMEE?") == b"\r\n+CMEE: 0\r\n\r\nOK\r\n"
        assert await bench.terminal.ask(b"AT+CEREG?") == b"\r\n+CEREG: 0,1\r\n\r\nOK\r\n"
        assert await bench.terminal.ask(b'AT+QCFG="rohc"') == b'\r\n+QCFG: "rohc",0\r\n\r\nOK\r\n'
        await bench.terminal.ask(b"AT+CFUN=1")
        assert bench.emulator.module.nvram_writes == 1
