"""The commands of the AT manual: every form, byte for byte; and the settings that they keep."""

from datetime import UTC, datetime

import pytest

from bc260y_aio import CommandFailed, Modem
from bc260y_aio.emulator import Emulator, Network
from bc260y_aio.emulator.module.commands import COMMANDS
from docs import commands
from tests.emulator.manual import ROWS, ROWS_R02A01, Row
from tests.emulator.terminal import on_line

NOW = datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC)

every_row = pytest.mark.parametrize("row", [*ROWS, *ROWS_R02A01], ids=lambda row: f"{row.section} {row.line}")


@every_row
async def test_the_emulator_answers_as_the_manual_shows(row: Row) -> None:
    async with on_line(Network(now=lambda: NOW), **row.settings) as (_, terminal):
        for line in row.before:
            await terminal.ask(line.encode())

        await terminal.read()
        assert await terminal.ask(row.line.encode(), row.wire) == row.wire


@every_row
async def test_the_driver_reads_the_answer(row: Row) -> None:
    async with (
        Emulator(line="memory", network=Network(now=lambda: NOW), **row.settings) as emulator,
        Modem(emulator.url, nvram_gap=0.0) as modem,
    ):
        for line in row.before:
            await modem.execute(line)

        if row.answer == ("ERROR",):
            with pytest.raises(CommandFailed):
                await modem.execute(row.line)
        else:
            assert await modem.execute(row.line) == list(row.answer)


def test_the_table_in_the_documentation_shows_these_rows() -> None:
    assert commands.PAGE.read_text(encoding="utf-8") == commands.text(), "run python -m docs.commands"


def test_every_command_of_the_emulator_that_the_manual_has_is_in_the_table() -> None:
    rows = {row.name.removeprefix("AT") for row in ROWS}
    named = {name for name, _ in COMMANDS.forms if name.startswith("+")}

    assert named - rows == {"+GMI", "+GMM", "+GMR", "+GSN"}
    assert len({row.name for row in ROWS}) == 48
