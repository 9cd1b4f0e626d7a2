"""The serial line: the module's UART, and the endpoints that a host can open."""

from typing import Final

from .memory import MemoryEndpoint
from .pty import PtyEndpoint, check_link
from .tcp import TcpEndpoint
from .uart import Line, LineEndpoint

__all__ = [
    "LINES",
    "Line",
    "LineEndpoint",
    "MemoryEndpoint",
    "PtyEndpoint",
    "TcpEndpoint",
    "check_link",
    "make_endpoint",
]

LINES: Final = ("memory", "pty", "tcp")


def make_endpoint(kind: str, *, port: int = 0, link: str | None = None) -> LineEndpoint:
    """Make the host's endpoint of a line.

    Args:
        kind: ``"memory"``, ``"pty"`` or ``"tcp"``.
        port: of a TCP line, on 127.0.0.1; 0 lets the system choose.
        link: a symbolic link to make to a pty.

    Raises:
        ValueError: there is no such kind.
    """
    match kind:
        case "memory":
            return MemoryEndpoint()
        case "pty":
            return PtyEndpoint(link)
        case "tcp":
            return TcpEndpoint(port)
        case _:
            raise ValueError(f"the line must be one of {', '.join(LINES)}, not {kind!r}")
