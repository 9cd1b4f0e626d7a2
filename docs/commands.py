"""Write the table of the AT manual's commands: which the emulator plays, and which the driver reads.

``python -m docs.commands`` writes docs/pages/commands.md from the rows of tests/emulator/manual.py. Each row is run by
two tests of tests/emulator/test_emulator_commands.py: against the emulator alone, byte for byte, and by the driver.
"""

from itertools import groupby
from pathlib import Path
from typing import Final

from tests.emulator.manual import FORMS, ROWS, ROWS_R02A01, Row

PAGE: Final = Path(__file__).parent / "pages" / "commands.md"

_HEAD: Final = """# Commands of the AT manual

Every command of the BC260Y-CN AT command manual, in every form that the manual gives. The emulator plays each, byte for
byte; the driver reads each with `Modem.execute`. Both are tested, by the rows below:
`test_the_emulator_answers_as_the_manual_shows` and `test_the_driver_reads_the_answer` in
`tests/emulator/test_emulator_commands.py`. The page is written by `python -m docs.commands`, and a test holds it.

A number in a column is the number of rows for that form; `-` means that the manual has no such form. The rows of
R02A01 are about firmware BC260YCNAAR02A01 (`firmware="R02A01"`). The driver does not use its prompt for data
(`AT+QISEND=<connectID>`), because URCs may be lost meanwhile; the emulator plays it.

| section | command | test | read | set | execute | tests: played, and read by the driver | example |
|---|---|---|---|---|---|---|---|
"""


def text() -> str:
    """Return the page."""
    groups = groupby([*ROWS, *ROWS_R02A01], key=lambda row: (row.section, row.name))
    return _HEAD + "".join(_line(section, name, list(rows)) for (section, name), rows in groups)


def _line(section: str, name: str, rows: list[Row]) -> str:
    counts = [sum(row.form == form for row in rows) for form in FORMS]
    cells = [str(count) if count else "-" for count in counts]
    example = next((row for row in rows if row.answer and row.answer != ("ERROR",) and row.form != "test"), rows[-1])
    answer = " / ".join(example.answer) or "OK"
    shown = f"`{example.line}` -> `{answer}`".replace("|", "\\|")
    tests = f"{2 * len(rows)}: `-k '{section} {name}'`"
    return f"| {section} | `{name}` | {' | '.join(cells)} | {tests} | {shown} |\n"


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
