"""Modems in threads, each on a loop of its own; ``tests/pythons/run`` does this on a Python without a GIL, too."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from .threads import SOCKETS, run


def test_eight_modems_in_eight_threads_do_not_disturb_each_other() -> None:
    workers = run(8, records=4)

    assert [worker.records for worker in workers] == [4 * SOCKETS] * 8


@pytest.mark.skipif(not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this Python cannot do without a GIL")
def test_no_import_of_the_package_brings_the_gil_back() -> None:
    program = "import sys; from tests.pythons.threads import *; import_everything(); sys.exit(has_gil())"

    subprocess.run([sys.executable, "-W", "error", "-c", program], cwd=Path(__file__).parents[2], check=True)
