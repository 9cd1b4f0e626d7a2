"""The commands of the AT manual, form by form, with the answers of its module: the rows of docs/pages/commands.md."""

from typing import Any, Final, NamedTuple

FORMS: Final = ("test", "read", "set", "execute")


class Row(NamedTuple):
    """A command in one of its forms.

    Attributes:
        section: the section of the manual that describes it.
        form: ``"test"``, ``"read"``, ``"set"`` or ``"execute"``.
        line: the command line.
        answer: the information lines before OK; ERROR alone where the command is refused.
        before: the command lines before it.
        settings: the options of the emulator.
    """

    section: str
    form: str
    line: str
    answer: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    settings: dict[str, Any] = {}  # noqa: RUF012 - a named tuple's default is never changed

    @property
    def name(self) -> str:
        """The name of the command, without its form and parameters."""
        return self.line.partition("=")[0].rstrip("?0123456789") if self.line.startswith("AT+") else self.line[:3]

    @property
    def wire(self) -> bytes:
        """The bytes of the answer: a CR LF after each line, and an empty line before the result."""
        if self.answer == ("ERROR",):
            return b"\r\nERROR\r\n"

        information = "".join(f"{line}\r\n" for line in self.answer)
        return ("\r\n" + information if information else "").encode() + b"\r\nOK\r\n"


R02A01: Final = {"firmware": "R02A01"}
IMEI: Final = "867997030012345"
REGISTERED: Final = '1,"5A31","0C2F7A12",9'
CONTEXT_FIELDS: Final = "(0),(0),(0),(0,2),(0),(0),(0,1),(0)"

