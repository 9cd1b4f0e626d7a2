"""The time for which a line is busy with received bytes."""

import pytest

from bc260y_aio.line.line_time import LineTime


def test_bytes_that_follow_each_other_keep_the_line_busy_and_silence_does_not() -> None:
    line = LineTime()
    line.note_bytes(100.0, bytes(10), 9600)
    busy = line.busy
    for tenth in range(1, 11):
        line.note_bytes(100.0 + tenth / 20, bytes(48), 9600)

    assert line.busy - busy == pytest.approx(0.5)
    # A silence of ten seconds counts as the end of a run of bytes.
    line.note_bytes(110.5, bytes(1), 9600)
    assert line.busy - busy == pytest.approx(0.6)
    assert line.last_byte_at == 110.5


def test_many_bytes_at_once_count_for_their_wire_time_but_not_more_than_has_passed() -> None:
    line = LineTime()
    line.note_bytes(100.0, bytes(1), None)
    busy = line.busy
    # 9600 baud are assumed where the rate is not known: 1920 bytes take 2 s.
    line.note_bytes(105.0, bytes(1920), None)
    assert line.busy - busy == pytest.approx(2.0)
    line.note_bytes(106.0, bytes(1920), None)
    assert line.busy - busy == pytest.approx(3.0)
    line.note_bytes(116.0, bytes(23040), 115200)
    assert line.busy - busy == pytest.approx(5.0)


def test_a_pause_in_which_bytes_must_come_is_counted_once() -> None:
    line = LineTime()
    line.note_bytes(100.0, bytes(1), 9600)
    busy = line.busy
    line.note_pause(2.0)
    assert line.last_byte_at == 102.0
    line.note_bytes(102.0, bytes(1920), 9600)
    assert line.busy - busy == pytest.approx(2.0)


def test_bytes_that_come_sooner_than_a_pause_had_expected_them_take_nothing_back() -> None:
    line = LineTime()
    line.note_bytes(100.0, bytes(1), 9600)
    busy = line.busy
    line.note_pause(0.5)
    line.note_bytes(100.2, bytes(480), 9600)
    assert line.busy - busy == pytest.approx(0.5)
