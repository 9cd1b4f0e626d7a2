"""The timers of PSM and eDRX as strings of bits."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bc260y_aio.at.syntax import Malformed
from bc260y_aio.at.timers import (
    read_active,
    read_cycle,
    read_periodic,
    read_window,
    write_active,
    write_cycle,
    write_periodic,
)

LONGEST_PERIODIC, LONGEST_ACTIVE = timedelta(hours=31 * 320), timedelta(minutes=31 * 6)


@pytest.mark.parametrize(
    ("bits", "duration"),
    [
        ("00000110", timedelta(hours=1)),
        ("00100010", timedelta(hours=2)),
        ("01000001", timedelta(hours=10)),
        ("01100011", timedelta(seconds=6)),
        ("10000011", timedelta(seconds=90)),
        ("10100011", timedelta(minutes=3)),
        ("00000000", timedelta()),
        ("11011111", LONGEST_PERIODIC),
        ("11100000", None),
    ],
)
def test_a_periodic_update_time_has_three_bits_of_unit(bits: str, duration: timedelta | None) -> None:
    assert read_periodic(bits) == duration


@pytest.mark.parametrize(
    ("bits", "duration"),
    [
        ("00000101", timedelta(seconds=10)),
        ("00100010", timedelta(minutes=2)),
        ("01011111", LONGEST_ACTIVE),
        ("10000011", timedelta(minutes=3)),
        ("11111111", None),
    ],
)
def test_an_active_time_has_units_of_its_own(bits: str, duration: timedelta | None) -> None:
    assert read_active(bits) == duration


@given(st.timedeltas(timedelta(), LONGEST_PERIODIC))
def test_a_periodic_update_time_is_never_rounded_down(duration: timedelta) -> None:
    written = read_periodic(write_periodic(duration))
    assert written is not None
    assert written >= duration
    assert read_periodic(write_periodic(written)) == written


@given(st.timedeltas(timedelta(), LONGEST_ACTIVE))
def test_an_active_time_is_never_rounded_down(duration: timedelta) -> None:
    written = read_active(write_active(duration))
    assert written is not None
    assert written >= duration


def test_a_timer_that_no_bits_can_express_is_a_value_error() -> None:
    for write, longest in ((write_periodic, LONGEST_PERIODIC), (write_active, LONGEST_ACTIVE)):
        for duration in (timedelta(seconds=-1), longest + timedelta(seconds=1)):
            with pytest.raises(ValueError, match="is 0 to"):
                write(duration)


def test_an_edrx_cycle_is_rounded_up_to_one_that_exists() -> None:
    assert (write_cycle(timedelta(seconds=1)), read_cycle("0010")) == ("0010", timedelta(seconds=20.48))
    assert write_cycle(timedelta(seconds=20.48)) == "0010"
    assert write_cycle(timedelta(seconds=21)) == "0011"
    assert write_cycle(timedelta(seconds=10485.76)) == "1111"
    for duration in (timedelta(), timedelta(seconds=10486)):
        with pytest.raises(ValueError, match="an eDRX cycle"):
            write_cycle(duration)


@pytest.mark.parametrize(
    ("bits", "seconds"),
    [
        ("0010", 20.48),
        ("0011", 40.96),
        ("0101", 81.92),
        ("1001", 163.84),
        ("1010", 327.68),
        ("1011", 655.36),
        ("1100", 1310.72),
        ("1101", 2621.44),
        ("1110", 5242.88),
        ("1111", 10485.76),
    ],
)
def test_an_edrx_cycle_is_that_of_nb_iot(bits: str, seconds: float) -> None:
    assert read_cycle(bits) == timedelta(seconds=seconds)
    assert write_cycle(timedelta(seconds=seconds)) == bits


def test_a_timer_is_written_in_the_finest_unit_that_reaches_it() -> None:
    for seconds, bits in ((62, "01111111"), (63, "10000011"), (930, "10011111"), (931, "10110000"), (1861, "00000100")):
        assert write_periodic(timedelta(seconds=seconds)) == bits

    for seconds, bits in ((62, "00011111"), (63, "00100010"), (1860, "00111111"), (1861, "01000110")):
        assert write_active(timedelta(seconds=seconds)) == bits


def test_a_paging_time_window_has_steps_of_2_56_seconds() -> None:
    assert (read_window("0000"), read_window("1111")) == (timedelta(seconds=2.56), timedelta(seconds=40.96))


@pytest.mark.parametrize("bits", ["", "0", "0000010", "000001010", "0000010x", " 0000101"])
def test_a_wrong_number_of_bits_is_malformed(bits: str) -> None:
    for read in (read_periodic, read_active, read_cycle, read_window):
        with pytest.raises(Malformed):
            read(bits)
