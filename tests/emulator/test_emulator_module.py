"""The module: settings, identity, start, sleep, the order of answers."""

import asyncio
import gc
import weakref
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bc260y_aio.at.information import RegistrationStatus
from bc260y_aio.at.syntax import PayloadFormat
from bc260y_aio.emulator import EchoPeer, Emulator, Network, Nvram, Power
from tests.emulator.terminal import Terminal, on_line

BOOT = b"\r\nRDY\r\n\r\n+CFUN: 1\r\n\r\n+CPIN: READY\r\n"
ADDRESS = b"\r\n+IP: 10.46.18.102\r\n"
ENTER = b'\r\n+QNBIOTEVENT: "ENTER DEEPSLEEP"\r\n'
EXIT = b'\r\n+QNBIOTEVENT: "EXIT DEEPSLEEP"\r\n'


def network() -> Network:
    found = Network(now=lambda: datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC))
    found.add_host("echo.example", EchoPeer())
    return found


# Answers


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b"AT", b"\r\nOK\r\n"),
        (b"at", b"\r\nOK\r\n"),
        (b"AT+QISTATE?", b"\r\nOK\r\n"),
        (b"AT+QICFG=?", b'\r\n+QICFG: "dataformat",(0,1),(0,1)\r\n\r\nOK\r\n'),
        (
            b"AT+QIOPEN=?",
            b'\r\n+QIOPEN: (0-11),(0-4),"TCP/UDP",<host>,<remote_port>,<local_port>,(1)\r\n\r\nOK\r\n',
        ),
        (b"AT+QICLOSE=?", b"\r\n+QICLOSE: (0-4)\r\n\r\nOK\r\n"),
        (b"AT+QISTATE=?", b"\r\n+QISTATE: (0,1),(0-4)\r\n\r\nOK\r\n"),
        (b"AT+QISEND=?", b"\r\n+QISEND: (0-4),(0-1024),<data>,<rai_mode>\r\n\r\nOK\r\n"),
        (b"AT+QIDNSGIP=?", b"\r\n+QIDNSGIP: (0-11),<hostname>\r\n\r\nOK\r\n"),
        (b"AT+QIDNSCFG=?", b"\r\n+QIDNSCFG: (0-11),<pridnsaddr>,<secdnsaddr>\r\n\r\nOK\r\n"),
        (b"AT+QPING=?", b"\r\n+QPING: (0-11),<host>,(1-255),(1-10),(32-1500)\r\n\r\nOK\r\n"),
        (b"AT+QNTP=?", b"\r\n+QNTP: (0-11),<server>,<port>,(0,1)\r\n\r\nOK\r\n"),
    ],
)
async def test_a_query_is_answered(line: bytes, answer: bytes) -> None:
    async with on_line(network()) as (_, terminal):
        assert await terminal.ask(line) == answer


@pytest.mark.parametrize(
    "line",
    [
        b"AT+FOO",
        b"AT+FOO?",
        b"AT+FOO=1",
        b"AT+FOO=?",
        b"ATX",
        b"hello",
        b"AT+CMEE=3",
        b"AT+CMEE",
        b"AT+CEREG=9",
        b"AT+IPR=123",
        b"AT+CGSN=9",
        b"AT+CFUN=7",
        b'AT+QICFG="colour"',
        b'AT+QICFG="dataformat",2,0',
        b"AT+QRST=2",
        b'AT+QIDNSCFG=0,"dns.example"',
        b'AT+QPING=0,"echo.example",0',
        b'AT+QPING=0,"echo.example",4,4,1501',
        b"AT" + b"a" * 4000,
    ],
)
async def test_a_wrong_or_unknown_command_is_an_error(line: bytes) -> None:
    async with on_line(network()) as (_, terminal):
        assert await terminal.ask(line, b"ERROR\r\n") == b"\r\nERROR\r\n"
        assert await terminal.ask(b"AT") == b"\r\nOK\r\n"


