"""The commands of the module, a file for each chapter of its manual: functions over the parts of the module."""

from . import (
    clock,
    contexts,
    identity,
    network_selection,
    network_status,
    platform,
    power,
    release_r02a01,
    serial_line,
    sim,
    tcpip,
)
from .table import CommandTable

_CHAPTERS = (identity, serial_line, network_status, contexts, network_selection, sim, power, platform, clock, tcpip)

COMMANDS = CommandTable(*(chapter.COMMANDS for chapter in _CHAPTERS))

# With what the firmware R02A01 has besides.
COMMANDS_R02A01 = CommandTable(COMMANDS, release_r02a01.COMMANDS)

__all__ = ["COMMANDS", "COMMANDS_R02A01"]
