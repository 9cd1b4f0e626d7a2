"""The scales of received signals, there and back."""

import pytest

from bc260y_aio.at import levels


@pytest.mark.parametrize(("level", "dbm"), [(0, -113), (1, -111), (20, -73), (31, -51), (99, None)])
def test_a_level_of_csq_is_a_power_and_back(level: int, dbm: int | None) -> None:
    assert levels.rssi_dbm(level) == dbm
    assert levels.rssi_level(dbm) == level


@pytest.mark.parametrize(("dbm", "level"), [(-200, 0), (-112, 0), (-20, 31)])
def test_a_power_beyond_the_scale_is_its_end(dbm: int, level: int) -> None:
    assert levels.rssi_level(dbm) == level


@pytest.mark.parametrize(("level", "dbm"), [(0, -141), (33, -108), (97, -44), (255, None)])
def test_a_power_of_cesq_there_and_back(level: int, dbm: int | None) -> None:
    assert levels.rsrp_dbm(level) == dbm
    assert levels.rsrp_level(dbm) == level


@pytest.mark.parametrize(("level", "db"), [(0, -20.0), (17, -11.5), (34, -3.0), (255, None)])
def test_a_quality_of_cesq_there_and_back(level: int, db: float | None) -> None:
    assert levels.rsrq_db(level) == db
    assert levels.rsrq_level(db) == level


def test_a_signal_beyond_the_scale_of_cesq_is_its_end() -> None:
    assert (levels.rsrp_level(-142), levels.rsrp_level(-43)) == (0, 97)
    assert (levels.rsrq_level(-21), levels.rsrq_level(-2)) == (0, 34)


def test_no_level_is_not_known() -> None:
    assert (levels.rssi_dbm(None), levels.rsrp_dbm(None), levels.rsrq_db(None)) == (None, None, None)
