"""The settings of the AT manual: which a restart keeps, when they take effect, and what they change."""

import asyncio
from typing import Any

import pytest

from bc260y_aio import Modem
from bc260y_aio.at.urcs import Unrecognised
from bc260y_aio.emulator import EchoPeer, Emulator, Network, Nvram, Power, SinkPeer
from tests.emulator.terminal import Bench, on_line

ADDRESS = b"\r\n+IP: 10.46.18.102\r\n"
ENTER = b'\r\n+QNBIOTEVENT: "ENTER DEEPSLEEP"\r\n'


async def restart(bench: Bench) -> None:
    """Restart the module by command, as programs do, and switch its echo off."""
    await bench.terminal.ask(b"AT+QRST=1", ADDRESS)
    await bench.terminal.ask(b"ATE0")


# NVRAM


@pytest.mark.parametrize(
    ("line", "query", "kept"),
    [
        (b"AT+CMEE=1", b"AT+CMEE?", b"+CMEE: 1\r\n"),
        (b"AT+QNBIOTEVENT=1,1", b"AT+QNBIOTEVENT?", b"+QNBIOTEVENT: 1,1\r\n"),
        (b"AT+CREG=1", b"AT+CREG?", b"+CREG: 1,1\r\n"),
        (b"AT+CSCON=1", b"AT+CSCON?", b"+CSCON: 1,"),
        (b"AT+CTZR=1", b"AT+CTZR?", b"+CTZR: 1\r\n"),
        (b"AT+CCIOTOPT=1,3,2", b"AT+CCIOTOPT?", b"+CCIOTOPT: 1,3,2\r\n"),
        (b"AT+CCIOTOPT=0,3,2", b"AT+CCIOTOPT?", b"+CCIOTOPT: 0,3,2\r\n"),
        (b"AT+QBAND=2,8,3", b"AT+QBAND?", b"+QBAND: 8,3\r\n"),
        (b"AT+QLOCKF=1,3738", b"AT+QLOCKF?", b"+QLOCKF: 1,3738\r\n"),
        (b'AT+CEDRXS=1,5,"0101"', b"AT+CEDRXS?", b'+CEDRXS: 5,"0101"\r\n'),
        (b'AT+QCGDEFCONT="IPV6","iot"', b"AT+QCGDEFCONT?", b'+QCGDEFCONT: "IPV6","iot"\r\n'),
        (b'AT+QCFG="rohc",1', b'AT+QCFG="rohc"', b'+QCFG: "rohc",1\r\n'),
    ],
)
async def test_a_setting_that_is_saved_survives_a_restart_and_is_written_once(
    line: bytes, query: bytes, kept: bytes
) -> None:
    async with on_line() as bench:
        await bench.terminal.ask(line)
        await bench.terminal.read(5)
        assert bench.emulator.module.nvram_writes == 1
        await restart(bench)
        assert kept in await bench.terminal.ask(query)
        assert bench.emulator.module.nvram_writes == 1


@pytest.mark.parametrize(
    ("line", "query", "lost"),
    [
        (b'AT+QCFG="statisr",60', b'AT+QCFG="statisr"', b'+QCFG: "statisr",0\r\n'),
        (b"AT+QSCLK=0", b"AT+QSCLK?", b"+QSCLK: 1\r\n"),
        (b'AT+CGDCONT=2,"IP"', b"AT+CGACT?", b"\r\n+CGACT: 0,1\r\n\r\nOK\r\n"),
    ],
)
async def test_a_setting_that_is_not_saved_does_not(line: bytes, query: bytes, lost: bytes) -> None:
    async with on_line() as bench:
        await bench.terminal.ask(line)
        assert bench.emulator.module.nvram_writes == 0
        await restart(bench)
        assert lost in await bench.terminal.ask(query)