@pytest.mark.parametrize(
    ("level", "unknown", "wrong"),
    [
        (0, b"ERROR", b"ERROR"),
        (1, b"+CME ERROR: 4", b"+CME ERROR: 50"),
        (2, b"+CME ERROR: operation not supported", b"+CME ERROR: incorrect Parameters"),
    ],
)
async def test_a_variant_numbers_unknown_commands_and_wrong_parameters(
    level: int, unknown: bytes, wrong: bytes
) -> None:
    async with on_line(parameter_errors=True) as (_, terminal):
        await terminal.ask(b"AT+CMEE=%d" % level)
        terminal.type(b"AT+FOO", b"AT+IPR=1")
        assert await terminal.read() == b"\r\n" + unknown + b"\r\n\r\n" + wrong + b"\r\n"


@pytest.mark.parametrize(
    ("level", "refused"), [(0, b"ERROR"), (1, b"+CME ERROR: 3"), (2, b"+CME ERROR: operation not allowed")]
)
async def test_only_errors_of_the_modules_function_are_numbered(level: int, refused: bytes) -> None:
    async with on_line() as (_, terminal):
        await terminal.ask(b"AT+CMEE=%d" % level)
        terminal.type(b"AT+FOO", b"AT+IPR=1", b"AT+QICLOSE=0", b"AT+QPLMNS")
        assert await terminal.read() == b"\r\nERROR\r\n" * 3 + b"\r\n" + refused + b"\r\n"


async def test_commands_are_counted_by_name() -> None:
    async with on_line() as (emulator, terminal):
        terminal.type(b"AT", b"ATI", b"AT+CSQ", b"AT+CSQ", b"AT+QIOPEN=?", b"AT+QICLOSE=0", b"?")
        await terminal.read()
        counts = {"ATE": 1, "AT": 1, "ATI": 1, "+CSQ": 2, "+QIOPEN": 1, "+QICLOSE": 1, "?": 1}
        assert dict(emulator.module.commands) == counts


# Echo and other settings


@pytest.mark.parametrize(("ending", "end"), [("none", b""), ("cr", b"\r"), ("lf", b"\n"), ("crlf", b"\r\n")])
async def test_echo_is_on_at_first(ending: str, end: bytes) -> None:
    async with on_line(echo=True, echo_ending=ending) as (_, terminal):
        assert await terminal.ask(b"AT") == b"AT" + end + b"\r\nOK\r\n"
        assert await terminal.ask(b"ATE0") == b"ATE0" + end + b"\r\nOK\r\n"
        assert await terminal.ask(b"AT") == b"\r\nOK\r\n"
        assert await terminal.ask(b"ATE1") == b"\r\nOK\r\n"
        assert await terminal.ask(b"AT") == b"AT" + end + b"\r\nOK\r\n"


async def test_dns_servers_are_set_by_the_kind_of_their_address() -> None:
    async with on_line() as (_, terminal):
        assert await terminal.ask(b"AT+QIDNSCFG=0") == (
            b'\r\n+QIDNSCFG: 0,"218.2.2.2","8.8.8.8","240E:5A::6666","240E:5B::6666"\r\n\r\nOK\r\n'
        )
        await terminal.ask(b'AT+QIDNSCFG=0,"1.1.1.1"')
        await terminal.ask(b'AT+QIDNSCFG=0,"240E::1","9.9.9.9"')
        assert await terminal.ask(b"AT+QIDNSCFG=0") == (
            b'\r\n+QIDNSCFG: 0,"1.1.1.1","9.9.9.9","240E::1","240E:5B::6666"\r\n\r\nOK\r\n'
        )


async def test_the_clock_can_be_set_and_goes_on() -> None:
    async with on_line(network()) as (_, terminal):
        await terminal.ask(b'AT+CCLK="2027/01/02,03:04:05+32"')
        await asyncio.sleep(10)
        assert b'+CCLK: "2027/01/02,03:04:05+32"' in await terminal.ask(b"AT+CCLK?")


async def test_sleep_plans_are_stored() -> None:
    async with on_line() as (emulator, terminal):
        await terminal.ask(b'AT+CPSMS=1,,,"00000100","00001111"')
        await terminal.ask(b'AT+CEDRXS=1,5,"0101"')
        emulator.restart()
        await terminal.until(ADDRESS)
        await terminal.ask(b"ATE0")
        assert b'+CPSMS: 1,,,"00000100","00001111"\r\n' in await terminal.ask(b"AT+CPSMS?")
        assert b'+CEDRXS: 5,"0101"\r\n' in await terminal.ask(b"AT+CEDRXS?")
        assert emulator.module.nvram_writes == 2


