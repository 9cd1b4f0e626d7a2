"""V.250 parameters, quotes and hex; and the characters of a text payload."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bc260y_aio.at.syntax import (
    LONGEST_NAME,
    Malformed,
    Parameters,
    PayloadFormat,
    checked_integer,
    checked_name,
    decode_payload,
    encode_payload,
    is_text,
)

TEXT, HEX = PayloadFormat.TEXT, PayloadFormat.HEX

# Payload


def test_text_is_0x20_to_0x7e() -> None:
    assert [byte for byte in range(256) if is_text(bytes([byte]))] == list(range(0x20, 0x7F))
    assert is_text(b"")
    assert not is_text(b"21.5\n")


def test_one_command_takes_1024_bytes_as_text_and_512_as_hex() -> None:
    assert (TEXT.largest_send, HEX.largest_send) == (1024, 512)


def test_hex_is_written_in_upper_case_and_read_in_any() -> None:
    assert encode_payload(b"\xabz", HEX) == b"AB7A"
    assert decode_payload(b"aB7a", HEX) == b"\xabz"


@pytest.mark.parametrize("digits", [b"4", b"4g", b"41 42", b"41\r\n42", b'"4142"', b"\xff\xff"])
def test_invalid_hex_is_malformed(digits: bytes) -> None:
    with pytest.raises(Malformed):
        decode_payload(digits, HEX)


@given(st.binary(max_size=64), st.sampled_from(PayloadFormat))
def test_payload_is_read_back_as_it_was_written(payload: bytes, form: PayloadFormat) -> None:
    assert decode_payload(encode_payload(payload, form), form) == payload


# Characters of a command line


@pytest.mark.parametrize("name", ["example.com", "2001:db8::1", "a,b;c", " ", "x" * LONGEST_NAME])
def test_a_name_is_left_as_it_is(name: str) -> None:
    assert checked_name(name, "a host") == name


@pytest.mark.parametrize(
    "name",
    ["", 'a"b', "a\rb", "a\nb", "a\0b", "a\x1ab", "a\x7fb", "bücher.example", "\ud800", "x" * (LONGEST_NAME + 1)],
)
def test_a_name_that_cannot_stand_between_quotes_is_a_value_error(name: str) -> None:
    with pytest.raises(ValueError, match="a host"):
        checked_name(name, "a host")


@pytest.mark.parametrize("name", [None, b"example.com", 7])
def test_a_name_that_is_no_str_is_a_type_error(name: str) -> None:
    with pytest.raises(TypeError, match="a host must be a str"):
        checked_name(name, "a host")


def test_a_number_may_be_one_of_its_bounds() -> None:
    assert (checked_integer(1, "a port", 1, 65535), checked_integer(65535, "a port", 1, 65535)) == (1, 65535)


@pytest.mark.parametrize("number", [0, 65536, -1])
def test_a_number_beyond_its_bounds_is_a_value_error(number: int) -> None:
    with pytest.raises(ValueError, match=f"a port must be 1 to 65535, not {number}"):
        checked_integer(number, "a port", 1, 65535)


@pytest.mark.parametrize("number", [True, 7.0, "7", None])
def test_a_number_that_is_no_int_is_a_type_error(number: int) -> None:
    with pytest.raises(TypeError, match="a port must be an int"):
        checked_integer(number, "a port", 1, 65535)


# Parameters


def strings(text: str) -> list[str]:
    parameters = Parameters(text)
    return [parameters.string(index) for index in range(len(parameters))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("0", ["0"]),
        ("0,1", ["0", "1"]),
        ('0,"TCP","a,b",7', ["0", "TCP", "a,b", "7"]),
        ('0 , "TCP" ,7 ', ["0", "TCP", "7"]),
        ("0,,7", ["0", "", "7"]),
        (",", ["", ""]),
        ('""', [""]),
        ('" a "', [" a "]),
    ],
)
def test_parameters_are_split_at_the_commas_outside_quotes(text: str, expected: list[str]) -> None:
    assert strings(text) == expected


def test_a_parameter_that_is_there_may_be_empty_or_quoted() -> None:
    parameters = Parameters('0,,"",x')
    assert [parameters.has(index) for index in range(5)] == [True, False, True, True, False]
    assert [parameters.is_quoted(index) for index in range(5)] == [False, False, True, False, False]


@pytest.mark.parametrize("text", ['"', '"a', 'a,"b', '"a"b'])
def test_quotes_that_do_not_match_are_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        strings(text)


@pytest.mark.parametrize("text", ["", "x", "-1", "+1", "1.0", "1_0", "²", "256", "9" * 5000, '"a"'])
def test_a_number_outside_its_bounds_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        Parameters(text).integer(0, 0, 255)


def test_a_missing_parameter_is_malformed() -> None:
    with pytest.raises(Malformed, match="parameter 3 is missing"):
        Parameters("0,1").string(2)

    with pytest.raises(Malformed, match="parameter 2 is missing"):
        Parameters("0").string(1)


def test_a_surplus_parameter_is_malformed() -> None:
    Parameters("0,1").at_most(2)
    with pytest.raises(Malformed, match="3 parameters where 2 are allowed"):
        Parameters("0,1,2").at_most(2)


@given(st.text(st.characters(max_codepoint=255), max_size=40))
def test_any_text_is_read_or_malformed(text: str) -> None:
    parameters = Parameters(text)
    for index in range(len(parameters) + 1):
        for read in (parameters.string, parameters.integer):
            with contextlib.suppress(Malformed):
                read(index)