async def test_the_function_survives_a_restart_and_the_module_stays_off_the_air() -> None:
    async with on_line() as (emulator, terminal):
        await terminal.ask(b"AT+CFUN=4")
        emulator.restart()
        assert await terminal.read(60) == b"\r\nRDY\r\n\r\n+CFUN: 4\r\n\r\n+CPIN: READY\r\n"
        await terminal.ask(b"ATE0")
        assert b"+CEREG: 0,0\r\n" in await terminal.ask(b"AT+CEREG?")
        assert await terminal.ask(b"AT+CFUN=1", ADDRESS) == b"\r\nOK\r\n" + ADDRESS


# Functions of AT+QCFG


async def test_dsevent_takes_effect_after_a_restart_without_any_help_from_qnbiotevent() -> None:
    async with on_line() as bench:
        await bench.terminal.ask(b'AT+QCFG="dsevent",1')
        assert b'"dsevent",1\r\n' in await bench.terminal.ask(b'AT+QCFG="dsevent"')
        bench.emulator.sleep()
        assert await bench.terminal.read() == b""
        bench.emulator.wake()
        await bench.terminal.read()
        await restart(bench)
        bench.emulator.sleep()
        assert await bench.terminal.read() == ENTER


async def test_qnbiotevent_does_not_report_deep_sleep() -> None:
    async with on_line() as bench:
        await bench.terminal.ask(b"AT+QNBIOTEVENT=1,1")
        await restart(bench)
        bench.emulator.sleep()
        assert await bench.terminal.read() == b""


def is_awake(bench: Bench) -> bool:
    return bench.emulator.module.sleep.state is Power.AWAKE


async def test_slplocktimes_is_how_long_the_module_stays_awake_after_a_restart() -> None:
    async with on_line(sleep_after=10.0) as bench:
        await bench.terminal.ask(b'AT+QCFG="slplocktimes",3')
        await asyncio.sleep(9)
        assert is_awake(bench)
        await restart(bench)
        await asyncio.sleep(2.9)
        assert is_awake(bench)
        await asyncio.sleep(0.2)
        assert not is_awake(bench)


@pytest.mark.parametrize("lock", [0, 1, 30])
async def test_no_datagram_is_lost_however_soon_the_module_sleeps(lock: int) -> None:
    network, nvram = Network(), Nvram(configuration={"slplocktimes": lock})
    network.add_echo("echo.example")
    async with (
        Emulator(line="memory", network=network, nvram=nvram, sleep_after=10.0) as emulator,
        Modem(emulator.url) as modem,
        await modem.open_datagram_endpoint("echo.example", 7) as endpoint,
    ):
        await modem.sleep()
        for number in range(6):
            await asyncio.sleep(lock + 1 if number % 2 else 7)
            await endpoint.send(b"%d" % number)
            async with asyncio.timeout(30):
                assert await endpoint.receive() == b"%d" % number

        assert emulator.module.qisends == 6


async def test_a_line_that_may_not_wake_the_module_does_not() -> None:
    async with on_line(nvram=Nvram(configuration={"wakeupRXD": 0})) as (emulator, terminal):
        emulator.sleep()
        terminal.type(b"AT", b"AT")
        assert await terminal.read(5) == b""
        emulator.wake()
        await terminal.read()
        assert await terminal.ask(b"AT") == b"\r\nOK\r\n"


async def test_light_sleep_loses_nothing_where_the_manual_is_right() -> None:
    async with on_line(sleep_after=10.0, light_sleep=True, light_sleep_loses=False) as (emulator, terminal):
        await asyncio.sleep(11)
        assert emulator.module.sleep.state is Power.LIGHT_SLEEP
        assert await terminal.ask(b"AT") == b"\r\nOK\r\n"


# URCs


async def test_the_radio_connection_is_reported_as_it_comes_and_goes() -> None:
    network = Network(rrc_inactivity=5.0)
    network.add_host("sink.example", SinkPeer())
    async with on_line(network) as (_, terminal):
        await terminal.ask(b"AT+CSCON=1")
        terminal.type(b'AT+QIOPEN=0,0,"TCP","sink.example",7')
        assert b"\r\n+CSCON: 1\r\n" in await terminal.read(1)
        assert await terminal.read(10) == b"\r\n+CSCON: 0\r\n"


