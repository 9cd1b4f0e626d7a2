import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bc260y_aio.recording.masking import Masking


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        (b'\r\n+CGSN: "867997030012345"\r\n', b'\r\n+CGSN: "867900000000345"\r\n'),
        (b"\r\n460001234567890\r\n", b"\r\n460000000000890\r\n"),
        (b"\r\n+QCCID: 898604B3191850112222\r\n", b"\r\n+QCCID: 89860000000000000222\r\n"),
        (b'AT+EGMR=1,7,"867997030012345"\r', b'AT+EGMR=1,7,"867900000000345"\r'),
        (b'\r\n+CGPADDR: 5,"10.177.135.245"\r\n', b'\r\n+CGPADDR: 5,"10.100.100.100"\r\n'),
        (b"\r\n+IP: 10.18.237.42\r\n", b"\r\n+IP: 10.10.100.10\r\n"),
        (b'AT+QIOPEN=0,0,"TCP","192.0.2.7",7\r', b'AT+QIOPEN=0,0,"TCP","100.0.1.1",7\r'),
        (
            b'\r\n+QIDNSCFG: 0,"218.2.2.2","8.8.8.8","240E:5A::6666",""\r\n',
            b'\r\n+QIDNSCFG: 0,"100.1.1.1","1.1.1.1","1000:10::1000",""\r\n',
        ),
        (
            b'\r\n+CGPADDR: 5,"36.8.132.0.0.0.0.0.0.0.0.0.0.0.0.1"\r\n',
            b'\r\n+CGPADDR: 5,"10.1.100.0.0.0.0.0.0.0.0.0.0.0.0.1"\r\n',
        ),
        # Identities that touch letters, or are written with hyphens.
        (b"\r\nIMEI867997030012345\r\n", b"\r\nIMEI867900000000345\r\n"),
        (b"\r\n867997030012345F\r\n", b"\r\n867900000000345F\r\n"),
        (b"\r\nIMSI:460001234567890x\r\n", b"\r\nIMSI:460000000000890x\r\n"),
        (b"\r\nICCID898604B3191850112222\r\n", b"\r\nICCID89860000000000000222\r\n"),
        (b"\r\n86-799703-001234-5\r\n", b"\r\n86-790000-000034-5\r\n"),
        (b"\r\n867997-03-001234-56\r\n", b"\r\n867900-00-000004-56\r\n"),
        # Where the module is.
        (b'\r\n+CEREG: 2,1,"5A31","0C2F7A12",9\r\n', b'\r\n+CEREG: 2,1,"0000","00000000",9\r\n'),
        (b'\r\n+CEREG: 1,"5A31","0C2F7A12",9\r\n', b'\r\n+CEREG: 1,"0000","00000000",9\r\n'),
        (
            b'\r\n+CEREG: 5,1,"5A31","0C2F7A12",9,,,"00100100","01000111"\r\n',
            b'\r\n+CEREG: 5,1,"0000","00000000",9,,,"00100100","01000111"\r\n',
        ),
        (b"\r\n+CEREG: 3,3,,,,0,11\r\n", b"\r\n+CEREG: 3,3,,,,0,11\r\n"),
        (
            b'\r\n+QENG: 0,3738,2,281,"0C2F7A12",-89,-11,99,8,8,"5A31",0,-128,2\r\n',
            b'\r\n+QENG: 0,3738,2,281,"00000000",-89,-11,99,8,8,"0000",0,-128,2\r\n',
        ),
        (b"\r\n+QENG: 1,3738,281,-97,-11\r\n", b"\r\n+QENG: 1,3738,281,-97,-11\r\n"),
        # How it logs in.
        (b'AT+CGAUTH=1,1,"me","s3cr;et"\r', b'AT+CGAUTH=1,1,"00","0000000"\r'),
        (b'AT+CGDCONT=1,"IP","my.apn"\r', b'AT+CGDCONT=1,"IP","000000"\r'),
        (b'\r\n+QCGDEFCONT: "IP","apn","me","pw"\r\n', b'\r\n+QCGDEFCONT: "IP","000","00","00"\r\n'),
        (b"AT+CPIN=1234,5678;+CSQ\r", b"AT+CPIN=0000,0000;+CSQ\r"),
        (b"\r\n+CPIN: READY\r\n", b"\r\n+CPIN: READY\r\n"),
        # Telephone numbers.
        (b'\r\n+CNUM: ,"13800001111",129\r\n', b'\r\n+CNUM: ,"00000000000",129\r\n'),
        (b'AT+CMGS="+8613800001111"\r', b'AT+CMGS="00000000000000"\r'),
        (b'\r\n+OTHER: "+8613800001111"\r\n', b'\r\n+OTHER: "00000000000000"\r\n'),
        # Other data stays.
        (b'AT+QIOPEN=0,0,"TCP","broker.example",1883\r', b'AT+QIOPEN=0,0,"TCP","broker.example",1883\r'),
        (b'\r\n+CCLK: "2019/06/11,11:08:20+32"\r\n', b'\r\n+CCLK: "2019/06/11,11:08:20+32"\r\n'),
        (b'\r\n+QNTIP: 0,"19/06/11,11:08:20:35+32"\r\n', b'\r\n+QNTIP: 0,"19/06/11,11:08:20:35+32"\r\n'),
        (b"\r\nBC260YCNAAR01A03\r\n", b"\r\nBC260YCNAAR01A03\r\n"),
        (b"\r\n\xff\x80\r\n", b"\r\n\xff\x80\r\n"),
    ],
)
def test_numbers_and_addresses_are_masked(line: bytes, masked: bytes) -> None:
    assert Masking().mask(line) == masked
    assert len(line) == len(masked)


