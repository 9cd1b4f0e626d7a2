"""The activity of a modem, as events: for a program, for a log, and for a picture.

:meth:`bc260y_aio.Modem.trace` calls back with each event. The logger ``bc260y_aio.trace`` has each at level DEBUG; its
records carry ``modem``, ``event`` (the name of the class), ``connect_id`` and ``trace`` (the event itself).
:class:`ChromeTrace` writes a file for ui.perfetto.dev or chrome://tracing.
"""

from .chrome import ChromeTrace
from .events import (
    CommandEnded,
    CommandSent,
    DataAcknowledged,
    DataArrived,
    DataTaken,
    LineClosed,
    LineOpened,
    QueueDepth,
    RecoveryBegan,
    RecoveryEnded,
    Retried,
    SleepChanged,
    SocketBegan,
    SocketEnded,
    TraceEvent,
    TurnsWaiting,
    UrcHeard,
)
from .trace import LOGGER, Callback, Trace

__all__ = [
    "LOGGER",
    "Callback",
    "ChromeTrace",
    "CommandEnded",
    "CommandSent",
    "DataAcknowledged",
    "DataArrived",
    "DataTaken",
    "LineClosed",
    "LineOpened",
    "QueueDepth",
    "RecoveryBegan",
    "RecoveryEnded",
    "Retried",
    "SleepChanged",
    "SocketBegan",
    "SocketEnded",
    "Trace",
    "TraceEvent",
    "TurnsWaiting",
    "UrcHeard",
]