@pytest.mark.parametrize(
    ("line", "urc"),
    [
        (b"AT+CREG=1", b"\r\n+CREG: 1\r\n"),
        (b"AT+CREG=2", b'\r\n+CREG: 1,"5A31","0C2F7A12",9\r\n'),
        (b"AT+CEREG=2", b'\r\n+CEREG: 1,"5A31","0C2F7A12",9\r\n'),
        (b"AT+CTZR=1", b'\r\n+CTZV: "+00"\r\n'),
        (b"AT+CTZR=3", b'\r\n+CTZEU: "+00",0,"20'),
        (b"AT+CCIOTOPT=1", b"\r\n+CCIOTOPTI: 1\r\n"),
    ],
)
async def test_a_registration_is_reported_by_the_settings(line: bytes, urc: bytes) -> None:
    async with on_line() as (_, terminal):
        await terminal.ask(line)
        await terminal.ask(b"AT+CFUN=0")
        await terminal.read()
        await terminal.ask(b"AT+CFUN=1")
        assert urc in await terminal.read()


async def test_the_granted_edrx_is_reported() -> None:
    async with on_line() as (_, terminal):
        await terminal.ask(b'AT+CEDRXS=2,5,"0101"')
        assert await terminal.read() == b'\r\n+CEDRXP: 5,"0101","0101","0011"\r\n'


async def test_a_module_that_was_told_to_leave_its_operator_chooses_one_again_after_a_restart() -> None:
    async with on_line() as bench:
        await bench.terminal.ask(b"AT+COPS=2")
        assert b"+COPS: 2\r\n" in await bench.terminal.ask(b"AT+COPS?")
        await restart(bench)
        assert b"+COPS: 0,2," in await bench.terminal.ask(b"AT+COPS?")


# SIM


async def test_a_card_describes_a_file_that_it_has_and_refuses_one_that_it_has_not() -> None:
    async with on_line() as (_, terminal):
        # EF-ICCID, of ten bytes: descriptor 82, identity 83, life cycle 8A, rule of access 8B, size 80 and short
        # identity 88 in a template 62, in that order (ETSI TS 102 221, 11.1.1.3 and 11.1.1.4).
        template = b'"62178202412183022FE28A01058B032F06018002000A880110"'
        assert await terminal.ask(b"AT+CRSM=192,12258") == b"\r\n+CRSM: 144,0," + template + b"\r\n\r\nOK\r\n"
        assert b"+CRSM: 106,130\r\n" in await terminal.ask(b"AT+CRSM=192,1")


async def test_without_a_sim_the_module_does_not_register() -> None:
    async with on_line(sim="none", cme=1) as (_, terminal):
        for line in (b"AT+CPIN?", b"AT+CIMI", b"AT+QCCID", b"AT+CGATT=1", b"AT+COPS=0"):
            assert await terminal.ask(line, b"10\r\n") == b"\r\n+CME ERROR: 10\r\n"

        assert b"+CEREG: 0,0\r\n" in await terminal.ask(b"AT+CEREG?")


async def test_a_pin_unlocks_the_sim_and_the_module_registers() -> None:
    async with on_line(sim="pin", pin="4321", cme=1) as bench:
        terminal = bench.terminal
        assert await terminal.ask(b"AT+CIMI", b"11\r\n") == b"\r\n+CME ERROR: 11\r\n"
        assert await terminal.ask(b'AT+CPIN="1111"', b"16\r\n") == b"\r\n+CME ERROR: 16\r\n"
        assert b'+CPINR: "SIM PIN",2,3\r\n' in await terminal.ask(b"AT+CPINR")
        assert await terminal.ask(b'AT+CPIN="4321"') == b"\r\nOK\r\n"
        assert await terminal.read() == b"\r\n+CPIN: READY\r\n" + ADDRESS
        assert await terminal.ask(b"AT+CPIN=4321", b"3\r\n") == b"\r\n+CME ERROR: 3\r\n"
        bench.emulator.restart()
        assert b"+CPIN: SIM PIN\r\n" in await terminal.read()