PAYLOADS = [
    b'AT+QISEND=0,15,"867997030012345"\r',
    b'AT+QISEND=0,9,"192.0.2.7"\r',
    b'AT+QISEND=0,15,"383637393937303330303132333435",1\r',
    b'\r\n+QIURC: "recv",0,15,"867997030012345"\r\n',
    b'\r\n+QIURC: "recv",0,15,867997030012345\r\n',
    b'\r\n+QIURC: "recv",4,15,"\r\n1.2.3.4 says"\r\n',
]


@pytest.mark.parametrize("line", PAYLOADS)
def test_payload_is_not_masked(line: bytes) -> None:
    assert Masking().mask(line) == line


@pytest.mark.parametrize("line", [line for line in PAYLOADS if b"1.2.3.4" not in line and b"192" not in line])
def test_a_number_that_was_masked_before_is_masked_in_payload_too(line: bytes) -> None:
    masking = Masking()
    masking.mask(b"\r\n867997030012345\r\n")
    masked = masking.mask(line)
    assert len(masked) == len(line)
    assert b"867900000000345" in masked or b"867900000000345".hex().encode() in masked


def test_an_incomplete_line_shows_no_digit() -> None:
    assert Masking().mask_fragment(b'\r\n+CGSN: "8679970') == b'\r\n+CGSN: "0000000'


LINES = st.one_of(
    st.binary(max_size=60),
    st.from_regex(rb"\A[+A-Z:=\", .0-9]{0,60}\Z"),
    st.ip_addresses().map(lambda address: f'"{address}"'.encode()),
    st.from_regex(rb"\A\r\n\d{12,22}\r\n\Z"),
)


@given(LINES)
def test_masking_keeps_the_length_and_is_idempotent(line: bytes) -> None:
    masked = Masking().mask(line)
    assert len(masked) == len(line)
    assert Masking().mask(masked) == masked


@given(st.ip_addresses())
def test_a_masked_address_is_an_address_of_the_same_kind(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    masked = ipaddress.ip_address(Masking().mask(str(address).encode()).decode())
    assert masked.version == address.version
