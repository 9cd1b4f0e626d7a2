"""Sessions of public programs for the BC260Y-CN and the BC660K-GL: what each writes, and what it waits for.

The sessions are facts about those programs, in the words of this project: command lines in their order, with the line
endings, the spaces and the quotes that each uses. A program goes on as soon as it has seen what it waits for, even
before the final result.
"""

from typing import Any, Final, NamedTuple

UNTIL_OK: Final = b"OK\r\n"


class Session(NamedTuple):
    """A session of a program.

    Attributes:
        title: what the program is; the row of the documentation.
        steps: what it writes, and what it then waits for; empty: for nothing.
        hosts: the hosts that it opens sockets to; they echo.
        settings: the options of the emulator.
    """

    title: str
    steps: tuple[tuple[bytes, bytes], ...]
    hosts: tuple[str, ...]
    settings: dict[str, Any] = {}  # noqa: RUF012 - a named tuple's default is never changed


def lines(*steps: str | tuple[str, bytes], ending: str = "\r\n") -> tuple[tuple[bytes, bytes], ...]:
    """Return steps: command lines that wait for OK, or a line and what it waits for."""
    pairs = ((step, UNTIL_OK) if isinstance(step, str) else step for step in steps)
    return tuple(((line + ending).encode(), wanted) for line, wanted in pairs)


METER: Final = lines(
    # It asks for a restart by the command of another family, is refused, and goes on.
    ("AT+NRB", b"\r\nERROR\r\n"),
    "AT",
    "AT+CEREG=1",
    ("AT+CFUN?", b"CFUN: 1"),
    "AT+QSCLK=0",
    'AT+CPSMS=1,,,"01000011","01000011"',
    "AT+QNBIOTEVENT=1,1",
    ("AT+CGSN=1", b"CGSN: 867997030012345\r\n"),
    ("AT+QCCID", b"QCCID: 89860012345678901234\r\n"),
    "AT+CIMI",
    "AT+CSCON=0",
    ("AT+CGATT?", b"CGATT: 1"),
    ("AT+CSQ", b"CSQ: 23,0"),
    ("AT+CCLK?", b'CCLK: "2026/03/01,12:30:'),
    ("AT+QENG=0", b'QENG: 0,3738,2,281,"0C2F7A12",-76,'),
    'AT+QICFG="dataformat",1,1',
    # The address has no quotes, and blanks before it and the port.
    ('AT+QIOPEN=0,0,"UDP",  60.21.136.130, 3380', b"QIOPEN: 0,0"),
    "AT+CSCON=1",
    # Neither has the payload.
    ("AT+QISEND=0,3,AA1133", b'QIURC: "recv",0,3,"AA1133"\r\n'),
    "AT+QICLOSE=0",
    "AT+QSCLK=1",
    "AT+CFUN=0",
)

SENSOR: Final = (
    *lines("AT", "ATE0&W", ("AT+QICLOSE=0", b"\r\n"), ("AT+CPIN?", b"+CPIN: READY"), ("AT+CGATT?", b"+CGATT: 1")),
    *lines(('AT+QIOPEN=0,0,"UDP","47.92.146.210",9999,1234,1', b"+QIOPEN: 0,0")),
    # JSON without quotes around it: commas and quotes are payload.
    *lines(('AT+QISEND=0,18,{"params":{"a":1}}', b"SEND OK"), ("", b'+QIURC: "recv",0,18,"{"params":{"a":1}}"\r\n')),
)

TABLE: Final = lines(
    "ATE0",
    "AT+CFUN=0",
    "AT+QCSEARFCN",
    "AT+CFUN=1",
    'AT+QICFG="dataformat",1,1',
    "AT+CEREG?",
    "AT+CGATT?",
    "AT+CGPADDR?",
    ("AT+QCCID", b"+QCCID: "),
    ('AT+QIOPEN=0,0,"TCP","49.4.0.10",7001,0,1', b"\r\n+QIOPEN: 0,0\r\n"),
    ('AT+QISEND=0,3,"303132"', b"\r\nSEND OK\r\n"),
    ("", b'+QIURC: "recv",0,3,"303132"'),
    ("AT+QISTATE=1,0", b'\r\n+QISTATE: 0,"TCP","49.4.0.10",7001,0,2,0,1\r\n'),
    ("AT+QICLOSE=0", b"\r\nCLOSE OK\r\n"),
    "AT+CSQ",
    "AT+CGATT=1",
    "AT+QSCLK=1",
)

