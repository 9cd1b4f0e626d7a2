"""The sibling BC660K-GL: what a real one with firmware BC660KGLAAR01A05 was seen to answer, exchange by exchange."""

import asyncio
from datetime import datetime, timedelta, timezone
from typing import Any, Final

import pytest

from bc260y_aio import Modem
from bc260y_aio.emulator import Emulator, Network
from bc260y_aio.emulator.module import Nvram
from bc260y_aio.emulator.network.cell import Cell, Operator
from tests.emulator.terminal import on_line

MODEL: Final[dict[str, Any]] = {"model": "BC660K-GL"}

# The cell, the settings and the identity of that module; its numbers were replaced by others before it was published.
SEEN_CELL: Final = Cell(
    operator=Operator(numeric="23415", long_name="", short_name=""),
    tracking_area="0001",
    cell_id="0000ABCD",
    earfcn=6254,
    pci=299,
    band=20,
    offset=12,
    operation_mode=2,
    has_neighbour=False,
)
SEEN: Final[dict[str, Any]] = {
    **MODEL,
    "imei": "001010000000001",
    "imsi": "001010000000001",
    "iccid": "89000000000000000001",
    "battery_mv": 3470,
    "address": "10.0.0.7",
    "registration": "roaming",
    "sleep_after": 10.0,
    "answer_delay": 0.02,
    "answer_jitter": 0.022,
    "completion_delay": 0.05,
}
EXCHANGES: Final = (
    ("AT", ""),
    ("ATE0", ""),
    ("ATI", "Quectel_Ltd/Quectel_BC660K-GL/Revision: BC660KGLAAR01A05"),
    ("AT+CGMR", "Revision: BC660KGLAAR01A05"),
    ("AT+CGSN=1", "+CGSN: 001010000000001"),
    ("AT+CPIN?", "+CPIN: READY"),
    ("AT+QCCID", "+QCCID: 89000000000000000001"),
    ("AT+CIMI", "001010000000001"),
    ("AT+CBC", "+CBC: 3470"),
    ("AT+QTEMP", "ERROR"),
    ("AT+QNBIOTEVENT=1,1", ""),
    ('AT+QCFG="dsevent",1', ""),
    ("AT+CEREG=4", ""),
    ("AT+CPSMS?", '+CPSMS: 1,,,"00101010","00100011"'),
    ("AT+CEDRXS?", '+CEDRXS: 5,"0011"'),
    ("AT+QSCLK?", "+QSCLK: 1"),
    ("AT+CEDRXRDP", "+CEDRXRDP: 0"),
    ("AT+CGDCONT?", '+CGDCONT: 0,"IP","test.apn","10.0.0.7"'),
    ("AT+CGATT?", "+CGATT: 1"),
    ("AT+CGPADDR=1", "+CGPADDR: 1"),
    ("AT+CSQ", "+CSQ: 10,0"),
    ("AT+QENG=0", '+QENG: 0,6254,12,299,"0000ABCD",-100,-7,-93,11,20,"0001",0,-128,2'),
    ("AT+COPS?", '+COPS: 1,2,"23415",9'),
    ("AT+CEREG?", '+CEREG: 4,5,"0001","0000ABCD",9,,,"00100011","00101010"'),
)


def nvram() -> Nvram:
    return Nvram(
        baudrate=115200,
        psm=True,
        periodic_update="00101010",
        active_time="00100011",
        edrx_value="0011",
        operator=(1, "23415"),
        context=("IP", "test.apn", "", ""),
    )


def network(**settings: Any) -> Network:
    seen = Network(rsrp=-100, rsrq=-7, snr=11, **settings)
    seen.cell = SEEN_CELL
    return seen


def wire(lines: str) -> bytes:
    if lines in ("", "ERROR"):
        return b"\r\n%b\r\n" % (lines or "OK").encode()

    return b"\r\n" + lines.replace("/", "\r\n").encode() + b"\r\n\r\nOK\r\n"