async def test_nvram_lasts_in_its_file(tmp_path: Path) -> None:
    file = tmp_path / "nvram.json"
    async with on_line(nvram=file) as (_, terminal):
        await terminal.ask(b'AT+QICFG="dataformat",1,1')
        await terminal.ask(b"AT+IPR=115200")

    async with on_line(nvram=str(file)) as (emulator, terminal):
        assert b",1,1\r\n" in await terminal.ask(b'AT+QICFG="dataformat"')
        assert b"115200" in await terminal.ask(b"AT+IPR?")
        assert emulator.nvram.send_format is PayloadFormat.HEX


async def test_every_setting_lasts_in_the_file_of_the_nvram(tmp_path: Path) -> None:
    file = tmp_path / "nvram.json"
    lines = (
        b'AT+QICFG="dataformat",0,1',
        b"AT+CMEE=1",
        b"AT+CEREG=5",
        b'AT+CPSMS=1,,,"01000011","01000010"',
        b'AT+QEDRXCFG=2,5,"0101","0001"',
        b'AT+COPS=4,2,"46000"',
        b"AT+CCIOTOPT=1,3,2",
        b"AT+QBAND=2,8,3",
        b"AT+QLOCKF=1,3738,281",
        b'AT+QCGDEFCONT="IPV6","iot","me","secret"',
        b'AT+QCFG="slplocktimes",5',
        b'AT+QCFG="rohc",1',
        b"AT+IPR=2400",
        b"AT+CCLK=2030/05/06,22:10:00-8",
        b"AT+CFUN=4",
    )
    async with on_line(network(), nvram=file) as (emulator, terminal):
        for line in lines:
            terminal.type(line)
            assert b"OK\r\n" in await terminal.read(), line

        stored = emulator.nvram

    assert stored.writes == len(lines)
    assert Nvram.load(file) == stored != Nvram()
    assert Nvram.load(file).writes == 0


def test_nvram_begins_with_the_settings_of_the_factory(tmp_path: Path) -> None:
    file = tmp_path / "nvram.json"
    assert Nvram.load(file) == Nvram()
    assert not file.exists()
    file.write_text("{}")
    assert Nvram.load(file) == Nvram()


@pytest.mark.parametrize(
    ("settings", "times"),
    [
        ({"psm": False}, None),
        ({"psm": True, "active_time": ""}, None),
        ({"psm": True, "active_time": "11100000"}, None),
        ({"psm": True}, (240.0, 3600.0)),
        ({"psm": True, "active_time": "00000101", "periodic_update": "00101100"}, (10.0, 43200.0)),
        # The time of the network where none was asked for (TS 24.301, T3412).
        ({"psm": True, "periodic_update": ""}, (240.0, 3240.0)),
        ({"psm": True, "periodic_update": "11100000"}, (240.0, 3240.0)),
    ],
)
def test_psm_has_the_times_that_are_asked_for(settings: dict[str, Any], times: tuple[float, float] | None) -> None:
    assert Nvram(**settings).psm_times == times


@pytest.mark.parametrize(
    ("settings", "cycle"),
    [
        ({"edrx_value": "0101"}, None),
        ({"edrx": True}, None),
        ({"edrx": True, "edrx_value": "0000"}, None),
        ({"edrx": True, "edrx_value": "0101"}, 81.92),
    ],
)
def test_edrx_has_the_cycle_that_is_asked_for(settings: dict[str, Any], cycle: float | None) -> None:
    assert Nvram(**settings).edrx_cycle == cycle


def test_a_file_that_is_no_nvram_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "nvram.json"
    for text in ("[1]", '{"colour": 1}', '{"send_format": 7}', "{"):
        file.write_text(text)
        with pytest.raises(ValueError, match="is not the NVRAM"):
            Nvram.load(file)


async def test_two_emulators_may_share_an_nvram_one_after_the_other() -> None:
    nvram = Nvram(send_format=PayloadFormat.HEX)
    for _ in range(2):
        async with on_line(nvram=nvram) as (_, terminal):
            assert b",1,0\r\n" in await terminal.ask(b'AT+QICFG="dataformat"')


# Starting


async def test_a_module_that_has_been_running_writes_nothing() -> None:
    async with on_line() as (_, terminal):
        assert await terminal.read(10) == b""


