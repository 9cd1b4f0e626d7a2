"""The parameters of the AT manual's commands: the last value that is taken, the first that is refused, and how many."""

from typing import Any, Final, NamedTuple

import pytest

from tests.emulator.terminal import on_line

R02A01: Final = {"firmware": "R02A01"}


class Bounds(NamedTuple):
    """The parameters of a command.

    Attributes:
        name: the command, without its AT.
        taken: parameters that it takes.
        refused: parameters that it refuses.
        settings: the options of the emulator.
    """

    name: str
    taken: tuple[str, ...]
    refused: tuple[str, ...]
    settings: dict[str, Any] = {}  # noqa: RUF012 - a named tuple's default is never changed


APN: Final = "a" * 99

BOUNDS: Final = (
    Bounds("+CGSN", ("0", "3"), ("4", "", "1,0")),
    Bounds("+IPR", ("0", "2400", "460800"), ("1", "14400", "921600", "", "9600,0")),
    # Registration
    Bounds("+CEREG", ("0", "5"), ("6", "", "1,0")),
    Bounds("+CREG", ("0", "3"), ("4", "", "1,0")),
    Bounds("+CSCON", ("0", "1"), ("2", "", "1,0")),
    Bounds("+CGATT", ("1",), ("2", "", "1,0")),
    Bounds("+CGPADDR", ("0", "11", "0,11"), ("12", "", "0,12", "0,")),
    Bounds("+QENG", ("0", "3"), ("1", "2", "4", "", "0,0")),
    # Contexts
    Bounds("+CGACT", ("1,0",), ("2,0", "1,12", "1", "", "1,0,0")),
    Bounds(
        "+CGDCONT",
        (
            '1,"IP"',
            '11,"IPV6"',
            '1,"ipv4v6"',
            '1,"NON-IP"',
            f'1,"IP","{APN}"',
            '1,"IP","a",""',
            '1,"IP","a",,3,4,1,3,2,1,1,1,1,1,1',
            "1",
            "2",
        ),
        (
            "0",
            "12",
            '0,"IP"',
            '12,"IP"',
            '1,"PPP"',
            f'1,"IP","{APN}a"',
            '1,"IP","a","10.0.0.1"',
            '1,"IP","a",,4',
            '1,"IP","a",,0,5',
            '1,"IP","a",,0,0,2',
            '1,"IP","a",,0,0,0,4',
            '1,"IP","a",,0,0,0,0,3',
            '1,"IP","a",,0,0,0,0,0,2',
            '1,"IP","a",,0,0,0,0,0,0,2',
            '1,"IP","a",,0,0,0,0,0,0,0,2',
            '1,"IP","a",,0,0,0,0,0,0,0,0,2',
            '1,"IP","a",,0,0,0,0,0,0,0,0,0,2',
            '1,"IP","a",,0,0,0,0,0,0,0,0,0,0,2',
            '1,"IP","a",,0,0,0,0,0,0,0,0,0,0,0,0',
        ),
    ),
    Bounds("+CGAPNRC", ("0",), ("12", "", "0,0")),
    Bounds(
        "+QCGDEFCONT",
        ('"IP"', '"Non-IP"', f'"IPV4V6","{APN}"', '"IP","iot","me","secret"'),
        ('"PPP"', "", f'"IP","{APN}a"', '"IP","iot","me","secret",0'),
    ),
    # Network choice
    Bounds(
        "+COPS",
        ("0", "0,2", '0,2,"46000",9', "3,2", '1,2,"46000"', '1,2,"46000",9', '4,2,"46000"', '4,2,"460000"'),
        (
            "5",
            "",
            "0,1",
            "3,0",
            "3,3",
            '1,2,"46000",8',
            '1,2,"46000",10',
            '1,2,"46000",9,0',
            '1,2,"4600"',
            '1,2,"4600000"',
            '1,2,"cmcc1"',
            "1",
            "4,2",
        ),
    ),
    Bounds(
        "+CCIOTOPT", ("0", "1", "3", "1,1", "1,3,0", "1,3,2"), ("2", "4", "", "1,0", "1,2", "1,4", "1,3,3", "0,1,1,1")
    ),
    Bounds(
        "+QBAND",
        ("0", "1,3", "1,5", "2,8,3", "3,3,5,8"),
        ("1", "0,5", "1,4", "1,20", "2,5", "2,5,5", "1,5,8", "4,3,5,8,1", "3,3,5,5", ""),
    ),
    Bounds(
        "+QLOCKF",
        ("0", "1,262143", "1,3738,0", "1,3738,503", "1,0", "2,262143", "2,1,2,3,4", "2,0", "2"),
        ("3", "", "0,1", "1", "1,262144", "1,3738,504", "1,3738,281,1", "2,262144", "2,1,262144"),
    ),
    # SIM
    Bounds(
        "+CCHO",
        ('"A0"', '"A0000000871002FF86FFFF89A0000000"'),
        ('""', '"A"', '"A0000000871002FF86FFFF89A000000000"', '"G0"', "", '"A0",1'),
    ),
    Bounds("+CCHC", (), ("256", "", "1,1")),
    Bounds(
        "+CGLA",
        (),
        ('1,14,"00A40004022FE2",0', '1,12,"00A40004022FE2"', "1,14", '1,6,"00A400"', '256,14,"00A40004022FE2"'),
    ),
    Bounds(
        "+CSIM",
        ('14,"00A40004022FE2"', '8,"00B00000"', f'522,"00B0{"00" * 259}"'),
        (
            '12,"00A40004022FE2"',
            '14,"00A40004022FE2",0',
            '6,"00B000"',
            f'524,"00B0{"00" * 260}"',
            '8,"00B0000G"',
            "8",
            "",
        ),
    ),
    Bounds("+CPINR", ('"SIM PIN"', '"SIM PUK"'), ('"SIM"', "")),
    Bounds("+CPIN", (), ('"123"', '"123456789"', '"12a4"', "", '"1234","5678",0')),
    Bounds(
        "+CRSM",
        (
            "242",
            "192,12258",
            "176,65535,0,0,0",
            "178,12258,1,4,10",
            '214,12258,0,0,1,"00"',
            '220,12258,1,4,1,"00","3F00"',
        ),
        (
            "0",
            "175",
            "177",
            "243",
            "",
            "192",
            "192,65536",
            "176,12258,0,0",
            "178,12258",
            '214,12258,0,0,1,"00","3F00",0',
        ),
    ),
    # Power
    Bounds("+CFUN", ("1", "1,0", "0", "4", "1"), ("2", "3", "5", "", "1,1", "1,0,0")),
    Bounds(
        "+CPSMS",
        ("0", "1", "2", '1,,,"01000011"', '1,,,"01000011","01000011"', '1,,,,"01000011"'),
        (
            "3",
            "",
            '1,"0"',
            '1,,"0"',
            '1,,,"0100001"',
            '1,,,"010000111"',
            '1,,,"01000012"',
            '1,,,"01000011","0100001"',
            '1,,,"01000011","01000012"',
            '1,,,"01000011","01000011",',
        ),
    ),
    Bounds(
        "+CEDRXS",
        ("0", "1", "2", "3", "1,5", '1,5,"0000"', '1,5,"1111"'),
        ("4", "", "1,4", "1,6", '1,5,"010"', '1,5,"01010"', '1,5,"0102"', '1,5,"0101",""'),
    ),
    Bounds(
        "+QEDRXCFG",
        ("0", "3", '1,5,"0101","0000"', '1,5,"0101","1111"'),
        ("4", "", "1,4", '1,5,"010"', '1,5,"0101","010"', '1,5,"0101","0012"', '1,5,"0101","0001",""'),
    ),
    Bounds("+QNBIOTEVENT", ("0,1", "1,1"), ("2,1", "1,0", "1,2", "1", "", "1,1,1")),
    Bounds("+QSCLK", ("0", "1", "2"), ("3", "", "0,0")),
    # Platform
    Bounds("+QADC", ("0",), ("1", "", "0,0")),
    Bounds("+CMEE", ("0", "1", "2"), ("3", "", "1,0")),
    Bounds("+QRST", (), ("0", "2", "", "1,0")),
    Bounds(
        "+QCFG",
        (
            '"epco",0',
            '"epco",1',
            '"autoapn",1',
            '"rohc",1',
            '"DataInactTimer",0',
            '"DataInactTimer",40',
            '"DataInactTimer",254',
            '"logbaudrate",921600',
            '"logbaudrate",6000000',
            '"slplocktimes",0',
            '"slplocktimes",30',
            '"OOSScheme",0',
            '"OOSScheme",3',
            '"dsevent",1',
            '"statisr",5',
            '"statisr",600',
            '"statisr",0',
            '"WAKEUPRXD",1',
        ),
        (
            "",
            '"colour"',
            '"colour",1',
            '"epco",2',
            '"autoapn",2',
            '"rohc",2',
            '"DataInactTimer",1',
            '"DataInactTimer",39',
            '"DataInactTimer",255',
            '"logbaudrate",921599',
            '"logbaudrate",6000001',
            '"slplocktimes",31',
            '"OOSScheme",4',
            '"dsevent",2',
            '"statisr",1',
            '"statisr",4',
            '"statisr",601',
            '"wakeupRXD",2',
            '"epco",1,1',
        ),
    ),
    Bounds("+QCFG", ('"faultaction",0', '"faultaction",3'), ('"faultaction",4',), R02A01),
    # Clock
    Bounds(
        "+CCLK",
        (
            "2000/01/01,00:00:00+0",
            '"2099/12/31,23:59:59-47"',
            "2026/3/1,1:2:3+48",
        ),
        (
            "1999/12/31,23:59:59+00",
            "2026/03/01,12:30:15-48",
            "2026/03/01,12:30:15+49",
            "2026/13/01,12:30:15+00",
            "2026/02/29,12:30:15+00",
            "2026/03/01,24:00:00+00",
            "2026/03/01,12:30:15",
            "26/03/01,12:30:15+00",
            "",
        ),
    ),
    Bounds("+CTZR", ("0", "1", "3"), ("2", "4", "", "1,0")),
    # Firmware R02A01
    Bounds("+QNBIOTRAI", (), ("3", "", "1,0"), R02A01),
)


@pytest.mark.parametrize("bounds", BOUNDS, ids=lambda one: one.name)
async def test_values_within_the_bounds_are_taken(bounds: Bounds) -> None:
    async with on_line(cme=1, **bounds.settings) as (_, terminal):
        for parameters in bounds.taken:
            terminal.type(f"AT{bounds.name}={parameters}".encode())
            assert b"\r\nOK\r\n" in await terminal.read(), parameters


@pytest.mark.parametrize("bounds", BOUNDS, ids=lambda one: one.name)
async def test_values_outside_the_bounds_are_a_plain_error_and_nothing_is_written(bounds: Bounds) -> None:
    async with on_line(cme=1, **bounds.settings) as (emulator, terminal):
        for parameters in bounds.refused:
            terminal.type(f"AT{bounds.name}={parameters}".encode())
            assert await terminal.read() == b"\r\nERROR\r\n", parameters

        assert emulator.module.nvram_writes == 0
