"""The serial line: the module's UART, and the kinds of line that a host can open."""

from typing import Final

from .memory import MemoryEnd
from .pty import PtyEnd
from .tcp import TcpEnd
from .uart import End, Line

__all__ = ["LINES", "End", "Line", "MemoryEnd", "PtyEnd", "TcpEnd", "make_end"]

LINES: Final = ("memory", "pty", "tcp")


def make_end(kind: str, *, port: int = 0, link: str | None = None) -> End:
    """Make the host's end of a line.

    Args:
        kind: ``"memory"``, ``"pty"`` or ``"tcp"``.
        port: of a TCP line, on 127.0.0.1; 0 lets the system choose.
        link: a symbolic link to a pty.

    Raises:
        ValueError: there is no such kind.
    """
    match kind:
        case "memory":
            return MemoryEnd()
        case "pty":
            return PtyEnd(link)
        case "tcp":
            return TcpEnd(port)
        case _:
            raise ValueError(f"a line is one of {', '.join(LINES)}, not {kind!r}")