async def test_a_module_that_boots_reports_it_to_the_first_host() -> None:
    async with Emulator(line="memory", boot=True, boot_time=3.0, registration_delay=5.0) as emulator:
        await asyncio.sleep(60)
        terminal = Terminal()
        await emulator.connect(terminal)
        began = asyncio.get_running_loop().time()
        terminal.type(b"AT")
        assert await terminal.until(b"READY\r\n") == BOOT
        assert terminal.pieces[-1].time - began == pytest.approx(3)
        assert await terminal.until(b"102\r\n") == ADDRESS
        assert terminal.pieces[-1].time - began == pytest.approx(8)
        terminal.transport.abort()


async def test_a_restart_brings_back_the_settings_of_a_start() -> None:
    async with on_line() as (emulator, terminal):
        for line in (b"AT+CMEE=2", b"AT+QSCLK=0", b'AT+QICFG="dataformat",1,1', b'AT+CGDCONT=1,"IP"'):
            await terminal.ask(line)

        assert await terminal.ask(b"AT+QRST=1", ADDRESS) == b"\r\nOK\r\n" + BOOT + ADDRESS
        assert await terminal.ask(b"AT+CMEE?") == b"AT+CMEE?\r\n+CMEE: 2\r\n\r\nOK\r\n"
        await terminal.ask(b"ATE0")
        assert b"+QSCLK: 1\r\n" in await terminal.ask(b"AT+QSCLK?")
        assert b",1,1\r\n" in await terminal.ask(b'AT+QICFG="dataformat"')
        assert await terminal.ask(b"AT+CGDCONT?") == b'\r\n+CGDCONT: 0,"IP"\r\n\r\nOK\r\n'
        assert emulator.module.nvram_writes == 2


async def test_a_booting_module_ignores_its_input() -> None:
    async with on_line(boot_time=5.0) as (emulator, terminal):
        emulator.restart()
        terminal.type(b"AT")
        assert await terminal.read(4) == b""
        assert await terminal.read(2) == BOOT + ADDRESS


async def test_a_second_restart_during_the_first_begins_anew() -> None:
    async with on_line(boot_time=5.0) as (emulator, terminal):
        emulator.restart()
        await asyncio.sleep(3)
        emulator.restart()
        assert await terminal.read(4) == b""
        assert await terminal.read(2) == BOOT + ADDRESS


# Registration


async def test_registration_is_reported_as_set_by_cereg() -> None:
    async with on_line(registration_delay=10.0) as (emulator, terminal):
        assert b"+CEREG: 0,2\r\n" in await terminal.ask(b"AT+CEREG?")
        assert await terminal.ask(b"AT+CGPADDR?") == b"\r\n+CGPADDR: 0\r\n\r\nOK\r\n"
        await terminal.ask(b"AT+CEREG=1")
        assert await terminal.read(15) == b"\r\n+CEREG: 1\r\n" + ADDRESS

        await terminal.ask(b"AT+CEREG=2")
        assert b'+CEREG: 2,1,"5A31","0C2F7A12",9\r\n' in await terminal.ask(b"AT+CEREG?")
        emulator.module.registration.change(RegistrationStatus.SEARCHING)
        emulator.module.registration.change(RegistrationStatus.HOME)
        assert await terminal.read() == b'\r\n+CEREG: 2\r\n\r\n+CEREG: 1,"5A31","0C2F7A12",9\r\n'


async def test_a_module_off_the_air_has_no_connections() -> None:
    async with on_line(network()) as (_, terminal):
        await terminal.open(0, "echo.example")
        await terminal.ask(b"AT+CEREG=1")
        assert await terminal.ask(b"AT+CFUN=0") == b"\r\nOK\r\n"
        assert await terminal.read() == b'\r\n+CEREG: 0\r\n\r\n+QIURC: "closed",0\r\n'
        await terminal.ask(b"AT+CFUN=1")
        assert await terminal.read() == b"\r\n+CEREG: 1\r\n" + ADDRESS


async def test_a_module_off_the_air_does_not_register() -> None:
    async with on_line(registration_delay=10.0) as (_, terminal):
        await terminal.ask(b"AT+CFUN=0")
        assert await terminal.read(60) == b""
        assert b"+CEREG: 0,0\r\n" in await terminal.ask(b"AT+CEREG?")
        await terminal.ask(b"AT+CFUN=1")
        assert await terminal.read(60) == ADDRESS