RELAY: Final = lines(
    'AT+QCGDEFCONT="IP","CMNBIOT"',
    "AT+CGATT?",
    ("AT+CGPADDR", b"+CGPADDR: 0,"),
    # The context is not defined; the program goes on.
    ("AT+CGACT=1,1", b"ERROR\r\n"),
    "AT+QSCLK=0",
    'AT+QICFG="dataformat",0,0',
    ("AT+QICLOSE=0", b"\r\n"),
    ('AT+QIOPEN=0,0,"UDP","129.211.174.144",8888', b"+QIOPEN: 0,0\r\n"),
    ('AT+QISEND=0,17,"Hello_BC260Y_Test"', b'+QIURC: "recv",0,17,"Hello_BC260Y_Test"\r\n'),
)

PROMPTED: Final = (
    *lines("AT", "AT+QSCLK=0", "AT+CSCON?", "AT+CEREG?", "AT+CGATT?", "AT+CGPADDR?"),
    *lines(('AT+QIOPEN=0,0,"TCP","1.15.27.206",12300', b"+QIOPEN: 0,0\r\n"), ("AT+QISEND=0,7", b"\r\n> ")),
    (b"{hello}", b'+QIURC: "recv",0,7,"{hello}"\r\n'),
    *lines(("AT+QISEND=0,0 ", b"+QISEND: 7,7,0\r\n"), ("AT+QICLOSE=0", b"CLOSE OK\r\n")),
)

# A script engine that goes on at each match: the next command is written before the OK of the last.
OFFLOADED: Final = lines(
    ("AT", b"\r\n"),
    "AT",
    "ATE0",
    "AT+QSCLK=0",
    "AT+CFUN=0",
    "AT+QCSEARFCN",
    "AT+CFUN=1",
    'AT+CPSMS=1,,,"11000001","00000001"',
    "AT+CEREG=2",
    'AT+QICFG="dataformat",1,1',
    ("AT+CGSN=0", b"B203517F8AE566F16924DE5B1F9E1395\r\n"),
    ("AT+CGMR", b"Revision: BC660KGLAAR01A05\r\n"),
    ("AT+CGMM", b"Quectel_BC660K-GL\r\n"),
    ("AT+CGSN=1", b"+CGSN: 867997030012345\r\n"),
    ("AT+CGSN=2", b"+CGSN: 8679970300123401\r\n"),
    ("AT+CGSN=3", b"+CGSN: 01\r\n"),
    ("AT+CIMI", b"460001234567890\r\n"),
    ("AT+QCCID", b"+QCCID: 89860012345678901234\r\n"),
    ("AT+CESQ", b"+CESQ: 99,99,255,255,22,65\r\n"),
    ("AT+CSQ", b"+CSQ: 23,0\r\n"),
    ("AT+CEREG?", b'+CEREG: 2,1,"5A31","0C2F7A12",9'),
    ('AT+QIDNSGIP=0,"echo.example"', b"+QIDNSGIP: 0,1,0\r\n"),
    ('AT+QIOPEN=0,0,"TCP","echo.example",7,0,1', b"+QIOPEN: 0,0\r\n"),
    ('AT+QISEND=0,2,"6869"', b'+QIURC: "recv",0,2,"6869"\r\n'),
    ("AT+QICLOSE=0", b"CLOSE OK\r\n"),
    "AT+CNMPSD",
    "AT+QSCLK=1",
    ending="\r",
)

