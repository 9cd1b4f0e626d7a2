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