async def test_the_sibling_answers_as_one_was_seen_to() -> None:
    async with on_line(network(), nvram=nvram(), **SEEN) as (_, terminal):
        # It is not in PSM, but in the active time after a connection.
        await terminal.ask(b'AT+QIDNSGIP=0,"echo.example"', b"+QIDNSGIP: 0,1,0\r\n")
        await terminal.read(25)
        for line, answer in EXCHANGES:
            began = asyncio.get_running_loop().time()
            ending = b"ERROR\r\n" if answer == "ERROR" else b"OK\r\n"
            assert await terminal.ask(line.encode(), ending) == wire(answer), line
            assert 0.02 <= terminal.pieces[-1].time - began <= 0.042


async def test_the_command_that_wakes_the_sibling_is_answered_by_an_empty_line() -> None:
    async with on_line(network(), nvram=nvram(), **SEEN) as (emulator, terminal):
        emulator.module.sleep.fall_asleep()
        began = asyncio.get_running_loop().time()
        assert await terminal.ask(b"AT", b"\r\n") == b"\r\n"
        assert terminal.pieces[-1].time - began == pytest.approx(1.8)
        assert await terminal.ask(b"AT") == b"\r\nOK\r\n"


async def test_a_line_that_comes_in_pieces_wakes_the_sibling_and_is_answered_once() -> None:
    async with on_line(sleep_after=10.0, **MODEL) as (emulator, terminal):
        emulator.module.sleep.fall_asleep()
        terminal.transport.write(b"A")
        assert await terminal.read(3.0) == b""
        terminal.transport.write(b"T\r")
        assert await terminal.read() == b"\r\n"
        assert await terminal.ask(b"AT") == b"\r\nOK\r\n"


async def test_an_empty_line_more_stands_before_the_first_report_of_a_ping() -> None:
    async with on_line(network(latency=0.2, loss=1.0), nvram=nvram(), **SEEN) as (_, terminal):
        terminal.type(b'AT+QPING=0,"8.8.8.8",4,4')
        report = b"\r\n+QPING: 569\r\n"
        lost = b"\r\nOK\r\n\r\n" + 4 * report + b"\r\n+QPING: 0,4,0,4,0,0,0\r\n"
        assert await terminal.read(30.0) == lost


async def test_close_ok_comes_fifty_milliseconds_after_ok() -> None:
    async with on_line(network(), nvram=nvram(), **SEEN) as (emulator, terminal):
        emulator.network.add_echo("echo.example")
        await terminal.open(0, "echo.example")
        assert await terminal.ask(b"AT+QICLOSE=0") == b"\r\nOK\r\n"
        answered = terminal.pieces[-1].time
        assert await terminal.until(b"CLOSE OK\r\n") == b"\r\nCLOSE OK\r\n"
        assert terminal.pieces[-1].time - answered == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("AT+CGMI", "Quectel_Ltd/Quectel_BC660K-GL/Revision: QCX212"),
        ("AT+IPR?", "+IPR: 115200"),
        ("AT+CNMPSD", ""),
        ("AT+QADC?", "+QADC: 0,796"),
        ("AT+QADC=0", "+QADC: 0,796"),
        ("AT+QADC", "ERROR"),
        ("AT+CTZR=?", "+CTZR: (0-3)"),
        ('AT+QCFG="NBcategory",2', ""),
        ('AT+QCFG="relversion",14', ""),
        ('AT+QCFG="EPCO"', '+QCFG: "epco",1'),
        ('AT+QCFG="MacRAI"', '+QCFG: "MacRAI",0'),
        ('AT+QCFG="DataInactTimer",15', ""),
        ('AT+QCFG="OOSScheme",4', ""),
        ('AT+QCFG="autoapn"', "ERROR"),
        ("AT+QR14FEATURE", "+QR14FEATURE: 13,0/+QR14FEATURE: 0"),
        ("AT+QRFSTAT", "+QRFSTAT: CALIBRATE"),
    ],
)
async def test_the_sibling_has_the_commands_of_its_manual(line: str, answer: str) -> None:
    async with on_line(**MODEL) as (_, terminal):
        assert await terminal.ask(line.encode(), wire(answer)) == wire(answer)


