"""The module's side of the line: command lines in, responses out, in the dialect of a firmware."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bc260y_aio.at.commands import Attention, CloseSocket, Command, QueryAcks, QuerySockets, Raw, SendData, SetEcho
from bc260y_aio.at.completions import SendResult, SocketClosed
from bc260y_aio.at.dce import DCE, LONGEST_COMMAND_LINE, Refused
from bc260y_aio.at.dte import NEED_DATA
from bc260y_aio.at.information import AckStatus, SocketInfo
from bc260y_aio.at.responses import Dialect, Failure, Success
from bc260y_aio.at.syntax import PayloadFormat
from bc260y_aio.at.urcs import DataReceived, PeerClosed
from tests.at.helpers import cut, one_by_one, read
from tests.at.strategies import commands

TEXT, HEX = PayloadFormat.TEXT, PayloadFormat.HEX
TOO_LONG = Refused("", "the command line is too long")

# Reading


def test_a_command_line_ends_with_cr() -> None:
    assert read(DCE(), b"AT", b"\r", b"ATE0\rAT+QISTATE?\r\nAT") == [Attention(), SetEcho(on=False), QuerySockets()]


def test_blank_lines_and_nuls_are_no_commands() -> None:
    assert read(DCE(), b"\r\r\n\0\r \rAT\r") == [Attention()]


def test_a_dce_has_no_events_until_a_line_is_complete() -> None:
    dce = DCE()
    assert dce.next_event() is NEED_DATA
    dce.receive_data(b"AT")
    assert dce.next_event() is NEED_DATA


def test_a_payload_is_read_as_the_module_is_set() -> None:
    dce = DCE()
    line = b'AT+QISEND=0,4,"4142"\r'
    assert read(dce, line) == [SendData(0, b"4142", 0, TEXT)]
    dce.send_format = HEX
    assert read(dce, line) == [Refused('AT+QISEND=0,4,"4142"', "the data does not have the length that was announced")]
    assert read(dce, b'AT+QISEND=0,2,"4142"\r') == [SendData(0, b"AB", 0, HEX)]


def test_a_line_that_is_no_command_is_refused_and_the_next_one_is_read() -> None:
    refused, command = read(DCE(), b"+++ATH0\rAT\r")
    assert (refused, command) == (Refused("+++ATH0", "a command line begins with AT"), Attention())


def test_a_refused_line_is_shown_in_80_characters_of_latin_1() -> None:
    assert read(DCE(), b"\xe4" * 100 + b"\r") == [Refused("ä" * 80, "a command line begins with AT")]


@pytest.mark.parametrize("surplus", [1, 2, 1000])
def test_a_line_that_is_too_long_is_thrown_away_whole(surplus: int) -> None:
    line = b"AT+QISEND=0," + b"x" * (LONGEST_COMMAND_LINE - 12 + surplus)
    assert read(DCE(), line + b"\r" + b"AT\r") == [TOO_LONG, Attention()]
    assert read(DCE(), line, b"\r", b"AT\r") == [TOO_LONG, Attention()]
    assert read(DCE(), *one_by_one(line + b"\rAT\r")) == [TOO_LONG, Attention()]


def test_a_line_of_the_longest_length_is_read() -> None:
    line = b"AT#" + b"x" * (LONGEST_COMMAND_LINE - 3)
    assert read(DCE(), line, b"\r") == [Raw(line.decode())]


def test_bytes_without_an_end_are_not_kept() -> None:
    dce = DCE()
    for _ in range(100):
        read(dce, b"x" * 1000)

    assert repr(dce) == "<DCE send=TEXT receive=TEXT buffered=0>"


@given(
    st.lists(
        commands.map(lambda command: command.encode() + b"\r") | st.binary(max_size=30) | st.just(b"\r\n"), max_size=6
    ),
    st.lists(st.integers(0, 2000), max_size=6),
    st.sampled_from(PayloadFormat),
)
def test_any_cut_gives_the_same_commands(lines: list[bytes], points: list[int], form: PayloadFormat) -> None:
    def dce() -> DCE:
        made = DCE()
        made.send_format = form
        return made

    data = b"".join(lines)
    whole = read(dce(), data)
    assert read(dce(), *one_by_one(data)) == whole
    assert read(dce(), *cut(data, points)) == whole


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_after_any_garbage_a_cr_brings_the_line_back(garbage: list[bytes]) -> None:
    dce = DCE()
    read(dce, *garbage, b"\r")
    assert read(dce, b"AT\r") == [Attention()]


# Echo


@pytest.mark.parametrize("ending", [b"", b"\r", b"\n", b"\r\n"])
def test_an_echo_is_the_printable_bytes_of_the_line(ending: bytes) -> None:
    dce = DCE(echo_ending=ending)
    read(dce, b"AT+\xff\x1aCSQ\r")
    assert dce.echo() == b"AT+CSQ" + ending


def test_there_is_no_echo_when_it_is_off() -> None:
    dce = DCE()
    read(dce, b"AT\r")
    assert dce.echo() == b""


# Writing


def test_each_response_is_a_line_of_its_own() -> None:
    assert DCE().send(Success(), SendResult(ok=True)) == b"\r\nOK\r\n\r\nSEND OK\r\n"
    assert DCE().send(Failure()) == b"\r\nERROR\r\n"
    assert DCE().send() == b""


def test_payload_is_written_in_its_format() -> None:
    assert DCE().send(DataReceived(0, b"hi", TEXT)) == b'\r\n+QIURC: "recv",0,2,"hi"\r\n'
    assert DCE().send(DataReceived(0, b"hi", HEX)) == b'\r\n+QIURC: "recv",0,2,"6869"\r\n'


def test_information_may_be_joined_by_a_single_cr_lf() -> None:
    one, two = SocketInfo(0, "TCP", "a", 7), SocketInfo(1, "UDP", "b", 7)
    assert DCE(Dialect(compact=True)).send(one, two, Success(), Success()) == (
        b'\r\n+QISTATE: 0,"TCP","a",7,0,2,0,1\r\n+QISTATE: 1,"UDP","b",7,0,2,0,1\r\n\r\nOK\r\n\r\nOK\r\n'
    )


def test_more_blank_lines_may_stand_between() -> None:
    assert DCE(Dialect(blank_lines=2)).send(Success(), Success()) == b"\r\n\r\n\r\nOK\r\n" * 2


@pytest.mark.parametrize(
    ("line", "command", "nuls"),
    [
        (b'AT+QISEND=0,1,"a"\r', SendData(0, b"a", 0, TEXT), 2),
        (b"AT+QICLOSE=0\r", CloseSocket(0), 2),
        (b"AT\r", Attention(), 0),
    ],
)
def test_early_firmware_has_a_nul_after_the_results_of_sends_and_closes(
    line: bytes, command: Command, nuls: int
) -> None:
    dce = DCE(Dialect(stray_nul=True))
    assert read(dce, line) == [command]
    written = dce.send(Success(), PeerClosed(1), SocketClosed(), DataReceived(0, b"a"))
    assert written.count(b"\0") == nuls
    assert written.count(b"OK\r\n\0") == nuls


def test_early_firmware_has_none_after_information() -> None:
    dce = DCE(Dialect(stray_nul=True))
    assert read(dce, b"AT+QISEND=0,0\r") == [QueryAcks(0)]
    assert b"\0" not in dce.send(AckStatus(1, 1, 0), Success())