async def test_cfun_restarts_only_the_sibling() -> None:
    async with on_line() as (_, terminal):
        assert await terminal.ask(b"AT+CFUN=1,1", b"ERROR\r\n") == b"\r\nERROR\r\n"
        assert await terminal.ask(b"AT+CFUN=1,0") == b"\r\nOK\r\n"

    async with on_line(model="BC660K-GL") as (_, terminal):
        assert await terminal.ask(b"AT+CFUN=?") == b"\r\n+CFUN: (0,1,4),(0,1)\r\n\r\nOK\r\n"
        assert await terminal.ask(b"AT+CFUN=1,1", ADDRESS) == b"\r\nOK\r\n" + BOOT + ADDRESS


# Sleep


def state(emulator: Emulator) -> Power:
    return emulator.module.sleep.state


REPORTS: dict[str, Any] = {"nvram": Nvram(configuration={"dsevent": 1})}


async def test_a_module_sleeps_when_the_line_has_been_quiet() -> None:
    async with on_line(network(), sleep_after=10.0, **REPORTS) as (emulator, terminal):
        assert await terminal.read(9.9) == b""
        assert await terminal.ask(b"AT") == b"\r\nOK\r\n"
        assert await terminal.read(9.9) == b""
        assert await terminal.read(0.2) == ENTER
        assert state(emulator) is Power.DEEP_SLEEP


async def test_a_module_that_may_not_sleep_stays_awake() -> None:
    async with on_line(sleep_after=10.0) as (emulator, terminal):
        await terminal.ask(b"AT+QSCLK=0")
        await asyncio.sleep(100)
        assert state(emulator) is Power.AWAKE

        await terminal.ask(b"AT+QSCLK=1")
        await asyncio.sleep(10.1)
        assert state(emulator) is Power.DEEP_SLEEP


async def test_the_command_that_wakes_the_module_is_lost() -> None:
    async with on_line(network(), wake_time=0.3, **REPORTS) as (emulator, terminal):
        emulator.sleep()
        assert await terminal.read() == ENTER

        began = asyncio.get_running_loop().time()
        terminal.type(b"AT")
        assert await terminal.until(b'SLEEP"\r\n') == EXIT
        assert terminal.pieces[-1].time - began == pytest.approx(0.3)
        assert await terminal.read() == b""
        assert await terminal.ask(b"AT") == b"\r\nOK\r\n"


async def test_a_line_that_wakes_the_module_is_lost_up_to_its_end() -> None:
    async with on_line(wake_time=0.3) as (emulator, terminal):
        emulator.sleep()
        terminal.transport.write(b'AT+QISEND=0,1000,"aaaa')
        await asyncio.sleep(0.5)
        terminal.transport.write(b'aaaa"\rAT\r')
        assert await terminal.read() == b"\r\nOK\r\n"


async def test_deep_sleep_takes_tcp_sockets_and_leaves_udp_ones() -> None:
    async with on_line(network()) as (emulator, terminal):
        await terminal.open(0, "echo.example", kind="TCP")
        await terminal.open(1, "echo.example", kind="UDP")
        emulator.sleep()
        emulator.wake()
        assert await terminal.read() == b""
        assert await terminal.ask(b"AT+QISTATE?") == (b'\r\n+QISTATE: 1,"UDP","echo.example",7,0,2,0,1\r\n\r\nOK\r\n')
        await terminal.ask(b'AT+QISEND=1,3,"abc"', b"SEND OK\r\n")
        assert await terminal.read() == b'\r\n+QIURC: "recv",1,3,"abc"\r\n'


async def test_datagrams_for_a_sleeping_module_are_missed() -> None:
    async with on_line(Network(latency=1.0)) as (emulator, terminal):
        emulator.network.add_host("echo.example", EchoPeer())
        await terminal.open(0, "echo.example", kind="UDP")
        await terminal.ask(b'AT+QISEND=0,3,"abc"', b"SEND OK\r\n")
        emulator.sleep()
        assert await terminal.read(10) == b""
        assert emulator.module.tcpip.datagrams_missed == 1


