"""The serial line: the module's UART, and the kinds of line that a host can open."""

from .memory import MemoryEnd
from .pty import PtyEnd
from .tcp import TcpEnd
from .uart import End, Line

__all__ = ["End", "Line", "MemoryEnd", "PtyEnd", "TcpEnd"]
