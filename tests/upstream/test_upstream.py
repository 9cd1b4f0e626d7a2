"""A few of CPython's own tests; ``python -m tests.upstream`` runs all that make sense."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

FEW = ("EPollEventLoopTests.test_sock_client_ops", "EPollEventLoopTests.test_create_datagram_endpoint", "corrupted_ssl")


@pytest.mark.skipif(importlib.util.find_spec("test.test_asyncio") is None, reason="this Python has no tests of its own")
def test_cpythons_own_tests_go_over_a_module() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tests.upstream", *FEW],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    assert re.search(r" [4-9] tests in .*: [4-9] create_connection, [2-9] create_datagram_endpoint", run.stdout)
