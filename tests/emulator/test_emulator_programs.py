"""Public programs for this module and its sibling run to their end on the emulator."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bc260y_aio.emulator import Network
from tests.emulator.programs import SESSIONS, Session
from tests.emulator.terminal import on_line

PAGE = Path(__file__).parents[2] / "docs" / "pages" / "howto" / "emulator.md"
# The times of `bc260y-aio emulate`.
TIMES = {"answer_delay": 0.02, "answer_jitter": 0.02, "completion_delay": 0.05}

every_session = pytest.mark.parametrize("session", SESSIONS, ids=lambda session: session.title)


@every_session
@pytest.mark.parametrize("echo_ending", ["none", "cr"])
@pytest.mark.parametrize("latency", [0.0, 0.8])
async def test_a_public_program_runs_to_its_end(session: Session, latency: float, echo_ending: str) -> None:
    network = Network(latency=latency, now=lambda: datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC))
    for host in session.hosts:
        network.add_echo(host)

    settings = TIMES | session.settings
    async with on_line(network, echo=True, echo_ending=echo_ending, **settings) as (_, terminal):
        for line, wanted in session.steps:
            if line.strip():
                terminal.transport.write(line)

            assert wanted in await terminal.until(wanted, 100), line


@every_session
def test_the_documentation_names_the_program(session: Session) -> None:
    assert f"| {session.title} |" in PAGE.read_text(encoding="utf-8")
