"""What the commands share."""

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any, Final, TypeAlias

EXIT_FAILURE: Final = 1
EXIT_INTERRUPTED: Final = 130

# The variable that names the port when --port does not.
PORT_VARIABLE: Final = "BC260Y_PORT"

if TYPE_CHECKING:
    Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
else:
    Subparsers = Any


def add_port_options(parser: argparse.ArgumentParser, *, emulated: str | None = None) -> None:
    """Add ``--port`` and ``--baudrate``.

    Args:
        parser: the command's parser.
        emulated: the emulator that serves when no port is named; None makes the port required.
    """
    fallback = f"; otherwise {emulated}" if emulated else ""
    parser.add_argument(
        "--port",
        default=os.environ.get(PORT_VARIABLE) or emulated,
        required=emulated is None and not os.environ.get(PORT_VARIABLE),
        help=f"device path, socket://host:port or emulator://; by default what {PORT_VARIABLE} says{fallback}",
    )
    parser.add_argument("--baudrate", type=int, help="rate of the serial port; the usual ones are tried by default")


def say(line: str = "") -> None:
    """Print a line at once, whoever reads it."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