@pytest.mark.parametrize(
    ("name", "values", "default", "taken", "refused"),
    [
        ("epco", "(0,1)", 1, (0, 1), (2,)),
        ("DataInactTimer", "(0,15-255)", 60, (0, 15, 255), (14, 256)),
        ("logbaudrate", "(921600-6000000)", 6000000, (921600,), (921599,)),
        ("slplocktimes", "(0-30)", 10, (0, 30), (31,)),
        ("OOSScheme", "(0-4)", 0, (0, 4), (5,)),
        ("dsevent", "(0,1)", 0, (0, 1), (2,)),
        ("statisr", "(0,5-600)", 0, (0, 5, 600), (4, 601)),
        ("wakeupRXD", "(0,1)", 1, (0, 1), (2,)),
        ("MacRAI", "(0,1)", 0, (0, 1), (2,)),
        ("relversion", "(13,14)", 13, (13, 14), (12, 15)),
        ("NBcategory", "(1,2)", 1, (1, 2), (0, 3)),
        ("faultaction", "(0-4)", 0, (0, 4), (5,)),
        ("NcellMeas", "(0,1)", 1, (0, 1), (2,)),
        ("SimBip", "(0,1)", 0, (0, 1), (2,)),
        ("activetimer", "(0,1)", 1, (0, 1), (2,)),
        ("simpsm", "(0,1)", 0, (0, 1), (2,)),
    ],
)
async def test_the_sibling_has_the_functions_of_its_manual(
    name: str, values: str, default: int, taken: tuple[int, ...], refused: tuple[int, ...]
) -> None:
    async with on_line(**MODEL) as (_, terminal):
        assert f'\r\n+QCFG: "{name}",{values}\r\n'.encode() in b"\r\n" + await terminal.ask(b"AT+QCFG=?")
        assert await terminal.ask(f'AT+QCFG="{name}"'.encode()) == wire(f'+QCFG: "{name}",{default}')
        for value in refused:
            assert await terminal.ask(f'AT+QCFG="{name}",{value}'.encode(), b"ERROR\r\n") == wire("ERROR")

        for value in taken:
            await terminal.ask(f'AT+QCFG="{name}",{value}'.encode())
            assert await terminal.ask(f'AT+QCFG="{name}"'.encode()) == wire(f'+QCFG: "{name}",{value}')


@pytest.mark.parametrize("line", [b"AT+QADC?", b"AT+CNMPSD", b"AT+CTZR=2", b'AT+QCFG="MacRAI"', b"AT+QRFSTAT"])
async def test_the_module_has_none_of_what_only_its_sibling_has(line: bytes) -> None:
    async with on_line() as (_, terminal):
        assert await terminal.ask(line, b"ERROR\r\n") == b"\r\nERROR\r\n"


async def test_the_sibling_reports_the_zone_with_the_local_time() -> None:
    beijing = timezone(timedelta(hours=8))
    clock = Network(now=lambda: datetime(2026, 3, 1, 20, 30, 15, tzinfo=beijing))
    async with on_line(clock, **MODEL) as (_, terminal):
        await terminal.ask(b"AT+CTZR=2")
        await terminal.ask(b"AT+CFUN=0")
        await terminal.ask(b"AT+CFUN=1")
        assert await terminal.read() == b'\r\n+IP: 10.46.18.102\r\n\r\n+CTZE: "+32",0,"2026/03/01,20:30:15"\r\n'


async def test_the_sibling_saves_its_echo() -> None:
    async with on_line(**MODEL) as (_, terminal):
        await terminal.ask(b"AT+QRST=1", b"+IP: 10.46.18.102\r\n")
        assert await terminal.ask(b"AT") == b"\r\nOK\r\n"


async def test_the_driver_runs_a_session_on_the_sibling() -> None:
    async with (
        Emulator(line="memory", network=network(), nvram=nvram(), **SEEN) as emulator,
        Modem(emulator.url) as modem,
    ):
        emulator.network.add_echo("echo.example")
        assert await modem.execute("AT+CGMM") == ["Quectel_BC660K-GL"]
        assert [one.addresses for one in await modem.pdp_contexts()] == [("10.0.0.7",)]
        cell = await modem.cell()
        assert (cell.tracking_area, cell.rssi_dbm, cell.band) == ("0001", -93, 20)
        # In spite of the empty line.
        assert (await modem.ping("echo.example", count=2)).received == 2
        reader, writer = await modem.open_connection("echo.example", 7)
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        await modem.sleep()
        await asyncio.sleep(60)
        assert await modem.execute("AT+CSQ") == ["+CSQ: 10,0"]
        writer.close()
        await writer.wait_closed()
