"""The command line: ``bc260y-aio`` and ``python -m bc260y_aio``."""

import argparse
import asyncio
import importlib.metadata
import logging
import sys
from collections.abc import Sequence

from . import demo, emulate
from .common import EXIT_FAILURE, EXIT_INTERRUPTED

__all__ = ["main"]

_COMMANDS = (demo, emulate)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="bc260y-aio", description="asyncio sockets over a Quectel BC260Y-CN NB-IoT module"
    )
    version = importlib.metadata.version("bc260y-aio")
    parser.add_argument("--version", action="version", version=f"%(prog)s {version}")
    parser.add_argument("-v", "--verbose", action="count", default=0, help="log to standard error; twice for more")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_to(commands)

    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0 success, 1 failure, 2 wrong usage, 130 interrupted."""
    options = build_parser().parse_args(arguments)
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(options.verbose, 2)]
    logging.basicConfig(level=level, format="%(asctime)s %(name)s %(message)s", stream=sys.stderr)
    try:
        status: int = asyncio.run(options.run(options))
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except (OSError, ValueError) as exc:
        sys.stderr.write(f"bc260y-aio: {exc}\n")
        return EXIT_FAILURE

    return status