async def test_three_wrong_pins_ask_for_the_puk_and_it_sets_a_new_pin() -> None:
    async with on_line(sim="pin", cme=1) as (_, terminal):
        for _ in range(3):
            await terminal.ask(b'AT+CPIN="0000"', b"16\r\n")

        assert await terminal.ask(b"AT+CPIN?") == b"\r\n+CPIN: SIM PUK\r\n\r\nOK\r\n"
        assert await terminal.ask(b'AT+CPIN="12345678","5555"') == b"\r\nOK\r\n"
        assert ADDRESS in await terminal.read()


# Registration


@pytest.mark.parametrize(("cause", "status", "error"), [(11, b"3", 111), (22, b"2", 122), (19, b"2", 148)])
async def test_a_rejection_is_an_error_of_cgatt_and_its_cause_is_reported(
    cause: int, status: bytes, error: int
) -> None:
    async with on_line(reject_cause=cause, cme=1) as (emulator, terminal):
        await terminal.ask(b"AT+CEREG=3")
        assert b"+CEREG: 3," + status in await terminal.ask(b"AT+CEREG?")
        assert b"+CGATT: 0\r\n" in await terminal.ask(b"AT+CGATT?")
        assert await terminal.ask(b"AT+CGATT=1", b"%d\r\n" % error) == b"\r\n+CME ERROR: %d\r\n" % error
        emulator.network.reject_cause = None
        assert ADDRESS in await terminal.read()


async def test_a_module_searches_for_ever_where_there_is_no_cell_and_finds_one_later() -> None:
    async with on_line(has_cell=False, cme=1) as (emulator, terminal):
        assert await terminal.read(3600) == b""
        assert b"+CEREG: 0,2\r\n" in await terminal.ask(b"AT+CEREG?")
        assert b"+CSQ: 99,99\r\n" in await terminal.ask(b"AT+CSQ")
        assert await terminal.ask(b"AT+CGATT=1", b"30\r\n") == b"\r\n+CME ERROR: 30\r\n"
        emulator.network.has_cell = True
        assert ADDRESS in await terminal.read()


async def test_a_network_that_is_lost_is_found_again() -> None:
    async with on_line(cell_lost=(10.0, 30.0)) as (_, terminal):
        await terminal.ask(b"AT+CEREG=1")
        assert await terminal.read(15) == b"\r\n+CEREG: 2\r\n"
        assert await terminal.read(30) == b"\r\n+CEREG: 1\r\n" + ADDRESS


async def test_attaching_takes_its_time_and_holds_up_what_comes_behind_it() -> None:
    async with on_line(registration_delay=20.0) as (_, terminal):
        await terminal.read(30)
        await terminal.ask(b"AT+CGATT=0")
        terminal.type(b"AT+CGATT=1", b"AT+CSQ")
        assert await terminal.read(19) == b""
        assert await terminal.read(2) == ADDRESS + b"\r\nOK\r\n\r\n+CSQ: 23,0\r\n\r\nOK\r\n"


async def test_detaching_takes_the_contexts_and_the_connections() -> None:
    network = Network()
    network.add_host("echo.example", EchoPeer())
    async with on_line(network) as (_, terminal):
        await terminal.open(0, "echo.example")
        assert await terminal.ask(b"AT+CGATT=0") == b'\r\n+QIURC: "closed",0\r\n\r\nOK\r\n'
        assert await terminal.ask(b"AT+CGACT?") == b"\r\n+CGACT: 0,0\r\n\r\nOK\r\n"


# Command lines


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b"AT+CSQ;+CFUN?", b"\r\n+CSQ: 23,0\r\n\r\n+CFUN: 1\r\n\r\nOK\r\n"),
        (b"AT+CSQ;+FOO;+CFUN?", b"\r\n+CSQ: 23,0\r\n\r\nERROR\r\n"),
        (b"ATE0V1", b"\r\nOK\r\n"),
        (b"ATE0+CSQ", b"\r\n+CSQ: 23,0\r\n\r\nOK\r\n"),
        (b"AT + CSQ", b"\r\n+CSQ: 23,0\r\n\r\nOK\r\n"),
        (b"at+csq", b"\r\n+CSQ: 23,0\r\n\r\nOK\r\n"),
        (b'AT+QCFG = "rohc" ; +CSQ', b'\r\n+QCFG: "rohc",0\r\n\r\n+CSQ: 23,0\r\n\r\nOK\r\n'),
    ],
)
async def test_a_line_may_hold_several_commands_and_spaces(line: bytes, answer: bytes) -> None:
    async with on_line() as (_, terminal):
        terminal.type(line)
        assert await terminal.read() == answer