BOARD: Final = (
    *lines("ATE0", "AT+CSQ", "AT+CCLK?", "AT+CEREG?", "AT+QSCLK=0", "AT+CPSMS?"),
    *lines('AT+QCGDEFCONT="IP","iot.example"', "AT+COPS=2", ("AT+COPS=0", b"+IP: 10.46.18.102\r\n"), "AT+CEREG?"),
    *lines("AT+QENG=0", "AT+CGMR", ('AT+QIOPEN=0,1,"UDP","echo.example",7', b"+QIOPEN: 1,0\r\n")),
    *lines(("AT+QISEND=1,5", b">")),
    (b"21.5C", b'+QIURC: "recv",1,5,"21.5C"\r\n'),
    *lines("AT+QICLOSE=1"),
)

DASHBOARD: Final = lines(
    "ATE0",
    "ATI",
    "AT+CGMR",
    "AT+CGSN=1",
    "AT+CPIN?",
    "AT+QCCID",
    "AT+CIMI",
    "AT+CBC",
    ("AT+QTEMP", b"ERROR\r\n"),
    "AT+QNBIOTEVENT=1,1",
    'AT+QCFG="dsevent",1',
    "AT+CEREG=4",
    "AT+CPSMS?",
    "AT+CEDRXS?",
    "AT+QSCLK?",
    "AT+CEDRXRDP",
    ("AT+CGDCONT?", b'+CGDCONT: 0,"IP",,"10.46.18.102"\r\n'),
    "AT+CGATT?",
    "AT+CGPADDR=0",
    "AT+CSQ",
    "AT+QENG=0",
    "AT+COPS?",
    "AT+COPS=?",
    'AT+COPS=1,2,"46000",9',
    "AT+QLOCKF?",
    ('AT+QPING=0,"echo.example",4,2', b"+QPING: 0,2,2,0,"),
    ('AT+QIDNSGIP=0,"echo.example"', b"+QIDNSGIP: 0,1,0\r\n"),
    'AT+CEDRXS=1,5,"0101"',
    "AT+CPSMS=0",
    ending="\r",
)

# What is before its HTTP and MQTT, which are inside the module.
UPLOADER: Final = (
    *lines("AT", "ATE0", "AT+CMEE=2", "AT+QSCLK=0", "AT+CPIN?", ending="\r"),
    *lines(('AT+QCFG="nwscanmode",3', b"\r\nERROR\r\n"), ('AT+QCFG="roamservice",1', b"\r\nERROR\r\n"), ending="\r"),
    *lines("AT+COPS=0", 'AT+QCGDEFCONT="IP","iot.example"', "AT+CGATT=1", ending="\r"),
    *lines(("AT+CEREG?", b"+CEREG: 0,1\r\n"), ("AT+CGPADDR=0", b'+CGPADDR: 0,"10.46.18.102"\r\n'), ending="\r"),
)

R02A01: Final = {"firmware": "R02A01"}
SIBLING: Final = {"model": "BC660K-GL"}

SESSIONS: Final = (
    Session("BC260Y, C: a gas meter's driver, UDP in hex", METER, ("60.21.136.130",)),
    Session("BC260Y, Arduino: a temperature sensor, UDP in text", SENSOR, ("47.92.146.210",)),
    Session("BC260Y, STM32: a battery's table of commands, TCP in hex", TABLE, ("49.4.0.10",)),
    Session("BC260Y, ESP8266: a relay, UDP in text", RELAY, ("129.211.174.144",)),
    Session("BC260Y, STM32: a task with the prompt, TCP", PROMPTED, ("1.15.27.206",), R02A01),
    Session("BC660K, Zephyr: the modem driver bc66x, TCP in hex", OFFLOADED, ("echo.example",), SIBLING),
    Session("BC660K, ESP32: an Arduino library, UDP with the prompt", BOARD, ("echo.example",), SIBLING),
    Session("BC660K, Python: an uploader, up to its address", UPLOADER, (), SIBLING),
    Session("BC660K, Python: a dashboard, its start and its tests", DASHBOARD, ("echo.example",), SIBLING),
)
