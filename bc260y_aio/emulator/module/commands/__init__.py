"""The commands of the module, a file for each chapter of its manual: functions over the parts of the module."""

from . import clock, identity, network_status, platform, power, serial_line, sim, tcpip
from .table import CommandTable

COMMANDS = CommandTable(
    *(chapter.COMMANDS for chapter in (identity, serial_line, network_status, sim, power, platform, clock, tcpip))
)

__all__ = ["COMMANDS"]