async def test_a_line_with_several_commands_is_echoed_once() -> None:
    async with on_line(echo=True) as (_, terminal):
        assert await terminal.ask(b"AT+CFUN?;+CSQ") == (b"AT+CFUN?;+CSQ\r\n+CFUN: 1\r\n\r\n+CSQ: 23,0\r\n\r\nOK\r\n")


@pytest.mark.parametrize("pending", [b"AT\r" * 65, b"AT+" + b"a" * 4095 + b"\r"])
async def test_too_much_input_behind_a_command_is_thrown_away_with_one_error(pending: bytes) -> None:
    async with on_line(answer_delay=1.0) as (_, terminal):
        terminal.type(b"AT")
        await asyncio.sleep(0.1)
        terminal.transport.write(pending)
        assert await terminal.read(10) == b"\r\nERROR\r\n\r\nOK\r\n"
        assert await terminal.ask(b"AT") == b"\r\nOK\r\n"


async def test_the_longest_line_behind_a_command_is_kept() -> None:
    async with on_line(answer_delay=1.0) as (_, terminal):
        terminal.type(b"AT")
        await asyncio.sleep(0.1)
        terminal.type(b"AT+" + b"a" * 4092)
        assert await terminal.read(10) == b"\r\nOK\r\n\r\nERROR\r\n"


async def test_what_comes_behind_input_that_was_thrown_away_is_carried_out() -> None:
    async with on_line(answer_delay=1.0) as (_, terminal):
        terminal.type(b"AT")
        await asyncio.sleep(0.1)
        terminal.type(*[b"AT"] * 65)
        await asyncio.sleep(0.1)
        terminal.type(b"AT+CFUN?")
        assert await terminal.read(10) == b"\r\nERROR\r\n\r\nOK\r\n\r\n+CFUN: 1\r\n\r\nOK\r\n"


async def test_a_line_under_way_does_not_wait() -> None:
    async with on_line(answer_delay=1.0) as (_, terminal):
        terminal.type(b"AT")
        await asyncio.sleep(0.1)
        terminal.type(b"AT")
        await terminal.read(1.5)
        terminal.type(*[b"AT"] * 64)
        assert await terminal.read(100) == b"\r\nOK\r\n" * 65


@pytest.mark.parametrize("behind", [b"AT", b"\r" * 60])
async def test_only_lines_that_still_wait_are_counted(behind: bytes) -> None:
    async with on_line(answer_delay=1.0) as (_, terminal):
        terminal.type(b"AT")
        await asyncio.sleep(0.1)
        terminal.type(behind)
        await terminal.read(3.0)
        terminal.type(b"AT")
        await asyncio.sleep(0.1)
        terminal.type(*[b"AT"] * 64)
        assert await terminal.read(100) == b"\r\nOK\r\n" * 65


async def test_lines_that_deep_sleep_took_wait_no_more() -> None:
    async with on_line(answer_delay=1.0) as (emulator, terminal):
        terminal.type(b"AT")
        await asyncio.sleep(0.1)
        terminal.type(*[b"AT"] * 40)
        await asyncio.sleep(0.5)
        emulator.sleep()
        emulator.wake()
        await asyncio.sleep(1)
        terminal.type(b"AT")
        await asyncio.sleep(0.1)
        terminal.type(*[b"AT"] * 30)
        assert await terminal.read(100) == b"\r\nOK\r\n" * 31


async def test_64_commands_behind_a_command_are_carried_out() -> None:
    async with on_line(answer_delay=0.1) as (_, terminal):
        terminal.type(b"AT", *[b"AT"] * 64)
        assert await terminal.read(10) == b"\r\nOK\r\n" * 65