async def test_commands_under_way_do_not_survive_deep_sleep() -> None:
    async with on_line(network(), answer_delay=1.0) as (emulator, terminal):
        terminal.type(b"AT", b"AT", b"AT")
        await asyncio.sleep(0.5)
        emulator.sleep()
        emulator.wake()
        assert await terminal.read(10) == b""
        assert await terminal.ask(b"AT") == b"\r\nOK\r\n"


async def test_light_sleep_answers_the_lost_command_by_an_empty_line() -> None:
    async with on_line(network(), sleep_after=10.0, light_sleep=True) as (emulator, terminal):
        await terminal.open(0, "echo.example")
        await asyncio.sleep(11)
        assert state(emulator) is Power.LIGHT_SLEEP
        assert await terminal.ask(b"AT", b"\r\n") == b"\r\n"
        assert await terminal.ask(b"AT") == b"\r\nOK\r\n"
        await terminal.ask(b'AT+QISEND=0,3,"abc"', b"SEND OK\r\n")
        assert await terminal.read() == b'\r\n+QIURC: "recv",0,3,"abc"\r\n'


async def test_settings_survive_deep_sleep() -> None:
    async with on_line() as (emulator, terminal):
        await terminal.ask(b"AT+CMEE=1")
        await terminal.ask(b'AT+QICFG="dataformat",1,1')
        emulator.sleep()
        emulator.wake()
        await asyncio.sleep(1)
        assert await terminal.ask(b"AT+CMEE?") == b"\r\n+CMEE: 1\r\n\r\nOK\r\n"


async def test_a_restart_ends_sleep() -> None:
    async with on_line() as (emulator, terminal):
        emulator.sleep()
        emulator.restart()
        assert await terminal.read() == BOOT + ADDRESS


# Dialects

QENG = b'\r\n+QENG: 0,3738,2,281,"0C2F7A12",-76,-9,%b,18,8,%b,,-128,3\r\n+QENG: 1,3738,282,-88,-13\r\n\r\nOK\r\n'


@pytest.mark.parametrize(
    ("settings", "line", "answer"),
    [
        ({"blank_lines": 1}, b"AT+CSQ", b"\r\n\r\n+CSQ: 23,0\r\n\r\n\r\nOK\r\n"),
        ({"space_after_colon": False}, b"AT+CEREG?", b"\r\n+CEREG:0,1\r\n\r\nOK\r\n"),
        ({"four_digit_year": False}, b"AT+CCLK?", b'\r\n+CCLK: "26/03/01,12:30:15+00"\r\n\r\nOK\r\n'),
        ({"quoted_clock": False}, b"AT+CCLK?", b"\r\n+CCLK: 2026/03/01,12:30:15+00\r\n\r\nOK\r\n"),
        (
            {"compact": False},
            b"ATI",
            b"\r\nQuectel_Ltd\r\n\r\nQuectel_BC260Y-CN\r\n\r\nRevision: BC260YCNAAR01A03\r\n\r\nOK\r\n",
        ),
        ({"address_context": 5}, b"AT+CGPADDR?", b'\r\n+CGPADDR: 5,"10.46.18.102"\r\n\r\nOK\r\n'),
        ({"quoted_pdp_address": False}, b"AT+CGPADDR?", b"\r\n+CGPADDR: 0,10.46.18.102\r\n\r\nOK\r\n"),
        ({"quoted_imei": True}, b"AT+CGSN=1", b'\r\n+CGSN: "867997030012345"\r\n\r\nOK\r\n'),
        ({"edrx_value_when_off": False}, b"AT+CEDRXS?", b"\r\n+CEDRXS: 0\r\n\r\nOK\r\n"),
        ({"firmware": "R01A03"}, b"AT+QENG=0", QENG % (b"99", b"23089")),
        ({"firmware": "R02A01"}, b"AT+QENG=0", QENG % (b"-67", b'"5A31"')),
        ({"firmware": "R02A01"}, b"AT+CGDCONT?", b'\r\n+CGDCONT: 0,"IPV4V6"\r\n\r\nOK\r\n'),
        (
            {"firmware": "R02A01", "imsi": "460011234567890"},
            b"AT+CGDCONT?",
            b'\r\n+CGDCONT: 0,"IP"\r\n\r\nOK\r\n',
        ),
        ({"has_cell": False}, b"AT+COPS=?", b"\r\n+COPS: ,,(0-4),(2)\r\n\r\nOK\r\n"),
        ({"firmware": "R02A01"}, b"AT+CGMR", b"\r\nRevision: BC260YCNAAR02A01\r\n\r\nOK\r\n"),
        ({"firmware": "R01A02"}, b"AT+QPING=?", b"\r\n+QPING: (0-11),<host>,(1-255),(1-10),(32-200)\r\n\r\nOK\r\n"),
    ],
)
async def test_the_module_follows_its_variants(settings: dict[str, Any], line: bytes, answer: bytes) -> None:
    async with on_line(network(), **settings) as (_, terminal):
        assert await terminal.ask(line) == answer


