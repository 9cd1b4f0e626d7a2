from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bc260y_aio.at.framing import MAX_LINE, LineSplitter
from bc260y_aio.recording import Step, Transcript
from bc260y_aio.recording.transcript import escaped, unescaped
from tests import transcript as examples

TEXT = r"""# What was asked.
# 9600 baud

     0.001 >> \r
     0.100 > AT
     0.131 < OK

> AT+QISEND=0,3,"a\b"
<< \r\nOK\r\n\0
>> AT\x20
"""


def test_a_transcript_is_read() -> None:
    assert Transcript.parse(TEXT, "it") == Transcript(
        "What was asked.",
        (
            Step(True, b"\r", 0.001, 4),
            Step(True, b"AT\r", 0.1, 5),
            Step(False, b"\r\nOK\r\n", 0.131, 6),
            Step(True, b'AT+QISEND=0,3,"a\\b"\r', None, 8),
            Step(False, b"\r\nOK\r\n\0", None, 9),
            Step(True, b"AT ", None, 10),
        ),
        "it",
    )


def test_a_note_marks_a_masked_transcript() -> None:
    assert Transcript.parse("# It.\n# masked\n").is_masked
    assert not Transcript.parse("# It.\n# not masked\n").is_masked


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("> AT\n", "it is not a transcript: the first line"),
        ("", "it is not a transcript: the first line"),
        ("# It.\n\nAT\n", "it, line 3: expected > or <"),
        ("# It.\n>AT\n", "it, line 2: expected > or <"),
        ("# It.\n0.1.2 > AT\n", "it, line 2: expected > or <"),
        ("# It.\n>> AT\\q\n", r"it, line 2: \q is not an escape"),
        ("# It.\n>> AT\\\n", "it, line 2: the text ends in a single backslash"),
    ],
)
def test_a_malformed_transcript_is_reported_with_its_line(text: str, message: str) -> None:
    with pytest.raises(ValueError, match="it") as caught:
        Transcript.parse(text, "it")

    assert str(caught.value).startswith(message)


def test_a_file_that_is_not_ascii_is_not_a_transcript(tmp_path: Path) -> None:
    path = tmp_path / "it.txt"
    path.write_bytes(b"# \xff\n")
    with pytest.raises(ValueError, match="other characters than ASCII"):
        Transcript.load(path)


@pytest.mark.parametrize("example", examples.GUIDE, ids=str)
def test_the_transcripts_of_the_guide_are_written_as_they_were_read(example: examples.Transcript) -> None:
    text = (examples.FOLDER / f"{example.name}.txt").read_text()
    assert [str(step) for step in example.steps] == [line for line in text.splitlines()[1:] if line]


@given(st.binary(), st.booleans(), st.one_of(st.none(), st.integers(0, 10**7)))
def test_every_step_is_read_as_it_was_written(wire: bytes, by_dte: bool, time: int | None) -> None:
    step = Step(by_dte, wire, None if time is None else time / 1000, 2)
    assert Transcript.parse(f"# It.\n{step}\n").steps == (step,)
    assert str(step).isascii()
    assert str(step).isprintable()


@given(st.binary())
def test_escapes_hold_any_bytes(wire: bytes) -> None:
    assert unescaped(escaped(wire)) == wire


# Lines


def cut(*said: bytes, by_dte: bool = False) -> list[bytes]:
    pieces = LineSplitter(by_dte=by_dte)
    return [line for data in said for line in pieces.feed(data)] + ([rest] if (rest := pieces.flush()) else [])


def test_a_dtes_line_ends_in_cr() -> None:
    assert cut(b"\rAT\rAT+CS", b"Q\rAT\r\nA", by_dte=True) == [b"\r", b"AT\r", b"AT+CSQ\r", b"AT\r\n", b"A"]


def test_a_dces_line_is_between_cr_lf() -> None:
    assert cut(b"\r\nOK\r", b"\n\r\nSEND OK\r\n") == [b"\r\nOK\r\n", b"\r\nSEND OK\r\n"]
    assert cut(b"\r\n\r\n\r\nOK\r\n") == [b"\r\n", b"\r\n", b"\r\nOK\r\n"]
    assert cut(b"\r\nOK\r\n\0\r\n") == [b"\r\nOK\r\n", b"\0", b"\r\n"]
    assert cut(b"\r\n+A: 1\r\n+B: 2\r\n\r\nOK\r\n") == [b"\r\n+A: 1\r\n", b"+B: 2\r\n", b"\r\nOK\r\n"]


def test_an_echo_is_a_line_of_its_own() -> None:
    assert cut(b"AT\r\r\nOK\r\n") == [b"AT\r", b"\r\nOK\r\n"]
    assert cut(b"AT\r\n\r\nOK\r\n") == [b"AT\r\n", b"\r\nOK\r\n"]


def test_a_push_is_one_line_whatever_its_payload() -> None:
    push = b'\r\n+QIURC: "recv",0,9,"a\r\nOK\r\nb"\r\n'
    for at in range(len(push)):
        assert cut(push[:at], push[at:] + b"\r\nOK\r\n") == [push, b"\r\nOK\r\n"]


@given(st.lists(st.binary(max_size=40)), st.booleans())
def test_the_lines_joined_are_the_bytes_that_were_fed(said: list[bytes], by_dte: bool) -> None:
    assert b"".join(cut(*said, by_dte=by_dte)) == b"".join(said)


def test_a_line_without_an_end_is_split() -> None:
    assert max(map(len, cut(*[b"x" * 1000] * 10))) == MAX_LINE