async def test_a_send_buffer_holds_twelve_segments() -> None:
    network = Network(latency=5.0)
    network.add_host("sink.example", SinkPeer())
    async with on_line(network, send_timeout=60.0) as (_, terminal):
        await terminal.open(0, "sink.example")
        for _ in range(12):
            assert await terminal.ask(b'AT+QISEND=0,1,"a"', b"SEND OK\r\n") == b"\r\nOK\r\n\r\nSEND OK\r\n"

        terminal.type(b'AT+QISEND=0,1,"a"')
        assert await terminal.read(1) == b"\r\nOK\r\n"
        assert await terminal.read(20) == b"\r\nSEND OK\r\n"


# Time


async def test_no_completion_follows_its_ok_sooner_than_by_the_option() -> None:
    network = Network()
    network.add_host("echo.example", EchoPeer())
    async with on_line(network, answer_delay=0.02, answer_jitter=0.02, completion_delay=0.05) as (_, terminal):
        for line, outcome in (
            (b'AT+QIOPEN=0,0,"TCP","echo.example",7', b"+QIOPEN: 0,0\r\n"),
            (b'AT+QISEND=0,1,"a"', b"SEND OK\r\n"),
            (b"AT+QICLOSE=0", b"CLOSE OK\r\n"),
            (b'AT+QIDNSGIP=0,"echo.example"', b"+QIDNSGIP: 0,1,0\r\n"),
            (b'AT+QNTP=0,"echo.example"', b"+QNTP: 0"),
        ):
            began = asyncio.get_running_loop().time()
            assert await terminal.ask(line, b"OK\r\n") == b"\r\nOK\r\n"
            answered = terminal.pieces[-1].time
            assert 0.02 <= answered - began <= 0.04
            await terminal.until(outcome)
            assert terminal.pieces[-1].time - answered >= 0.05 - 1e-6
            await terminal.read()


# Data after a prompt


def prompting(**settings: Any) -> Any:
    network = Network()
    network.add_host("echo.example", EchoPeer())
    return on_line(network, firmware="R02A01", **settings)


@pytest.mark.parametrize(
    ("line", "data", "payload"),
    [
        (b"AT+QISEND=0,4", b"a\r\x1ab", b"a\r\x1ab"),
        (b"AT+QISEND=0,1", b"a", b"a"),
        (b"AT+QISEND=0", b"hello\x1a", b"hello"),
        (b"AT+QISEND=0,2\r\n", b"hi", b"hi"),
    ],
)
@pytest.mark.parametrize("cut", [1, 2, 100])
async def test_data_follows_a_prompt(line: bytes, data: bytes, payload: bytes, cut: int) -> None:
    async with prompting() as (_, terminal):
        await terminal.open(0, "echo.example")
        terminal.transport.write(line if line.endswith(b"\n") else line + b"\r")
        assert await terminal.read() == b"\r\n> "
        for start in range(0, len(data), cut):
            terminal.transport.write(data[start : start + cut])

        pushed = b'\r\n+QIURC: "recv",0,%d,"%b"\r\n' % (len(payload), payload)
        assert await terminal.read() == b"\r\nOK\r\n\r\nSEND OK\r\n" + pushed
        assert await terminal.ask(b"AT") == b"\r\nOK\r\n"


async def test_escape_cancels_prompted_data() -> None:
    async with prompting() as (emulator, terminal):
        await terminal.open(0, "echo.example")
        await terminal.ask(b"AT+QISEND=0", b"> ")
        terminal.transport.write(b"never\x1b")
        assert await terminal.read() == b"\r\nOK\r\n"
        assert emulator.module.qisends == 0


async def test_there_is_no_prompt_before_that_firmware_or_for_a_socket_that_is_closed() -> None:
    async with on_line() as (_, terminal):
        assert await terminal.ask(b"AT+QISEND=0,4", b"ERROR\r\n") == b"\r\nERROR\r\n"

    async with prompting() as (_, terminal):
        assert await terminal.ask(b"AT+QISEND=0,4", b"ERROR\r\n") == b"\r\nERROR\r\n"
        assert await terminal.ask(b"AT") == b"\r\nOK\r\n"


