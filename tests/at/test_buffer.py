"""A line, or a counted payload, or not yet."""

from hypothesis import given
from hypothesis import strategies as st

from bc260y_aio.at.buffer import ReceiveBuffer
from tests.at.helpers import cut, one_by_one

LF = ord("\n")


def lines(buffer: ReceiveBuffer, *pieces: bytes) -> list[bytes]:
    found = []
    for piece in pieces:
        buffer.feed(piece)
        while not buffer.short:
            if buffer.has_line():
                found.append(buffer.take_line())

    return found


def test_an_empty_buffer_is_short() -> None:
    buffer = ReceiveBuffer(LF, 100)
    assert buffer.short
    assert not buffer.has_line()
    assert len(buffer) == 0


def test_a_line_is_taken_without_its_terminator() -> None:
    assert lines(ReceiveBuffer(LF, 100), b"\r\nOK\r\n+QIOPEN: 0,0\r\nRD") == [b"\r", b"OK\r", b"+QIOPEN: 0,0\r"]


def test_a_buffer_is_short_until_a_line_ends() -> None:
    buffer = ReceiveBuffer(LF, 100)
    short = []
    for piece in one_by_one(b"RDY\r\n"):
        buffer.feed(piece)
        short.append(buffer.short)

    assert short == [True, True, True, True, False]


def test_a_buffer_is_short_until_as_much_is_there_as_is_required() -> None:
    buffer = ReceiveBuffer(LF, 100)
    buffer.feed(b"ab")
    assert not buffer.require(4)
    buffer.feed(b"c")
    assert buffer.short
    buffer.feed(b"d")
    assert not buffer.short
    assert buffer.require(4)


def test_dropped_bytes_are_counted() -> None:
    buffer = ReceiveBuffer(LF, 100)
    buffer.feed(b"abcdef")
    buffer.drop(2)
    assert (bytes(buffer.data), buffer.taken, buffer.short) == (b"cdef", 2, False)
    buffer.drop(4)
    assert (buffer.taken, buffer.short) == (6, True)


def test_blanks_between_lines_are_dropped() -> None:
    buffer = ReceiveBuffer(LF, 100)
    buffer.feed(b"\0\r\n \r\n\0OK \r\n")
    buffer.skip_blanks()
    assert bytes(buffer.data) == b"OK \r\n"


def test_the_beginning_of_a_line_that_is_too_long_is_taken_and_the_rest_of_it_skipped() -> None:
    buffer = ReceiveBuffer(LF, 5)
    assert lines(buffer, b"abcdefghi", b"jkl", b"mno\nOK\n") == [b"abcdef", b"OK"]


def test_a_line_that_has_just_the_longest_length_is_whole() -> None:
    assert lines(ReceiveBuffer(LF, 5), b"abcde", b"\n") == [b"abcde"]


def test_the_rest_of_a_long_line_is_not_kept() -> None:
    buffer = ReceiveBuffer(LF, 5)
    for _ in range(100):
        lines(buffer, b"abc")

    assert len(buffer) <= 6
    assert buffer.skipping


@given(
    st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"") + b"\n")), st.lists(st.integers(0, 99))
)
def test_any_cut_gives_the_same_lines(parts: list[bytes], points: list[int]) -> None:
    data = b"".join(parts)
    whole = lines(ReceiveBuffer(LF, 5), data)
    assert whole == [part[:-1][:6] for part in parts]
    assert lines(ReceiveBuffer(LF, 5), *one_by_one(data)) == whole
    assert lines(ReceiveBuffer(LF, 5), *cut(data, points)) == whole