ROWS: Final = (
    # 2 Identity
    Row("2.1", "execute", "ATI", ("Quectel_Ltd", "Quectel_BC260Y-CN", "Revision: BC260YCNAAR01A03")),
    Row("2.2", "test", "AT+CGMI=?"),
    Row("2.2", "execute", "AT+CGMI", ("Quectel_Ltd", "Quectel_BC260Y-CN", "Revision: EC616")),
    Row("2.3", "test", "AT+CGMM=?"),
    Row("2.3", "execute", "AT+CGMM", ("Quectel_BC260Y-CN",)),
    Row("2.4", "test", "AT+CGMR=?"),
    Row("2.4", "execute", "AT+CGMR", ("Revision: BC260YCNAAR01A03",)),
    Row("2.5", "test", "AT+CGSN=?", ("+CGSN: (0-3)",)),
    Row("2.5", "execute", "AT+CGSN", ("B203517F8AE566F16924DE5B1F9E1395",)),
    Row("2.5", "set", "AT+CGSN=0", ("B203517F8AE566F16924DE5B1F9E1395",)),
    Row("2.5", "set", "AT+CGSN=1", (f"+CGSN: {IMEI}",)),
    Row("2.5", "set", "AT+CGSN=2", ("+CGSN: 8679970300123401",)),
    Row("2.5", "set", "AT+CGSN=3", ("+CGSN: 01",)),
    # 3 Serial line
    Row("3.1", "set", "ATE0"),
    Row("3.1", "set", "ATE0&W"),
    Row(
        "3.2",
        "test",
        "AT+IPR=?",
        (
            "+IPR: (2400,4800,9600,19200,38400,57600,115200,230400),"
            "(0,2400,4800,9600,19200,38400,57600,115200,230400,460800)",
        ),
    ),
    Row("3.2", "read", "AT+IPR?", ("+IPR: 9600",)),
    Row("3.2", "set", "AT+IPR=2400"),
    Row("3.2", "set", "AT+IPR=14400", ("ERROR",)),
    # 4 Signal, registration, radio
    Row("4.1", "test", "AT+CSQ=?", ("+CSQ: (0-31,99),(0-7,99)",)),
    Row("4.1", "execute", "AT+CSQ", ("+CSQ: 23,0",)),
    Row("4.1", "execute", "AT+CSQ", ("+CSQ: 99,99",), ("AT+CFUN=0",)),
    Row("4.2", "test", "AT+CESQ=?", ("+CESQ: (99),(99),(255),(255),(0-34,255),(0-97,255)",)),
    Row("4.2", "execute", "AT+CESQ", ("+CESQ: 99,99,255,255,22,65",)),
    Row("4.3", "test", "AT+CEREG=?", ("+CEREG: (0-5)",)),
    Row("4.3", "set", "AT+CEREG=2"),
    Row("4.3", "read", "AT+CEREG?", ("+CEREG: 0,1",)),
    Row("4.3", "read", "AT+CEREG?", (f"+CEREG: 2,{REGISTERED}",), ("AT+CEREG=2",)),
    Row("4.3", "read", "AT+CEREG?", ("+CEREG: 3,3,,,,0,11",), ("AT+CEREG=3",), {"reject_cause": 11}),
    Row("4.3", "read", "AT+CEREG?", (f"+CEREG: 5,{REGISTERED}",), ("AT+CEREG=5",)),
    Row(
        "4.3",
        "read",
        "AT+CEREG?",
        (f'+CEREG: 4,{REGISTERED},,,"00100100","01000111"',),
        ('AT+CPSMS=1,,,"01000111","00100100"', "AT+CEREG=4"),
    ),
    Row("4.4", "test", "AT+CGATT=?", ("+CGATT: (0,1)",)),
    Row("4.4", "read", "AT+CGATT?", ("+CGATT: 1",)),
    Row("4.4", "set", "AT+CGATT=1"),
    Row("4.4", "set", "AT+CGATT=0"),
    Row("4.5", "test", "AT+CGPADDR=?", ("+CGPADDR: (0)",)),
    Row("4.5", "test", "AT+CGPADDR=?", ("+CGPADDR: (0,1,2)",), ('AT+CGDCONT=2,"IP"', 'AT+CGDCONT=1,"IP"')),
    Row("4.5", "read", "AT+CGPADDR?", ('+CGPADDR: 0,"10.46.18.102"',)),
    Row("4.5", "execute", "AT+CGPADDR", ('+CGPADDR: 0,"10.46.18.102"',)),
    Row("4.5", "set", "AT+CGPADDR=0,3", ('+CGPADDR: 0,"10.46.18.102"',)),
    Row("4.5", "read", "AT+CGPADDR?", ("+CGPADDR: 0",), ("AT+CFUN=0",)),
    Row("4.6", "test", "AT+CREG=?", ("+CREG: (0-3)",)),
    Row("4.6", "set", "AT+CREG=2"),
    Row("4.6", "read", "AT+CREG?", (f"+CREG: 2,{REGISTERED}",), ("AT+CREG=2",)),
    Row("4.6", "read", "AT+CREG?", ("+CREG: 3,0",), ("AT+CREG=3", "AT+CFUN=0")),
    Row("4.7", "test", "AT+CSCON=?", ("+CSCON: (0,1)",)),
    Row("4.7", "set", "AT+CSCON=1"),
    Row("4.7", "read", "AT+CSCON?", ("+CSCON: 1,0",), ("AT+CSCON=1",)),
    Row("4.8", "test", "AT+QENG=?", ("+QENG: (0,3)",)),
    Row(
        "4.8",
        "set",
        "AT+QENG=0",
        ('+QENG: 0,3738,2,281,"0C2F7A12",-76,-9,99,18,8,"5A31",,-128,3', "+QENG: 1,3738,282,-88,-13"),
    ),
    Row("4.8", "set", "AT+QENG=3", ('+QENG: 4,"REG","IDLE","SELECTED","HPLMN","46000"',)),
    # 5 Contexts
    Row("5.1", "test", "AT+CGACT=?", ("+CGACT: (0,1)",)),
    Row("5.1", "read", "AT+CGACT?", ("+CGACT: 0,1", "+CGACT: 1,0"), ('AT+CGDCONT=1,"IP"', "AT+CGACT=0,1")),
    Row("5.1", "set", "AT+CGACT=1,0"),
    Row("5.1", "set", "AT+CGACT=0,0", ("ERROR",)),
    Row(
        "5.2",
        "test",
        "AT+CGDCONT=?",
        (
            f'+CGDCONT: (1-11),"IP",,,{CONTEXT_FIELDS},(0,1),(0),(0),(0)',
            f'+CGDCONT: (1-11),"IPV6",,,{CONTEXT_FIELDS},(0),(0),(0),(0)',
            f'+CGDCONT: (1-11),"IPV4V6",,,{CONTEXT_FIELDS},(0,1),(0),(0),(0)',
            f'+CGDCONT: (1-11),"Non-IP",,,{CONTEXT_FIELDS},(0),(0),(0,1),(0)',
        ),
    ),
    Row("5.2", "set", 'AT+CGDCONT=1,"IP","CMNET"'),
    Row(
        "5.2",
        "read",
        "AT+CGDCONT?",
        ('+CGDCONT: 0,"IP"', '+CGDCONT: 1,"IP","CMNET"'),
        ('AT+CGDCONT=1,"IP","CMNET"',),
    ),
    Row("5.2", "set", "AT+CGDCONT=1", (), ('AT+CGDCONT=1,"IP"',)),
    Row("5.2", "set", 'AT+CGDCONT=1,"PPP"', ("ERROR",)),
    Row("5.3", "test", "AT+CGAPNRC=?", ("+CGAPNRC: (0)",)),
    Row("5.3", "execute", "AT+CGAPNRC", ("+CGAPNRC: 0,0,0",)),
    Row("5.3", "set", "AT+CGAPNRC=0", ("+CGAPNRC: 0,0,0",)),
    Row("5.4", "test", "AT+QCGDEFCONT=?", ('+QCGDEFCONT: ("IP","IPV6","IPV4V6","Non-IP")',)),
    Row("5.4", "set", 'AT+QCGDEFCONT="IP","CMNBIOT"'),
    Row("5.4", "read", "AT+QCGDEFCONT?", ('+QCGDEFCONT: "IP","CMNBIOT"',), ('AT+QCGDEFCONT="IP","CMNBIOT"',)),
    # 6 Network choice
    Row("6.1", "test", "AT+QPLMNS=?"),
    Row("6.1", "read", "AT+QPLMNS?", ("+QPLMNS: 2",)),
    Row("6.1", "execute", "AT+QPLMNS", ("ERROR",)),
    Row("6.1", "execute", "AT+QPLMNS", (), ("AT+CFUN=0",)),
    Row(
        "6.2",
        "test",
        "AT+COPS=?",
        ('+COPS: (2,"CHINA MOBILE","CMCC","46000",9),(3,"CHN-UNICOM","UNICOM","46001",9),,(0-4),(2)',),
    ),
    Row("6.2", "read", "AT+COPS?", ('+COPS: 0,2,"46000",9',)),
    Row("6.2", "set", "AT+COPS=0"),
    Row("6.2", "set", 'AT+COPS=1,2,"46000"'),
    Row("6.2", "set", "AT+COPS=2"),
    Row("6.2", "set", "AT+COPS=3,2"),
    Row("6.2", "set", 'AT+COPS=1,2,"46011"', ("ERROR",)),
    Row("6.3", "test", "AT+CCIOTOPT=?", ("+CCIOTOPT: (0,1,3),(1,3),(0,1,2)",)),
    Row("6.3", "set", "AT+CCIOTOPT=1,3,2"),
    Row("6.3", "read", "AT+CCIOTOPT?", ("+CCIOTOPT: 1,3,2",), ("AT+CCIOTOPT=1,3,2",)),
    Row("6.4", "test", "AT+QBAND=?", ("+QBAND: (0-3),(3,5,8)",)),
    Row("6.4", "set", "AT+QBAND=1,5"),
    Row("6.4", "read", "AT+QBAND?", ("+QBAND: 5",), ("AT+QBAND=1,5",)),
    Row("6.5", "test", "AT+QLOCKF=?", ("+QLOCKF: (0-2)",)),
    Row("6.5", "set", "AT+QLOCKF=1,3738,281"),
    Row(
        "6.5",
        "read",
        "AT+QLOCKF?",
        ("+QLOCKF: 1,3738,281", "+QLOCKF: 2,3738,3734"),
        ("AT+QLOCKF=1,3738,281", "AT+QLOCKF=2,3738,3734"),
    ),
    Row("6.6", "execute", "AT+QCSEARFCN"),
    # 7 SIM
    Row("7.1", "test", "AT+CCHO=?"),
    Row("7.1", "set", 'AT+CCHO="A0000000871002"', ("1",)),
    Row("7.2", "test", "AT+CCHC=?"),
    Row("7.2", "set", "AT+CCHC=1", (), ('AT+CCHO="A0000000871002"',)),
    Row("7.3", "test", "AT+CGLA=?"),
    Row("7.3", "set", 'AT+CGLA=1,14,"00A40004022FE2"', ('+CGLA: 4,"6119"',), ('AT+CCHO="A0000000871002"',)),
    Row("7.4", "test", "AT+CIMI=?"),
    Row("7.4", "execute", "AT+CIMI", ("460001234567890",)),
    Row("7.5", "test", "AT+CPIN=?"),
    Row("7.5", "read", "AT+CPIN?", ("+CPIN: READY",)),
    Row("7.5", "read", "AT+CPIN?", ("+CPIN: SIM PIN",), (), {"sim": "pin"}),
    Row("7.5", "set", 'AT+CPIN="1234"', (), (), {"sim": "pin"}),
    Row("7.6", "test", "AT+CPINR=?"),
    Row("7.6", "execute", "AT+CPINR", ('+CPINR: "SIM PIN",3,3', '+CPINR: "SIM PUK",10,10')),
    Row("7.6", "set", 'AT+CPINR="SIM PIN"', ('+CPINR: "SIM PIN",3,3',)),
    Row("7.7", "set", 'AT+CSIM=14,"00A40004022FE2"', ('+CSIM: 4,"6119"',)),
    Row("7.8", "test", "AT+CRSM=?"),
    Row("7.8", "set", "AT+CRSM=176,12258,0,0,10", ('+CRSM: 144,0,"98680021436587092143"',)),
    Row("7.8", "set", "AT+CRSM=242", ("+CRSM: 144,0",)),
    Row("7.8", "set", "AT+CRSM=176,1,0,0,10", ("+CRSM: 106,130",)),
    Row("7.9", "execute", "AT+QCCID", ("+QCCID: 89860012345678901234",)),
    # 8 Power
    Row("8.1", "test", "AT+CFUN=?", ("+CFUN: (0,1,4),(0)",)),
    Row("8.1", "set", "AT+CFUN=4"),
    Row("8.1", "set", "AT+CFUN=1,1", ("ERROR",)),
    Row("8.1", "read", "AT+CFUN?", ("+CFUN: 4",), ("AT+CFUN=4",)),
    Row("8.2", "test", "AT+CPSMS=?", ('+CPSMS: (0-2),,,( "00000000"-"11111111"), ("00000000"-"11111111")',)),
    Row("8.2", "set", 'AT+CPSMS=1,,,"01000011","01000011"'),
    Row(
        "8.2",
        "read",
        "AT+CPSMS?",
        ('+CPSMS: 1,,,"01000011","01000011"',),
        ('AT+CPSMS=1,,,"01000011","01000011"', "AT+CPSMS=0", "AT+CPSMS=1"),
    ),
    Row("8.3", "test", "AT+CEDRXS=?", ('+CEDRXS: (0-3),(5),("0000"-"1111")',)),
    Row("8.3", "set", 'AT+CEDRXS=1,5,"0101"'),
    Row("8.3", "set", 'AT+CEDRXS=1,4,"0101"', ("ERROR",)),
    Row("8.3", "read", "AT+CEDRXS?", ('+CEDRXS: 5,"0101"',), ('AT+CEDRXS=1,5,"0101"',)),
    Row("8.4", "test", "AT+CEDRXRDP=?"),
    Row("8.4", "execute", "AT+CEDRXRDP", ("+CEDRXRDP: 0",)),
    Row("8.4", "execute", "AT+CEDRXRDP", ('+CEDRXRDP: 5,"0010","0010","0011"',), ('AT+CEDRXS=1,5,"0010"',)),
    Row("8.5", "test", "AT+QEDRXCFG=?", ('+QEDRXCFG: (0-3),(5),("0000"-"1111"),("0000"-"1111")',)),
    Row("8.5", "set", 'AT+QEDRXCFG=1,5,"0101","0001"'),
    Row("8.5", "read", "AT+QEDRXCFG?", ('+QEDRXCFG: 5,"0101","0001"',), ('AT+QEDRXCFG=1,5,"0101","0001"',)),
    Row("8.6", "test", "AT+QNBIOTEVENT=?"),
    Row("8.6", "set", "AT+QNBIOTEVENT=1,1"),
    Row("8.6", "read", "AT+QNBIOTEVENT?", ("+QNBIOTEVENT: 1,1",), ("AT+QNBIOTEVENT=1,1",)),
    Row("8.7", "test", "AT+QSCLK=?", ("+QSCLK: (0-2)",)),
    Row("8.7", "set", "AT+QSCLK=0"),
    Row("8.7", "read", "AT+QSCLK?", ("+QSCLK: 0",), ("AT+QSCLK=0",)),
    # 9 Platform
    Row("9.1", "test", "AT+CBC=?"),
    Row("9.1", "execute", "AT+CBC", ("+CBC: 3368",)),
    Row("9.2", "test", "AT+QADC=?", ("+QADC: (0)",)),
    Row("9.2", "execute", "AT+QADC", ("+QADC: 0,796",)),
    Row("9.2", "set", "AT+QADC=0", ("+QADC: 0,796",)),
    Row("9.3", "test", "AT+CMEE=?", ("+CMEE: (0-2)",)),
    Row("9.3", "set", "AT+CMEE=1"),
    Row("9.3", "read", "AT+CMEE?", ("+CMEE: 1",), ("AT+CMEE=1",)),
    Row("9.4", "test", "AT+QRST=?", ("+QRST: (1)",)),
    Row("9.4", "set", "AT+QRST=1"),
    Row(
        "9.5",
        "test",
        "AT+QCFG=?",
        (
            '+QCFG: "epco",(0,1)',
            '+QCFG: "autoapn",(0,1)',
            '+QCFG: "rohc",(0,1)',
            '+QCFG: "DataInactTimer",(0,40-254)',
            '+QCFG: "logbaudrate",(921600-6000000)',
            '+QCFG: "slplocktimes",(0-30)',
            '+QCFG: "OOSScheme",(0-3)',
            '+QCFG: "dsevent",(0,1)',
            '+QCFG: "statisr",(0,5-600)',
            '+QCFG: "wakeupRXD",(0,1)',
        ),
    ),
    Row(
        "9.5",
        "read",
        "AT+QCFG?",
        (
            '+QCFG: "epco",1',
            '+QCFG: "autoapn",0',
            '+QCFG: "rohc",0',
            '+QCFG: "DataInactTimer",60',
            '+QCFG: "logbaudrate",6000000',
            '+QCFG: "slplocktimes",10',
            '+QCFG: "OOSScheme",0',
            '+QCFG: "dsevent",0',
            '+QCFG: "statisr",0',
            '+QCFG: "wakeupRXD",1',
        ),
    ),
    Row("9.5", "set", 'AT+QCFG="slplocktimes",5'),
    Row("9.5", "set", 'AT+QCFG="slplocktimes"', ('+QCFG: "slplocktimes",5',), ('AT+QCFG="slplocktimes",5',)),
    Row("9.5", "set", 'AT+QCFG="slplocktimes",31', ("ERROR",)),
    # 10 Clock
    Row("10.1", "test", "AT+CCLK=?"),
    Row("10.1", "set", "AT+CCLK=2019/05/06,22:10:00+8"),
    Row("10.1", "read", "AT+CCLK?", ('+CCLK: "2019/05/06,22:10:00+08"',), ("AT+CCLK=2019/05/06,22:10:00+8",)),
    Row("10.1", "set", 'AT+CCLK="19/05/06,22:10:00+08"', ("ERROR",)),
    Row("10.2", "test", "AT+CTZR=?", ("+CTZR: (0,1,3)",)),
    Row("10.2", "set", "AT+CTZR=3"),
    Row("10.2", "read", "AT+CTZR?", ("+CTZR: 3",), ("AT+CTZR=3",)),
    Row("10.2", "set", "AT+CTZR=2", ("ERROR",)),
)

# The additions of firmware R02A01, of which the release note has the names, and a sibling's manual the forms.
ROWS_R02A01: Final = (
    Row("R02A01", "test", "AT+QNBIOTRAI=?", ("+QNBIOTRAI: (0-2)",), (), R02A01),
    Row("R02A01", "set", "AT+QNBIOTRAI=1", ("ERROR",), (), R02A01),
    Row("R02A01", "test", "AT+QR14FEATURE=?", (), (), R02A01),
    Row("R02A01", "execute", "AT+QR14FEATURE", ("+QR14FEATURE: 13,0", "+QR14FEATURE: 0"), (), R02A01),
    Row("R02A01", "test", "AT+QRFSTAT=?", (), (), R02A01),
    Row("R02A01", "execute", "AT+QRFSTAT", ("+QRFSTAT: CALIBRATE",), (), R02A01),
    Row("R02A01", "set", 'AT+QCFG="faultaction"', ('+QCFG: "faultaction",0',), (), R02A01),
)