# Statistics


async def test_statistics_are_reported_every_so_many_seconds_until_they_are_switched_off() -> None:
    layers = (
        "PHY DL, AvgRSRP: -76, AvgSnr: 18, DlBler: 0%, PhyDlTpt: 0 bps, AvgTBS: 0, AvgItbs: 0, AvgNRep: 0, "
        "AvgSbfrmNum: 0, Harq2Ratio: 0%",
        "PHY UL, UlBler: 0%, PhyUlTpt: 0 bps, AvgTBS: 0, AvgItbs: 0, AvgNRep: 0, AvgSbfrmNum: 0, Harq2Ratio: 0%, "
        "AvgScNum: 0",
        "MAC, MacUlBytes:0, MacUlPadBytes:0, MacDlBytes: 0, MacDlPadBytes: 0, MacUlTpt: 0 bps, MacDlTpt: 0 bps",
        "RLC, RlcUlPduBytes:0, RlcUlRetxBytes:0, RlcDlPduBytes: 0, RlcUlTpt: 0 bps, RlcDlTpt: 0 bps",
        "PDCP, PdcpUlPduBytes: 0, PdcpDlPduBytes: 0, PdcpULDiscardBytes: 0, PdcpUlTpt: 0 bps, PdcpDlTpt: 0 bps",
    )
    reported = "".join(f"\r\n+STATISR: {layer}\r\n" for layer in layers).encode()
    async with on_line() as (emulator, terminal):
        await terminal.ask(b'AT+QCFG="statisr",5')
        assert await terminal.read(4.9) == b""
        assert await terminal.read(5.2) == 2 * reported
        await terminal.ask(b'AT+QCFG="statisr",0')
        assert await terminal.read(60) == b""
        await terminal.ask(b'AT+QCFG="statisr",5')
        await terminal.ask(b"AT+QRST=1", ADDRESS)
        await terminal.ask(b"ATE0")
        assert await terminal.read(60) == b""
        assert emulator.module.nvram_writes == 0


async def test_another_function_of_qcfg_reports_nothing() -> None:
    async with on_line() as (_, terminal):
        for line in (b'AT+QCFG="wakeupRXD",1', b'AT+QCFG="rohc",1'):
            await terminal.ask(line)

        assert await terminal.read(10) == b""


async def test_statistics_reach_subscribers_and_never_an_answer() -> None:
    async with Emulator(line="memory", answer_delay=2.0) as emulator, Modem(emulator.url) as modem:
        heard: list[Any] = []
        modem.subscribe(heard.append, Unrecognised)
        await modem.execute('AT+QCFG="statisr",5')
        answers = [await modem.execute(line) for line in ("AT+CSQ", "ATI", "AT+CGMM") for _ in range(3)]
        assert len(heard) >= 15
        assert {one.text.partition(":")[0] for one in heard} == {"+STATISR"}
        assert not any("STATISR" in line for answer in answers for line in answer)
        await modem.execute('AT+QCFG="statisr",0')


@pytest.mark.parametrize(
    "line",
    [
        b'AT+QCGDEFCONT="IP","iot","me","secret",0',
        b"AT+CCIOTOPT=1,3,2,0",
        b"AT+CPSMS=1,,,,,0",
    ],
)
async def test_a_setting_with_a_parameter_too_many_is_refused_and_not_written(line: bytes) -> None:
    async with on_line() as bench:
        assert await bench.terminal.ask(line, b"ERROR\r\n") == b"\r\nERROR\r\n"
        assert bench.emulator.module.nvram_writes == 0


async def test_a_module_that_has_booted_sleeps_though_nobody_says_anything() -> None:
    async with on_line(sleep_after=10.0, boot_time=2.0) as bench:
        bench.emulator.restart()
        await bench.terminal.read(9)
        assert bench.emulator.module.sleep.state.name == "AWAKE"
        await bench.terminal.read(60)
        assert bench.emulator.module.sleep.state.name == "DEEP_SLEEP"