async def test_early_firmware_writes_a_stray_nul_after_results_of_sockets() -> None:
    async with on_line(network(), firmware="R01A03") as (_, terminal):
        await terminal.open(0, "echo.example")
        terminal.type(b'AT+QISEND=0,3,"abc"')
        assert await terminal.read() == (b'\r\nOK\r\n\x00\r\nSEND OK\r\n\x00\r\n+QIURC: "recv",0,3,"abc"\r\n')
        terminal.type(b"AT+QICLOSE=0", b"AT")
        assert await terminal.read() == b"\r\nOK\r\n\x00\r\nCLOSE OK\r\n\x00\r\nOK\r\n"
        assert await terminal.ask(b"AT+QRST=1", ADDRESS) == b"\r\nOK\r\n\x00" + BOOT + ADDRESS


async def test_a_stray_nul_comes_late_where_the_result_does() -> None:
    async with on_line(network(), firmware="R01A03", completion_delay=0.1) as (_, terminal):
        await terminal.open(0, "echo.example")
        terminal.type(b"AT+QICLOSE=0", b"AT")
        assert await terminal.read() == b"\r\nOK\r\n\x00\r\nOK\r\n\r\nCLOSE OK\r\n\x00"


async def test_answers_take_the_response_time() -> None:
    async with on_line(answer_delay=0.03) as (_, terminal):
        began = asyncio.get_running_loop().time()
        terminal.type(b"AT", b"AT")
        await terminal.read()
        assert [piece.time - began for piece in terminal.pieces[-2:]] == pytest.approx([0.03, 0.06])


# The emulator


async def test_any_urc_can_be_sent() -> None:
    async with on_line() as (emulator, terminal):
        emulator.send_urc('+QIURC: "closed",3')
        assert await terminal.read() == b'\r\n+QIURC: "closed",3\r\n'


async def test_an_emulator_can_be_started_again_and_not_twice() -> None:
    emulator = Emulator(line="memory")
    for _ in range(2):
        async with emulator:
            with pytest.raises(RuntimeError, match="is started"):
                await emulator.start()

    await emulator.close()
    assert repr(emulator) == "<Emulator not started>"


async def test_a_network_forgets_the_modules_of_emulators_that_are_closed() -> None:
    shared = network()
    async with on_line(shared) as (emulator, _):
        module = weakref.ref(emulator.module)

    del emulator, _
    await asyncio.sleep(1)
    gc.collect()
    assert module() is None


async def test_an_emulator_leaves_no_task_behind_whatever_is_under_way() -> None:
    async with on_line(Network(latency=1.0), send_buffer=1024) as (emulator, terminal):
        emulator.network.add_host("echo.example", EchoPeer())
        await terminal.open(0, "echo.example")
        await terminal.ask(b'AT+QISEND=0,1024,"%b"' % (b"a" * 1024), b"SEND OK\r\n")
        terminal.type(
            b'AT+QISEND=0,1024,"%b"' % (b"a" * 1024),
            b'AT+QIOPEN=0,1,"TCP","echo.example",7',
            b'AT+QIOPEN=0,2,"TCP","closed.example",1',
            b'AT+QPING=0,"echo.example"',
            b'AT+QNTP=0,"echo.example"',
            b'AT+QIDNSGIP=0,"echo.example"',
        )
        await asyncio.sleep(0.1)
        assert len(asyncio.all_tasks()) > 4

    assert {task.get_name() for task in asyncio.all_tasks() if "bc260y" in task.get_name()} == set()
