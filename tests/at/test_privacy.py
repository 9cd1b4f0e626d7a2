import pytest

from bc260y_aio.at.commands import OpenSocket, Raw, SendData, read_verbatim
from bc260y_aio.at.dte import DTE
from bc260y_aio.at.privacy import hide, masked, presentable
from bc260y_aio.errors import CommandFailed, CommandTimeout

SECRETS = ("867997030012345", "460001234567890", "898604B3191850112222", "89860012345678901234", "hush", "68757368")


@pytest.mark.parametrize(
    ("number", "shown"),
    [("867997030012345", "8679********345"), ("12345678901", "1234****901"), ("1234567890", "**********"), ("", "")],
)
def test_the_middle_of_a_number_is_hidden(number: str, shown: str) -> None:
    assert hide(number) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('+CGSN: "867997030012345"', '+CGSN: "8679********345"'),
        ("460001234567890", "4600********890"),
        ("+QCCID: 898604B3191850112222", "+QCCID: 8986*************222"),
        ("IMEI=867997030012345, again 867997030012345.", "IMEI=8679********345, again 8679********345."),
        ("+QISEND: 1234567890123,0,0", "+QISEND: 1234567890123,0,0"),
        ('AT+CCLK="2026/07/01,10:00:00+00"', 'AT+CCLK="2026/07/01,10:00:00+00"'),
        ("abcdef0123456789abcdef", "abcdef0123456789abcdef"),
    ],
)
def test_identities_are_masked_and_nothing_else(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('+CEREG: 2,1,"5A31","0C2F7A12",9', '+CEREG: 2,1,"****","********",9'),
        ('+CEREG: 1,"5A31","0C2F7A12",9', '+CEREG: 1,"****","********",9'),
        ('+CREG:2,1,"5A31","0C2F7A12",9', '+CREG:2,1,"****","********",9'),
        ('+CGREG: 5,"5A31","0C2F7A12"', '+CGREG: 5,"****","********"'),
        ('+QENG: 0,1,2,3,"0C2F7A12",5,6,7,8,9,"5A31",11', '+QENG: 0,1,2,3,"********",5,6,7,8,9,"****",11'),
        ("+QENG: 1,3738,282,-88,-13", "+QENG: 1,3738,282,-88,-13"),
        ('+CGDCONT: 1,"IP","iot","10.0.0.7",0', '+CGDCONT: 1,"IP","***","********",0'),
        ('AT+CGDCONT=1,"IP","iot"', 'AT+CGDCONT=1,"IP","***"'),
        ('AT+QCGDEFCONT="IP","iot","me","pw"', 'AT+QCGDEFCONT="IP","***","**","**"'),
        ('AT+CGAUTH=1,2,"me","pw"', 'AT+CGAUTH=1,2,"**","**"'),
        ('AT+QICSGP=1,1,"iot","me","pw",1', 'AT+QICSGP=1,1,"***","**","**",1'),
        ('AT+QMTCONN=0,"client","me","pw"', 'AT+QMTCONN=0,"client","**","**"'),
        ("AT+CPIN=1234,5678", "AT+CPIN=****,****"),
        ('AT+CPIN="1234"', 'AT+CPIN="****"'),
        ('AT+CPWD="SC","1234","5678"', 'AT+CPWD="SC","****","****"'),
        ('AT+CLCK="SC",1,"1234",1', 'AT+CLCK="SC",1,"****",1'),
        ('+CLIP: "12345",129', '+CLIP: "*****",129'),
        ('+CLIP: "1234",129', '+CLIP: "1234",129'),
        ('+OTHER: "+1234567"', '+OTHER: "********"'),
        ('+OTHER: "+123456"', '+OTHER: "+123456"'),
        ('+OTHER: "12345"', '+OTHER: "12345"'),
    ],
)
def test_a_place_a_login_or_a_number_is_masked_by_where_it_stands(line: str, shown: str) -> None:
    assert masked(line) == shown


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('AT+QISEND=0,4,"hush"', "AT+QISEND=0,4,..."),
        ('at+qisend = 0 , 4 ,"hush",1', "at+qisend = 0 , 4 ,..."),
        ('AT+QISEND=0,4,"68757368"', "AT+QISEND=0,4,..."),
        ('+QIURC: "recv",0,4,"hush"', '+QIURC: "recv",0,4,...'),
        ('garbage+QIURC:"recv",0,4,hush', 'garbage+QIURC:"recv",0,4,...'),
        ("AT+QISEND=0,0", "AT+QISEND=0,0"),
        ("+QISEND: 4,4,0", "+QISEND: 4,4,0"),
    ],
)
def test_payload_is_left_out(line: str, shown: str) -> None:
    assert presentable(line) == shown


@pytest.mark.parametrize(
    "command",
    [
        SendData(0, b"hush"),
        read_verbatim('AT+QISEND=0,4,"68757368"'),
        Raw('AT+QISEND=0,4,"hush"'),
        Raw('AT+EGMR=1,7,"867997030012345"'),
        OpenSocket(0, "TCP", "867997030012345.iot.example", 7),
    ],
    ids=type,
)
def test_no_message_about_a_command_shows_identities_or_payload(command: SendData | Raw | OpenSocket) -> None:
    dte = DTE()
    dte.send(command)
    errors = (CommandFailed(str(command), code=50), CommandTimeout(str(command), awaiting="result", within="5 s"))
    told = " ".join([str(command), repr(dte), *map(str, errors), *map(repr, errors), *(one.command for one in errors)])
    assert not [secret for secret in SECRETS if secret in told]
    assert any(secret.encode() in command.encode() for secret in SECRETS)


@pytest.mark.parametrize("line", ['AT+QISEND=0,4,"hush"\n', "+QISEND=867997030012345"])
def test_an_error_about_a_line_shows_no_identities_and_no_payload(line: str) -> None:
    with pytest.raises(ValueError, match="a command line") as caught:
        Raw(line)

    assert not [secret for secret in SECRETS if secret in str(caught.value)]
