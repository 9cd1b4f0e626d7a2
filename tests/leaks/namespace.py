"""Whether this machine lets a process have namespaces, and the packets of a program on an unconnected interface."""

import asyncio
import functools
import importlib.util
import json
import os
import subprocess
import sys
from asyncio.subprocess import PIPE
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
_PROBE: Final = """
import os
from bc260y_aio.bridge.isolation import namespaces
namespaces.enter()
os.open("/dev/net/tun", os.O_RDWR)
"""


@functools.cache
def reason_to_skip() -> str | None:
    """Return why there are no namespaces with an interface here; None where there are."""
    if sys.platform != "linux":
        return "namespaces are Linux's"

    probe = subprocess.run([sys.executable, "-c", _PROBE], cwd=ROOT, capture_output=True, text=True, check=False)
    if probe.returncode == 0:
        return None

    reason = probe.stderr.strip().splitlines()[-1]
    if os.environ.get("CI"):
        pytest.fail(f"CI must be able to make namespaces: {reason}", pytrace=False)

    return reason


@functools.cache
def reason_not_isolated() -> str | None:
    """Return why `run --isolated` cannot be here; None where it can."""
    missing = [name for name in ("mitmproxy_rs", "dns") if importlib.util.find_spec(name) is None]
    if missing and os.environ.get("CI"):
        pytest.fail(f"CI must have the extra `isolated`: {missing}", pytrace=False)

    return f"not installed: {missing}" if missing else reason_to_skip()


@dataclass(frozen=True, slots=True)
class Sniffed:
    """The result of a program.

    Attributes:
        status: its exit status.
        printed: its standard output.
        complained: its standard error.
        packets: what it sent on the wire, such as `UDP 198.51.100.1:7`.
    """

    status: int
    printed: list[str]
    complained: str
    packets: list[str]


async def sniffed(folder: Path, *command: str) -> Sniffed:
    """Run a command in a namespace with a wire that leads nowhere."""
    report = folder / "report.json"
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment["PYTHONPATH"] = str(ROOT)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.leaks.sniffed", str(report), *command),
        cwd=ROOT,
        env=environment,
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        async with asyncio.timeout(25):
            printed, complained = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert process.returncode == 0, complained.decode()
    told = json.loads(report.read_text())
    return Sniffed(told["status"], printed.decode().splitlines(), complained.decode(), told["packets"])
