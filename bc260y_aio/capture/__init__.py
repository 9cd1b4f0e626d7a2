"""Sockets of a module as packets, in files that Wireshark opens."""

from .capture import Capture
from .line import LineCapture

__all__ = ["Capture", "LineCapture"]
