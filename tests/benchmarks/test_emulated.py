"""An emulated device has ceilings, too: people's test suites spend their time in it."""

import pytest

from benchmarks import emulated


def test_a_command_and_an_idle_second_of_an_emulated_module_cost_no_more_calls_than_their_ceilings() -> None:
    assert emulated.run(emulated.count_command()) <= 152
    assert emulated.run(emulated.count_idle()) <= 0.03


def test_a_report_costs_no_more_calls_than_its_ceiling() -> None:
    # Its device is opened and closed for these few, which is a third of the calls.
    assert emulated.run(emulated.work(5, 10, counts=True)) <= 1770


def test_an_emulated_device_with_its_modem_takes_no_more_memory_than_its_ceiling() -> None:
    # In KiB; what the devices share is shared by only forty here. Pythons differ by 0.3.
    assert emulated.run(emulated.measure_memory(40)) <= 41


def test_the_table_has_a_row_for_each_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: object, **__: object) -> float:
        return 7.0

    for name in ("count_command", "count_idle", "measure_memory", "work"):
        monkeypatch.setattr(emulated, name, nothing)

    table = emulated.measure(1)
    assert [row[0].split()[0] for row in table.rows] == ["calls", "calls", "memory", "CPU", "calls"]
    assert {float(row[1]) for row in table.rows} == {7.0}
