"""What a month costs, if what was measured is done again and again."""

import dataclasses
from typing import Any

import pytest

from bc260y_aio.emulator import Currents, RadioState, Usage
from bc260y_aio.report import Forecast
from bc260y_aio.report.forecast import MONTH, spelled
from bc260y_aio.usage import ModemUsage

CURRENTS = Currents(receive_ma=36.0, transmit_ma=360.0, idle_ma=0.36, psm_ma=0.0036, volts=3.0)


def usage(radio: Usage | None = None, **amounts: Any) -> ModemUsage:
    zeros: dict[str, Any] = {field.name: 0 for field in dataclasses.fields(ModemUsage)}
    zeros |= {"connections": (), "commands": {}, "radio": radio, "radio_state": None}
    return ModemUsage(**(zeros | amounts))


def ledger(sending: float = 0.0, **seconds: float) -> Usage:
    states = dict.fromkeys(RadioState, 0.0) | {RadioState[name.upper()]: value for name, value in seconds.items()}
    return Usage(states, sending, 1, 0, 0, CURRENTS)


def test_a_real_module_has_a_forecast_of_bytes_only() -> None:
    forecast = Forecast.of(usage(air_sent=600, air_received=400), every=900.0, battery_mah=1000.0)
    assert forecast.times == 2880.0
    assert forecast.megabytes == pytest.approx(2.88)
    assert (forecast.energy_mwh, forecast.battery_share) == (None, None)
    assert str(forecast) == "every 15 min, a month of 30 days: 2.88 MB"


def test_the_radio_rests_between_the_connections() -> None:
    # Connected for 10 s, 1 s of which it sends: 36 mA and 360 mA; idle for the 890 s that are left.
    forecast = Forecast.of(usage(ledger(1.0, connected=10.0, idle=5.0)), every=900.0, battery_mah=1000.0)
    active = (9 * 36.0 + 360.0) / 3600
    resting = 890 * 0.36 / 3600
    assert forecast.charge_mah == pytest.approx(2880 * (active + resting))
    assert forecast.energy_mwh == pytest.approx(2880 * (active + resting) * 3.0)
    assert forecast.active_mwh == pytest.approx(2880 * active * 3.0)
    assert forecast.battery_share == pytest.approx(2880 * (active + resting) / 1000.0)
    assert str(forecast).endswith("2411 mWh (1642 connected), 80.4% of 1000 mAh")


@pytest.mark.parametrize(("state", "current"), [("psm", 0.0036), ("deep_sleep", 0.0008)])
def test_a_radio_that_slept_when_it_was_measured_sleeps_between_the_connections(state: str, current: float) -> None:
    forecast = Forecast.of(usage(ledger(connected=10.0, **{state: 1.0})), every=3600.0)
    assert forecast.charge_mah == pytest.approx(720 * (10 * 36.0 + 3590 * current) / 3600)


def test_more_than_there_is_time_for_is_done_all_the_time() -> None:
    forecast = Forecast.of(usage(ledger(connected=20.0)), every=10.0)
    assert forecast.charge_mah == pytest.approx(MONTH * 36.0 / 3600)


@pytest.mark.parametrize("arguments", [{"every": 0.0}, {"every": -1.0}, {"every": 1.0, "battery_mah": 0.0}])
def test_a_rhythm_or_a_battery_that_is_not_positive_is_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        Forecast.of(usage(), **arguments)


def test_times_are_spelled_in_the_largest_unit_that_fits() -> None:
    assert list(map(spelled, (30.0, 90.0, 900.0, 7200.0, 86400.0))) == ["30 s", "90 s", "15 min", "2 h", "1 d"]
