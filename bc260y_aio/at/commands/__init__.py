"""The commands of a DTE: one frozen dataclass for each command, or for each form of it.

A class defines how its line is written and read, which information responses and which completions belong to it, and
how long each may take. That is all that the DTE needs to follow the dialogue, and the DCE to take part in it.
"""

from .base import Attention, Command, Raw, ReadCommand, SetCommand, SetEcho, Test
from .reader import TESTABLE, read_command, read_verbatim
from .services import Ping, QueryDnsServers, QueryNetworkTime, Resolve, SetDnsServers
from .settings import (
    QueryAddress,
    QueryClock,
    QueryRegistration,
    QuerySleep,
    SetDeepSleepReports,
    SetErrorLevel,
    SetPowerReports,
    SetRegistrationReports,
    SetSleep,
)
from .sockets import (
    CloseSocket,
    OpenSocket,
    QueryAcks,
    QueryContextSockets,
    QueryDataFormat,
    QuerySocket,
    QuerySockets,
    SendData,
    SetDataFormat,
)

__all__ = [
    "TESTABLE",
    "Attention",
    "CloseSocket",
    "Command",
    "OpenSocket",
    "Ping",
    "QueryAcks",
    "QueryAddress",
    "QueryClock",
    "QueryContextSockets",
    "QueryDataFormat",
    "QueryDnsServers",
    "QueryNetworkTime",
    "QueryRegistration",
    "QuerySleep",
    "QuerySocket",
    "QuerySockets",
    "Raw",
    "ReadCommand",
    "Resolve",
    "SendData",
    "SetCommand",
    "SetDataFormat",
    "SetDeepSleepReports",
    "SetDnsServers",
    "SetEcho",
    "SetErrorLevel",
    "SetPowerReports",
    "SetRegistrationReports",
    "SetSleep",
    "Test",
    "read_command",
    "read_verbatim",
]
