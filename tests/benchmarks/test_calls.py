"""The calls that the driver makes have a ceiling: what makes it slower everywhere is noticed here, on any machine."""

import asyncio
from typing import Final

from benchmarks import calls

# The most calls an operation may cost, counted as benchmarks/calls.py does; lower them whenever one gets cheaper.
CEILINGS: Final = {
    "execute": 64,
    "a 500-byte write, until it is drained": 89,
    "a push of 512 bytes": 39,
    "an echo of 512 bytes": 120,
    # Its transports are collected now and then, for a few calls more.
    "an open and a close": 500,
}


def test_no_operation_costs_more_calls_than_its_ceiling() -> None:
    found = {name: count.total for name, count in asyncio.run(calls.count_all()).items()}

    assert found.keys() == CEILINGS.keys()
    assert {name: total for name, total in found.items() if total > CEILINGS[name]} == {}


def test_the_count_is_the_same_each_time_but_for_sockets_that_are_opened() -> None:
    first, second = ({name: one.total for name, one in asyncio.run(calls.count_all()).items()} for _ in range(2))
    # Its transports are collected now and then.
    assert abs(first.pop("an open and a close") - second.pop("an open and a close")) < 20

    assert first == second


async def test_calls_and_instructions_of_the_package_are_counted_and_those_of_the_loop_are_not() -> None:
    async def nothing() -> None:
        await asyncio.sleep(0)

    idle = await calls.count(nothing)
    assert idle.instructions == 0
    assert set(idle.calls) <= {""}


def test_the_table_has_a_row_for_each_file_that_is_called() -> None:
    table = calls.measure(1)

    rows = {row[0]: row[1:] for row in table.rows}
    by_file = [list(map(int, cells)) for name, cells in rows.items() if name.startswith("calls by")]
    for column, total in enumerate(rows["calls"]):
        assert sum(cells[column] for cells in by_file) == int(total)
