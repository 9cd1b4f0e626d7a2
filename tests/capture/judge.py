"""What tshark says of a capture."""

import functools
import os
import subprocess
from collections import Counter
from pathlib import Path
from typing import Final

from tests.tools import needs

needs_tshark: Final = needs("tshark")

# Checksums are verified, which tshark leaves out by default.
_OPTIONS: Final = [option for name in ("ip", "tcp", "udp") for option in ("-o", f"{name}.check_checksum:TRUE")]
# What is wrong with a capture: packets that cannot be dissected, and gaps, repetitions and disorder of TCP.
_WRONG: Final = " || ".join(
    ("_ws.malformed", "tcp.analysis.flags", *(f"{name}.checksum.status == 0" for name in ("ip", "tcp", "udp")))
)


@functools.cache
def _environment() -> dict[str, str]:
    # The settings of whoever runs the tests are none of its business.
    return {**os.environ, "HOME": "/nonexistent", "XDG_CONFIG_HOME": "/nonexistent"}


def tshark(path: Path, *arguments: str) -> list[list[str]]:
    """Run tshark on a capture, and return the fields that it prints, by packet.

    Args:
        path: the capture.
        arguments: a display filter and fields: ``"http", "http.request.uri"``.
    """
    wanted, *fields = arguments
    command = ["tshark", "-n", "-r", str(path), *_OPTIONS, "-Y", wanted, "-T", "fields", "-E", "separator=|"]
    for field in fields:
        command += ["-e", field]

    run = subprocess.run(command, capture_output=True, text=True, env=_environment(), timeout=300, check=True)
    return [line.split("|") for line in run.stdout.splitlines()]


def complaints(path: Path) -> list[list[str]]:
    """Return what tshark finds wrong with a capture: number, protocol, and why."""
    return tshark(path, _WRONG, "frame.number", "_ws.col.Protocol", "_ws.expert.message")


def protocols(path: Path) -> Counter[str]:
    """Count the packets by protocol."""
    return Counter(protocol for (protocol,) in tshark(path, "frame", "_ws.col.Protocol"))
