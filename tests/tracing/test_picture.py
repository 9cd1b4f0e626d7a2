import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from bc260y_aio.tracing import ChromeTrace, DataArrived, QueueDepth
from tests.tracing.test_chrome import command

ROOT = Path(__file__).parents[2]


# In a process of its own: matplotlib keeps its fonts open.
@pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="there is nothing to draw with")
def test_a_trace_is_drawn(tmp_path: Path) -> None:
    trace, picture = tmp_path / "trace.json", tmp_path / "picture.svg"
    with ChromeTrace(trace) as write:
        for number in range(5):
            for event in command(number, 1.0 + number, 0.5, number, waited=0.4):
                write(event)

        write(QueueDepth(time=7.0, connect_id=0, sending=100, receiving=0))
        write(DataArrived(time=8.0, connect_id=4, size=3))

    arguments = [sys.executable, "-m", "benchmarks.lanes", str(trace), str(picture)]
    run = subprocess.run(arguments, cwd=ROOT, capture_output=True, check=False)
    assert (run.returncode, run.stderr) == (0, b"")
    drawn = picture.read_text()
    assert all(f"<!-- connectID {number} -->" in drawn for number in range(5))
    assert "<!-- bytes to send -->" in drawn
